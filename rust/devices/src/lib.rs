//! What devices are and what their messages mean.
//!
//! A [`Definition`] is data: what a device exposes and how each value is decoded, encoded, read and
//! configured. The built-in [`Catalogue`], a user's Python converter and the generic fallback all
//! produce the same `Definition`, and the engine in this crate runs it. The engine does no I/O:
//! decoding is a pure function, and everything that talks to the device is an `async fn` over
//! [`Io`], which the hub implements.

mod device;
mod engine;
mod io;
mod payload;

pub use device::{Attributes, Binding, DeviceInfo, DeviceKind, Endpoint, Reporting};
pub use engine::{
    Catalogue, Decoded, Definition, Effect, KeyError, Memory, Message, MessageKind, Problem,
    SetOutcome, SetRequest,
};
pub use io::{Io, LocalFuture, Operation, OperationError, OperationReply};
pub use payload::Payload;

/// A JSON object, as published on MQTT.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;
