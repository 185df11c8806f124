//! Texas Instruments Z-Stack coordinators, driven through the MT ("monitor and test") protocol.
//!
//! [`frame`] and [`commands`] describe the wire and are public: the simulator speaks the other side of
//! it. [`ZnpSession`] is the driver. Inside, a small executor runs straight-line procedures
//! (start-up, one per request) over shared state; each waits for the stick or for time only.

mod addresses;
mod backup;
pub mod commands;
mod core;
mod data;
mod endpoints;
mod executor;
mod firmware;
mod form;
pub mod frame;
mod indications;
mod interpan;
mod nv;
mod plan;
mod recovery;
mod requester;
mod requests;
mod restore;
mod scheduler;
mod session;
mod startup;
mod status;
mod structs;
mod zdo;

pub use session::ZnpSession;
