//! The stack's lock: who waits, who is told what, and who gets it when its holder dies or hangs.

use std::{
    io::{BufRead as _, BufReader, Cursor},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use longshore_cli::Exit;
use longshore_model::EventKind;

use crate::{
    hand::by_hand,
    http::Served,
    interrupts::interrupted,
    project::{Capture, Project, Ran},
};

/// The environment variables that GitHub Actions sets for its jobs.
const JOB: [(&str, &str); 6] = [
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_REPOSITORY", "acme/shop"),
    ("GITHUB_WORKFLOW", "deploy"),
    ("GITHUB_RUN_ID", "42"),
    ("GITHUB_RUN_NUMBER", "17"),
    ("GITHUB_ACTOR", "jo"),
];

/// The holder that other runs see during a `deploy` in that job.
const HOLDER: &str = "deploy (local) by jo, GitHub Actions acme/shop deploy #17 \
                      (https://github.com/acme/shop/actions/runs/42), since 20";

/// Returns the setting of a token that waits until `[project]/go` is there, for at most half a minute.
fn token_that_is_waited_for(project: &Project) -> String {
    let (go, token) = (project.path("go"), project.path("configs/token"));
    let script = format!(
        "for i in $(seq 600); do [ -e {} ] && exec cat {}; sleep 0.05; done; exit 1",
        go.display(),
        token.display()
    );
    format!("registries.ghcr.token={{command=[\"sh\",\"-c\",\"{script}\"]}}")
}

/// A process that holds the lock of the project's embedded cloud. The shell does `first`.
fn holder(project: &Project, first: &str) -> Child {
    let mut holder = Command::new("sh")
        .args(["-c", &format!("{first}exec \"$@\""), "sh", env!("CARGO_BIN_EXE_longshore"), "--config-dir"])
        .arg(project.path("configs"))
        .args(["deploy", "--set", &token_that_is_waited_for(project)])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(JOB)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(holder.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("fetching the credential")), "it plans");
    // Whatever else it says is read, so that it can say it.
    thread::spawn(move || lines.for_each(drop));
    holder
}

/// A process that held the lock and was killed at that.
fn kill_a_holder(project: &Project) {
    let mut holder = holder(project, "");
    holder.kill().unwrap();
    holder.wait().unwrap();
    project.write("go", "");
}

#[test]
fn a_terminal_that_is_closed_interrupts_a_run_unless_it_was_started_to_outlive_it() {
    for (first, code) in [("", 130), ("trap '' HUP; ", 0)] {
        let project = Project::new();
        let mut holder = holder(&project, first);
        let hangup = format!("kill -HUP {}", holder.id());
        assert!(Command::new("sh").args(["-c", &hangup]).status().unwrap().success());
        project.write("go", "");
        assert_eq!(holder.wait().unwrap().code(), Some(code), "{first}");
        let shown = project.run(&["lock", "show"]).stdout;
        assert!(shown.starts_with("shop is not locked.\n"), "it gives the lock back: {shown}");
    }
}

#[test]
fn a_killed_run_is_replaced_when_its_lease_is_over_without_anything_being_done() {
    let project = Project::new();
    let free = project.run(&["lock", "show"]);
    assert_eq!(free.stdout, "shop is not locked, and no run has locked it yet.\n", "{}", free.stderr);
    kill_a_holder(&project);

    let shown = project.run(&["lock", "show"]).stdout;
    assert!(shown.starts_with(&format!("shop is locked: {HOLDER}")), "{shown}");
    assert!(
        shown.contains("\n  epoch 1, last heard of ") && shown.contains("with a lease of 60s\n"),
        "{shown}"
    );

    let at_once = project.run(&["deploy", "--lock-timeout", "0"]);
    assert_eq!(at_once.exit, Exit::Failed);
    assert!(at_once.stderr.contains(&format!("the stack `shop` is locked: {HOLDER}")), "{}", at_once.stderr);
    assert_eq!(at_once.stdout, "The deploy failed: nothing was created or changed.\n");

    let waited = project.run(&["deploy", "--lock-timeout", "20s"]);
    assert_eq!(waited.exit, Exit::Failed);
    let waiting = format!("waiting for the stack's lock: {}", HOLDER.strip_suffix("20").unwrap());
    assert!(waited.stderr.contains(&waiting), "{}", waited.stderr);
    let still = format!("the stack `shop` is still locked after 20 s: {HOLDER}");
    assert!(waited.stderr.contains(&still), "{}", waited.stderr);
    assert!(waited.stderr.contains("help: wait longer with --lock-timeout"), "{}", waited.stderr);

    let stopped = interrupted(&project, &["deploy"], "waiting for the stack's lock", 1);
    assert_eq!(stopped.exit, Exit::Interrupted, "{}", stopped.stderr);
    assert!(stopped.stderr.contains("interrupted while waiting for the stack's lock"), "{}", stopped.stderr);
    assert_eq!(stopped.stdout, "The deploy was interrupted: nothing was created or changed.\n");

    let without = project.run(&["destroy", "--yes", "--no-lock"]);
    assert_eq!(without.exit, Exit::Done, "{}", without.stderr);
    assert!(without.stderr.contains("warning: the run goes without the stack's lock"), "{}", without.stderr);

    by_hand(&project, async |_| tokio::time::sleep(Duration::from_secs(60)).await);
    let shown = project.run(&["lock", "show"]).stdout;
    assert!(shown.ends_with("with a lease of 60s; whoever comes next takes the lock over\n"), "{shown}");

    // Its lease has long run out, so the next run does not have to wait.
    let next = project.run(&["deploy", "--lock-timeout", "0", "--output", "json"]);
    assert_eq!(next.exit, Exit::Done, "{}", next.stdout);
    let got = next.events().into_iter().find_map(|event| match event.event {
        EventKind::LockAcquired { epoch, took } => Some((epoch, took)),
        _ => None,
    });
    assert!(matches!(got, Some((2, 0..=10_000))), "{got:?}");
    let shown = project.run(&["lock", "show"]).stdout;
    assert!(shown.starts_with("shop is not locked.\n  last: deploy (local) by "), "{shown}");
}

#[test]
fn whoever_is_interrupted_gives_the_lock_back() {
    let project = Project::new();
    let deploy = interrupted(&project, &["deploy"], "creating the role", 1);
    assert_eq!(deploy.exit, Exit::Interrupted, "{}", deploy.stderr);
    let shown = project.run(&["lock", "show"]).stdout;
    assert!(shown.starts_with("shop is not locked.\n  last: deploy (local) by "), "{shown}");
    let next = project.run(&["deploy", "--lock-timeout", "0"]);
    assert_eq!(next.exit, Exit::Done, "{}", next.stderr);
}

#[test]
fn whoever_is_interrupted_twice_gives_it_back_unless_a_change_may_be_on_its_way() {
    let project = Project::new();
    let following = interrupted(&project, &["deploy"], "1 of 2 tasks running", 2);
    assert_eq!(following.exit, Exit::Interrupted, "{}", following.stderr);
    let shown = project.run(&["lock", "show"]).stdout;
    assert!(shown.starts_with("shop is not locked.\n"), "{shown}\n{}", following.stderr);

    let project = Project::new();
    let creating = interrupted(&project, &["deploy"], "creating the role", 2);
    assert_eq!(creating.exit, Exit::Interrupted, "{}", creating.stderr);
    let why = "the stack's lock was not given back, so that the next run waits for up to a minute: \
               a change may still be on its way to AWS";
    assert!(creating.stderr.contains(why), "{}", creating.stderr);
    let shown = project.run(&["lock", "show"]).stdout;
    assert!(shown.starts_with("shop is locked: deploy (local) by "), "{shown}");
    assert_eq!(project.run(&["deploy"]).exit, Exit::Done);
}

/// A run in a thread, whose standard error can be read meanwhile.
struct Running {
    stderr: Capture,
    thread: JoinHandle<Ran>,
}

impl Running {
    fn start(project: &Arc<Project>, arguments: &'static [&'static str]) -> Self {
        let (project, stderr) = (project.clone(), Capture::default());
        let thread = thread::spawn({
            let stderr = stderr.clone();
            move || project.run_with(arguments, |io| io.stderr = Box::new(stderr))
        });
        Self { stderr, thread }
    }

    fn wait_for(&self, text: &str) {
        let began = Instant::now();
        while !self.stderr.text().contains(text) {
            assert!(began.elapsed() < Duration::from_secs(30), "{text} in {}", self.stderr.text());
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn end(self) -> Ran {
        let ran = self.thread.join().unwrap();
        Ran { stderr: self.stderr.text(), ..ran }
    }
}

/// In real time: what lives has to be waited for.
#[test]
fn a_run_that_lives_is_waited_for_until_the_lock_is_taken_away_from_it() {
    let cloud = Served::start();
    let at = |project: Project| Arc::new(project.variable("AWS_ENDPOINT_URL", &cloud.url));
    let job = JOB.into_iter().fold(Project::new(), |project, (name, value)| project.variable(name, value));
    let holder = Running::start(&at(job), &["deploy", "--on-failure", "undo"]);
    holder.wait_for("to create");

    let other = at(Project::new());
    let next = Running::start(&other, &["rotate"]);
    next.wait_for(&format!("waiting for the stack's lock: {}", HOLDER.strip_suffix("20").unwrap()));
    let unasked = other.run(&["lock", "release"]);
    assert_eq!(unasked.exit, Exit::Failed);
    assert!(unasked.stderr.contains("pass --yes to go on without being asked"), "{}", unasked.stderr);
    let mistyped = other.run_with(&["lock", "release"], |io| {
        io.stdin = Box::new(Cursor::new("shopp\n"));
        io.stdin_is_terminal = true;
    });
    assert_eq!(mistyped.exit, Exit::Failed);
    assert!(mistyped.stdout.starts_with(&format!("shop is locked: {HOLDER}")), "{}", mistyped.stdout);
    assert!(mistyped.stderr.contains("the lock stays where it is"), "{}", mistyped.stderr);

    // All is made by now, and would be taken back if the run still had the lock.
    holder.wait_for("0 of 2 tasks running");
    let release = other.run(&["lock", "release", "--yes"]);
    assert_eq!(release.exit, Exit::Done, "{}", release.stderr);
    let holder = holder.end();
    assert_eq!(holder.exit, Exit::Failed, "{}", holder.stderr);
    let lost =
        "error (conflict)\n  the lock of the stack `shop` is lost: it went to lock release (local) by ";
    assert!(holder.stderr.contains(lost), "{}", holder.stderr);
    assert!(
        !holder.stdout.contains("taken back") && !holder.stderr.contains("taking back"),
        "{}",
        holder.stdout
    );

    let next = next.end();
    assert_eq!(next.exit, Exit::Done, "{}", next.stderr);
    assert!(next.stderr.contains("has the stack's lock after "), "{}", next.stderr);
    let plan = other.run(&["plan"]);
    assert!(!plan.stdout.contains("to create\n"), "what was done is kept: {}", plan.stdout);
    cloud.end();
}
