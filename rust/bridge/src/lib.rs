//! The edge: the MQTT contract, the data directory, and the runtime that feeds the hub.

pub mod core;
pub mod data;
mod filter;
mod homeassistant;
pub mod journal;
pub mod json;
pub mod link;
pub mod mqtt;
pub mod ota;
pub mod runtime;
pub mod web;
