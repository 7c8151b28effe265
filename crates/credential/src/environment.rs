//! The process environment, as a seam.

use std::{ffi::OsString, fmt, sync::Arc};

/// Looks up environment variables. A host lends another one than the process's as an
/// [extension](longshore_plugin::Extensions), for example in a test.
#[derive(Clone)]
pub struct Environment(Arc<LookUp>);

type LookUp = dyn Fn(&str) -> Option<OsString> + Send + Sync;

impl Environment {
    /// An environment of variables that `look_up` finds.
    pub fn new(look_up: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static) -> Self {
        Self(Arc::new(look_up))
    }

    /// The value of the variable `name`, if it is set.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(name)
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
