//! The MQTT contract (shared/facts/mqtt-api.md) on the core, in virtual time, with a scripted radio.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: a panic is how it fails"
)]

mod external;
mod frontend;
mod groups;
mod house;

mod action;
mod availability;
mod bad_input;
mod binds;
mod bound_lights;
mod closures;
mod converters;
mod group_states;
mod health;
mod homeassistant;
mod install_codes;
mod lights;
mod lists;
mod locals;
mod near_misses;
mod networkmap;
mod options;
mod ota;
mod reporting;
mod requests;
mod scenes;
mod session;
mod sockets;
mod states;
mod touchlink;
mod unknown;
