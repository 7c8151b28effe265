//! The simulated cloud over HTTP, and commands against it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use longshore_cli::{Exit, Interrupts};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::project::{Capture, Project, Ran};

/// A cloud that is served by a thread.
pub(crate) struct Served {
    project: Arc<Project>,
    pub(crate) url: String,
    /// The address at which its registry answers alone: `HOST:PORT`.
    pub(crate) registry: String,
    asks: UnboundedSender<()>,
    thread: JoinHandle<Ran>,
}

impl Served {
    pub(crate) fn start() -> Self {
        let project = Arc::new(Project::new());
        let (asks, receiver) = unbounded_channel();
        let stdout = Capture::default();
        let thread = thread::spawn({
            let (project, stdout) = (project.clone(), stdout.clone());
            let state = project.path("state.json");
            move || {
                let state = state.to_str().unwrap();
                let arguments = [
                    "cloud",
                    "--listen",
                    "127.0.0.1:0",
                    "--registry",
                    "ghcr.io=127.0.0.1:0",
                    "--state",
                    state,
                    "--allow-any-key",
                ];
                project.run_with(&arguments, move |io| {
                    io.stdout = Box::new(stdout);
                    io.interrupts = Interrupts::Channel(receiver);
                })
            }
        });
        let [url, registry] = wait_for(&stdout, ["export AWS_ENDPOINT_URL=", ALONE]);
        Self { project, url, registry, asks, thread }
    }

    pub(crate) fn end(self) {
        self.end_after(1);
    }

    fn end_after(self, signals: usize) -> String {
        (0..signals).for_each(|_| self.asks.send(()).unwrap());
        let served = self.thread.join().unwrap();
        assert_eq!((served.exit, served.stderr.as_str()), (Exit::Done, ""));
        std::fs::read_to_string(self.project.path("state.json")).unwrap()
    }
}

#[test]
fn a_cloud_in_one_terminal_and_a_plan_in_another() {
    let cloud = Served::start();
    let url = &cloud.url;
    let other = Project::new().variable("AWS_ENDPOINT_URL", url);
    let plan = other.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.exit, Exit::Changes, "{}", plan.stderr);
    assert!(plan.stdout.contains("Plan: 6 to create"), "{}", plan.stdout);
    assert!(
        plan.stderr.contains(&format!("at {url} (account 123456789012, eu-central-1)")),
        "{}",
        plan.stderr
    );
    assert!(!other.path(".longshore").exists(), "the embedded cloud was left alone");
    let status = Project::new().run(&["status", "--set", &format!("aws.endpoint={url}")]);
    assert_eq!((status.exit, status.stdout.as_str()), (Exit::Done, "api: not there\n"), "{}", status.stderr);
    cloud.end();
}

#[test]
fn a_registry_on_this_machine_is_asked_over_the_network() {
    let cloud = Served::start();
    let host = cloud.url.strip_prefix("http://").unwrap();
    let deploy = |host: &str, tag: &str| {
        let registry = format!("registries.ghcr.host={host}");
        let image = format!("services.api.image={host}/acme/api:{tag}");
        Project::new().run(&["deploy", "--set", &registry, "--set", &image])
    };
    for host in [host, &cloud.registry] {
        let there = deploy(host, "1");
        assert_eq!(there.exit, Exit::Done, "{}", there.stderr);
        assert!(
            there.stdout.contains(&format!("{host}/acme/api:1 can be pulled for linux/amd64")),
            "{}",
            there.stdout
        );
        assert!(there.stdout.contains("2 of 2 tasks running"), "{}", there.stdout);
    }
    let missing = deploy(host, "2");
    assert_eq!(missing.exit, Exit::Failed);
    assert!(missing.stderr.contains(&format!("{host} finds no tag `2` of acme/api")), "{}", missing.stderr);
    cloud.end();
}

/// The text before the address of the registry.
const ALONE: &str = "# The registry ghcr.io alone: docker login ";

/// Waits until the cloud is there, and returns the text behind each of `beginnings` in its output.
fn wait_for<const N: usize>(stdout: &Capture, beginnings: [&str; N]) -> [String; N] {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        let text = stdout.text();
        if text.ends_with("# Ctrl-C ends it.\n") {
            return beginnings.map(|beginning| {
                let line = text.lines().find_map(|line| line.strip_prefix(beginning));
                line.unwrap_or_else(|| panic!("there is no `{beginning}`: {text}")).to_owned()
            });
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("the cloud does not say where it is: {}", stdout.text());
}

#[test]
fn an_address_that_is_in_use() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (option, value) in [("--listen", address.clone()), ("--registry", format!("ghcr.io={address}"))] {
        let ran = Project::new().run(&["cloud", option, &value]);
        assert_eq!(ran.exit, Exit::Failed);
        assert!(ran.stderr.contains(&format!("cannot listen on {address}")), "{}", ran.stderr);
        assert!(ran.stderr.contains("help: stop what uses the port"), "{}", ran.stderr);
        assert!(ran.stderr.contains(option), "{}", ran.stderr);
    }
}

#[test]
fn an_address_for_a_registry_that_is_not_there() {
    let ran = Project::new().run(&["cloud", "--registry", "registry.gitlab.com=127.0.0.1:0"]);
    assert_eq!(ran.exit, Exit::Failed);
    let said = "the simulated cloud has no registry registry.gitlab.com; it has ghcr.io";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    for value in ["ghcr.io", "ghcr.io=5001"] {
        let ran = Project::new().run(&["cloud", "--registry", value]);
        assert_eq!(ran.exit, Exit::Usage);
        assert!(ran.stderr.contains("127.0.0.1:5001"), "{}", ran.stderr);
    }
}

/// Sends a secret to the cloud at `host`, without the end of the request unless `is_whole`.
fn create_secret(host: &str, name: &str, is_whole: bool) -> TcpStream {
    let (token, value) = (format!("{name:->40}"), "x".repeat(60_000));
    let body = format!(r#"{{"Name":"{name}","ClientRequestToken":"{token}","SecretString":"{value}"}}"#);
    let scope = "AKIDEXAMPLE/20261130/eu-central-1/secretsmanager/aws4_request";
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Amz-Target: secretsmanager.CreateSecret\r\n\
         Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    );
    let length = if is_whole { request.len() } else { request.len() - 1 };
    let mut stream = TcpStream::connect(host).unwrap();
    stream.write_all(&request.as_bytes()[..length]).unwrap();
    stream
}

#[test]
fn second_signal_keeps_what_was_answered() {
    let cloud = Served::start();
    let host = cloud.url.strip_prefix("http://").unwrap();
    // More than the 128 KiB up to which a change is on disk before it is answered.
    for n in 0..5 {
        let mut answer = String::new();
        create_secret(host, &format!("secret-{n}"), true).read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // After the first signal, the cloud waits for the rest of this.
    let _open = create_secret(host, "unanswered", false);
    thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    let state = cloud.end_after(2);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(state.contains("secret-0") && state.contains("secret-4") && !state.contains("unanswered"));
}

#[test]
fn cloud_tells_machines_that_others_reach_it() {
    for (address, is_reached) in [("127.0.0.1:0", false), ("0.0.0.0:0", true)] {
        let (asks, receiver) = unbounded_channel();
        asks.send(()).unwrap();
        let ran = Project::new().run_with(&["cloud", "--listen", address, "--output", "json"], |io| {
            io.interrupts = Interrupts::Channel(receiver);
        });
        let banner: serde_json::Value = serde_json::from_str(ran.stdout.lines().next().unwrap()).unwrap();
        assert_eq!(banner["type"], "cloud-started", "{}", ran.stdout);
        assert_eq!(banner["beyond-loopback"], is_reached, "{address}");
    }
}

/// Ctrl-C reaches the real process.
#[cfg(unix)]
#[test]
fn a_cloud_ends_when_it_is_interrupted() {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Command, Stdio},
    };

    let project = Project::new();
    let mut cloud = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .args(["cloud", "--listen", "127.0.0.1:0", "--config-dir"])
        .arg(project.path("configs"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(cloud.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "# Ctrl-C ends it."));
    #[cfg(target_os = "linux")]
    {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", cloud.id())).unwrap();
        let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(cores.split_whitespace().nth(4), Some("0"), "{cores}");
    }
    let interrupted = Command::new("sh").args(["-c", &format!("kill -INT {}", cloud.id())]).status().unwrap();
    assert!(interrupted.success());
    assert_eq!(cloud.wait().unwrap().code(), Some(0));
}
