//! Coordinators on the network.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::{BoxFuture, Connector, Link};

/// How long a connection may take to be made.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// When an idle connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How long sent bytes may stay unacknowledged before the connection counts as dead (Linux). Without
/// it a vanished peer is noticed after a quarter of an hour.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to `host:port`.
#[derive(Debug)]
pub struct TcpConnector {
    address: String,
}

impl TcpConnector {
    /// A connector for `host:port`.
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
        }
    }

    async fn open(&self) -> io::Result<Link> {
        let stream = tokio::time::timeout(CONNECT_TIME, TcpStream::connect(&self.address))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|error| {
                io::Error::new(error.kind(), format!("tcp://{}: {error}", self.address))
            })?;
        // A command is a few bytes and the next one waits for its answer.
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE)
            .with_interval(Duration::from_secs(5));
        socket.set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
        Ok(Link::new(stream))
    }
}

impl Connector for TcpConnector {
    fn connect(&mut self) -> BoxFuture<'_, io::Result<Link>> {
        Box::pin(self.open())
    }

    fn name(&self) -> String {
        format!("tcp://{}", self.address)
    }
}
