//! A simulated coordinator with simulated devices, on a thread of its own.

use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::{io, sync::Mutex};

use adapters::transport::{Connector, FnConnector, Link};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use serde_json::Value as Json;
use simulator::StickConfig;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Notify;

/// Bytes between a bridge and the stick in the same process.
const PIPE: usize = 64 * 1024;

/// A simulated stick.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct Simulator {
    stick: simulator::Simulator,
    runtime: Handle,
    serial: String,
    stop: Arc<Notify>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread tells once it runs.
type Started = io::Result<(simulator::Simulator, Handle, String)>;

#[pymethods]
impl Simulator {
    /// Starts a stick fresh from the factory, also reachable on TCP.
    #[new]
    fn new() -> PyResult<Self> {
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("ferrobee-simulator".to_owned())
            .spawn(move || run(&tell, &stopped))
            .map_err(PyOSError::new_err)?;
        let (stick, runtime, serial) = told
            .recv()
            .map_err(|_| PyOSError::new_err("the simulator does not start"))?
            .map_err(PyOSError::new_err)?;
        Ok(Self {
            stick,
            runtime,
            serial,
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Where a bridge finds the stick, as `serial.port` has it.
    #[getter]
    fn serial(&self) -> &str {
        &self.serial
    }

    /// Carries out a command of the simulator, JSON in and JSON out.
    fn control(&self, command: &str) -> PyResult<String> {
        let command: Json = serde_json::from_str(command).map_err(|e| value_error(&e))?;
        let _inside = self.runtime.enter();
        let answer = self.stick.control(&command).map_err(|e| value_error(&e))?;
        Ok(answer.to_string())
    }

    /// Plays lists of commands with `after_ms` in the background: the first once, then the second
    /// over and over.
    fn play(&self, once: &str, again: &str) -> PyResult<()> {
        let once: Vec<Json> = serde_json::from_str(once).map_err(|e| value_error(&e))?;
        let again: Vec<Json> = serde_json::from_str(again).map_err(|e| value_error(&e))?;
        let simulator = self.stick.clone();
        self.runtime.spawn(async move {
            simulator.play(&once).await;
            while !again.is_empty() {
                simulator.play(&again).await;
                // A list without pauses must not keep the others from their turn.
                tokio::task::yield_now().await;
            }
        });
        Ok(())
    }

    /// Ends it, and every connection to it.
    fn close(&self, py: Python<'_>) {
        self.stop.notify_one();
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            // A panic over there was printed there.
            let _ = py.detach(|| thread.join());
        }
    }
}

impl Simulator {
    /// A way to the stick within the process, by the same bytes.
    pub(crate) fn connector(&self) -> Box<dyn Connector> {
        let simulator = self.stick.clone();
        let runtime = self.runtime.clone();
        Box::new(FnConnector::new("the simulated stick", move || {
            let (near, far) = tokio::io::duplex(PIPE);
            let simulator = simulator.clone();
            runtime.spawn(async move {
                if let Err(error) = simulator.serve(far).await {
                    tracing::debug!(%error, "the simulated stick's connection has ended");
                }
            });
            Ok(Link::new(near))
        }))
    }
}

fn run(tell: &mpsc::Sender<Started>, stop: &Notify) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = tell.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        match start().await {
            Err(error) => drop(tell.send(Err(error))),
            Ok((simulator, listener, serial)) => {
                // Who asked may be gone; then there is nobody to stop us either.
                if tell
                    .send(Ok((simulator.clone(), Handle::current(), serial)))
                    .is_ok()
                {
                    tokio::select! {
                        _ = simulator.serve_tcp(listener) => {}
                        () = stop.notified() => {}
                    }
                }
            }
        }
    });
}

async fn start() -> io::Result<(simulator::Simulator, TcpListener, String)> {
    let simulator = simulator::Simulator::new(StickConfig::default()).map_err(io::Error::other)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let serial = format!("tcp://{}", listener.local_addr()?);
    Ok((simulator, listener, serial))
}

fn value_error(error: &impl ToString) -> PyErr {
    PyValueError::new_err(error.to_string())
}
