//! The platform that a task runs on, in OCI's words and in those of ECS.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The processor architecture of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Architecture {
    /// x86-64: `amd64` in OCI's words, `X86_64` in those of ECS.
    #[default]
    #[serde(rename = "amd64")]
    Amd64,
    /// 64-bit ARM: `arm64` and `ARM64`.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// As the OCI image specification writes it (after Go's `GOARCH`).
    #[must_use]
    pub const fn oci(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// As `runtimePlatform.cpuArchitecture` of a task definition has it.
    #[must_use]
    pub const fn ecs(self) -> &'static str {
        match self {
            Self::Amd64 => "X86_64",
            Self::Arm64 => "ARM64",
        }
    }
}

/// The operating system of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatingSystem {
    /// `linux` in OCI's words.
    #[default]
    Linux,
    /// `windows`, whatever its version.
    Windows,
}

impl OperatingSystem {
    /// As the OCI image specification writes it (after Go's `GOOS`).
    #[must_use]
    pub const fn oci(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Windows => "windows",
        }
    }
}

/// The platform of an image: its operating system and its architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// The operating system.
    #[serde(default)]
    pub os: OperatingSystem,
    /// The processor architecture.
    pub architecture: Architecture,
}

impl Platform {
    /// Linux on a processor of this architecture.
    #[must_use]
    pub const fn linux(architecture: Architecture) -> Self {
        Self { os: OperatingSystem::Linux, architecture }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os.oci(), self.architecture.oci())
    }
}
