//! What dealing with the world outside of the program takes.
//!
//! Servers and child processes live in real time, even where the program itself runs on tokio's paused clock
//! ([`RealTime`]); and what they say is shown to people, but not trusted ([`Words`]).

mod real_time;
mod words;

pub use real_time::RealTime;
pub use words::Words;
