//! A thread of Rust code that Python waits for without being called by it.

use std::io::{self, PipeReader};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Mutex;
use std::thread::{self, JoinHandle};

/// Work on a thread of its own. Its end is seen on a file descriptor, so that Python can wait for
/// it beside signals in one `select`, and the thread never has to attach to the interpreter.
#[derive(Debug)]
pub(crate) struct Background<T> {
    ended: PipeReader,
    thread: Mutex<Option<JoinHandle<T>>>,
}

impl<T: Send + 'static> Background<T> {
    /// Starts `work` on a thread called `name`.
    pub(crate) fn spawn(name: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<Self> {
        let (ended, open) = io::pipe()?;
        let thread = thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // Dropped when the work has ended, also by a panic: the reader sees end of file.
                let _open = open;
                work()
            })?;
        Ok(Self {
            ended,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Becomes readable (end of file) when the work has ended.
    pub(crate) fn fd(&self) -> RawFd {
        self.ended.as_raw_fd()
    }

    /// True once the work has ended.
    pub(crate) fn has_ended(&self) -> bool {
        let thread = self.thread.lock();
        thread.is_ok_and(|thread| thread.as_ref().is_none_or(JoinHandle::is_finished))
    }

    /// Waits for the end and gives the result; `None` if somebody already took it or the work
    /// panicked.
    pub(crate) fn join(&self) -> Option<T> {
        let thread = self.thread.lock().ok()?.take()?;
        thread.join().ok()
    }
}
