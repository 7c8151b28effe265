//! The reports of `longshore-step` on a run.

use std::{collections::BTreeMap, fs};

use super::runner::Runner;

/// Returns true if a line tells what happened when, as `2m 05s  service.api  updated` does.
fn is_course(line: &str) -> bool {
    let is_time = |word: &str| {
        let number = word.strip_suffix(['s', 'm', 'h']).unwrap_or_default();
        !number.is_empty() && number.chars().all(|char| char.is_ascii_digit() || char == '.')
    };
    line.starts_with(' ') && line.split_whitespace().next().is_some_and(is_time)
}

#[test]
fn a_report_has_the_warnings_and_not_the_course_of_things() {
    let mut runner = Runner::new();
    let unnamed = runner.bash("longshore-step plan longshore.plan.json", &BTreeMap::new()).code(64);
    assert!(unnamed.stderr.contains("set LONGSHORE_ENV"), "{}", unnamed.stderr);
    runner.set("LONGSHORE_ENV", "local");
    // A token of a sign-in pulls, and is warned of.
    fs::write(runner.file("configs/local/ghcr-token"), "gho_0123456789abcdefghijklmnopqrstuvwxyz\n").unwrap();
    let step = |arguments: &str| {
        let ran = runner.bash(&format!("longshore-step {arguments}"), &BTreeMap::new()).code(0);
        (ran, runner.read("longshore-report.md"))
    };
    let (_, planned) = step("plan longshore.plan.json");
    let warning = |line: &&str| line.contains("warning: the token for ghcr.io belongs to a sign-in");
    let warnings: Vec<_> = planned.lines().filter(warning).collect();
    assert!(matches!(&warnings[..], [line] if line.starts_with("credential.ghcr ")), "{planned}");

    let (deployed, report) = step("deploy longshore.plan.json");
    let course: Vec<_> = deployed.stderr.lines().filter(|line| is_course(line)).collect();
    assert!(course.iter().any(|line| line.contains("m ")), "a minute passes: {course:?}");
    assert!(report.lines().any(|line| warning(&line)), "{report}");
    assert!(!report.lines().any(is_course), "{report}");
}
