//! The bridge thread: the only thread of ours that attaches to the interpreter.
//!
//! A thread of the runtime that attaches would wait for whatever Python is doing, and the radio
//! with it; and one that attaches while the interpreter ends aborts the process. So all that Rust
//! wants from Python is a job in a bounded queue, run here in batches, and Python stops and joins
//! this thread with `atexit`, before it begins to end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::thread::{self, JoinHandle};

use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::logs::{self, Record};

/// Jobs that may wait. At 200 bytes a log line this is about a megabyte.
const QUEUE: usize = 4096;
/// Jobs that run in one go before other Python threads get their turn.
const BATCH: usize = 256;

/// What the bridge thread is asked to do.
#[derive(Debug)]
pub(crate) enum Job {
    /// Hand a line to `logging`.
    Log(Record),
    /// Call with a list of MQTT messages: topic, payload, whether the broker had it stored.
    Messages(Arc<Py<PyAny>>, Vec<(String, Vec<u8>, bool)>),
    /// End.
    Stop,
}

/// Where the other threads put jobs.
#[derive(Debug, Clone)]
pub(crate) struct Jobs {
    queue: SyncSender<Job>,
    dropped: Arc<AtomicU64>,
}

impl Jobs {
    /// Puts a job into the queue; when that is full, the job is dropped and counted. Never waits.
    pub(crate) fn put(&self, job: Job) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(job) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The bridge thread, as Python sees it: started once, stopped by `atexit`.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct BridgeThread {
    jobs: Jobs,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[pymethods]
impl BridgeThread {
    /// Starts the thread. `emit` gets lists of log lines `(created, level, target, message)`;
    /// `level` is the lowest that Rust hands over, in the numbers of `logging`.
    #[new]
    fn new(emit: Py<PyAny>, level: u8) -> PyResult<Self> {
        let (queue, waiting) = mpsc::sync_channel(QUEUE);
        let jobs = Jobs {
            queue,
            dropped: Arc::default(),
        };
        let dropped = Arc::clone(&jobs.dropped);
        let thread = thread::Builder::new()
            .name("ferrobee-python".to_owned())
            .spawn(move || run(&waiting, &emit, &dropped))
            .map_err(PyOSError::new_err)?;
        if !logs::install(jobs.clone(), level) {
            jobs.put(Job::Stop);
            return Err(PyValueError::new_err("logging is already connected"));
        }
        Ok(Self {
            jobs,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Runs what is queued, then ends the thread. Later jobs are dropped.
    fn stop(&self, py: Python<'_>) {
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            let queue = self.jobs.queue.clone();
            py.detach(move || {
                // The queue may be full: wait for room. It fails only if the thread has ended.
                let _ = queue.send(Job::Stop);
                let _ = thread.join();
            });
        }
    }

    /// How many log lines were dropped because the queue was full.
    #[getter]
    fn dropped(&self) -> u64 {
        self.jobs.dropped.load(Ordering::Relaxed)
    }
}

impl BridgeThread {
    /// Where jobs for this thread go.
    pub(crate) fn jobs(&self) -> Jobs {
        self.jobs.clone()
    }
}

/// Runs jobs until told to stop.
fn run(waiting: &Receiver<Job>, emit: &Py<PyAny>, dropped: &AtomicU64) {
    let mut reported = 0;
    while let Ok(first) = waiting.recv() {
        let mut stop = false;
        let mut lines = Vec::new();
        let mut messages = Vec::new();
        for job in std::iter::once(first).chain(waiting.try_iter().take(BATCH)) {
            match job {
                Job::Log(record) => lines.push(record),
                Job::Messages(to, list) => messages.push((to, list)),
                Job::Stop => {
                    stop = true;
                    break;
                }
            }
        }
        let lost = dropped.load(Ordering::Relaxed);
        if lost > reported {
            lines.push(Record::lost(lost - reported));
            reported = lost;
        }
        // A panic in here must not end the thread: what it did is lost, the next batch runs.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            attached(|py| {
                if !lines.is_empty() {
                    let lines: Vec<_> = lines.into_iter().map(Record::into_tuple).collect();
                    call(py, emit, lines);
                }
                for (to, list) in messages {
                    call(py, &to, list);
                }
            });
        }));
        if stop {
            break;
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a thread of ours attaches: this is the bridge thread"
)]
fn attached<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    Python::attach(work)
}

fn call<'py>(py: Python<'py>, callable: &Py<PyAny>, argument: impl IntoPyObject<'py>) {
    if let Err(error) = callable.bind(py).call1((argument,)) {
        // Python's own hook prints it; there is nobody else to tell.
        error.write_unraisable(py, Some(callable.bind(py)));
    }
}
