//! The whole check, against scripted registries and over real sockets.

mod bodies;
mod failures;
mod handshake;
mod network;
mod patience;
mod platforms;
mod proofs;
mod redirects;
mod repeated;
mod script;
mod secrets;
mod trust;
