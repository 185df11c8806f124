//! Python beside the bridge, where it may take its time: it answers questions of the core, and its lines
//! go to the log.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, PoisonError};

use hub::LogLevel;
use serde_json::Value as Json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::core::{AskId, CoreInput, LogEntry};

/// Questions that may wait.
const QUESTIONS: usize = 16;
/// Lines that may wait for the bridge; more are dropped and counted.
const LINES: usize = 2048;

/// Python's end. Any thread may use it.
#[derive(Debug)]
pub struct Helper {
    said: UnboundedSender<Said>,
    questions: Mutex<Receiver<(AskId, Json)>>,
    shared: Arc<Shared>,
}

/// The bridge's end.
#[derive(Debug)]
pub struct HelperPort {
    said: UnboundedReceiver<Said>,
    questions: SyncSender<(AskId, Json)>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Somebody takes questions.
    serves: AtomicBool,
    /// Lines that wait for the bridge.
    lines: AtomicUsize,
    /// Lines that were dropped and not told of yet.
    dropped: AtomicU64,
}

#[derive(Debug)]
enum Said {
    Line(LogEntry),
    Answer(AskId, Result<Json, String>),
}

impl Helper {
    /// Both ends.
    #[must_use]
    pub fn new() -> (Self, HelperPort) {
        let (sender, said) = unbounded_channel();
        let (questions, receiver) = mpsc::sync_channel(QUESTIONS);
        let shared = Arc::<Shared>::default();
        let helper = Self {
            said: sender,
            questions: Mutex::new(receiver),
            shared: Arc::clone(&shared),
        };
        let port = HelperPort {
            said,
            questions,
            shared,
        };
        (helper, port)
    }

    /// Writes a line to the bridge's log, where that is wanted; not at all once the bridge has ended.
    pub fn log(&self, level: LogLevel, namespace: String, text: String) {
        if self.shared.lines.fetch_add(1, Ordering::Relaxed) >= LINES {
            self.shared.lines.fetch_sub(1, Ordering::Relaxed);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let _ = self.said.send(Said::Line(LogEntry {
            level,
            namespace,
            text,
        }));
    }

    /// The next question; `None` when the bridge has ended. Waits for it.
    pub fn next(&self) -> Option<(u64, String)> {
        self.shared.serves.store(true, Ordering::Relaxed);
        let questions = self.questions.lock();
        let questions = questions.unwrap_or_else(PoisonError::into_inner);
        let (id, question) = questions.recv().ok()?;
        Some((id.0, question.to_string()))
    }

    /// Answers a question.
    pub fn answer(&self, id: u64, result: Result<Json, String>) {
        // Nobody wants it once the bridge has ended.
        let _ = self.said.send(Said::Answer(AskId(id), result));
    }
}

impl HelperPort {
    /// Asks Python. `Err` with the reason, where nobody can be asked.
    pub(super) fn ask(port: Option<&Self>, id: AskId, question: Json) -> Result<(), String> {
        let port = port.filter(|port| port.shared.serves.load(Ordering::Relaxed));
        let port = port.ok_or("Nothing here runs Python: start the bridge with `ferrobee run`")?;
        port.questions
            .try_send((id, question))
            .map_err(|error| match error {
                TrySendError::Full(_) => format!("{QUESTIONS} such requests wait already"),
                TrySendError::Disconnected(_) => "Nothing here runs Python any more".to_owned(),
            })
    }

    /// What Python says next; never, where there is none. Nothing is lost when it is dropped.
    pub(super) async fn next(port: Option<&mut Self>) -> Option<CoreInput> {
        let port = port?;
        let said = port.said.recv().await?;
        Some(port.input(said))
    }

    /// What it has said already.
    pub(super) fn waiting(&mut self) -> Option<CoreInput> {
        match self.said.try_recv() {
            Ok(said) => Some(self.input(said)),
            Err(_) => self.lost(),
        }
    }

    fn input(&self, said: Said) -> CoreInput {
        match said {
            Said::Line(entry) => {
                self.shared.lines.fetch_sub(1, Ordering::Relaxed);
                CoreInput::Log(entry)
            }
            Said::Answer(id, result) => CoreInput::Answered(id, result),
        }
    }

    /// Tells of lines that were dropped, after those that were not.
    fn lost(&self) -> Option<CoreInput> {
        let count = self.shared.dropped.swap(0, Ordering::Relaxed);
        (count > 0).then(|| {
            CoreInput::Log(LogEntry {
                level: LogLevel::Warning,
                namespace: "automations".to_owned(),
                text: format!("{count} lines of the log were dropped: they came too fast"),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(port: &mut HelperPort) -> Vec<String> {
        std::iter::from_fn(|| port.waiting())
            .filter_map(|input| match input {
                CoreInput::Log(entry) => Some(entry.text),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn lines_that_come_too_fast_are_dropped_and_counted() {
        let (helper, mut port) = Helper::new();
        for number in 0..LINES + 3 {
            helper.log(LogLevel::Info, "automations".to_owned(), number.to_string());
        }
        let told = lines(&mut port);
        assert_eq!(told.len(), LINES + 1);
        let last = told.last().unwrap();
        assert!(
            last.starts_with("3 lines of the log were dropped"),
            "{last}"
        );
        helper.log(LogLevel::Info, "automations".to_owned(), "again".to_owned());
        assert_eq!(lines(&mut port), ["again"]);
    }

    #[test]
    fn a_question_is_refused_until_somebody_takes_questions_and_when_too_many_wait() {
        let (helper, port) = Helper::new();
        let ask = || HelperPort::ask(Some(&port), AskId(1), Json::Null);
        assert!(ask().unwrap_err().contains("ferrobee run"));
        assert!(HelperPort::ask(None, AskId(1), Json::Null).is_err());
        helper.shared.serves.store(true, Ordering::Relaxed);
        for _ in 0..QUESTIONS {
            ask().unwrap();
        }
        assert_eq!(ask().unwrap_err(), "16 such requests wait already");
        assert_eq!(helper.next(), Some((1, "null".to_owned())));
        drop(port);
        for _ in 1..QUESTIONS {
            assert!(helper.next().is_some());
        }
        assert_eq!(helper.next(), None);
    }
}
