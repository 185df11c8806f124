//! An MQTT broker inside the process, for the demo and for tests on machines without one.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use pyo3::exceptions::PyOSError;
use pyo3::prelude::*;
use rumqttd::{Config, ConnectionSettings, RouterConfig, ServerSettings};

/// A broker on 127.0.0.1. It lives as long as the process: rumqttd has no way to stop.
#[pyclass(module = "ferrobee._core", frozen)]
pub(crate) struct Broker {
    port: u16,
}

#[pymethods]
impl Broker {
    /// Starts a broker on `port`, or on the next free one of the 100 above it if it is in use.
    #[new]
    fn new(py: Python<'_>, port: u16) -> PyResult<Self> {
        let port = free_port(port).map_err(PyOSError::new_err)?;
        let mut broker = rumqttd::Broker::new(config(port));
        thread::Builder::new()
            .name("ferrobee-broker".to_owned())
            .spawn(move || {
                if let Err(error) = broker.start() {
                    tracing::error!(%error, port, "the embedded broker has stopped");
                }
            })
            .map_err(PyOSError::new_err)?;
        py.detach(|| wait_until_it_listens(port))
            .map_err(PyOSError::new_err)?;
        Ok(Self { port })
    }

    /// The port that it listens on.
    #[getter]
    fn port(&self) -> u16 {
        self.port
    }
}

/// The first port from `wanted` on that nobody listens on.
fn free_port(wanted: u16) -> io::Result<u16> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in wanted..=wanted.saturating_add(100) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener.local_addr()?.port()),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

/// rumqttd does not tell when it is ready, so ask until it answers.
fn wait_until_it_listens(port: u16) -> io::Result<()> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        }
    }
}

fn config(port: u16) -> Config {
    let connections = ConnectionSettings {
        connection_timeout_ms: 10_000,
        // The bridge publishes its whole list of devices in one packet.
        max_payload_size: 16 * 1024 * 1024,
        max_inflight_count: 1000,
        auth: None,
        external_auth: None,
        dynamic_filters: true,
    };
    let server = ServerSettings {
        name: "demo".to_owned(),
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        tls: None,
        next_connection_delay_ms: 1,
        connections,
    };
    Config {
        id: 0,
        router: RouterConfig {
            max_connections: 100,
            max_outgoing_packet_count: 1000,
            max_segment_size: 32 * 1024 * 1024,
            max_segment_count: 2,
            ..RouterConfig::default()
        },
        v4: Some(HashMap::from([("demo".to_owned(), server)])),
        ..Config::default()
    }
}
