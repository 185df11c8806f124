//! What is counted per device, for health and metrics.

use std::collections::BTreeMap;

/// Counts since the hub started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages received.
    pub messages: u64,
    /// Messages that were repetitions of the one before.
    pub duplicates: u64,
    /// Messages that could not be parsed at all.
    pub malformed: u64,
    /// Messages that broke the specification but were understood.
    pub violations: u64,
    /// What definitions could not understand, by kind.
    pub problems: BTreeMap<&'static str, u64>,
    /// Exchanges begun: requests handed to the coordinator.
    pub requests: u64,
    /// Requests that could not be delivered.
    pub undelivered: u64,
    /// Requests that were delivered but not answered in time.
    pub unanswered: u64,
    /// Requests that were given up in the queue (time limit, newer value), and answers that could not
    /// be sent in time.
    pub dropped: u64,
}

/// What `bridge/health` tells of a device (shared/facts/mqtt-api.md §11.9): counts since the start, or
/// since [`crate::Command::ResetTraffic`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages received, announces among them.
    pub messages: u64,
    /// When the first of them came, milliseconds since 1970.
    pub first: Option<i64>,
    /// Times that it left.
    pub leaves: u64,
    /// Times that its network address changed.
    pub address_changes: u64,
}

impl Traffic {
    /// A message came.
    pub(crate) fn heard(&mut self, unix_ms: i64) {
        self.messages += 1;
        self.first.get_or_insert(unix_ms);
    }
}
