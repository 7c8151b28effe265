//! Runs the conformance suite against several clouds, prints the table and keeps it: `cargo xtask conformance`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line prints")]

use std::{
    env, fs, io,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::Duration,
};

use longshore_integration_tests::conformance::{
    Cloud, Column, LOCALSTACK, MOTO, Operation, SERVED, SIMULATED, differences, operations, render, run,
};
use tokio::runtime::{Builder, Runtime};

const HELP: &str = "\
What clouds answer to the operations that Longshore uses, compared with AWS.

Usage: cargo xtask conformance [OPTIONS]

  --check               Fail when integration-tests/CONFORMANCE.md is not what is found, instead of writing it
  --endpoint NAME=URL   Run against this endpoint, too, and show it in the table (not in the file): another emulator,
                        or AWS itself where the URL is `aws`. What it answers otherwise than AWS is a failure.
                        Where NAME is `moto` or `localstack`, it is this cloud, with its column and its notes.
  --only PREFIX         Only these operations (`ecs:`, `iam:GetRole`); nothing is written
  --missing CLOUD=WHY   Why moto or LocalStack is not to be had here

The file is written only where both moto and LocalStack were run; otherwise it is compared, as far as that goes.

Environment:
  XTASK_MOTO, XTASK_LOCALSTACK   URLs at which they run already; otherwise `cargo xtask` starts both in containers
  XTASK_PYTHON_TOOLS             where `cargo xtask tools` has installed moto, which is started where no URL is given
";

/// The file that keeps the table.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/CONFORMANCE.md");

/// The exit code of a command line that makes no sense.
const USAGE: u8 = 2;

/// The number of differences that are shown.
const SHOWN: usize = 20;

#[derive(Default)]
struct Options {
    check: bool,
    endpoints: Vec<(String, String)>,
    only: Option<String>,
    missing: Vec<(String, String)>,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--check" => options.check = true,
                "--endpoint" => options.endpoints.push(pair(&word, &value()?)?),
                "--missing" => options.missing.push(pair(&word, &value()?)?),
                "--only" => options.only = Some(value()?),
                _ => return Err(format!("conformance knows no option {word}\n\n{HELP}")),
            }
        }
        Ok(options)
    }

    /// Returns the endpoint of a cloud that has a column in the file.
    fn url(&self, cloud: &str) -> Option<String> {
        let named = self.endpoints.iter().find(|(name, _)| name.eq_ignore_ascii_case(cloud));
        named.map(|(_, url)| url.clone()).or_else(|| url_of(&format!("XTASK_{}", cloud.to_ascii_uppercase())))
    }

    /// The endpoints beside them.
    fn others(&self) -> impl Iterator<Item = (&str, &str)> {
        let kept = |name: &str| [MOTO, LOCALSTACK].iter().any(|cloud| name.eq_ignore_ascii_case(cloud));
        let others = self.endpoints.iter().filter(move |(name, _)| !kept(name));
        others.map(|(name, url)| (name.as_str(), url.as_str()))
    }

    /// Returns the reason for which a cloud is not available.
    fn why(&self, cloud: &str) -> String {
        let reason = self.missing.iter().find(|(name, _)| name == cloud).map(|(_, reason)| reason.clone());
        reason.unwrap_or_else(|| {
            let variable = cloud.to_ascii_uppercase();
            format!("XTASK_{variable} does not say where it runs, and no `--endpoint {cloud}=URL` does")
        })
    }
}

/// `NAME=VALUE`.
fn pair(option: &str, word: &str) -> Result<(String, String), String> {
    let (name, value) = word.split_once('=').ok_or_else(|| format!("{option} {word}: there is no `=`"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    if env::args().any(|word| word == "--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(USAGE);
        }
    };
    match conform(&options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn conform(options: &Options) -> Result<ExitCode, String> {
    let mut operations = operations();
    if let Some(prefix) = &options.only {
        operations.retain(|operation| operation.name.starts_with(prefix.as_str()));
        if operations.is_empty() {
            return Err(format!("--only {prefix}: no operation begins like this"));
        }
    }
    // It ends with this function.
    let (moto, _server) = match moto(options) {
        Ok(Some((url, server))) => (Ok(url), server),
        Ok(None) => (Err(options.why(MOTO)), None),
        Err(reason) => (Err(reason), None),
    };
    let localstack = options.url(LOCALSTACK).ok_or_else(|| options.why(LOCALSTACK));
    let others = options.others().map(|(name, url)| (name, Ok(url.to_owned())));
    let others: Vec<_> = [(MOTO, moto), (LOCALSTACK, localstack)].into_iter().chain(others).collect();
    let mut columns = columns(&operations, &others);
    println!("{}", render(&operations, &columns));

    let mut failures: Vec<String> = Vec::new();
    for Column { cloud, found } in &columns {
        match found {
            Ok(report) => failures.extend(report.failures(&operations)),
            Err(reason) => eprintln!("not run: {cloud}: {reason}"),
        }
    }
    // Clouds that only the command line names are shown, and not kept.
    columns.truncate(columns.len() - options.others().count());
    if failures.is_empty() && options.only.is_none() {
        failures = keep(options.check, &operations, &columns)?;
    }
    for failure in &failures {
        eprintln!("\n{failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Writes the file, or compares it.
fn keep(check: bool, operations: &[Operation], columns: &[Column]) -> Result<Vec<String>, String> {
    let missing: Vec<_> =
        columns.iter().filter(|column| column.found.is_err()).map(|column| column.cloud.as_str()).collect();
    if !missing.is_empty() {
        eprintln!("{FILE} is compared and not written, because there is no {}", missing.join(" and no "));
    } else if !check {
        fs::write(FILE, render(operations, columns)).map_err(|error| format!("{FILE}: {error}"))?;
        eprintln!("wrote {FILE}");
        return Ok(Vec::new());
    }
    let file = fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    let found = differences(&file, operations, columns);
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let head =
        "integration-tests/CONFORMANCE.md is not what was found (`cargo xtask conformance` writes it):";
    let more =
        if found.len() > SHOWN { format!("\n  and {} more", found.len() - SHOWN) } else { String::new() };
    let first: Vec<_> = found.iter().take(SHOWN).map(|difference| format!("\n  {difference}")).collect();
    Ok(vec![format!("{head}{}{more}", first.concat())])
}

/// Runs everything, each cloud in a thread of its own.
fn columns(operations: &[Operation], others: &[(&str, Result<String, String>)]) -> Vec<Column> {
    let simulated = || runtime(true)?.block_on(async { Ok(run(&Cloud::simulated()?, operations).await) });
    let served = || runtime(false)?.block_on(async { Ok(run(&Cloud::served().await?, operations).await) });
    let other = |name: &str, url: &str| {
        runtime(false)?.block_on(async { Ok(run(&Cloud::named(name, url).await, operations).await) })
    };
    thread::scope(|scope| {
        let mut threads = vec![(SIMULATED, scope.spawn(simulated)), (SERVED, scope.spawn(served))];
        for (name, url) in others {
            threads.push((name, scope.spawn(|| url.clone().and_then(|url| other(name, &url)))));
        }
        let join = |(cloud, thread): (&str, thread::ScopedJoinHandle<'_, Result<_, String>>)| Column {
            cloud: cloud.to_owned(),
            found: thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        };
        threads.into_iter().map(join).collect()
    })
}

/// A runtime, whose clock stands still until nothing else is to be done, or runs as clocks do.
fn runtime(paused: bool) -> Result<Runtime, String> {
    let runtime = Builder::new_current_thread().enable_all().start_paused(paused).build();
    runtime.map_err(|error| format!("there is no runtime: {error}"))
}

fn url_of(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|url| !url.is_empty())
}

/// A server that ends when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// moto's server: the one that runs already, or else one of the Python tools, which is started here; nothing where there is
/// neither.
fn moto(options: &Options) -> Result<Option<(String, Option<Server>)>, String> {
    if let Some(url) = options.url(MOTO) {
        return Ok(Some((url, None)));
    }
    let Some(tools) = env::var_os("XTASK_PYTHON_TOOLS").map(PathBuf::from) else { return Ok(None) };
    let program = tools.join("bin/moto_server");
    let (url, server) = start_moto(&program).map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(Some((url, Some(server))))
}

fn start_moto(program: &Path) -> io::Result<(String, Server)> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new(program);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string()]).env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true");
    let mut server =
        Server(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    for _ in 0..600 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok((format!("http://127.0.0.1:{port}"), server));
        }
        if let Some(status) = server.0.try_wait()? {
            return Err(io::Error::other(format!("it ended with {status}")));
        }
        thread::sleep(Duration::from_millis(100));
    }
    Err(io::Error::other("it does not listen after a minute"))
}
