//! How bytes reach a coordinator: a serial port, a TCP socket, or any stream of a test or a simulator.
//!
//! A [`Connector`] makes a [`Link`] each time it is asked to, so that whoever owns it can reconnect.

mod mdns;
mod serial;
mod tcp;

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use mdns::MdnsConnector;
pub use serial::SerialConnector;
pub use tcp::TcpConnector;

/// The future that [`Connector::connect`] returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Makes links to one coordinator.
pub trait Connector: Send {
    /// Opens a new link. The one before must have been dropped: a coordinator has one master.
    fn connect(&mut self) -> BoxFuture<'_, io::Result<Link>>;
    /// The port as a person wrote it.
    fn name(&self) -> String;
}

/// What a [`Link`] is made of.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// True when [`Stream::set_lines`] does something.
    fn has_lines(&self) -> bool {
        false
    }

    /// Sets "data terminal ready" and "request to send" of a serial port.
    fn set_lines(&mut self, dtr: bool, rts: bool) -> io::Result<()> {
        let _ = (dtr, rts);
        Ok(())
    }
}

impl Stream for tokio::io::DuplexStream {}
impl Stream for tokio::net::TcpStream {}
#[cfg(unix)]
impl Stream for tokio::net::UnixStream {}

/// An open connection to a coordinator. Dropping it closes the port.
pub struct Link(Box<dyn Stream>);

impl Link {
    /// A link over any stream.
    pub fn new(stream: impl Stream + 'static) -> Self {
        Self(Box::new(stream))
    }

    /// True for a serial port, whose lines can be set.
    pub fn has_lines(&self) -> bool {
        self.0.has_lines()
    }

    /// Sets "data terminal ready" and "request to send"; nothing where there are no lines.
    pub fn set_lines(&mut self, dtr: bool, rts: bool) -> io::Result<()> {
        self.0.set_lines(dtr, rts)
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("has_lines", &self.has_lines())
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// A connector that calls a function for each link: the simulator's and the tests' way in.
pub struct FnConnector<F> {
    name: String,
    open: F,
}

impl<F: FnMut() -> io::Result<Link> + Send> FnConnector<F> {
    /// A connector with a name for the log.
    pub fn new(name: impl Into<String>, open: F) -> Self {
        Self {
            name: name.into(),
            open,
        }
    }
}

impl<F: FnMut() -> io::Result<Link> + Send> Connector for FnConnector<F> {
    fn connect(&mut self) -> BoxFuture<'_, io::Result<Link>> {
        let link = (self.open)();
        Box::pin(std::future::ready(link))
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// `serial.*` of the configuration, as far as a link needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortSettings {
    /// `serial.port`: a device path, `tcp://host:port`, `socket://host:port`, or `mdns://service`.
    pub port: String,
    /// `serial.baudrate`, 115200 unless told otherwise. Without effect on TCP.
    pub baud_rate: u32,
    /// `serial.rtscts`: hardware flow control. Without effect on TCP.
    pub rtscts: bool,
}

impl PortSettings {
    /// A port with 115200 baud and no flow control.
    pub fn new(port: impl Into<String>) -> Self {
        Self {
            port: port.into(),
            baud_rate: 115_200,
            rtscts: false,
        }
    }

    /// True when the port is reached over the network.
    pub fn is_network(&self) -> bool {
        self.port.contains("://")
    }

    /// The connector for the port.
    pub fn connector(&self) -> Result<Box<dyn Connector>, InvalidPort> {
        match self.port.split_once("://") {
            None if self.port.is_empty() => Err(InvalidPort::Empty),
            None => Ok(Box::new(SerialConnector::new(self.clone()))),
            Some(("tcp" | "socket", address)) => {
                let address = address.trim_end_matches('/');
                let valid = address.rsplit_once(':').is_some_and(|(host, port)| {
                    !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0)
                });
                if valid {
                    Ok(Box::new(TcpConnector::new(address)))
                } else {
                    Err(InvalidPort::Address(self.port.clone()))
                }
            }
            Some(("mdns", service)) => MdnsConnector::new(service)
                .map(|connector| Box::new(connector) as Box<dyn Connector>)
                .ok_or_else(|| InvalidPort::Service(self.port.clone())),
            Some((scheme, _)) => Err(InvalidPort::Scheme(scheme.to_owned())),
        }
    }
}

/// `serial.port` can't be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPort {
    /// Nothing is written there.
    #[error("serial.port is empty")]
    Empty,
    /// A network address without host or port number.
    #[error("serial.port '{0}' is not of the form tcp://host:port")]
    Address(String),
    /// What comes after `mdns://` is no service.
    #[error("serial.port '{0}' is not of the form mdns://slzb-06 or mdns://_slzb-06._tcp")]
    Service(String),
    /// A scheme that is not known.
    #[error("serial.port starts with '{0}://'; write a device path or tcp://host:port")]
    Scheme(String),
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn ports_name_serial_devices_and_sockets() {
        for (port, network) in [
            ("/dev/ttyUSB0", false),
            ("/dev/serial/by-id/usb-x", false),
            ("COM3", false),
            ("tcp://192.168.1.2:6638", true),
            ("socket://stick.local:20108/", true),
            ("tcp://[fe80::1]:6638", true),
            ("mdns://slzb-06", true),
        ] {
            let settings = PortSettings::new(port);
            assert!(settings.connector().is_ok(), "{port}");
            assert_eq!(settings.is_network(), network, "{port}");
        }
    }

    #[test]
    fn wrong_ports_are_refused_with_the_reason() {
        for (port, expected) in [
            ("", InvalidPort::Empty),
            ("tcp://host", InvalidPort::Address("tcp://host".into())),
            ("tcp://:1", InvalidPort::Address("tcp://:1".into())),
            (
                "tcp://h:99999",
                InvalidPort::Address("tcp://h:99999".into()),
            ),
            ("mdns://a.b", InvalidPort::Service("mdns://a.b".into())),
            ("http://h:80", InvalidPort::Scheme("http".into())),
        ] {
            assert_eq!(PortSettings::new(port).connector().err(), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_link_over_tcp_carries_bytes_both_ways() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let mut connector = PortSettings::new(format!("tcp://{address}"))
            .connector()
            .unwrap();
        assert_eq!(connector.name(), format!("tcp://{address}"));
        let (link, peer) = tokio::join!(connector.connect(), server.accept());
        let (mut link, mut peer) = (link.unwrap(), peer.unwrap().0);
        assert!(!link.has_lines());
        link.set_lines(true, true).unwrap();
        link.write_all(b"ping").await.unwrap();
        let mut bytes = [0; 4];
        peer.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ping");
        peer.write_all(b"pong").await.unwrap();
        link.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"pong");
    }

    #[tokio::test]
    async fn an_in_memory_stream_is_a_link() {
        let mut far = None;
        let mut connector = FnConnector::new("memory", || {
            let (near, other) = tokio::io::duplex(64);
            far = Some(other);
            Ok(Link::new(near))
        });
        let mut link = connector.connect().await.unwrap();
        link.write_all(b"x").await.unwrap();
        drop(link);
        let mut bytes = Vec::new();
        far.unwrap().read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes, b"x");
    }

    #[tokio::test]
    async fn a_port_that_is_missing_is_named_in_the_error() {
        let mut connector = PortSettings::new("/dev/no-such-port").connector().unwrap();
        let error = connector.connect().await.unwrap_err();
        assert!(error.to_string().contains("/dev/no-such-port"), "{error}");
    }
}
