//! Plugins in any language: programs that speak JSON lines on standard input and output.
//!
//! ```toml
//! [registries.quay]
//! use = "process"
//! host = "quay.io"
//! program = ["longshore-credential-vault"]   # a path counts from the file's directory
//! sha256 = "9f86d081…"                       # of the program's file
//! environment = ["VAULT_ADDR"]               # what it inherits besides PATH, HOME, LANG, LC_ALL and TZ
//! secrets.token = { env = "VAULT_TOKEN" }    # goes over its standard input
//! timeout = "30s"
//! path = "kv/quay"                           # its own options, which its schema describes
//! ```
//!
//! The adapters implement the traits of credential sources, secret values, secret stores and steps, and know no program.
//! `docs/plugins.md` is the protocol.

mod connection;
mod credential_source;
mod declaration;
mod kubelet;
mod probe;
mod process;
mod processes;
mod protocol;
mod schema;
mod secret_store;
mod secret_value;
mod step;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use std::sync::Arc;

use longshore_credential::Environment;
use longshore_plugin::{Extensions, Plugins};

pub use probe::Probe;
pub use processes::Processes;
pub use protocol::{Announced, ErrorAnswer, ErrorKind, Hello, Kind, LINE_LIMIT, PROTOCOL};
pub use schema::{Format, Schema, Type};

/// The name by which a configuration uses a program as a plugin.
pub const PROCESS: &str = "process";

/// Adds the plugins `process` and the credential source `kubelet-provider`. Programs are kept in the lent [`Processes`], which ends them with the run, and get the
/// variables of the lent [`Environment`]. Secret values that are no programs stay those of [`longshore_credential`].
pub fn register(plugins: &mut Plugins) {
    plugins
        .add_credential_source(PROCESS, |options, extensions| {
            credential_source::build(options, &Lent::of(extensions))
        })
        .summary("A program of your own that yields a credential")
        .document("plugins.md");
    plugins
        .add_credential_source(kubelet::KUBELET_PROVIDER, |options, extensions| {
            kubelet::build(options, &Lent::of(extensions))
        })
        .summary("A credential provider of the kubelet")
        .document("plugins.md");
    plugins
        .add_secret_store(PROCESS, |options, extensions| secret_store::build(options, &Lent::of(extensions)))
        .summary("A program of your own that keeps secrets")
        .document("plugins.md");
    plugins
        .add_step_plugin(PROCESS, |_, extensions| Ok(Arc::new(step::Programs { lent: Lent::of(extensions) })))
        .summary("A program of your own with plans, outputs and a removal")
        .document("plugins.md");
    plugins.set_secret_values(|options, extensions| {
        if secret_value::is_program(options) {
            secret_value::build(options, &Lent::of(extensions))
        } else {
            longshore_credential::secret_value(options, extensions)
        }
    });
}

/// The things that the host lends.
pub(crate) struct Lent {
    environment: Environment,
    processes: Processes,
}

impl Lent {
    fn of(extensions: &Extensions) -> Self {
        Self {
            environment: extensions.get::<Environment>().map(Arc::unwrap_or_clone).unwrap_or_default(),
            processes: extensions.get::<Processes>().map(Arc::unwrap_or_clone).unwrap_or_default(),
        }
    }

    /// Returns the program of `declaration`, which other parts of the run may share.
    fn process(&self, declaration: declaration::Declaration, kind: Kind) -> Arc<process::Process> {
        self.processes.share(process::Process::new(declaration, kind, self.environment.clone()))
    }
}
