//! Zigbee coordinators behind one contract.
//!
//! A driver is a sans-IO [`Session`]: bytes, requests and the current instant go in; bytes, events and
//! the next deadline come out. [`transport`] moves the bytes. Nothing here knows what a device's
//! messages mean.

pub mod backup;
mod contract;
pub mod detect;
mod instant;
mod secret;
pub mod transport;
pub mod znp;

pub use contract::*;
pub use instant::Instant;
pub use secret::Secret;
