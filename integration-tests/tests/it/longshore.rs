//! The `longshore` command as a user runs it: the built program, in a directory of its own.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

/// The service of the example stack.
pub(crate) const SERVICE: &str = "microservice-api-spring-boot";
/// The token that its environment `local` pulls with.
pub(crate) const TOKEN: &str = include_str!("../../../configs/local/ghcr-token");

/// A command's output and exit code.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Of a command that has ended.
    pub(crate) fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Expects the exit code.
    #[track_caller]
    pub(crate) fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Both streams.
    pub(crate) fn printed(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// A directory with the example stack's configuration, in which `longshore` runs.
pub(crate) struct Project {
    directory: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

impl Project {
    /// The example stack, and no state of a simulated cloud.
    pub(crate) fn new() -> Self {
        let project = Self::empty();
        let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs");
        copy(&configs, &project.path().join("configs"));
        project
    }

    /// A directory with an empty `configs/`.
    pub(crate) fn empty() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("configs")).unwrap();
        Self { directory, variables: Vec::new() }
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Sets an environment variable for what runs in it.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A command that runs in the directory, with no environment but the project's own.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path()).stdin(Stdio::null());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `longshore` to its end.
    pub(crate) fn longshore(&self, arguments: &[&str]) -> Ended {
        Ended::new(self.command(program()).args(arguments).output().unwrap())
    }
}

/// The built program, which lies beside the directory of the test's own.
pub(crate) fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().and_then(Path::parent).unwrap().join("longshore");
    assert!(
        program.exists(),
        "{} is not there: `cargo build --workspace --bin longshore`",
        program.display()
    );
    program
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A server that is stopped when the test ends.
pub(crate) struct Server {
    child: Child,
    pub(crate) url: String,
}

impl Server {
    /// Starts a server that is told to listen on `port`, and waits until it accepts connections.
    pub(crate) fn start(mut command: Command, port: u16) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drain(child.stdout.take());
        let errors = drain(child.stderr.take());
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("{command:?} ended with {status}: {}", errors.join().unwrap());
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{command:?} does not listen on {port}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child, url: format!("http://127.0.0.1:{port}") }
    }

    /// Starts the simulated cloud of `project`, which takes the access key `test` alone.
    pub(crate) fn simulated_cloud(project: &Project) -> Self {
        Self::simulated_cloud_at_speed(project, 20)
    }

    /// The same, with a clock that is so many times as fast as the real one.
    pub(crate) fn simulated_cloud_at_speed(project: &Project, speed: u32) -> Self {
        let port = free_port();
        let key = project.path().join("cloud-key");
        std::fs::write(&key, "test:test\n").unwrap();
        let mut command = project.command(program());
        command.args(["cloud", "--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--set", &format!("cloud.speed={speed}"), "--key-file", key.to_str().unwrap()]);
        Self::start(command, port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads a stream to its end, so that the server never waits for a reader.
fn drain(stream: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let lines = stream.into_iter().flat_map(|stream| BufReader::new(stream).lines());
        lines.map_while(Result::ok).collect::<Vec<_>>().join("\n")
    })
}

/// Returns a port of the loopback address without a listener.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
