//! The MQTT client.
//!
//! rumqttc gives the packets of both versions ([`codec`]); the loop around them is our own ([`client`]), as
//! rumqttc's flushes after every packet, which costs a system call for each report. Here everything that
//! waits is encoded and goes out in one write. [`protocol`] is what both versions have in common.
//!
//! Nothing waits for the broker: what is to be sent goes into the bounded [`Outbox`].

mod client;
mod codec;
mod flight;
mod options;
mod outbox;
mod protocol;
mod stream;
mod tls;
mod websocket;

pub use client::{Event, run};
pub use options::{Options, OptionsError, ServerError};
pub(crate) use options::{SERVER_FIX, Server};
pub use outbox::{Item, Outbox};
pub(crate) use tls::{TlsStream, check_certificates, check_identity, check_key};
