//! The other side of the wire: simulated coordinators with simulated devices around them.
//!
//! [`Stick`] is pure: bytes and instants in, bytes and a deadline out. It speaks Texas Instruments' MT
//! protocol as CC2652 (Z-Stack 3.x.0) and CC2531 (Home 1.2, 3.0.x) do, byte for byte. Around it live
//! [`Device`]s, built from data ([`Model`]), that join, answer, report, sleep and fail.
//! [`Simulator`] runs a stick in real time and serves it over any stream, TCP or a pseudo terminal.
//!
//! ```
//! use adapters::Instant;
//! use simulator::{Stick, StickConfig};
//!
//! let mut stick = Stick::new(StickConfig::default())?;
//! // SYS.ping, and its answer: what this firmware can do.
//! stick.receive(Instant(0), &[0xfe, 0x00, 0x21, 0x01, 0x20]);
//! let answer = stick.output();
//! assert_eq!(answer.as_deref(), Some(&[0xfe, 0x02, 0x61, 0x01, 0x59, 0x06, 0x3d][..]));
//! # Ok::<(), simulator::ImageError>(())
//! ```
//!
//! Devices are added with [`Stick::add`] or [`Stick::add_known`], join with [`Stick::join`], and do what
//! people do with them by [`Stick::act`]; [`Simulator::control`] takes the same as JSON and lists all
//! commands. `cargo run -p ferrobee-simulator -- --help` is the same as a program.

mod control;
mod data;
mod device;
mod fleet;
mod hex;
mod load;
#[cfg(unix)]
mod pty;
mod random;
mod schedule;
mod simulator;
mod stick;

pub use control::ControlError;

pub use data::{database, write_data};
pub use device::{
    Action, ActionError, Answer, Attribute, Binding, BindingTarget, Command, Device, Endpoint,
    Incoming, Io, Model, ModelError, Node, Outgoing, Path, RuleSet, Target,
};
pub use device::{number, ota_image};
pub use fleet::{FleetError, Planned, plan};
pub use load::Load;
#[cfg(unix)]
pub use pty::Pty;
pub use simulator::{Simulator, StartError};
pub use stick::{
    Delivery, Firmware, ImageError, JoinError, LinkFaults, Network, NoDevice, Sent, SerialFaults,
    Stick, StickConfig, Timing, UnknownFirmware,
};
