//! AWS Key Management Service, as much as secrets need: keys, aliases, and who may decrypt.

mod decrypt;
mod state;

pub use decrypt::decrypt;
pub use state::{Key, Kms};
