//! A machine on which a CI service runs scripts.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use super::examples;
use crate::longshore::{Ended, Project, program};

/// A checkout of the example stack, with `longshore` and `longshore-step` on the PATH.
pub(super) struct Runner {
    pub(super) project: Project,
    pub(super) variables: BTreeMap<String, String>,
}

impl Runner {
    pub(super) fn new() -> Self {
        let project = Project::new();
        let bin = project.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(program(), bin.join("longshore")).unwrap();
        symlink(examples().join("longshore-step"), bin.join("longshore-step")).unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        Self { project, variables: BTreeMap::from([("PATH".to_owned(), path)]) }
    }

    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.project.path().join(name)
    }

    /// Returns the text of a file of the checkout.
    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Puts a program on the PATH.
    pub(super) fn install(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.file("bin").join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script in the checkout, as GitHub does.
    pub(super) fn bash(&self, script: &str, variables: &BTreeMap<String, String>) -> Ended {
        let file = self.file("script.sh");
        fs::write(&file, script).unwrap();
        let mut command = self.project.command("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]).arg(file);
        Ended::new(command.envs(&self.variables).envs(variables).output().unwrap())
    }
}

/// `NAME=VALUE`, a line each: how steps say things to those that follow.
pub(super) fn pairs(path: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .map(|line| line.split_once('=').unwrap())
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
