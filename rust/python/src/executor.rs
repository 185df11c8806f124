//! Rust futures that Python awaits, polled on the bridge thread.
//!
//! pyo3-async-runtimes brings asyncio and Rust together for a runtime that is named by a type. Out of
//! the box that is tokio, whose threads attach. [`OnBridgeThread`] is a runtime of ours: futures are
//! polled on the bridge thread, not attached, and all that the crate does while attached it does in
//! `spawn_blocking`, which runs there too. What is awaited comes from other threads, which only wake a
//! task: that is a push into a queue.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use pyo3::prelude::*;
use pyo3_async_runtimes::TaskLocals;
use pyo3_async_runtimes::generic::{self, ContextExt, JoinError, Runtime};
use tokio::sync::oneshot;

use crate::bridge_thread::{Jobs, attached};

/// An asyncio future of the running loop that gets what `future` gives. When it is cancelled, `future`
/// is dropped.
pub(crate) fn awaitable<'py, T>(
    py: Python<'py>,
    future: impl Future<Output = PyResult<T>> + Send + 'static,
) -> PyResult<Bound<'py, PyAny>>
where
    T: for<'any> IntoPyObject<'any> + Send + 'static,
{
    Jobs::get(py)?;
    let locals = TaskLocals::with_running_loop(py)?;
    let seen = locals.clone();
    let future = async move {
        let result = future.await;
        // The crate prints an error when it finds the loop closed. Nobody waits there any more.
        if is_closed(&seen) {
            std::future::pending::<()>().await;
        }
        result
    };
    generic::future_into_py_with_locals::<OnBridgeThread, _, _>(py, locals, future)
}

fn is_closed(locals: &TaskLocals) -> bool {
    attached(|py| {
        let closed = locals.event_loop(py).call_method0("is_closed");
        closed.and_then(|closed| closed.is_truthy()).unwrap_or(true)
    })
}

/// The runtime.
pub(crate) struct OnBridgeThread;

impl Runtime for OnBridgeThread {
    type JoinError = Panicked;
    type JoinHandle = Joined;

    fn spawn<F>(future: F) -> Joined
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (done, joined) = oneshot::channel();
        // After the end of the thread there is nobody to await anything: the future is dropped.
        if let Some(jobs) = Jobs::started() {
            let task = Task {
                jobs: Arc::clone(&jobs),
                queued: AtomicBool::new(true),
                work: Mutex::new(Some(Work {
                    future: Box::pin(future),
                    done,
                })),
            };
            jobs.poll(Arc::new(task));
        }
        Joined(joined)
    }

    fn spawn_blocking<F>(work: F) -> Joined
    where
        F: FnOnce() + Send + 'static,
    {
        let (done, joined) = oneshot::channel();
        if let Some(jobs) = Jobs::started() {
            jobs.call(Box::new(move || {
                let result = catch_unwind(AssertUnwindSafe(work)).map_err(Panicked);
                // It fails where nobody asks.
                let _ = done.send(result);
            }));
        }
        Joined(joined)
    }
}

/// Nothing on this runtime awaits Python, so that nothing asks for a loop and a context.
impl ContextExt for OnBridgeThread {
    fn scope<F, R>(_: TaskLocals, future: F) -> Pin<Box<dyn Future<Output = R> + Send>>
    where
        F: Future<Output = R> + Send + 'static,
    {
        Box::pin(future)
    }

    fn get_task_locals() -> Option<TaskLocals> {
        None
    }
}

/// The end of a task.
pub(crate) struct Joined(oneshot::Receiver<Result<(), Panicked>>);

impl Future for Joined {
    type Output = Result<(), Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A task that was dropped has not panicked.
        let result = ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(result.unwrap_or(Ok(())))
    }
}

/// What a task panicked with.
pub(crate) struct Panicked(Box<dyn Any + Send>);

impl JoinError for Panicked {
    fn is_panic(&self) -> bool {
        true
    }

    fn into_panic(self) -> Box<dyn Any + Send> {
        self.0
    }
}

/// A future and who waits for its end.
pub(crate) struct Task {
    jobs: Arc<Jobs>,
    /// It is in the queue.
    queued: AtomicBool,
    /// `None` once it has ended.
    work: Mutex<Option<Work>>,
}

struct Work {
    future: Pin<Box<dyn Future<Output = ()> + Send>>,
    done: oneshot::Sender<Result<(), Panicked>>,
}

impl Task {
    /// For the bridge thread.
    pub(crate) fn poll(self: Arc<Self>) {
        // Before polling: what wakes it meanwhile has to lead to another poll.
        self.queued.store(false, Ordering::SeqCst);
        let waker = Waker::from(Arc::clone(&self));
        let mut context = Context::from_waker(&waker);
        let mut slot = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = slot.as_mut() else {
            return;
        };
        let future = work.future.as_mut();
        let result = match catch_unwind(AssertUnwindSafe(|| future.poll(&mut context))) {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(())) => Ok(()),
            Err(panic) => Err(Panicked(panic)),
        };
        let work = slot.take();
        drop(slot);
        if let Some(work) = work {
            // It fails where nobody asks.
            let _ = work.done.send(result);
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::SeqCst) {
            let jobs = Arc::clone(&self.jobs);
            jobs.poll(self);
        }
    }
}
