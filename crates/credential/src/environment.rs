//! The process's surroundings, as a seam.

use std::{collections::BTreeSet, ffi::OsString, fmt, path::PathBuf, sync::Arc};

use crate::Vault;

/// Looks up environment variables, and what a cloud keeps. A host lends another one than the process's as an
/// [extension](longshore_plugin::Extensions), for example in a test.
#[derive(Clone)]
pub struct Environment {
    look_up: Arc<LookUp>,
    hidden: Arc<BTreeSet<String>>,
    vault: Option<Arc<dyn Vault>>,
    shows_errors: bool,
}

type LookUp = dyn Fn(&str) -> Option<OsString> + Send + Sync;

impl Environment {
    /// An environment of variables that `look_up` finds.
    pub fn new(look_up: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self { look_up: Arc::new(look_up), hidden: Arc::default(), vault: None, shows_errors: false }
    }

    /// The same environment, of which programs that are run do not inherit the variables `names`: they hold secrets that
    /// are none of the programs' business.
    #[must_use]
    pub fn hiding(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.hidden = Arc::new(names.into_iter().collect());
        self
    }

    /// The same environment, in which the words of programs that fail to yield a secret are shown if `shows` is true. They
    /// may hold the secret.
    #[must_use]
    pub fn showing_errors(mut self, shows: bool) -> Self {
        self.shows_errors = shows;
        self
    }

    /// Returns true if the words of programs that fail to yield a secret are shown.
    #[must_use]
    pub const fn shows_errors(&self) -> bool {
        self.shows_errors
    }

    /// The variables that programs do not inherit.
    pub fn hidden(&self) -> impl Iterator<Item = &str> {
        self.hidden.iter().map(String::as_str)
    }

    /// The same environment, with what a cloud keeps.
    #[must_use]
    pub fn with_vault(mut self, vault: Arc<dyn Vault>) -> Self {
        self.vault = Some(vault);
        self
    }

    /// Returns the reader of the values that a cloud keeps, if the host lends one.
    pub(crate) fn vault(&self) -> Option<&dyn Vault> {
        self.vault.as_deref()
    }

    /// Returns the program `name` in the first directory of `PATH` that has it. `None` if `PATH` is not set or no directory has
    /// it.
    pub async fn find_program(&self, name: &str) -> Option<PathBuf> {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        for directory in std::env::split_paths(&self.get("PATH")?) {
            let path = directory.join(&file);
            if tokio::fs::metadata(&path).await.is_ok_and(|metadata| metadata.is_file()) {
                return Some(path);
            }
        }
        None
    }

    /// The value of the variable `name`, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<OsString> {
        (self.look_up)(name)
    }
}

impl Default for Environment {
    /// The environment of the process.
    fn default() -> Self {
        Self::new(|name| std::env::var_os(name))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
