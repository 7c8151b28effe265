//! A project in a temporary directory, in which the command is run.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{self, Cursor, Write},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use longshore_cli::{Exit, Interrupts, Io, Longshore};
use longshore_model::Event;
use tempfile::TempDir;

/// A token that pulls the image, and an unknown one.
pub(crate) const TOKEN: &str = "ghp_R1ght0123456789abcdefghijklmnopqrstuv";
pub(crate) const WRONG_TOKEN: &str = "ghp_Wr0ng0123456789abcdefghijklmnopqrstuv";

/// A token that takes the place of the first.
pub(crate) const NEW_TOKEN: &str = "ghp_N3w000123456789abcdefghijklmnopqrstuv";

const BASE: &str = r#"
stack = "shop"

[aws]
region = "eu-central-1"

[registries.ghcr]
use = "ghcr"
username = "acme-bot"
token = { file = "token" }

[services.api]
image = "ghcr.io/acme/api:1"
memory = 768
desired-count = 2
ports.http = 8080
execution-role.managed-policies.task = "service-role/AmazonECSTaskExecutionRolePolicy"
"#;

pub(crate) const LOCAL: &str = r#"
[cloud]
embedded = true

[cloud.registries."ghcr.io"]
users.acme-bot.password = { file = "right-token" }

[cloud.registries."ghcr.io".repositories."acme/api"]
readers = ["acme-bot"]
tags.1 = {}
tags.arm.platforms = ["linux/arm64"]

[cloud.registries."ghcr.io".repositories."acme/internal"]
tags.1 = {}
"#;

/// The result of a run of the command.
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard error without the lines of progress, whose order depends on the machine.
    pub(crate) fn errors(&self) -> String {
        let is_progress = |line: &&str| line.trim_start().starts_with(|c: char| c.is_ascii_digit());
        self.stderr.lines().filter(|line| !is_progress(line)).collect::<Vec<_>>().join("\n")
    }

    /// Each line of standard output as an event.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

/// A project.
pub(crate) struct Project {
    pub(crate) directory: TempDir,
    pub(crate) variables: BTreeMap<String, String>,
}

impl Project {
    pub(crate) fn new() -> Self {
        let project = Self { directory: tempfile::tempdir().unwrap(), variables: BTreeMap::new() };
        fs::create_dir(project.path("configs")).unwrap();
        project.write("configs/base.toml", BASE);
        project.write("configs/local.toml", LOCAL);
        project.write("configs/token", TOKEN);
        project.write("configs/right-token", TOKEN);
        project
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.directory.path().join(below)
    }

    pub(crate) fn write(&self, below: &str, text: &str) {
        fs::write(self.path(below), text).unwrap();
    }

    /// The variable `name` of the environment in which the command is run.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, |_| {})
    }

    /// Runs the command in a process that `change` has changed.
    pub(crate) fn run_with(&self, arguments: &[&str], change: impl FnOnce(&mut Io)) -> Ran {
        self.run_as(Longshore::new(), arguments, change)
    }

    /// Runs a command with plugins of its own.
    pub(crate) fn run_as(
        &self,
        longshore: Longshore,
        arguments: &[&str],
        change: impl FnOnce(&mut Io),
    ) -> Ran {
        let (stdout, stderr) = (Capture::default(), Capture::default());
        let mut io = Io {
            stdin: Box::new(Cursor::new("")),
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            size: Arc::new(|| (24, 100)),
            variables: self.variables.clone(),
            unreadable: BTreeSet::new(),
            interrupts: Interrupts::Never,
            owns_process: false,
        };
        change(&mut io);
        let configs = self.path("configs");
        let mut all = vec!["longshore", "--config-dir", configs.to_str().unwrap()];
        all.extend(arguments);
        let exit = longshore.run_within(all, io);
        let plain =
            |capture: Capture| capture.text().replace(self.directory.path().to_str().unwrap(), "[project]");
        Ran { exit, stdout: plain(stdout), stderr: plain(stderr) }
    }
}

/// A writer whose text can be read later.
#[derive(Clone, Default)]
pub(crate) struct Capture(Arc<Mutex<Vec<u8>>>);

impl Capture {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compares with a snapshot, in which ids, digests, times and durations are masked.
#[macro_export]
macro_rules! assert_shown {
    ($text:expr) => {{
        insta::with_settings!({filters => vec![
            (r"\b[0-9a-f]{32}\b", "[id]"),
            (r"\b[0-9a-f]{8}…", "[id]…"),
            (r"ecs-svc/\d+", "ecs-svc/[id]"),
            (r"sha256:[0-9a-f]+", "sha256:[digest]"),
            (r"/pull-\w{6}\b", "/pull-[suffix]"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "[time]"),
            (r"\b\d+\.\ds\b", "[duration]"),
            (r"\b\d+m \d\ds\b", "[duration]"),
        ]}, { insta::assert_snapshot!($text) });
    }};
}
