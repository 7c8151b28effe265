//! Checks of Rust files.

use super::Finding;
use crate::tree::{File, Tree, line_of};

/// The code that may write to standard output and error: the command line, these tasks, and tests that are a program.
const PRINTERS: [&str; 4] = ["crates/cli/", "xtask/", "integration-tests/", "bench/"];

pub(super) fn check(tree: &Tree, findings: &mut Vec<Finding>) {
    for (path, file) in tree.files(".rs") {
        if is_root(path) && !file.text.starts_with("//!") {
            findings.push(Finding::new(path, 1, "a crate begins with `//!` and what it is for"));
        }
        unfinished(path, file, findings);
        // A build script speaks to cargo through standard output.
        if !PRINTERS.iter().any(|printer| path.starts_with(printer)) && !path.ends_with("/build.rs") {
            printing(path, &file.code, findings);
        }
    }
}

fn is_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs") || path.ends_with("/src/main.rs")
}

fn unfinished(path: &str, file: &File, findings: &mut Vec<Finding>) {
    // In two parts, so that this file itself holds none of them.
    for marker in [concat!("FIX", "ME"), concat!("XX", "X")] {
        for (offset, _) in words(&file.text).filter(|(_, word)| *word == marker) {
            findings.push(Finding::new(path, line_of(&file.text, offset), format!("{marker}: finish it")));
        }
    }
    for (offset, word) in words(&file.code) {
        let before = file.code[..offset].trim_end();
        let after = file.code[offset + word.len()..].trim_start();
        let message = match word {
            "todo" | "unimplemented" if after.starts_with('!') => "unfinished: refuse with an error instead",
            "ignore" if before.ends_with("#[") => {
                "an ignored test is no test: one that needs a helper stands in a module `needs_…`"
            }
            _ => continue,
        };
        findings.push(Finding::new(path, line_of(&file.code, offset), message));
    }
}

fn printing(path: &str, code: &str, findings: &mut Vec<Finding>) {
    for (offset, word) in words(code) {
        let before = code[..offset].trim_end();
        let after = code[offset + word.len()..].trim_start();
        let prints = match word {
            "print" | "println" | "eprint" | "eprintln" | "dbg" => after.starts_with('!'),
            // `Command::stdout(…)` is a method; defining a function of that name prints nothing.
            "stdout" | "stderr" => {
                after.starts_with("()") && !before.ends_with('.') && !before.ends_with("fn")
            }
            _ => false,
        };
        if prints {
            let message =
                format!("{word}: nothing prints outside of the command line; report an event, or trace");
            findings.push(Finding::new(path, line_of(code, offset), message));
        }
    }
}

/// The words of a text, with where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let boundary = |c: char| !c.is_alphanumeric() && c != '_';
    let mut next = 0;
    text.split_inclusive(boundary)
        .map(move |piece| {
            let offset = next;
            next += piece.len();
            (offset, piece.trim_end_matches(boundary))
        })
        .filter(|(_, word)| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::found;

    #[test]
    fn printing_is_for_the_command_line() {
        for line in [
            "println!(\"x\");",
            "eprint! (\"x\");",
            "dbg!(1);",
            "std::io::stdout().flush();",
            "let out = stderr();",
            "tokio::io::stdout();",
        ] {
            let findings = found([("crates/engine/src/run.rs", line)]);
            assert_eq!(findings.len(), 1, "{line}: {findings:#?}");
            assert!(found([("crates/cli/src/terminal.rs", line)]).is_empty(), "{line}");
            assert!(found([("crates/engine/build.rs", line)]).is_empty(), "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_printing_is_not() {
        for line in [
            "// println!(\"x\")",
            "let text = \"println!()\";",
            "command.stdout(Stdio::piped()).stderr(Stdio::null());",
            "fn stdout() -> u8 { 1 }",
            "writeln!(out, \"x\")",
            "child.stdout.take()",
        ] {
            assert!(found([("crates/engine/src/run.rs", line)]).is_empty(), "{line}");
        }
    }

    #[test]
    fn a_crate_says_what_it_is_for() {
        assert_eq!(
            found([
                ("plugins/a/src/lib.rs", "mod b;"),
                ("plugins/b/src/lib.rs", "//! B."),
                ("plugins/a/src/b.rs", "")
            ]),
            ["plugins/a/src/lib.rs:1: a crate begins with `//!` and what it is for"]
        );
    }

    #[test]
    fn nothing_is_left_unfinished() {
        for line in [
            "fn f() { todo!() }",
            "fn f() { unimplemented!() }",
            concat!("// FIX", "ME later"),
            concat!("\"XX", "X\""),
            "#[ignore]",
            "#[ignore = \"slow\"]",
            "#[ ignore ]",
        ] {
            assert_eq!(found([("crates/cli/src/a.rs", line)]).len(), 1, "{line}");
        }
        for line in ["// todo!()", "let ignore = true;", "PREFIXXXED", "rust_ignore"] {
            assert!(found([("crates/cli/src/a.rs", line)]).is_empty(), "{line}");
        }
    }
}
