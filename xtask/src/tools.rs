//! `cargo xtask tools`: the stock clients and servers that some tests talk to, from the Python Package Index.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Error,
    process::{self, Outcome, program},
    workspace::Workspace,
};

const REQUIREMENTS: &str = include_str!("../python-tools.txt");

/// Installs them into a private environment, if they are not there already.
pub(crate) fn install(workspace: &Workspace) -> Result<Outcome, Error> {
    let directory = workspace.python_tools();
    if installed(workspace).is_ok() {
        println!("python tools: already in {}", directory.display());
        return Ok(Outcome::SUCCESS);
    }
    let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
    let made = process::run(program(workspace, python).args(["-m", "venv", "--clear"]).arg(&directory))?;
    if !made.is_success() {
        return Err(Error::Failed(
            "python3 could not make a virtual environment (Debian: python3-venv)".to_owned(),
        ));
    }
    let requirements = directory.join("requirements.txt");
    write(&requirements)?;
    let filled = process::run(
        program(workspace, executable(&directory, "python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-input",
                "--requirement",
            ])
            .arg(&requirements),
    )?;
    if filled.is_success() {
        // Last, so that an interrupted installation does not count as one.
        write(&receipt(&directory))?;
        println!("python tools: installed in {}", directory.display());
    }
    Ok(filled)
}

/// The environment's directory.
///
/// # Errors
/// Why there is none, or why it does not count.
pub(crate) fn installed(workspace: &Workspace) -> Result<PathBuf, String> {
    let directory = workspace.python_tools();
    match fs::read_to_string(receipt(&directory)) {
        Err(_) => Err("the Python tools are not installed: run `cargo xtask tools`".to_owned()),
        Ok(text) if text != REQUIREMENTS => {
            Err("the Python tools are not those of xtask/python-tools.txt: run `cargo xtask tools`"
                .to_owned())
        }
        // A moved environment does not work: its scripts name the interpreter by its full path.
        Ok(_) if !executable(&directory, "aws").exists() => {
            Err("the Python tools are incomplete: remove target/python-tools and run `cargo xtask tools`"
                .to_owned())
        }
        Ok(_) => Ok(directory),
    }
}

fn receipt(directory: &Path) -> PathBuf {
    directory.join("installed.txt")
}

fn executable(directory: &Path, name: &str) -> PathBuf {
    directory.join("bin").join(name)
}

fn write(path: &Path) -> Result<(), Error> {
    fs::write(path, REQUIREMENTS).map_err(|error| Error::Failed(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_pinned() {
        for line in REQUIREMENTS.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.contains("=="), "{line}");
        }
        for tool in ["awscli", "moto", "boto3", "ministack", "check-jsonschema"] {
            assert!(REQUIREMENTS.contains(&format!("\n{tool}==")), "{tool}");
        }
    }
}
