//! AWS Identity and Access Management: roles, policies, and what they permit.

mod authorize;
mod delayed;
mod managed;
mod state;

pub use authorize::Denial;
pub use state::{CustomerPolicy, Grants, Iam, Role};

pub use crate::policy::{Context, Decision};
