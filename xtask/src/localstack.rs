//! LocalStack in a container, for as long as something is done with it.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    process::{program, succeeds},
    workspace::Workspace,
};

/// The last that starts without a licence token.
const IMAGE: &str = "localstack/localstack:4.14.0";

/// How long it may take to start, where the image is there. Ten seconds are usual.
const PATIENCE: Duration = Duration::from_secs(180);

/// A container that runs, and is removed when this is dropped.
pub(crate) struct LocalStack<'a> {
    workspace: &'a Workspace,
    name: String,
    port: u16,
    /// `docker run`, which stays in the foreground: Ctrl-C reaches it, too, and ends the container.
    engine: Child,
}

impl<'a> LocalStack<'a> {
    /// Starts it, and waits until it answers.
    ///
    /// # Errors
    /// Why it does not.
    pub(crate) fn start(workspace: &'a Workspace) -> Result<Self, String> {
        let log = workspace.target().join("localstack.log");
        let engine = |error: io::Error| format!("{IMAGE} could not be started: {error}");
        let port = free_port().map_err(engine)?;
        let name = format!("longshore-conformance-{}", std::process::id());
        let output =
            fs::create_dir_all(workspace.target()).and_then(|()| File::create(&log)).map_err(engine)?;
        let mut docker = program(workspace, "docker");
        docker.args(["run", "--rm", "--name", &name, "--publish", &format!("127.0.0.1:{port}:4566"), IMAGE]);
        docker.stdin(Stdio::null()).stdout(output.try_clone().map_err(engine)?).stderr(output);
        let mut started = Self { workspace, name, port, engine: docker.spawn().map_err(engine)? };
        eprintln!("starting {IMAGE}");
        started.wait(&log)?;
        Ok(started)
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn wait(&mut self, log: &Path) -> Result<(), String> {
        let since = Instant::now();
        while !is_healthy(self.port) {
            let ended = self.engine.try_wait().ok().flatten();
            if ended.is_some() || since.elapsed() > PATIENCE {
                let what = ended.map_or("does not answer".to_owned(), |status| format!("ended: {status}"));
                let said = fs::read_to_string(log).unwrap_or_default();
                let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing").trim();
                return Err(format!("{IMAGE} {what}; {} ends with: {last}", log.display()));
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

impl Drop for LocalStack<'_> {
    fn drop(&mut self) {
        let gone = succeeds(program(self.workspace, "docker").args(["rm", "--force", &self.name]));
        if !gone {
            eprintln!("`docker rm --force {}` removes what is left of {IMAGE}", self.name);
            let _ = self.engine.kill();
        }
        let _ = self.engine.wait();
    }
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether it says that it is ready. The engine accepts connections before that, and closes them.
fn is_healthy(port: u16) -> bool {
    let ask = || -> io::Result<bool> {
        let limit = Duration::from_secs(5);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut connection = TcpStream::connect_timeout(&address, limit)?;
        connection.set_read_timeout(Some(limit))?;
        connection.write_all(b"GET /_localstack/health HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        connection.take(64).read_to_string(&mut answer)?;
        Ok(answer.split(' ').nth(1) == Some("200"))
    };
    ask().unwrap_or(false)
}
