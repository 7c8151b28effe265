//! The behaviour suites that every plugin of a kind passes, Longshore's own and other people's.
//!
//! A plugin's tests implement the `Harness` of its kind, which makes the plugin and looks behind it, and call the suite.
//! Each case gets a harness of its own, so that no case sees what another left:
//!
//! ```no_run
//! # use longshore_testkit::store;
//! # async fn example<H: store::Harness>(make: impl AsyncFn() -> H) {
//! store::suite(make).await;
//! # }
//! ```
//!
//! The plugin's capabilities choose the cases: a store that cannot rotate is not asked to, but has to say so. A case
//! that is left out is named in the [`Report`]. A harness whose backend is missing panics when it is made, and its
//! suite fails.
//!
//! `tests/it` of this crate holds a complete example: a store in memory, its harness, and its suite.

pub mod deployer;
pub mod minter;
mod report;
pub mod role;
pub mod source;
mod stack;
pub mod step;
pub mod store;
mod told;
pub mod value;

pub use report::Report;
pub use stack::stack;
pub use told::{Told, shown, suite_name};
