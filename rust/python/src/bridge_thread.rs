//! The bridge thread: the only thread of ours that attaches to the interpreter.
//!
//! A thread of the runtime that attaches would wait for whatever Python is doing, and the radio
//! with it; and one that attaches while the interpreter ends aborts the process. So all that Rust
//! wants from Python is a job in a queue, run here in batches, and Python stops and joins this
//! thread with `atexit`, before it begins to end.
//!
//! Queues are bounded: log lines by their number, tasks and calls by the futures that Python waits
//! for ([`crate::executor`]).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::executor::Task;
use crate::logs::{self, Record};
use crate::mqtt_link::Running;

/// Log lines that may wait. At 200 bytes a line this is about a megabyte.
const LINES: usize = 4096;

/// Something to be done while attached.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// The one thread of the process: pyo3-async-runtimes asks for a runtime by its type, so that there
/// is no other way to it.
static THREAD: OnceLock<Arc<Jobs>> = OnceLock::new();

/// Where the other threads put what the bridge thread is to do. Nothing here ever waits.
#[derive(Default)]
pub(crate) struct Jobs {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Log lines that there was no room for.
    dropped: AtomicU64,
    /// Connections that have to say goodbye before the process ends.
    running: Mutex<Vec<Arc<Running>>>,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Record>,
    tasks: Vec<Arc<Task>>,
    calls: Vec<Call>,
    stop: bool,
    /// The thread has ended: nothing is taken any more.
    ended: bool,
}

impl Jobs {
    /// The jobs of the running thread, which is started when there is none.
    pub(crate) fn get(py: Python<'_>) -> PyResult<Arc<Self>> {
        if let Some(jobs) = Self::started() {
            return Ok(jobs);
        }
        py.import("ferrobee._logging")?.call_method0("connect")?;
        Self::started().ok_or_else(|| PyRuntimeError::new_err("the bridge thread does not start"))
    }

    /// The jobs of the thread, if it was started.
    pub(crate) fn started() -> Option<Arc<Self>> {
        THREAD.get().cloned()
    }

    /// Hands a line to `logging`; when too many wait, it is dropped and counted.
    pub(crate) fn log(&self, record: Record) {
        let mut queue = self.queue();
        if queue.ended || queue.lines.len() >= LINES {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.lines.push_back(record);
        drop(queue);
        self.changed.notify_one();
    }

    /// Polls a task. Each is in the queue once at most.
    pub(crate) fn poll(&self, task: Arc<Task>) {
        let mut queue = self.queue();
        if !queue.ended {
            queue.tasks.push(task);
            drop(queue);
            self.changed.notify_one();
        }
    }

    /// Calls something while attached.
    pub(crate) fn call(&self, call: Call) {
        let mut queue = self.queue();
        if !queue.ended {
            queue.calls.push(call);
            drop(queue);
            self.changed.notify_one();
        }
    }

    /// Keeps a connection until the process ends, or until it has ended itself.
    pub(crate) fn keep(&self, running: Arc<Running>) {
        let mut all = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| !other.has_ended());
        all.push(running);
    }

    /// Ends connections, which say goodbye. They give up soon if there is nobody to say it to.
    fn end_running(&self) {
        let all = {
            let mut all = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *all)
        };
        for running in &all {
            running.close();
        }
        for running in &all {
            running.join();
        }
    }

    /// Waits for something to do.
    fn next(&self) -> Queue {
        let mut queue = self.queue();
        while queue.lines.is_empty()
            && queue.tasks.is_empty()
            && queue.calls.is_empty()
            && !queue.stop
        {
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::take(&mut *queue)
    }

    /// What tasks want to be done while attached.
    fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.queue().calls)
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bridge thread, as Python sees it: started once, stopped by `atexit`.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct BridgeThread {
    jobs: Arc<Jobs>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[pymethods]
impl BridgeThread {
    /// Starts the thread. `emit` gets lists of log lines `(created, level, target, message)`;
    /// `level` is the lowest that Rust hands over, in the numbers of `logging`.
    #[new]
    fn new(emit: Py<PyAny>, level: u8) -> PyResult<Self> {
        let jobs = Arc::<Jobs>::default();
        if THREAD.set(Arc::clone(&jobs)).is_err() || !logs::install(Arc::clone(&jobs), level) {
            return Err(PyValueError::new_err("logging is already connected"));
        }
        let work = Arc::clone(&jobs);
        let thread = thread::Builder::new()
            .name("ferrobee-python".to_owned())
            .spawn(move || run(&work, &emit))
            .map_err(PyOSError::new_err)?;
        Ok(Self {
            jobs,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Ends connections, runs what is queued, then ends the thread. Later jobs are dropped.
    fn stop(&self, py: Python<'_>) {
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            py.detach(move || {
                self.jobs.end_running();
                self.jobs.queue().stop = true;
                self.jobs.changed.notify_one();
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

/// Runs jobs until told to stop.
fn run(jobs: &Jobs, emit: &Py<PyAny>) {
    let mut reported = 0;
    loop {
        let Queue {
            lines,
            tasks,
            mut calls,
            stop,
            ..
        } = jobs.next();
        let mut lines = Vec::from(lines);
        // Not attached: nobody who runs Python waits for these, nor they for anybody.
        tasks.into_iter().for_each(Task::poll);
        // What they came to goes along.
        calls.append(&mut jobs.take_calls());
        let lost = jobs.dropped.load(Ordering::Relaxed);
        if lost > reported {
            lines.push(Record::lost(lost - reported));
            reported = lost;
        }
        if !lines.is_empty() || !calls.is_empty() {
            attached(|py| {
                if !lines.is_empty() {
                    let lines: Vec<_> = lines.into_iter().map(Record::into_tuple).collect();
                    let emit = emit.bind(py);
                    if let Err(error) = emit.call1((lines,)) {
                        // Python's own hook prints it; there is nobody else to tell.
                        error.write_unraisable(py, Some(emit));
                    }
                }
                for call in calls {
                    // A panic in here must not end the thread: the next call runs.
                    let _ = catch_unwind(AssertUnwindSafe(call));
                }
            });
        }
        if stop {
            let mut queue = jobs.queue();
            let rest = std::mem::take(&mut *queue);
            queue.ended = true;
            drop(queue);
            drop(rest);
            return;
        }
    }
}

/// Calls `work` with the interpreter. For the bridge thread.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a thread of ours attaches: this is the bridge thread"
)]
pub(crate) fn attached<T>(work: impl FnOnce(Python<'_>) -> T) -> T {
    Python::attach(work)
}
