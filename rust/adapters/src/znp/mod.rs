//! Texas Instruments Z-Stack coordinators, driven through the MT ("monitor and test") protocol.
//!
//! [`frame`] and [`commands`] describe the wire and are public: the simulator speaks the other side of
//! it. Everything else is behind [`crate::Session`].

pub mod commands;
pub mod frame;
