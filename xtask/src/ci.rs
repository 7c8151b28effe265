//! `cargo xtask ci`: what has to pass before a change lands.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    Error, bench,
    process::{self, Outcome, cargo, has_subcommand, is_on},
    test, tidy,
    workspace::Workspace,
};

/// The result of a step.
#[derive(Debug)]
enum Verdict {
    Ran(Outcome),
    /// It did not run, and why that is no failure.
    NotRun(&'static str),
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    verdict: Verdict,
    took: Duration,
}

/// Runs every step, whatever became of those before it, so that one run shows everything.
pub(crate) fn run(workspace: &Workspace) -> Result<Outcome, Error> {
    let mut steps = Vec::new();
    let mut step = |name: &'static str, work: &dyn Fn() -> Result<Verdict, Error>| {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let verdict = work().unwrap_or_else(|error| {
            let (Error::Usage(message) | Error::Failed(message)) = error;
            eprintln!("error: {message}");
            Verdict::Ran(Outcome::FAILURE)
        });
        steps.push(Step { name, verdict, took: start.elapsed() });
    };
    let by_cargo = |arguments: &[&str]| process::run(&mut cargo(workspace, arguments)).map(Verdict::Ran);

    step("format", &|| by_cargo(&["fmt", "--all", "--check"]));
    step("tidy", &|| tidy::run(workspace).map(Verdict::Ran));
    step("clippy", &|| {
        by_cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
    });
    step("documentation", &|| {
        let mut doc =
            cargo(workspace, &["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"]);
        // Documented are private items too, so a link to one leads somewhere.
        process::run(doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private_intra_doc_links"))
            .map(Verdict::Ran)
    });
    step("deny", &|| {
        if has_subcommand(workspace, "deny") {
            return by_cargo(&[
                "deny",
                "--workspace",
                "--locked",
                "check",
                "--hide-inclusion-graph",
                "licenses",
                "bans",
                "sources",
            ]);
        }
        if is_on("LONGSHORE_REQUIRE_DENY") {
            return Err(Error::Failed(
                "cargo-deny is not installed, and LONGSHORE_REQUIRE_DENY is set".to_owned(),
            ));
        }
        Ok(Verdict::NotRun("cargo-deny is not installed"))
    });
    step("instructions", &|| {
        if bench::can_count_instructions(workspace) {
            return bench::executor(workspace, &["--instructions".into()]).map(Verdict::Ran);
        }
        if is_on("LONGSHORE_REQUIRE_VALGRIND") {
            return Err(Error::Failed(
                "valgrind is not installed, and LONGSHORE_REQUIRE_VALGRIND is set".to_owned(),
            ));
        }
        Ok(Verdict::NotRun("valgrind is not installed"))
    });
    step("plugin-quay", &|| process::run(&mut plugin_quay(workspace)).map(Verdict::Ran));
    step("test", &|| test::run(workspace, &test::Options::default()).map(Verdict::Ran));

    eprint!("\n{}", summary(&steps));
    let failed =
        steps.iter().any(|step| matches!(step.verdict, Verdict::Ran(outcome) if !outcome.is_success()));
    Ok(if failed { Outcome::FAILURE } else { Outcome::SUCCESS })
}

/// Tests the plugin of another workspace. Its dependencies are built as for this one; `--locked` fails if its `Cargo.lock`
/// lacks a dependency of the crates that it uses.
fn plugin_quay(workspace: &Workspace) -> Command {
    let mut test = cargo(workspace, &["test", "--locked", "--quiet", "--target-dir"]);
    test.arg(workspace.target()).current_dir(workspace.root().join("examples/plugin-quay"));
    test
}

fn summary(steps: &[Step]) -> String {
    let mut text = String::new();
    for Step { name, verdict, took } in steps {
        let verdict = match verdict {
            Verdict::Ran(outcome) if outcome.is_success() => "passed",
            Verdict::Ran(_) => "FAILED",
            Verdict::NotRun(reason) => &format!("not run: {reason}"),
        };
        text.push_str(&format!("{name:<14}{:>7.1} s  {verdict}\n", took.as_secs_f64()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_a_line_for_each_step() {
        let step = |name, verdict, took| Step { name, verdict, took: Duration::from_millis(took) };
        let steps = [
            step("format", Verdict::Ran(Outcome::SUCCESS), 1_234),
            step("deny", Verdict::NotRun("cargo-deny is not installed"), 0),
            step("test", Verdict::Ran(Outcome::USAGE), 123_456),
        ];
        assert_eq!(
            summary(&steps),
            "format            1.2 s  passed\n\
             deny              0.0 s  not run: cargo-deny is not installed\n\
             test            123.5 s  FAILED\n"
        );
    }
}
