//! What waits to be sent to the broker.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;

use crate::core::Publish;

/// Memory that may wait, in bytes. A burst of 20,000 reports stays below it; a broker that takes nothing
/// for longer must not eat the memory of the host.
const LIMIT: usize = 8 * 1024 * 1024;
/// From here on only the newest retained message of a topic waits. Below it every one is sent, as
/// subscribers see them all.
const PRESSURE: usize = LIMIT / 2;
/// Memory at which the connection is given up. Retained messages alone reach it; what a new connection
/// begins with replaces them all. The lists and discovery messages of 500 devices have a fifth of it.
const HARD_LIMIT: usize = 64 * 1024 * 1024;
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

    fn retained_topic(&self) -> Option<&Arc<str>> {
        match self {
            Self::Publish(publish) if publish.retain => Some(&publish.topic),
            _ => None,
        }
    }
}

/// A bounded queue to the broker. When the broker is too slow the oldest messages that it would not
/// store go; of retained ones the newest of each topic stays.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: RefCell<Queue>,
    pub(super) notify: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// By their place, which grows.
    items: BTreeMap<i64, Item>,
    next: i64,
    /// The sum of their sizes. Nothing changes an item while it waits, so that it goes with the size
    /// that it came with.
    bytes: usize,
    /// Places of what may be dropped, oldest first.
    droppable: VecDeque<i64>,
    /// The last place of each topic's retained message, while much waits.
    retained: Option<HashMap<Arc<str>, i64>>,
    /// Counts connections. What was meant for an earlier one is not sent on a later one.
    session: u64,
    dropped: u64,
    /// The hard limit was reached: nothing more is taken for this connection.
    overfull: bool,
}

impl Queue {
    fn push(&mut self, mut item: Item) {
        if self.bytes + item.size() > PRESSURE {
            let retained = self.retained.get_or_insert_with(|| {
                let topic = |(place, item): (&i64, &Item)| {
                    Some((Arc::clone(item.retained_topic()?), *place))
                };
                self.items.iter().filter_map(topic).collect()
            });
            // In the place of the older one: no message that waits is older than it.
            let older = item
                .retained_topic()
                .and_then(|topic| retained.get(topic))
                .and_then(|place| self.items.get_mut(place));
            if let Some(older) = older {
                self.bytes += item.size();
                std::mem::swap(older, &mut item);
                self.bytes -= item.size();
                self.shrink();
                return;
            }
        }
        let place = self.next;
        self.next += 1;
        self.bytes += item.size();
        if item.may_be_dropped() {
            self.droppable.push_back(place);
        } else if let (Some(topic), Some(retained)) = (item.retained_topic(), &mut self.retained) {
            retained.insert(Arc::clone(topic), place);
        }
        self.items.insert(place, item);
        self.shrink();
    }

    /// Drops what may be dropped down to the limit.
    fn shrink(&mut self) {
        while self.bytes > LIMIT {
            let Some(place) = self.droppable.pop_front() else {
                break;
            };
            if let Some(dropped) = self.items.remove(&place) {
                self.bytes -= dropped.size();
                self.dropped += 1;
            }
        }
        if self.bytes > HARD_LIMIT {
            self.clear();
            self.overfull = true;
        }
    }

    fn pop(&mut self) -> Option<(i64, Item)> {
        let (place, item) = self.items.pop_first()?;
        self.bytes -= item.size();
        // Both are in the order of their places.
        if self.droppable.front() == Some(&place) {
            self.droppable.pop_front();
        }
        if self.bytes < PRESSURE / 2 {
            self.retained = None;
        } else if let (Some(topic), Some(retained)) = (item.retained_topic(), &mut self.retained)
            && retained.get(topic) == Some(&place)
        {
            retained.remove(topic);
        }
        Some((place, item))
    }

    /// Before all others.
    fn unpop(&mut self, item: Item) {
        let first = self.items.first_key_value();
        let place = first.map_or(self.next, |(place, _)| *place) - 1;
        self.bytes += item.size();
        if item.may_be_dropped() {
            self.droppable.push_front(place);
        }
        self.items.insert(place, item);
    }

    fn clear(&mut self) {
        self.items.clear();
        self.droppable.clear();
        self.retained = None;
        self.bytes = 0;
    }
}

impl Outbox {
    /// Adds something for the connection `session`. Call [`Outbox::wake`] after the last of a batch.
    pub fn push(&self, session: u64, item: Item) {
        let mut queue = self.queue.borrow_mut();
        if session == queue.session && !queue.overfull {
            queue.push(item);
        }
    }

    /// Lets the client look.
    pub fn wake(&self) {
        self.notify.notify_one();
    }

    /// Messages dropped since the last call.
    pub fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.queue.borrow_mut().dropped)
    }

    /// A new connection: what waited for the old one is gone.
    pub(super) fn start_session(&self) -> u64 {
        let mut queue = self.queue.borrow_mut();
        queue.clear();
        queue.overfull = false;
        queue.session += 1;
        queue.session
    }

    /// The connection is gone: nothing is taken until the next.
    pub(super) fn end_session(&self) {
        self.start_session();
    }

    /// True when the broker let so much wait that the connection has to be given up.
    pub(super) fn is_overfull(&self) -> bool {
        self.queue.borrow().overfull
    }

    /// How many messages wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.borrow().items.len()
    }

    pub(super) fn pop(&self) -> Option<Item> {
        self.queue.borrow_mut().pop().map(|(_, item)| item)
    }

    /// Puts back what could not be sent yet.
    pub(super) fn unpop(&self, item: Item) {
        self.queue.borrow_mut().unpop(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::Qos;

    fn publish(topic: &str, length: usize, retain: bool) -> Item {
        Item::Publish(Publish {
            topic: Arc::from(topic),
            payload: vec![0; length],
            qos: Qos::AtMostOnce,
            retain,
            expiry: None,
            common: None,
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
        assert_eq!(outbox.queue.borrow().bytes, 0);
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

    fn payloads(outbox: &Outbox) -> Vec<(String, usize)> {
        std::iter::from_fn(|| outbox.pop())
            .filter_map(|item| match item {
                Item::Publish(publish) => Some((publish.topic.to_string(), publish.payload.len())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn only_the_newest_retained_message_of_a_topic_waits_when_much_waits() {
        let outbox = Outbox::default();
        let session = outbox.start_session();
        // Little waits: subscribers get every one.
        outbox.push(session, publish("t", 1, true));
        outbox.push(session, publish("t", 2, true));
        outbox.push(session, publish("big", PRESSURE, true));
        for length in 3..2000 {
            outbox.push(session, publish("t", length, true));
            outbox.push(session, publish("big", PRESSURE, true));
        }
        assert!(!outbox.is_overfull());
        assert_eq!(
            payloads(&outbox),
            [
                ("t".into(), 1),
                ("t".into(), 1999),
                ("big".into(), PRESSURE)
            ]
        );
        assert_eq!(outbox.queue.borrow().bytes, 0);
        assert!(outbox.queue.borrow().retained.is_none());
    }

    #[test]
    fn what_is_put_back_stays_first_and_can_still_be_dropped() {
        let outbox = Outbox::default();
        let session = outbox.start_session();
        outbox.push(session, publish("a", 1, false));
        outbox.push(session, publish("b", 2, false));
        let first = outbox.pop().unwrap();
        outbox.unpop(first);
        assert_eq!(payloads(&outbox), [("a".into(), 1), ("b".into(), 2)]);
        outbox.push(session, publish("c", 3, false));
        let last = outbox.pop().unwrap();
        outbox.unpop(last);
        outbox.push(session, publish("d", LIMIT, true));
        assert_eq!(outbox.take_dropped(), 1);
        assert_eq!(payloads(&outbox), [("d".into(), LIMIT)]);
    }

    #[test]
    fn retained_messages_without_end_end_the_connection() {
        let outbox = Outbox::default();
        let session = outbox.start_session();
        for number in 0..=HARD_LIMIT / (1 << 20) {
            outbox.push(session, publish(&number.to_string(), 1 << 20, true));
        }
        assert!(outbox.is_overfull());
        assert_eq!(outbox.pop(), None);
        outbox.push(session, publish("later", 1, true));
        assert_eq!(outbox.pop(), None);
        let session = outbox.start_session();
        assert!(!outbox.is_overfull());
        outbox.push(session, publish("now", 1, true));
        assert!(outbox.pop().is_some());
    }
}
