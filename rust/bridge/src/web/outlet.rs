//! What waits to be sent to one web client.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Bytes that may wait. The lists and states of a thousand devices are a third of it. Most frames are
/// shared by all clients, so that many slow ones need little more memory than one.
const LIMIT: usize = 32 * 1024 * 1024;
/// What a frame takes besides its text.
const OVERHEAD: usize = 64;
/// Bytes that are handed out at once.
const BATCH: usize = 256 * 1024;

/// The bounded queue of one client.
#[derive(Debug)]
pub struct Outlet {
    peer: String,
    queue: Mutex<Queue>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Nothing more is taken.
    ended: bool,
    /// Nor sent.
    cut: bool,
}

impl Outlet {
    pub(super) fn new(peer: String) -> Self {
        Self {
            peer,
            queue: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Where the client is.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Puts a frame in. False when the client is too slow: it is cut off.
    pub fn push(&self, frame: Bytes) -> bool {
        let mut queue = self.queue();
        if queue.ended {
            return true;
        }
        queue.bytes += frame.len() + OVERHEAD;
        queue.frames.push_back(frame);
        let fits = queue.bytes <= LIMIT;
        if !fits {
            *queue = Queue {
                ended: true,
                cut: true,
                ..Queue::default()
            };
        }
        drop(queue);
        self.changed.notify_one();
        fits
    }

    /// Ends the connection once everything is sent.
    pub fn end(&self) {
        self.queue().ended = true;
        self.changed.notify_one();
    }

    /// Waits until the client is cut off.
    pub(super) async fn cut_off(&self) {
        while !self.queue().cut {
            self.changed.notified().await;
        }
    }

    /// Waits for frames; `None` when there will be no more. Nothing is lost when it is dropped.
    pub(super) async fn next(&self) -> Option<Vec<Bytes>> {
        loop {
            {
                let mut queue = self.queue();
                if !queue.frames.is_empty() {
                    return Some(queue.take());
                }
                if queue.ended {
                    return None;
                }
            }
            self.changed.notified().await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn take(&mut self) -> Vec<Bytes> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while bytes < BATCH
            && let Some(frame) = self.frames.pop_front()
        {
            bytes += frame.len();
            self.bytes = self.bytes.saturating_sub(frame.len() + OVERHEAD);
            batch.push(frame);
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_out_in_order_and_then_the_end() {
        let outlet = Outlet::new("peer".to_owned());
        for number in 0..10_u8 {
            assert!(outlet.push(Bytes::copy_from_slice(&[number])));
        }
        outlet.end();
        assert!(outlet.push(Bytes::from_static(b"late")));
        let frames = outlet.next().await.unwrap();
        assert_eq!(frames.concat(), (0..10).collect::<Vec<u8>>());
        assert_eq!(outlet.next().await, None);
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut_off_and_its_memory_freed() {
        let outlet = Outlet::new("peer".to_owned());
        let frame = Bytes::from(vec![b' '; 1024 * 1024]);
        let taken = (0..100).take_while(|_| outlet.push(frame.clone())).count();
        assert_eq!(taken, 31);
        outlet.cut_off().await;
        assert_eq!(outlet.next().await, None);
    }

    #[tokio::test]
    async fn many_frames_are_handed_out_in_portions() {
        let outlet = Outlet::new("peer".to_owned());
        for _ in 0..100 {
            outlet.push(Bytes::from(vec![0; 10_000]));
        }
        assert_eq!(outlet.next().await.unwrap().len(), 27);
    }
}
