//! The core: devices, interviews, queues, state. One pure state machine.
//!
//! [`Hub::handle`] takes the current time and an input, and gives outputs. No clock is read, no task
//! spawned, no random number drawn inside; the same inputs give the same outputs. Procedures of many
//! steps are `async fn`s on the hub's own executor, which polls them in a fixed order.

mod availability;
mod care;
mod civil;
mod commands;
mod contract;
mod core;
mod counters;
mod device_timers;
pub mod durable;
mod duties;
mod exchange;
mod executor;
mod functions;
mod groups;
mod hub;
mod learn;
mod network;
mod options;
pub mod ota;
mod polling;
mod procedures;
mod publish;
mod queue;
mod receive;
mod records;
mod registry;
mod scenes;
mod strangers;
mod timers;

pub use availability::Watched;
pub use contract::*;
pub use counters::{Counters, Traffic};
pub use durable::{DurableChange, DurableRows, DurableTimer, MissedPolicy, TimerDue};
pub use functions::{CallId, ConverterCall, FunctionCounters};
pub use hub::Hub;
pub use options::Filter;
pub use ota::{
    Fetch, FetchId, Fetched, Firmware, OtaCommand, OtaFile, OtaPacing, OtaPlace, OtaReply,
    OtaSettings, OtaSource,
};
