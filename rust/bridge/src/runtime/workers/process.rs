//! One run of a program: its pipes and its end.

use std::io::{self, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use devices::FunctionError;
use serde_json::Value as Json;

use super::WorkerEvents;
use super::lines::{self, Line};

/// How long a program that is not needed any more may take to end by itself.
const GRACE: Duration = Duration::from_millis(500);

/// What a program says, line by line. Behind a lock because the program's owner may kill it while its
/// thread listens; only that thread ever listens.
pub(super) type Answers = Arc<Mutex<Receiver<Line>>>;

/// A program that runs.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    pub(super) answers: Answers,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Ended {
    /// It took too long.
    Late,
    /// The program has ended.
    Closed(Option<ExitStatus>),
    /// It said something else.
    Nonsense(String),
}

impl Ended {
    pub(super) fn error(self, what: &str, limit: Duration) -> FunctionError {
        match self {
            Self::Late => {
                let text = format!("{what} did not end within {} s", limit.as_secs_f64());
                FunctionError::new("timeout", text)
            }
            Self::Closed(status) => {
                let how = status.map_or_else(String::new, |status| format!(": {status}"));
                FunctionError::new("crash", format!("the program ended in {what}{how}"))
            }
            Self::Nonsense(text) => FunctionError::new("nonsense", text),
        }
    }
}

impl Process {
    /// Starts a program. `name` stands before what it prints.
    pub(super) fn start(command: &[String], name: &str, events: &WorkerEvents) -> io::Result<Self> {
        let (program, arguments) = command
            .split_first()
            .ok_or_else(|| io::Error::other("no program is named"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(input), Some(output), Some(errors)) = pipes else {
            return Err(io::Error::other("it has no pipes"));
        };
        let reading = lines::read(BufReader::new(output));
        let printing = lines::print(BufReader::new(errors), name, events);
        let answers = match (reading, printing) {
            (Ok(answers), Ok(())) => answers,
            (Err(error), _) | (_, Err(error)) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        Ok(Self {
            child,
            input: Some(input),
            answers: Arc::new(Mutex::new(answers)),
        })
    }

    /// Says a line. The program reads while it is not working, and then there is room in the pipe.
    pub(super) fn say(&mut self, line: &Json) -> Result<(), Ended> {
        let mut text = line.to_string();
        text.push('\n');
        let said = match &mut self.input {
            Some(input) => input
                .write_all(text.as_bytes())
                .and_then(|()| input.flush()),
            None => return Err(Ended::Closed(None)),
        };
        said.map_err(|_| Ended::Closed(self.status()))
    }

    /// How it ended, if its output has ended.
    pub(super) fn status(&mut self) -> Option<ExitStatus> {
        // Its pipes are closed: it ends in a moment, or is made to.
        let _ = self.child.kill();
        self.child.wait().ok()
    }

    /// Ends it at once.
    pub(super) fn kill(mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Lets it end, for a moment.
    pub(super) fn end(mut self) {
        self.input = None;
        let _ = listen(&self.answers, GRACE);
        self.kill();
    }
}

fn listen(answers: &Answers, limit: Duration) -> Result<Line, Ended> {
    let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    answers.recv_timeout(limit).map_err(|error| match error {
        RecvTimeoutError::Timeout => Ended::Late,
        RecvTimeoutError::Disconnected => Ended::Closed(None),
    })
}

/// Waits for the answer with a number.
pub(super) fn hear(answers: &Answers, id: u64, limit: Duration) -> Result<Json, Ended> {
    let nonsense = |text: &str| Ended::Nonsense(text.to_owned());
    let line = match listen(answers, limit)? {
        Line::Text(line) => line,
        Line::TooLong => return Err(nonsense("the answer is too long")),
    };
    let answer: Json = serde_json::from_slice(&line)
        .map_err(|error| Ended::Nonsense(format!("the answer is no JSON: {error}")))?;
    if answer.get("id").and_then(Json::as_u64) != Some(id) {
        return Err(nonsense("the answer is to another call"));
    }
    Ok(answer)
}
