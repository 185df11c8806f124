//! A whole house in virtual time.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyKeyError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use serde_json::Value as Json;
use simulator::Model;
use virtual_house::{House, HouseConfig, HouseError, NewDevice};

use crate::errors::LedgerError;
use crate::ledger::{self, Change, Due, Rows};

/// A message: topic, payload, stored.
type Message<'py> = (Bound<'py, PyString>, Bound<'py, PyBytes>, bool);

/// The real bridge on the simulated stick, one clock for both. Whoever calls works on it alone.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct VirtualBridge {
    house: Mutex<House>,
}

#[pymethods]
impl VirtualBridge {
    /// A house without devices. `unix_ms` is the wall clock at its beginning, `configuration` what
    /// `configuration.yaml` says, as JSON. In the data directory `journal` a journal is written.
    #[new]
    #[pyo3(signature = (*, seed = 1, unix_ms = None, configuration = "{}", journal = None))]
    fn new(
        seed: u64,
        unix_ms: Option<i64>,
        configuration: &str,
        journal: Option<PathBuf>,
    ) -> PyResult<Self> {
        let default = HouseConfig::default();
        let config = HouseConfig {
            seed,
            unix_ms: unix_ms.unwrap_or(default.unix_ms),
            configuration: serde_json::from_str(configuration).map_err(|e| value_error(&e))?,
            journal,
        };
        let house = House::new(config).map_err(|e| exception(&e))?;
        Ok(Self {
            house: Mutex::new(house),
        })
    }

    /// Adds devices: name, simulated model (a name, or JSON that describes one) and options as JSON
    /// of each. Gives their addresses.
    fn add(&self, devices: Vec<(String, String, String)>) -> PyResult<Vec<String>> {
        let devices = devices
            .into_iter()
            .map(|(name, model, options)| {
                let model = self.model_of(&model)?;
                Ok(NewDevice {
                    name,
                    model,
                    ieee: None,
                    options: serde_json::from_str(&options).map_err(|e| value_error(&e))?,
                })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let added = self.house().add(&devices).map_err(|e| exception(&e))?;
        Ok(added.iter().map(ToString::to_string).collect())
    }

    /// Adds a group of devices, by their names. Before the beginning.
    #[expect(clippy::needless_pass_by_value, reason = "what pyo3 makes of a list")]
    fn add_group(&self, name: &str, members: Vec<String>) -> PyResult<()> {
        let members: Vec<&str> = members.iter().map(String::as_str).collect();
        self.house()
            .add_group(name, &members)
            .map_err(|e| exception(&e))
    }

    /// Starts the bridge and lets it set everything up; time is 0 then. Once.
    fn begin(&self) -> PyResult<()> {
        self.house().begin().map_err(|e| exception(&e))
    }

    /// The converters that there are, all of them: JSON as `Bridge.set_converters` takes it. Their
    /// functions run in programs of their own, and time stands while they do.
    fn set_converters(&self, converters: &str) {
        self.house().set_converters(converters);
    }

    /// Microseconds since the beginning.
    #[getter]
    fn now(&self) -> u64 {
        self.house().now()
    }

    /// The wall clock, milliseconds since 1970.
    #[getter]
    fn unix_ms(&self) -> i64 {
        self.house().unix_ms()
    }

    /// The base topic.
    #[getter]
    fn base(&self) -> String {
        self.house().base().to_owned()
    }

    /// True while the bridge has its network.
    #[getter]
    fn up(&self) -> bool {
        self.house().is_up()
    }

    /// Sets the wall clock forward or back.
    fn step_clock(&self, milliseconds: i64) {
        self.house().step_clock(milliseconds);
    }

    /// Lets time pass until then (microseconds since the beginning), or until there is a message or
    /// a timer has rung. Gives the time reached.
    fn advance(&self, until: u64) -> u64 {
        self.house().advance(until)
    }

    /// The messages since the last call.
    fn take<'py>(&self, py: Python<'py>) -> Vec<Message<'py>> {
        let messages = self.house().take();
        // Python may collect garbage here, whose end may look at the house.
        messages
            .into_iter()
            .map(|message| {
                (
                    PyString::new(py, &message.topic),
                    PyBytes::new(py, &message.payload),
                    message.stored,
                )
            })
            .collect()
    }

    /// Wants to hear everything below the base topic: what is, then what happens.
    fn listen(&self) {
        self.house().listen();
    }

    /// Wants to hear a topic filter too.
    fn subscribe(&self, topic_filter: &str) {
        self.house().subscribe(topic_filter);
    }

    /// Wants to hear nothing any more.
    fn unlisten(&self) {
        self.house().unlisten();
    }

    /// Publishes at the house's broker.
    #[pyo3(signature = (topic, payload, *, retain = false))]
    fn publish(&self, topic: &str, payload: &[u8], retain: bool) {
        self.house().publish(topic, payload, retain);
    }

    /// Carries out a command of the simulator, JSON in and JSON out; `device` may be a name.
    fn control(&self, command: &str) -> PyResult<String> {
        let command: Json = serde_json::from_str(command).map_err(|e| value_error(&e))?;
        let answer = self.house().control(&command).map_err(|e| exception(&e))?;
        Ok(answer.to_string())
    }

    /// A device sends what makes a property of it have a value, given as JSON.
    fn report(&self, name: &str, key: &str, value: &str) -> PyResult<()> {
        let value: Json = serde_json::from_str(value).map_err(|e| value_error(&e))?;
        self.house()
            .report(name, key, &value)
            .map_err(|e| exception(&e))
    }

    /// From now on the next of these commands (`act`, as JSON) is carried out each time that so many
    /// microseconds have passed.
    fn live(&self, every: u64, commands: &str) -> PyResult<()> {
        let commands: Vec<Json> = serde_json::from_str(commands).map_err(|e| value_error(&e))?;
        let every = Duration::from_micros(every.max(1));
        self.house()
            .live(every, &commands)
            .map_err(|e| exception(&e))
    }

    /// All timers and values that are kept: timers, and values as owner, key, value. Timers are told
    /// from then on.
    fn load_timers(&self) -> PyResult<Rows> {
        let rows = self.house().load_timers();
        rows.map(ledger::rows).map_err(|e| refused(&e))
    }

    /// Makes changes of timers and values, in order, all of them or none.
    fn commit(&self, changes: Vec<Change>) -> PyResult<()> {
        let changes = ledger::changes(changes).map_err(|e| refused(&e))?;
        self.house().commit(changes).map_err(|e| refused(&e))
    }

    /// True once after a timer has become due.
    fn has_rung(&self) -> bool {
        self.house().has_rung()
    }

    /// The timers that are due: each with how many milliseconds it is late, and whether it was missed.
    fn take_due(&self) -> Vec<Due> {
        let due = self.house().take_due();
        due.into_iter().map(ledger::due).collect()
    }

    /// Why the bridge has ended by itself since the last call.
    fn failures(&self) -> Vec<String> {
        self.house().take_failures()
    }

    /// The bridge's process dies.
    fn kill(&self) {
        self.house().kill();
    }

    /// The bridge ends as by SIGTERM.
    fn stop(&self) {
        self.house().stop();
    }

    /// The bridge starts again.
    fn start(&self) {
        self.house().start();
    }

    /// What the bridge logged since the last call: level, namespace, text.
    fn log(&self) -> Vec<(String, String, String)> {
        self.house()
            .take_log()
            .into_iter()
            .map(|entry| {
                let level = format!("{:?}", entry.level).to_lowercase();
                (level, entry.namespace, entry.text)
            })
            .collect()
    }
}

impl VirtualBridge {
    fn house(&self) -> MutexGuard<'_, House> {
        // A house that panicked half way is told so by whoever looks at it.
        self.house.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn model_of(&self, text: &str) -> PyResult<Arc<Model>> {
        if text.starts_with('{') {
            let description: Json = serde_json::from_str(text).map_err(|e| value_error(&e))?;
            Model::from_json(&description).map_err(|e| value_error(&e))
        } else {
            self.house().model(text).map_err(|e| exception(&e))
        }
    }
}

fn exception(error: &HouseError) -> PyErr {
    match error {
        HouseError::NoDevice(_) => PyKeyError::new_err(error.to_string()),
        _ => value_error(error),
    }
}

fn refused(error: &impl ToString) -> PyErr {
    LedgerError::new_err(error.to_string())
}

fn value_error(error: &impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}
