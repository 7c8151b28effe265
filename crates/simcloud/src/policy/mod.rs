//! IAM's policy language: documents, and what they say about a request.
//!
//! Follows the IAM user guide's "JSON policy element reference" and "Policy evaluation logic". Not known:
//! `NotPrincipal`'s session subtleties, tags of principals, and service control policies.

mod condition;
mod context;
mod document;
mod parse;
mod pattern;
mod principal;
mod services;

pub use context::Context;
pub use document::{Decision, Document, Effect, Request, Statement};
pub use parse::{Kind, Malformed};
pub use principal::{Principal, Who};

pub(crate) use principal::Naming;

pub(crate) use pattern::glob;

#[cfg(test)]
mod tests;
