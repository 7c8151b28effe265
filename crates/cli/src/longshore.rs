//! The command with its plugins.

use std::{ffi::OsString, fmt, process::ExitCode};

use longshore_plugin::Plugins;

use crate::{Exit, Io, host};

/// The command with its plugins. An organisation that has plugins in Rust builds a binary of its own:
///
/// ```no_run
/// # mod acme { pub fn register(_: &mut longshore_plugin::Plugins) {} }
/// fn main() -> std::process::ExitCode {
///     longshore_cli::Longshore::new().plugins(acme::register).run()
/// }
/// ```
pub struct Longshore {
    plugins: Plugins,
}

impl Longshore {
    /// The command with the plugins of the workspace.
    #[must_use]
    pub fn new() -> Self {
        Self { plugins: host::plugins() }
    }

    /// Adds plugins. One that has the kind and the name of another takes its place.
    #[must_use]
    pub fn plugins(mut self, register: impl FnOnce(&mut Plugins)) -> Self {
        register(&mut self.plugins);
        self
    }

    /// Runs the command with the arguments, the streams and the variables of the process. Returns its exit code.
    #[must_use]
    pub fn run(self) -> ExitCode {
        self.run_within(std::env::args_os(), Io::process()).into()
    }

    /// Runs the command with `arguments`, the first of which is its own name, within `io`.
    pub fn run_within(self, arguments: impl IntoIterator<Item = impl Into<OsString>>, io: Io) -> Exit {
        crate::execute(arguments, io, self.plugins)
    }
}

impl Default for Longshore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Longshore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Longshore").field("plugins", &self.plugins).finish()
    }
}
