//! Zigbee's bytes and their meaning: addresses, ZCL types and frames, the cluster library, ZDO.
//!
//! Everything here is parse and emit. There is no I/O, no clock and no knowledge of any coordinator.
//! A parser takes a byte slice and gives an owned value or a [`ParseError`]; it never panics and
//! never allocates more than a small multiple of the slice. Code points that are not known are kept
//! as numbers, so that emitting what was parsed gives the same bytes.

pub mod address;
#[rustfmt::skip]
#[allow(
    clippy::unreadable_literal,
    clippy::wildcard_imports,
    reason = "tables, written by a program"
)]
mod generated;
pub mod ids;
pub mod json;
pub mod library;
pub mod lumi;
pub mod ota;
pub mod wire;
pub mod zcl;
pub mod zdo;

pub use address::{ExtendedPanId, GroupId, IeeeAddress, NwkAddress, PanId};
pub use ids::{
    AttributeId, ClusterId, CommandId, DeviceId, EndpointId, ManufacturerCode, ProfileId,
};
pub use wire::{ParseError, Reader, Writer};
