//! What waits to be sent to the broker.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use tokio::sync::Notify;

use crate::core::Publish;

/// Memory that may wait, in bytes. A burst of 20,000 reports stays below it; a broker that takes nothing
/// for longer must not eat the memory of the host.
const LIMIT: usize = 8 * 1024 * 1024;
/// What a message takes besides its payload.
const OVERHEAD: usize = 96;

/// Something to be sent.
#[derive(Debug, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Publish(Publish),
    /// Topic filters to subscribe to.
    Subscribe(Vec<String>),
    /// Topic filters to unsubscribe from.
    Unsubscribe(Vec<String>),
    /// Say goodbye once everything before is written.
    Disconnect,
}

impl Item {
    fn size(&self) -> usize {
        match self {
            Self::Publish(publish) => publish.payload.capacity() + OVERHEAD,
            Self::Subscribe(_) | Self::Unsubscribe(_) | Self::Disconnect => 0,
        }
    }

    fn may_be_dropped(&self) -> bool {
        matches!(self, Self::Publish(publish) if !publish.retain)
    }
}

/// A bounded queue to the broker. When the broker is too slow the oldest messages that it would not
/// store go; retained ones stay.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: RefCell<VecDeque<Item>>,
    bytes: Cell<usize>,
    /// Counts connections. What was meant for an earlier one is not sent on a later one.
    session: Cell<u64>,
    dropped: Cell<u64>,
    pub(super) notify: Notify,
}

impl Outbox {
    /// Adds something for the connection `session`. Call [`Outbox::wake`] after the last of a batch.
    pub fn push(&self, session: u64, item: Item) {
        if session != self.session.get() {
            return;
        }
        let mut queue = self.queue.borrow_mut();
        let mut bytes = self.bytes.get() + item.size();
        queue.push_back(item);
        while bytes > LIMIT {
            let Some(index) = queue.iter().position(Item::may_be_dropped) else {
                break;
            };
            if let Some(dropped) = queue.remove(index) {
                bytes -= dropped.size();
                self.dropped.set(self.dropped.get() + 1);
            }
        }
        self.bytes.set(bytes);
    }

    /// Lets the client look.
    pub fn wake(&self) {
        self.notify.notify_one();
    }

    /// Messages dropped since the last call.
    pub fn take_dropped(&self) -> u64 {
        self.dropped.take()
    }

    /// A new connection: what waited for the old one is gone.
    pub(super) fn start_session(&self) -> u64 {
        self.queue.borrow_mut().clear();
        self.bytes.set(0);
        self.session.set(self.session.get() + 1);
        self.session.get()
    }

    /// The connection is gone: nothing is taken until the next.
    pub(super) fn end_session(&self) {
        self.start_session();
    }

    pub(super) fn pop(&self) -> Option<Item> {
        let item = self.queue.borrow_mut().pop_front()?;
        self.bytes.set(self.bytes.get() - item.size());
        Some(item)
    }

    /// Puts back what could not be sent yet.
    pub(super) fn unpop(&self, item: Item) {
        self.bytes.set(self.bytes.get() + item.size());
        self.queue.borrow_mut().push_front(item);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::Qos;

    fn publish(topic: &str, length: usize, retain: bool) -> Item {
        Item::Publish(Publish {
            topic: Arc::from(topic),
            payload: vec![0; length],
            qos: Qos::AtMostOnce,
            retain,
        })
    }

    #[test]
    fn the_oldest_message_that_is_not_retained_goes_first() {
        let outbox = Outbox::default();
        let session = outbox.start_session();
        outbox.push(session, publish("a", LIMIT / 2, true));
        outbox.push(session, publish("b", LIMIT / 4, false));
        outbox.push(session, publish("c", LIMIT / 8, false));
        outbox.push(session, publish("d", LIMIT / 4, false));
        assert_eq!(outbox.take_dropped(), 1);
        let topics: Vec<_> = std::iter::from_fn(|| outbox.pop())
            .filter_map(|item| match item {
                Item::Publish(publish) => Some(publish.topic.to_string()),
                _ => None,
            })
            .collect();
        assert_eq!(topics, ["a", "c", "d"]);
        assert_eq!(outbox.bytes.get(), 0);
    }

    #[test]
    fn what_was_meant_for_an_earlier_connection_is_not_sent() {
        let outbox = Outbox::default();
        let old = outbox.start_session();
        outbox.push(old, publish("a", 1, true));
        let new = outbox.start_session();
        outbox.push(old, publish("b", 1, true));
        assert_eq!(outbox.pop(), None);
        outbox.push(new, publish("c", 1, false));
        assert!(outbox.pop().is_some());
    }
}
