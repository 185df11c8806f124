//! YAML as the data directory uses it: a tree that knows where everything stands in the text, so that
//! an error can name its line and a change can leave the rest of the text, comments included, alone.
//!
//! Scalars mean what Zigbee2MQTT's reader (js-yaml, YAML 1.2 core schema) makes of them: `on` and `yes`
//! are texts, `0x1A62` is a number, `~` and nothing are null. One deviation: a plain `0x` with 16 digits,
//! which can only be an address, is a text, as are all keys.

mod edit;
mod node;
mod parse;
#[cfg(test)]
mod properties;
mod render;
mod scalar;

pub(crate) use edit::{Change, apply, changes};
pub(crate) use parse::Document;
pub(crate) use scalar::resolve;
