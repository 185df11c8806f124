//! The bridge on a thread of its own.

use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapters::detect::{DetectError, Kind};
use adapters::transport::{Connector, InvalidPort};
use bridge::data::{DataDirectory, DataError, Loaded};
use bridge::link::{Entrance, Visitors, entrance};
use bridge::runtime::{
    self, Exit, Helper, HelperPort, LedgerPort, LogTargets, RunError, RunOptions,
};
use hub::LogLevel;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::background::Background;
use crate::bridge_link::BridgeLink;
use crate::errors::{
    ConfigurationError, CoordinatorError, DataError as PyDataError, FerrobeeError,
};
use crate::ledger::Ledger;
use crate::link::exception;
use crate::port::{FoundPort, PortError};
use crate::simulator::Simulator;

/// A running bridge.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct Bridge {
    data: PathBuf,
    running: Background<Result<Exit, Error>>,
    stop: Arc<Notify>,
    entrance: Entrance,
    ledger: Arc<runtime::Ledger>,
    converters: UnboundedSender<String>,
    helper: Helper,
}

/// What the bridge has of whoever talks to it in this process.
struct Inside {
    visitors: Visitors,
    ledger: LedgerPort,
    converters: Option<String>,
    converter_sets: UnboundedReceiver<String>,
    helper: HelperPort,
}

/// Why a bridge ended, or never began.
#[derive(Debug)]
enum Error {
    Run(RunError),
    /// `serial.port` can't be a port.
    Port {
        place: String,
        error: InvalidPort,
    },
    /// `serial.adapter` is no adapter.
    Adapter {
        place: String,
        error: DetectError,
    },
    /// There is no driver for `serial.adapter`.
    NoDriver {
        place: String,
        kind: Kind,
    },
    /// There is a coordinator, but no driver for it.
    Unsupported(DetectError),
}

#[pymethods]
impl Bridge {
    /// Starts a bridge on a data directory; `console` lets it print its log. With `simulator` that
    /// is the coordinator, whatever the configuration says. `converters` is what `set_converters` takes,
    /// known before the first device is looked at.
    #[new]
    #[pyo3(signature = (data, *, simulator = None, console = true, converters = None))]
    fn new(
        data: PathBuf,
        simulator: Option<&Simulator>,
        console: bool,
        converters: Option<String>,
    ) -> PyResult<Self> {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let simulated = simulator.map(Simulator::connector);
        let directory = data.clone();
        let (entrance, visitors) = entrance();
        let (ledger, port) = runtime::Ledger::new();
        let (sender, converter_sets) = unbounded_channel();
        let (helper, helper_port) = Helper::new();
        let inside = Inside {
            visitors,
            ledger: port,
            converters,
            converter_sets,
            helper: helper_port,
        };
        let work = move || run(&directory, simulated, console, inside, &stopped);
        let running = Background::spawn("ferrobee-bridge", work).map_err(PyOSError::new_err)?;
        Ok(Self {
            data,
            running,
            stop,
            entrance,
            ledger: Arc::new(ledger),
            converters: sender,
            helper,
        })
    }

    /// A file descriptor that becomes readable when the bridge has ended.
    fn fileno(&self) -> RawFd {
        self.running.fd()
    }

    /// A new link to it. Waits until the bridge has read its configuration.
    fn link(&self, py: Python<'_>) -> PyResult<BridgeLink> {
        let client = py.detach(|| self.entrance.open());
        client
            .map(BridgeLink::new)
            .map_err(|error| exception(&error))
    }

    /// Its durable timers and values. For one reader.
    fn ledger(&self) -> Ledger {
        Ledger::of_bridge(Arc::clone(&self.ledger))
    }

    /// Asks the bridge to end; returns at once.
    fn stop(&self) {
        self.stop.notify_one();
    }

    /// The converters that there are now, all of them, as JSON: a list of objects with `origin`,
    /// `definitions` and `worker`, or `origin` and `error`. Returns at once; the bridge takes them
    /// whole, in the order in which they are given.
    fn set_converters(&self, converters: String) {
        // Nobody takes them once the bridge has ended.
        let _ = self.converters.send(converters);
    }

    /// Writes a line to the bridge's log: console, files, syslog and `bridge/logging`, as far as the
    /// configuration wants lines of this level (as `logging` numbers them) and namespace there.
    fn log(&self, level: u8, namespace: String, text: String) {
        let level = match level {
            40.. => LogLevel::Error,
            30..40 => LogLevel::Warning,
            20..30 => LogLevel::Info,
            _ => LogLevel::Debug,
        };
        self.helper.log(level, namespace, text);
    }

    /// The next question to Python, with its number, as JSON; `None` when the bridge has ended. Waits
    /// for it, and may be called in one thread. From the first call on questions are not refused.
    fn next_question(&self, py: Python<'_>) -> Option<(u64, String)> {
        py.detach(|| self.helper.next())
    }

    /// Answers a question: with JSON, or with the reason why there is no answer.
    #[pyo3(signature = (number, answer = None, *, error = None))]
    fn answer(&self, number: u64, answer: Option<&str>, error: Option<String>) -> PyResult<()> {
        let result = match (answer, error) {
            (_, Some(error)) => Err(error),
            (answer, None) => serde_json::from_str(answer.unwrap_or("null"))
                .map(Ok)
                .map_err(|error| PyValueError::new_err(error.to_string()))?,
        };
        self.helper.answer(number, result);
        Ok(())
    }

    /// Waits for the end. True if somebody asked for a restart: start a new one then.
    fn result(&self, py: Python<'_>) -> PyResult<bool> {
        match py.detach(|| self.running.join()) {
            Some(Ok(exit)) => Ok(exit == Exit::Restart),
            Some(Err(error)) => Err(self.exception(error)),
            None => Err(FerrobeeError::new_err(
                "the bridge has crashed; the lines above say where. This is a fault of ferrobee: \
                 please report it",
            )),
        }
    }
}

impl Bridge {
    fn exception(&self, error: Error) -> PyErr {
        let configuration = self.data.join("configuration.yaml");
        let configuration = configuration.display();
        match error {
            Error::Port { place, error } => {
                ConfigurationError::new_err(format!("{place}: {error}"))
            }
            Error::Adapter { place, error } => {
                ConfigurationError::new_err(format!("{place}: {error}"))
            }
            Error::NoDriver { place, kind } => CoordinatorError::new_err(format!(
                "{place}: serial.adapter is '{}'; coordinators with {kind} firmware are not \
                 supported yet",
                kind.name()
            )),
            Error::Unsupported(error) => CoordinatorError::new_err(error.to_string()),
            Error::Run(RunError::Mqtt(error)) => {
                ConfigurationError::new_err(format!("{configuration}: {error}"))
            }
            Error::Run(RunError::Data(error)) => data_exception(&error),
            Error::Run(RunError::Coordinator(failure)) => {
                CoordinatorError::new_err(failure.to_string())
            }
            Error::Run(RunError::System(error)) => PyOSError::new_err(error),
        }
    }
}

/// What is wrong with a data directory, as an exception.
pub(crate) fn data_exception(error: &DataError) -> PyErr {
    match error {
        DataError::Invalid(_) => ConfigurationError::new_err(error.to_string()),
        DataError::Io { .. } | DataError::Ledger { .. } => PyDataError::new_err(error.to_string()),
    }
}

fn run(
    directory: &Path,
    simulated: Option<Box<dyn Connector>>,
    console: bool,
    inside: Inside,
    stop: &Notify,
) -> Result<Exit, Error> {
    let loaded = DataDirectory::open(directory).map_err(|error| Error::Run(error.into()))?;
    let connector = match simulated {
        Some(connector) => connector,
        None => connector(&loaded)?,
    };
    let mut options = RunOptions::new(
        loaded,
        Box::new(|config| Box::new(adapters::znp::ZnpSession::new(config))),
    );
    options.visitors = Some(inside.visitors);
    options.ledger = Some(inside.ledger);
    options.converters = inside.converters;
    options.converter_sets = Some(inside.converter_sets);
    options.helper = Some(inside.helper);
    options.log = LogTargets {
        console,
        ..LogTargets::default()
    };
    runtime::run(options, connector, stop.notified()).map_err(Error::Run)
}

/// The way to the coordinator that the configuration describes, or that USB shows.
fn connector(loaded: &Loaded) -> Result<Box<dyn Connector>, Error> {
    let place = |key| loaded.directory.place(&["serial", key]);
    match FoundPort::new(loaded.settings.serial()) {
        Ok(port) => Ok(Box::new(port)),
        Err(PortError::Invalid(error)) => Err(Error::Port {
            place: place("port"),
            error,
        }),
        Err(PortError::NoDriver(kind)) => Err(Error::NoDriver {
            place: place("adapter"),
            kind,
        }),
        Err(PortError::Detect(error @ DetectError::UnknownAdapter(_))) => Err(Error::Adapter {
            place: place("adapter"),
            error,
        }),
        Err(PortError::Detect(error)) => Err(Error::Unsupported(error)),
    }
}
