//! What discovery messages are made of, to know when they change.

use std::sync::Arc;

use devices::{Definition, JsonMap};
use zigbee::{EndpointId, IeeeAddress};

use super::Bridge;

/// A definition; the same one, not an equal one.
#[derive(Debug, Clone)]
pub(crate) struct Same(pub(crate) Arc<Definition>);

impl PartialEq for Same {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// What the messages of somebody are made of; while it stays the same, so do they.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Facts {
    Bridge(Bridge),
    Device {
        definition: Same,
        name: Arc<str>,
        options: Arc<JsonMap>,
        software: Option<String>,
        hardware: Option<u8>,
        scenes: Vec<(u64, String)>,
        availability: bool,
    },
    Group {
        name: Arc<str>,
        options: Arc<JsonMap>,
        /// Members, and the version of their own messages.
        members: Vec<(IeeeAddress, EndpointId, u64)>,
        scenes: Vec<(u64, String)>,
        availability: bool,
    },
}
