//! Being asked to stop.

use std::io::{self, Write};

use longshore_cli::{Exit, Interrupts};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::{
    assert_shown,
    project::{Capture, Project, Ran},
};

/// Standard error that asks the command to stop as soon as a text is written to it.
struct Watched {
    capture: Capture,
    text: &'static str,
    asks: UnboundedSender<()>,
    times: usize,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.times > 0 && String::from_utf8_lossy(bytes).contains(self.text) {
            (0..self.times).for_each(|_| self.asks.send(()).unwrap());
            self.times = 0;
        }
        self.capture.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the command, and asks it to stop as soon as `text` is read.
pub(crate) fn interrupted(project: &Project, arguments: &[&str], text: &'static str, times: usize) -> Ran {
    let (asks, receiver) = unbounded_channel();
    let capture = Capture::default();
    let stderr = capture.clone();
    let ran = project.run_with(arguments, |io| {
        io.stderr = Box::new(Watched { capture, text, asks, times });
        io.interrupts = Interrupts::Channel(receiver);
    });
    Ran { stderr: stderr.text(), ..ran }
}

#[test]
fn the_first_time_nothing_new_begins_and_the_next_run_goes_on() {
    let project = Project::new();
    let deploy = interrupted(&project, &["deploy"], "creating the role", 1);
    assert_eq!(deploy.exit, Exit::Interrupted, "{}", deploy.stderr);
    assert_shown!(deploy.stdout.split_once("Plan: ").unwrap().1);
    assert!(deploy.stderr.contains("interrupted: nothing new begins; waiting for"), "{}", deploy.stderr);

    let waiting = interrupted(&project, &["deploy"], "1 of 2 tasks running", 1);
    assert_eq!(waiting.exit, Exit::Interrupted, "{}", waiting.stderr);
    assert_shown!(waiting.stdout.split_once("Plan: ").unwrap().1);

    let whole = project.run(&["deploy"]);
    assert_eq!(whole.exit, Exit::Done, "{}", whole.stderr);
    assert!(whole.stdout.contains("2 of 2 tasks running"));
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn the_second_time_it_ends_at_once() {
    let project = Project::new();
    let deploy = interrupted(&project, &["deploy"], "creating the role", 2);
    assert_eq!(deploy.exit, Exit::Interrupted);
    assert!(deploy.stderr.ends_with("what was running was not waited for\n"), "{}", deploy.stderr);
    let whole = project.run(&["deploy"]);
    assert_eq!(whole.exit, Exit::Done, "{}", whole.stderr);
}

#[test]
fn before_anything_was_done() {
    let (asks, receiver) = unbounded_channel();
    asks.send(()).unwrap();
    let plan = Project::new().run_with(&["plan"], |io| io.interrupts = Interrupts::Channel(receiver));
    assert_eq!(plan.exit, Exit::Interrupted, "{}", plan.stderr);
}
