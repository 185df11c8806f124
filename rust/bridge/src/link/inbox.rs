//! What waits for one client.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Told;

/// Bytes that may wait: the lists and states of a thousand devices several times over.
const LIMIT: usize = 32 * 1024 * 1024;
/// What a message takes besides topic and payload.
const OVERHEAD: usize = 96;
/// Messages that are handed out at once: the client's other work has its turn in between.
const BATCH: usize = 512;

/// A bounded queue of messages. Who puts them in never waits: when it is full, the oldest go.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Told>,
    bytes: usize,
    /// Messages that went since the client was last up to date.
    lost: u64,
    /// All that ever went.
    dropped: u64,
    ended: bool,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits.
    Waits,
    /// It waits, and older ones went for it; the first since the client was up to date.
    Displaces,
}

/// What there is for a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Messages in their order, at least one.
    Messages {
        messages: Vec<Told>,
        /// The client is up to date again, after this many messages were lost.
        lost: u64,
    },
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing will come.
    Ended,
}

impl Inbox {
    pub(super) fn push(&self, message: Told) -> Pushed {
        let mut queue = self.queue();
        if queue.ended {
            return Pushed::Waits;
        }
        queue.bytes += size(&message);
        queue.messages.push_back(message);
        let lost = queue.lost;
        while queue.bytes > LIMIT
            && let Some(oldest) = queue.messages.pop_front()
        {
            // `bytes` is the sum of the sizes of what waits, here and in `take`.
            queue.bytes -= size(&oldest);
            queue.lost += 1;
            queue.dropped += 1;
        }
        let displaces = lost == 0 && queue.lost > 0;
        drop(queue);
        self.changed.notify_waiters();
        if displaces {
            Pushed::Displaces
        } else {
            Pushed::Waits
        }
    }

    pub(super) fn take(&self) -> Taken {
        let mut queue = self.queue();
        let count = queue.messages.len().min(BATCH);
        if count == 0 {
            return if queue.ended {
                Taken::Ended
            } else {
                Taken::Nothing
            };
        }
        let messages: Vec<_> = queue.messages.drain(..count).collect();
        let bytes: usize = messages.iter().map(size).sum();
        queue.bytes -= bytes;
        let lost = if queue.messages.is_empty() {
            std::mem::take(&mut queue.lost)
        } else {
            0
        };
        Taken::Messages { messages, lost }
    }

    /// True when [`Inbox::take`] has something to say.
    pub(super) fn is_ready(&self) -> bool {
        let queue = self.queue();
        queue.ended || !queue.messages.is_empty()
    }

    /// Waits until [`Inbox::is_ready`]. Takes nothing, so that nothing is lost when it is dropped.
    pub(super) async fn ready(&self) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Before looking: what comes after that is not missed.
            changed.as_mut().enable();
            if self.is_ready() {
                return;
            }
            changed.await;
        }
    }

    /// Nothing more will come; what waits can still be taken.
    pub(super) fn end(&self) {
        self.queue().ended = true;
        self.changed.notify_waiters();
    }

    /// The client takes nothing any more.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        queue.ended = true;
        queue.messages = VecDeque::new();
        queue.bytes = 0;
        drop(queue);
        self.changed.notify_waiters();
    }

    pub(super) fn dropped(&self) -> u64 {
        self.queue().dropped
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn size(message: &Told) -> usize {
    message.topic.len() + message.payload.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;

    fn told(topic: usize, length: usize) -> Told {
        Told {
            topic: Arc::from(topic.to_string()),
            payload: Bytes::from(vec![0; length]),
            stored: false,
        }
    }

    fn topics(taken: Taken) -> (Vec<usize>, u64) {
        match taken {
            Taken::Messages { messages, lost } => {
                let topics = messages.iter().map(|told| told.topic.parse().unwrap());
                (topics.collect(), lost)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn messages_come_out_in_order_and_in_portions() {
        let inbox = Inbox::default();
        assert_eq!(inbox.take(), Taken::Nothing);
        for number in 0..BATCH + 2 {
            assert_eq!(inbox.push(told(number, 1)), Pushed::Waits);
        }
        assert_eq!(topics(inbox.take()), ((0..BATCH).collect(), 0));
        assert_eq!(topics(inbox.take()), (vec![BATCH, BATCH + 1], 0));
        assert_eq!(inbox.queue().bytes, 0);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many_and_that_is_said_once() {
        let inbox = Inbox::default();
        let mut displaced = Vec::new();
        for number in 0..100 {
            if inbox.push(told(number, 1024 * 1024)) == Pushed::Displaces {
                displaced.push(number);
            }
        }
        assert_eq!(displaced, [31]);
        assert_eq!(topics(inbox.take()), ((69..100).collect(), 69));
        inbox.push(told(100, 1));
        assert_eq!(topics(inbox.take()), (vec![100], 0));
        assert_eq!(inbox.dropped(), 69);
    }

    #[tokio::test]
    async fn the_end_comes_after_what_waits_and_closing_takes_that_away() {
        let inbox = Inbox::default();
        inbox.push(told(1, 1));
        inbox.end();
        inbox.push(told(2, 1));
        inbox.ready().await;
        assert_eq!(topics(inbox.take()), (vec![1], 0));
        inbox.ready().await;
        assert_eq!(inbox.take(), Taken::Ended);

        let inbox = Inbox::default();
        inbox.push(told(1, 1));
        inbox.close();
        assert_eq!(inbox.take(), Taken::Ended);
    }

    #[tokio::test]
    async fn who_waits_is_woken_and_all_who_wait_are() {
        let inbox = Inbox::default();
        let ((), (), _) = tokio::join!(inbox.ready(), inbox.ready(), async {
            inbox.push(told(1, 1))
        });
    }
}
