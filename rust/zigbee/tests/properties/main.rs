//! Properties that hold for all values and for all bytes.

mod bytes;
mod foundation;
mod library;
mod ota;
mod values;
mod zdo;
