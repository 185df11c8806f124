//! What devices are and what their messages mean.
//!
//! A [`Definition`] is data: what a device exposes and how each value is decoded, encoded, read and
//! configured. The built-in [`Catalogue`], a user's Python converter and the generic fallback all
//! produce the same `Definition`, and the engine in this crate runs it. The engine does no I/O:
//! decoding is a pure function, and everything that talks to the device is an `async fn` over
//! [`Io`], which the hub implements.
//!
//! A definition's capabilities are taken from a closed set of primitives (`primitives/`): each gives
//! all of exposes, decoding, encoding, reading and options from one set of parameters.

mod addressed;
mod adjust;
mod bench;
mod catalogue;
mod check;
mod color;
mod configure;
mod converters;
mod decode;
mod definition;
mod device;
mod encode;
mod error;
pub mod expose;
mod function;
mod generated;
mod generic;
mod io;
mod keep;
mod message;
mod number;
mod origin;
mod payload;
mod primitives;
mod scenes;
mod structure;
mod timer;

pub use bench::{Bench, Frame as BenchFrame};
pub use catalogue::Catalogue;
pub use check::check;
pub use converters::{Converter, ConverterSet};
pub use definition::Definition;
pub use device::{Attributes, Binding, DeviceInfo, DeviceKind, Endpoint, Reporting};
pub use error::DefinitionError;
pub use expose::{Expose, ExposeKind};
pub use function::{FunctionCall, FunctionError, FunctionReply, Purpose};
pub use io::{Io, LocalFuture, Member, Operation, OperationError, OperationReply};
pub use message::{
    Decoded, Effect, KeyError, Memory, Message, MessageKind, Problem, SetOutcome, SetRequest,
    TellTime,
};
pub use origin::{Origin, OriginKind};
pub use payload::Payload;
pub use scenes::{REMEMBERED, SceneChange, recalled};

/// A JSON object, as published on MQTT.
pub type JsonMap = serde_json::Map<String, serde_json::Value>;
