//! What dealing with the world outside of the program takes.
//!
//! Servers and child processes live in real time, even where the program itself runs on tokio's paused clock
//! ([`RealTime`]); they are reached through the proxy that the environment names ([`check_proxies`]); and what they say is
//! shown to people, but not trusted ([`Words`]).

mod proxy;
mod real_time;
mod words;

pub use proxy::check_proxies;
pub use real_time::RealTime;
pub use words::Words;
