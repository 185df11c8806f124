//! The journal of a data directory, and captures.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ::devices::{Catalogue, ConverterSet};
use bridge::core::{CoreOutput, Worker};
use bridge::data::{DataDirectory, OpenOptions};
use bridge::journal::{
    self, Beginning, Call, Capture, Decoder, Given, JournalError, Step, describe,
};
use bridge::runtime::{CALL_LIMIT, WaitingWorkers};
use hub::Entity;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::{Value as Json, json};

use crate::bridge::data_exception;
use crate::errors::DataError as PyDataError;

fn failed(error: &JournalError) -> PyErr {
    PyDataError::new_err(error.to_string())
}

/// Milliseconds since 1970, topic, payload, and whether it tells what was before.
type Published = (i64, String, Cow<'static, [u8]>, bool);

/// Gives the inputs of a journal to a core.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct Replay {
    replay: Mutex<journal::Replay>,
    captures: Mutex<Option<Receiver<Capture>>>,
}

#[pymethods]
impl Replay {
    /// A file, or the journal of a data directory; with `follow` only its last file and what comes.
    #[new]
    #[pyo3(signature = (path, *, follow = false))]
    #[expect(clippy::needless_pass_by_value, reason = "what pyo3 makes of a path")]
    fn new(path: PathBuf, follow: bool) -> PyResult<Self> {
        let catalogue = Catalogue::builtin();
        let replay = if follow {
            journal::Replay::follow(&path, catalogue)
        } else {
            journal::Replay::open(&path, catalogue)
        };
        Ok(Self {
            replay: Mutex::new(replay.map_err(|error| failed(&error))?),
            captures: Mutex::default(),
        })
    }

    /// At most so many steps as JSON; none: there is no more (yet).
    fn read(&self, limit: usize) -> PyResult<Vec<String>> {
        let mut replay = lock(&self.replay);
        let mut steps = Vec::new();
        while steps.len() < limit {
            match replay.step().map_err(|error| failed(&error))? {
                Some(step) => steps.push(shown(&step).to_string()),
                None => break,
            }
        }
        Ok(steps)
    }

    /// What was published next, about so many messages; none: there is no more (yet).
    fn messages(&self, limit: usize) -> PyResult<Vec<Published>> {
        let mut replay = lock(&self.replay);
        let mut messages = Vec::new();
        while messages.len() < limit {
            let (now, outputs, stored) = match replay.step().map_err(|error| failed(&error))? {
                Some(Step::Input(given)) => (given.now, given.outputs, given.greets),
                Some(Step::Again(now, outputs)) => (now, outputs, true),
                Some(_) => continue,
                None => break,
            };
            messages.extend(outputs.into_iter().filter_map(|output| match output {
                CoreOutput::Publish(said) => {
                    let topic = said.topic.as_ref().to_owned();
                    Some((now.unix_ms, topic, Cow::Owned(said.payload), stored))
                }
                _ => None,
            }));
        }
        Ok(messages)
    }

    /// Goes on by at most so many steps; gives how many there were.
    fn skip(&self, limit: usize) -> PyResult<usize> {
        let mut replay = lock(&self.replay);
        for count in 0..limit {
            if replay.step().map_err(|error| failed(&error))?.is_none() {
                return Ok(count);
            }
        }
        Ok(limit)
    }

    /// The names of devices as they are now.
    fn names(&self) -> Vec<String> {
        let replay = lock(&self.replay);
        let Some(core) = replay.core() else {
            return Vec::new();
        };
        core.settings()
            .devices()
            .map(|(_, entry)| entry.friendly_name.clone())
            .collect()
    }

    /// Makes captures of a device from now on; false if there is none of this name or address.
    fn capture(&self, name: &str) -> bool {
        let mut replay = lock(&self.replay);
        let found = replay.core().and_then(|core| core.settings().find(name));
        match found {
            Some(Entity::Device(device)) => {
                *lock(&self.captures) = Some(replay.capture(device));
                true
            }
            _ => false,
        }
    }

    /// Captures since the last call, as JSON.
    fn captures(&self) -> PyResult<Vec<String>> {
        let captures = lock(&self.captures);
        let captures = captures.iter().flat_map(Receiver::try_iter);
        captures
            .map(|capture| serde_json::to_string(&capture))
            .collect::<Result<_, _>>()
            .map_err(|error| PyDataError::new_err(error.to_string()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn shown(step: &Step) -> Json {
    match step {
        Step::Begin(beginning) => begin(beginning),
        Step::Again(now, outputs) => json!({
            "step": "again",
            "time": now.unix_ms,
            "outputs": outputs.iter().map(describe).collect::<Vec<_>>(),
        }),
        Step::Input(given) => input(given),
        Step::Skipped(skip) => json!({
            "step": "skipped", "file": skip.path.display().to_string(), "reason": skip.reason,
        }),
        Step::Torn { path, bytes } => json!({
            "step": "torn", "file": path.display().to_string(), "bytes": bytes,
        }),
    }
}

fn begin(beginning: &Beginning) -> Json {
    json!({
        "step": "begin",
        "file": beginning.path.display().to_string(),
        "run": beginning.run,
        "version": beginning.version,
        "whole": beginning.is_whole,
        "first": beginning.first,
        "time": beginning.now.unix_ms,
    })
}

fn input(given: &Given) -> Json {
    json!({
        "step": "input",
        "n": given.number,
        "time": given.now.unix_ms,
        "instant": given.now.instant.0,
        "input": serde_json::from_str::<Json>(&given.input).unwrap_or_default(),
        "outputs": given.outputs.iter().map(describe).collect::<Vec<_>>(),
        "recorded": given.recorded.map(|hash| format!("{hash:08x}")),
        "hash": format!("{:08x}", given.digest),
        "exact": given.is_exact,
        "differs": given.differs(),
    })
}

/// The file of the journal that a running bridge writes; none if no bridge runs there.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what pyo3 makes of a path")]
pub(crate) fn live_journal(data: PathBuf) -> Option<PathBuf> {
    journal::live(&data)
}

/// The files of a data directory's journal, the oldest first.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what pyo3 makes of a path")]
pub(crate) fn journal_files(data: PathBuf) -> Vec<PathBuf> {
    journal::pieces(&data)
}

/// Decodes captures, the lines of each file in their order: for each line JSON with `payload` as it is
/// now, `expected` as it was, whether they are the `same`, and the `failures` of functions; or with an
/// `error`. With the definitions of `converters`, in the form of `Bridge.set_converters`, whose functions
/// run in their programs. After `seconds` it ends: lines that were not reached are missing then.
#[pyfunction]
#[pyo3(signature = (files, converters = "[]", *, seconds = None))]
pub(crate) fn decode_captures(
    py: Python<'_>,
    files: Vec<Vec<String>>,
    converters: &str,
    seconds: Option<f64>,
) -> PyResult<Vec<Vec<String>>> {
    let limit = seconds.map(Duration::try_from_secs_f64).transpose();
    let limit = limit.map_err(|error| PyValueError::new_err(error.to_string()))?;
    let end = limit.and_then(|limit| Instant::now().checked_add(limit));
    py.detach(|| {
        let set = ConverterSet::read(converters, &ConverterSet::default())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let catalogue = Arc::new(set.over(&Catalogue::builtin()));
        let mut workers = WaitingWorkers::new(CALL_LIMIT);
        workers.set(Worker::of(&set));
        // What a converter prints is not about captures.
        let mut call = |id, call| workers.call(id, call, &mut |_, _| {});
        let mut decode = |lines: Vec<String>| {
            let mut decoder = Decoder::new(Arc::clone(&catalogue));
            let in_time = lines
                .into_iter()
                .take_while(|_| end.is_none_or(|end| Instant::now() < end));
            in_time
                .map(|line| decoded(&mut decoder, &line, &mut call).to_string())
                .collect()
        };
        Ok(files.into_iter().map(&mut decode).collect())
    })
}

fn decoded(decoder: &mut Decoder, line: &str, call: Call<'_>) -> Json {
    match serde_json::from_str::<Capture>(line) {
        Ok(capture) => {
            let outcome = decoder.decode(&capture, call);
            let expected = Decoder::expected(&capture);
            json!({
                "model": capture.model.or(capture.zigbee_model),
                "time": capture.time,
                "same": outcome.payload == expected,
                "payload": outcome.payload,
                "expected": expected,
                "failures": outcome.failures,
            })
        }
        Err(error) => json!({ "error": error.to_string() }),
    }
}

/// Takes the secrets of a data directory out of texts.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct Redactor {
    redactor: journal::Redactor,
}

#[pymethods]
impl Redactor {
    #[new]
    fn new(py: Python<'_>, data: PathBuf) -> PyResult<Self> {
        py.detach(|| {
            let options = OpenOptions {
                read_only: true,
                ..OpenOptions::default()
            };
            let loaded =
                DataDirectory::open_with(data, &options).map_err(|e| data_exception(&e))?;
            Ok(Self {
                redactor: journal::Redactor::new(&loaded),
            })
        })
    }

    /// All settings without secrets, as JSON.
    fn settings(&self) -> &str {
        self.redactor.settings()
    }

    /// A text without secrets.
    fn text(&self, text: &str) -> String {
        self.redactor.text(text)
    }

    /// A file of a journal without secrets.
    #[expect(clippy::needless_pass_by_value, reason = "what pyo3 makes of a path")]
    fn journal(&self, path: PathBuf) -> PyResult<Vec<u8>> {
        self.redactor.journal(&path).map_err(|error| failed(&error))
    }
}
