//! The core: devices, interviews, queues, state. One pure state machine.
//!
//! [`Hub::handle`] takes the current time and an input, and gives outputs. No clock is read, no task
//! spawned, no random number drawn inside; the same inputs give the same outputs. Procedures of many
//! steps are `async fn`s on the hub's own executor, which polls them in a fixed order.

mod contract;

pub use contract::*;
