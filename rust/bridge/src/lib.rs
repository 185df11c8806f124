//! The edge.

pub mod data;
