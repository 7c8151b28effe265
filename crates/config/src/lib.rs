//! Layered configuration: from files, environment and flags to one checked stack.
//!
//! The layers are, from the lowest to the highest: defaults, definition files, `DIR/base.toml`, `DIR/ENVIRONMENT.toml`, `LONGSHORE_…`
//! variables, `--set key=value`. They are merged: tables key by key, everything else whole; a table that says where
//! a credential is found (`token`, `password`) is replaced whole too. `docs/configuration.md` has every key.
//!
//! [`load`] reports everything that is wrong at once, each problem with the place that set the key. Plugins judge their
//! own options: [`load`] asks them in the same run, and [`Loaded::locate`] finds the place of what they notice
//! later.

mod check;
mod defaults;
mod errors;
mod layers;
mod listing;
mod loaded;
mod merge;
mod origin;
mod placeholders;
#[cfg(test)]
mod tests;

pub use check::{PluginKind, PluginUse};
pub use errors::{ConfigError, ConfigErrors};
pub use layers::{Layers, OWN_VARIABLES, environments};
pub use listing::Entry;
pub use loaded::{Contributions, Loaded, load};
pub use origin::Origin;
