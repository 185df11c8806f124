//! Which packets wait for their acknowledgement.

use std::collections::BTreeSet;

/// The identifiers of packets under way, on one connection. Sessions begin clean, so nothing is ever
/// sent again, and the packets themselves need not be kept.
#[derive(Debug)]
pub(super) struct Flight {
    limit: usize,
    last: u16,
    messages: BTreeSet<u16>,
    subscriptions: BTreeSet<u16>,
}

impl Flight {
    /// At most `limit` messages are under way at once.
    pub(super) fn new(limit: u16) -> Self {
        Self {
            limit: usize::from(limit),
            last: 0,
            messages: BTreeSet::new(),
            subscriptions: BTreeSet::new(),
        }
    }

    /// The broker takes no more than this at once.
    pub(super) fn lower(&mut self, limit: u16) {
        self.limit = self.limit.min(usize::from(limit.max(1)));
    }

    /// An identifier for a message; `None` when too many are under way.
    pub(super) fn message(&mut self) -> Option<u16> {
        if self.messages.len() >= self.limit {
            return None;
        }
        let id = self.free();
        self.messages.insert(id);
        Some(id)
    }

    /// An identifier for a subscription or its end.
    pub(super) fn subscription(&mut self) -> u16 {
        let id = self.free();
        self.subscriptions.insert(id);
        id
    }

    /// A message has come to its end. One that nobody sent is no harm.
    pub(super) fn end_message(&mut self, id: u16) {
        self.messages.remove(&id);
    }

    /// A subscription was answered.
    pub(super) fn end_subscription(&mut self, id: u16) {
        self.subscriptions.remove(&id);
    }

    /// The next identifier that nobody uses. There is one: a broker that leaves tens of thousands of
    /// subscriptions unanswered gets identifiers again.
    fn free(&mut self) -> u16 {
        for _ in 0..u16::MAX {
            self.last = self.last.checked_add(1).unwrap_or(1);
            if !self.messages.contains(&self.last) && !self.subscriptions.contains(&self.last) {
                break;
            }
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_packets_under_way_have_the_same_identifier() {
        let mut flight = Flight::new(3);
        let slow = flight.message().unwrap();
        let question = flight.subscription();
        for _ in 0..2 * u32::from(u16::MAX) {
            let id = flight.message().unwrap();
            assert!(id != 0 && id != slow && id != question);
            flight.end_message(id);
        }
    }

    #[test]
    fn only_so_many_messages_are_under_way() {
        let mut flight = Flight::new(3);
        flight.lower(2);
        let first = flight.message().unwrap();
        assert!(flight.message().is_some());
        assert_eq!(flight.message(), None);
        flight.end_message(first);
        // Again, and one that was never sent.
        flight.end_message(first);
        flight.end_message(999);
        assert!(flight.message().is_some());
        assert_eq!(flight.message(), None);
    }
}
