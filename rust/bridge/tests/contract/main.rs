//! The MQTT contract (shared/facts/mqtt-api.md) on the core, in virtual time, with a scripted radio.

mod house;

mod bad_input;
mod lists;
mod requests;
mod session;
mod states;
