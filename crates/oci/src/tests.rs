//! The whole check, against scripted registries and over real sockets.

mod failures;
mod handshake;
mod network;
mod patience;
mod platforms;
mod repeated;
mod script;
mod secrets;
mod trust;
