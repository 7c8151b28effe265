//! AWS's own models of its APIs, as data.
//!
//! `shapes/` has a table for each API: the shapes that the inputs of some of its operations consist of, written by
//! `cargo xtask aws-shapes`. `facts/` adds what a model does not tell: defaults, sets, and the lists whose items have a
//! key. From both follow, for every member alike:
//! - [`Shape::read`]: a declared value as AWS takes it, or everything that is wrong with it;
//! - [`Shape::form`]: the normal form, in which declared and actual values are compared;
//! - [`Shape::overlay`]: one declaration laid over another.
//!
//! A member that AWS adds needs a new table, and nothing else.

mod facts;
mod finding;
mod form;
mod model;
mod overlay;
mod read;
mod tables;
#[cfg(test)]
mod tests;
mod units;

pub use finding::{Finding, Kind};
pub use form::{Change, Extent, Form, Path};
pub use model::{Member, Model, Shape};
