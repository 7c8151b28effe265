//! Panics of the command itself.

use std::io::{self, Write};

use longshore_cli::Exit;

use crate::project::{Capture, Project};

/// Standard output that panics once, at `text`.
struct Panicking {
    capture: Capture,
    text: Option<&'static str>,
}

impl Write for Panicking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.is_some_and(|text| String::from_utf8_lossy(bytes).contains(text)) {
            self.text = None;
            panic!("the token is ghp_secret");
        }
        self.capture.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn panic_gives_the_lock_back() {
    let project = Project::new();
    let stdout = Panicking { capture: Capture::default(), text: Some("Plan: ") };
    let deploy = project.run_with(&["deploy"], |io| io.stdout = Box::new(stdout));
    assert_eq!(deploy.exit, Exit::Fault, "{}", deploy.stderr);
    assert!(deploy.stderr.contains("the command ended abnormally: it panicked"), "{}", deploy.stderr);
    assert!(deploy.stderr.contains("this is a fault of Longshore"), "{}", deploy.stderr);
    assert!(!deploy.stderr.contains("ghp_secret"), "{}", deploy.stderr);
    let shown = project.run(&["lock", "show"]).stdout;
    assert!(shown.starts_with("shop is not locked.\n  last: deploy (local) by "), "{shown}");
    assert_eq!(project.run(&["deploy", "--lock-timeout", "0"]).exit, Exit::Done);
}

#[test]
fn panic_before_a_run_is_said() {
    let stdout = Panicking { capture: Capture::default(), text: Some("longshore") };
    let ran = Project::new().run_with(&["completions", "bash"], |io| io.stdout = Box::new(stdout));
    assert_eq!(ran.exit, Exit::Fault);
    assert!(ran.stderr.contains("it panicked"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("ghp_secret"), "{}", ran.stderr);
}
