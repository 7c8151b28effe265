//! Endpoints that send without end or drip, against the real program.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::longshore::{Project, program};

/// A server that gives each connection to `answer`, after its request.
fn serve(answer: impl Fn(&mut TcpStream) + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 65_536]);
                answer(&mut stream);
            });
        }
    });
    url
}

fn plan(project: &Project, url: &str) -> Child {
    let mut command = project.command(program());
    command.args(["plan", "--set", &format!("aws.endpoint={url}")]);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The most memory that a process has used so far, in MiB.
fn peak(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? / 1024)
}

fn stderr(mut child: Child) -> String {
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    child.wait().unwrap();
    stderr
}

#[cfg(target_os = "linux")]
#[test]
fn endless_answers_take_little_memory() {
    let url = serve(|stream| {
        let head = "HTTP/1.1 200 OK\r\nx-amzn-requestid: 1\r\ncontent-type: text/xml\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        let part = vec![b' '; 1 << 20];
        for _ in 0..1024 {
            if stream.write_all(&part).is_err() {
                break;
            }
        }
    });
    let project = Project::new();
    let mut child = plan(&project, &url);
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(peak(&child).unwrap_or_default());
        thread::sleep(Duration::from_millis(20));
    }
    let stderr = stderr(child);
    assert!(stderr.contains(&format!("no answer from {url}: the answer is longer than 32 MiB")), "{stderr}");
    assert!((1..256).contains(&most), "{most} MiB");
}

#[cfg(unix)]
#[test]
fn pipes_as_files_of_the_sdk_are_refused() {
    for variable in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE"] {
        let project = Project::new();
        let pipe = project.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let project = project.variable(variable, pipe.to_str().unwrap());
        let plan = project.longshore(&["plan", "--set", "aws.endpoint=http://127.0.0.1:1"]).code(1);
        assert!(plan.stderr.contains("no regular file"), "{variable}: {plan:?}");
        assert!(plan.stderr.contains(variable), "{plan:?}");
    }
}

#[cfg(unix)]
#[test]
fn dripping_answers_do_not_outlive_a_signal() {
    let url = serve(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx-amzn-requestid: 1\r\ncontent-type: text/xml\r\n\r\n");
        while stream.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_secs(1));
        }
    });
    let project = Project::new();
    let child = plan(&project, &url);
    thread::sleep(Duration::from_secs(3));
    let kill = Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status().unwrap();
    assert!(kill.success());
    let began = Instant::now();
    let stderr = stderr(child);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}: {stderr}", began.elapsed());
    assert!(stderr.contains("interrupted"), "{stderr}");
}
