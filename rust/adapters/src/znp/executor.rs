//! Runs the session's procedures: straight-line `async fn`s that wait for the stick or for time, and
//! for nothing else. Tasks are polled in the order in which they were woken, so the same inputs give
//! the same outputs.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// A procedure under way.
pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Locks without regard to poison: a panic elsewhere must not become one here.
pub(super) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Ready = Arc<Mutex<VecDeque<u64>>>;

struct TaskWaker {
    id: u64,
    ready: Ready,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        lock(&self.ready).push_back(self.id);
    }
}

/// The tasks.
#[derive(Default)]
pub(super) struct Executor {
    tasks: BTreeMap<u64, (Task, Waker)>,
    ready: Ready,
}

impl Executor {
    /// Adds a task under a number that was never used before.
    pub(super) fn spawn(&mut self, id: u64, task: Task) {
        let waker = Waker::from(Arc::new(TaskWaker {
            id,
            ready: Arc::clone(&self.ready),
        }));
        self.tasks.insert(id, (task, waker));
        lock(&self.ready).push_back(id);
    }

    /// Drops a task, running its destructors.
    pub(super) fn cancel(&mut self, id: u64) {
        self.tasks.remove(&id);
    }

    /// Polls the next woken task. False: all tasks wait.
    pub(super) fn step(&mut self) -> bool {
        let Some(id) = lock(&self.ready).pop_front() else {
            return false;
        };
        if let Some((task, waker)) = self.tasks.get_mut(&id)
            && task
                .as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_ready()
        {
            self.tasks.remove(&id);
        }
        true
    }
}

struct Slot<T> {
    value: Option<T>,
    closed: bool,
    waker: Option<Waker>,
}

/// The sending half of a channel for one value.
pub(super) struct Sender<T>(Arc<Mutex<Slot<T>>>);

/// The receiving half: a future that gives `None` when the sender is dropped first.
pub(super) struct Receiver<T>(Arc<Mutex<Slot<T>>>);

/// A channel for one value.
pub(super) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let slot = Arc::new(Mutex::new(Slot {
        value: None,
        closed: false,
        waker: None,
    }));
    (Sender(Arc::clone(&slot)), Receiver(slot))
}

impl<T> Sender<T> {
    /// Hands the value over.
    pub(super) fn send(self, value: T) {
        lock(&self.0).value = Some(value);
    }

    /// True when nobody waits any more.
    pub(super) fn is_abandoned(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waker = {
            let mut slot = lock(&self.0);
            slot.closed = true;
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Future for Receiver<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = lock(&self.0);
        if let Some(value) = slot.value.take() {
            return Poll::Ready(Some(value));
        }
        if slot.closed {
            return Poll::Ready(None);
        }
        slot.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// What [`first`] gave.
pub(super) enum Either<A, B> {
    /// The first future was ready.
    Left(A),
    /// The second one was.
    Right(B),
}

/// Waits for whichever future is ready first; when both are, the left one counts.
pub(super) async fn first<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    std::future::poll_fn(move |cx| {
        if let Poll::Ready(value) = a.as_mut().poll(cx) {
            return Poll::Ready(Either::Left(value));
        }
        b.as_mut().poll(cx).map(Either::Right)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_run_in_the_order_they_were_woken() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut executor = Executor::default();
        let mut senders = Vec::new();
        for id in 0..4_u64 {
            let (sender, receiver) = channel::<()>();
            senders.push(sender);
            let order = Arc::clone(&order);
            executor.spawn(
                id,
                Box::pin(async move {
                    receiver.await;
                    lock(&order).push(id);
                }),
            );
        }
        while executor.step() {}
        for sender in senders.into_iter().rev() {
            sender.send(());
        }
        while executor.step() {}
        assert_eq!(*lock(&order), [3, 2, 1, 0]);
        assert!(executor.tasks.is_empty());
    }

    #[test]
    fn a_dropped_sender_ends_the_wait() {
        let (sender, receiver) = channel::<u8>();
        drop(sender);
        let result = Arc::new(Mutex::new(Some(1)));
        let mut executor = Executor::default();
        let seen = Arc::clone(&result);
        executor.spawn(0, Box::pin(async move { *lock(&seen) = receiver.await }));
        while executor.step() {}
        assert_eq!(*lock(&result), None);
    }
}
