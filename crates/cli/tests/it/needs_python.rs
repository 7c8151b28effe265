//! The plugin in Python.

use std::path::PathBuf;

use longshore_cli::Exit;

use crate::{
    programs::{example_path, project, tested},
    project::TOKEN,
};

/// The interpreter of the Python tools, which `cargo xtask tools` installs and `cargo xtask test` announces.
fn python() -> String {
    let directory = std::env::var_os("XTASK_PYTHON_TOOLS")
        .expect("XTASK_PYTHON_TOOLS is not set: run `cargo xtask tools`, then `cargo xtask test`");
    PathBuf::from(directory).join("bin/python3").display().to_string()
}

#[test]
fn python_plugin_deploys_a_stack() {
    let example = example_path("longshore-credential-netrc");
    let project = project(&format!("['{}', '{example}']", python()), "file = \"netrc\"");
    project.write("configs/netrc", &format!("machine ghcr.io login acme-bot password {TOKEN}\n"));
    let deploy = project.run(&["deploy"]);
    assert_eq!(deploy.exit, Exit::Done, "{}{}", deploy.stdout, deploy.stderr);
    assert_eq!(project.run(&["plan", "--detailed-exitcode"]).exit, Exit::Done);
}

#[test]
fn python_plugin_passes_plugin_test() {
    let (python, example) = (python(), example_path("longshore-credential-netrc"));
    let project = project("['x']", "");
    project
        .write("netrc", "machine registry.example.com login robot password correct-horse-battery-staple\n");
    let file = format!("file={}", project.path("netrc").display());
    let options = ["--option", &file, "--absent", "file={dir}/none", "--", &python, &example];
    insta::assert_snapshot!(tested(&project, Exit::Done, &options));
}
