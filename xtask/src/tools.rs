//! `cargo xtask tools`: the stock clients and servers that some tests talk to, from the Python Package Index.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
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
/// If they are not installed, or if the installation does not count.
pub(crate) fn installed(workspace: &Workspace) -> Result<PathBuf, String> {
    let directory = workspace.python_tools();
    let wrong = match fs::read_to_string(receipt(&directory)) {
        Err(_) => "are not installed",
        Ok(text) if text != REQUIREMENTS => "are not those of xtask/python-tools.txt",
        Ok(_) if !start(workspace, &directory) => {
            "do not start, because they were moved or their interpreter was replaced"
        }
        Ok(_) => return Ok(directory),
    };
    Err(format!("the Python tools {wrong}: run `cargo xtask tools`"))
}

/// Returns true if the tools start from their directory. Each names its interpreter by the full path: in a copy they
/// would start the original, or nothing when it is gone. pip is one like the others, and says where it was loaded from.
fn start(workspace: &Workspace, directory: &Path) -> bool {
    let mut pip = program(workspace, executable(directory, "pip"));
    let Ok(said) = pip.arg("--version").stdin(Stdio::null()).output() else { return false };
    let said = String::from_utf8_lossy(&said.stdout);
    let loaded = said.split_once(" from ").and_then(|(_, rest)| Some(rest.rsplit_once(" (python")?.0));
    let (loaded, here) = (loaded.map(fs::canonicalize), fs::canonicalize(directory));
    matches!((loaded, here), (Some(Ok(loaded)), Ok(here)) if loaded.starts_with(&here))
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

    /// An environment in a directory of its own, whose tools a script stands for.
    #[cfg(unix)]
    fn starts(name: &str, script: impl FnOnce(&Path) -> String) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = std::env::temp_dir().join(format!("xtask-tools-{name}-{}", std::process::id()));
        let pip = executable(&directory, "pip");
        fs::create_dir_all(directory.join("bin")).unwrap();
        fs::create_dir_all(directory.join("lib/pip")).unwrap();
        fs::write(&pip, script(&directory)).unwrap();
        fs::set_permissions(&pip, fs::Permissions::from_mode(0o755)).unwrap();
        let starts = start(&Workspace::locate(), &directory);
        fs::remove_dir_all(&directory).unwrap();
        starts
    }

    #[cfg(unix)]
    #[test]
    fn tools_that_were_moved_or_copied_do_not_count() {
        let pip = |interpreter: &str, loaded: &Path| {
            format!("#!{interpreter}\necho 'pip 23.2.1 from {} (python 3.11)'\n", loaded.display())
        };
        assert!(starts("there", |directory| pip("/bin/sh", &directory.join("lib/pip"))));
        assert!(!starts("moved", |directory| pip("/nowhere/bin/python", &directory.join("lib/pip"))));
        assert!(!starts("copied", |_| pip("/bin/sh", Path::new("/"))));
        assert!(!starts("broken", |_| "#!/bin/sh\nexit 1\n".to_owned()));
    }

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
