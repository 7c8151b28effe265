//! Pipes, open directories and texts that are none, where files and variables are expected.

#![cfg(unix)]

use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use longshore_cli::Exit;

use crate::project::Project;

/// Puts a named pipe in the place of a file, which blocks its reader.
fn make_pipe(project: &Project, below: &str) {
    let path = project.path(below);
    drop(fs::remove_file(&path));
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn pipes_are_no_files() {
    for (pipe, arguments) in [
        ("configs/base.toml", &["plan"][..]),
        ("configs/local.toml", &["plan"]),
        ("configs/token", &["plan"]),
        ("configs/right-token", &["plan"]),
        ("authority.pem", &["plan", "--set", "registries.ghcr.ca-file=PIPE"]),
        ("plan.json", &["deploy", "--plan", "PIPE"]),
        (".longshore/shop-local.json", &["plan"]),
    ] {
        let project = Project::new();
        if pipe.starts_with(".longshore") {
            assert_eq!(project.run(&["plan"]).exit, Exit::Done);
            let mut files =
                fs::read_dir(project.path(".longshore")).unwrap().map(|entry| entry.unwrap().path());
            let state = files.find(|path| path.extension().is_some_and(|name| name == "json")).unwrap();
            fs::remove_file(&state).unwrap();
            let name = state.file_name().unwrap().to_str().unwrap().to_owned();
            make_pipe(&project, &format!(".longshore/{name}"));
        } else {
            make_pipe(&project, pipe);
        }
        let path = project.path(pipe);
        let arguments = arguments.iter().map(|argument| argument.replace("PIPE", path.to_str().unwrap()));
        let arguments: Vec<_> = arguments.collect();
        let ran = project.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ran.exit, Exit::Failed, "{pipe}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains("no regular file"), "{pipe}: {}", ran.stderr);
    }
}

#[test]
fn state_directory_of_everybody_is_refused() {
    let project = Project::new();
    assert_eq!(project.run(&["plan"]).exit, Exit::Done);
    let directory = project.path(".longshore");
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
    let plan = project.run(&["plan"]);
    assert_eq!(plan.exit, Exit::Failed);
    assert!(plan.stderr.contains("(chmod o-w)"), "{}", plan.stderr);
}

#[test]
fn variables_that_are_no_text_are_refused() {
    for name in ["LONGSHORE_ENV", "LONGSHORE_X\u{fffd}", "AWS_PROFILE"] {
        let ran = Project::new().run_with(&["plan"], |io| {
            io.unreadable.extend([name.to_owned(), "HOMEPAGE".to_owned()]);
        });
        assert_eq!(ran.exit, Exit::Usage);
        assert!(ran.stderr.contains(&format!("variable {name} is no UTF-8 text")), "{}", ran.stderr);
    }
    let other = Project::new().run_with(&["plan"], |io| io.unreadable.extend(["HOMEPAGE".to_owned()]));
    assert_eq!(other.exit, Exit::Done, "{}", other.stderr);
}

#[test]
fn variable_of_the_process_is_refused() {
    use std::os::unix::ffi::OsStringExt as _;

    let value = std::ffi::OsString::from_vec(b"pro\xffduction".to_vec());
    let ended = Command::new(env!("CARGO_BIN_EXE_longshore"))
        .args(["plan", "--config-dir"])
        .arg(Project::new().path("configs"))
        .env("LONGSHORE_ENV", value)
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(64), "{ended:?}");
}
