//! Programs outside of the Rust toolchain that some tests need.

use std::{ffi::OsString, path::PathBuf};

use crate::{
    Error,
    process::{is_on, program, succeeds},
    tools,
    workspace::Workspace,
};

/// The variable by which tests find a helper, where there is one; or why it is not there, and how to get it.
pub(crate) type Found = Result<Option<(&'static str, OsString)>, String>;

/// Something that tests may need beside the Rust toolchain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Helper {
    /// A Docker engine that answers.
    Docker,
    /// The Python tools that `cargo xtask tools` installs.
    Python,
    /// The distribution project's container registry.
    Registry,
    /// The `terraform` command, and its AWS provider on this machine.
    Terraform,
}

impl Helper {
    pub(crate) const ALL: [Self; 4] = [Self::Docker, Self::Python, Self::Registry, Self::Terraform];

    /// Its name in flags, variables and modules.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Python => "python",
            Self::Registry => "registry",
            Self::Terraform => "terraform",
        }
    }

    /// The variable that makes a missing one a failure.
    pub(crate) fn requirement(self) -> String {
        format!("LONGSHORE_REQUIRE_{}", self.name().to_ascii_uppercase())
    }

    /// Returns true if a missing one is a failure.
    pub(crate) fn is_required(self) -> bool {
        is_on(&self.requirement())
    }

    /// The refusal to go on without it, although it is required.
    pub(crate) fn is_wanted(self, reason: &str) -> Error {
        Error::Failed(format!("{reason}, and {} is set", self.requirement()))
    }

    /// Looks for it, without changing or downloading anything.
    ///
    /// Answers with the variable by which tests find it, where there is one.
    ///
    /// # Errors
    /// Why it is not there, and how to get it.
    pub(crate) fn find(self, workspace: &Workspace) -> Found {
        let answers = |name: &str, argument: &str| succeeds(program(workspace, name).arg(argument));
        match self {
            Self::Docker if answers("docker", "info") => Ok(None),
            Self::Docker => Err("no Docker engine answers `docker info`".to_owned()),
            Self::Python => tools::installed(workspace)
                .map(|directory| Some(("XTASK_PYTHON_TOOLS", directory.into_os_string()))),
            Self::Registry => ["docker-registry", "registry"]
                .into_iter()
                .find(|name| answers(name, "--version"))
                .map(|name| Some(("XTASK_REGISTRY", name.into())))
                .ok_or_else(|| {
                    "there is neither a `docker-registry` command (Debian's package of that name) nor a `registry`"
                        .to_owned()
                }),
            Self::Terraform if answers("terraform", "version") => terraform_plugins()
                .map(|directory| Some(("XTASK_TERRAFORM_PLUGINS", directory.into_os_string()))),
            Self::Terraform => Err("there is no `terraform` command".to_owned()),
        }
    }
}

/// The directory below which Terraform's AWS provider is: that of the variable TERRAFORM_PLUGINS, one of those where
/// Terraform itself looks, or one where images of machines have it.
fn terraform_plugins() -> Result<PathBuf, String> {
    let named = std::env::var_os("TERRAFORM_PLUGINS").map(PathBuf::from);
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".terraform.d/plugins"));
    let shared = ["/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/tf-plugins"];
    named
        .into_iter()
        .chain(home)
        .chain(shared.map(PathBuf::from))
        .find(|directory| directory.join("registry.terraform.io/hashicorp/aws").is_dir())
        .ok_or_else(|| {
            "Terraform's AWS provider is not on this machine: `terraform providers mirror DIRECTORY`, where its use is \
             configured, and TERRAFORM_PLUGINS=DIRECTORY"
                .to_owned()
        })
}
