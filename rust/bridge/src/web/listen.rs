//! Listening, and who is let in.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hub::LogLevel;
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::options::Address;
use super::{Event, MOST_CONNECTIONS, Shared, connection};

/// Until the next attempt when somebody else has the port.
const AGAIN: Duration = Duration::from_secs(5);
/// After an error of the operating system, such as no more file descriptors.
const BREATHE: Duration = Duration::from_millis(500);
/// For the TLS handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// Silence after which the operating system asks whether a client is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
const BACKLOG: i32 = 128;

/// A connection's bytes.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

enum Accepted {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Serves for ever.
pub(super) async fn run(shared: Arc<Shared>) {
    let listener = bind_at_last(&shared).await;
    let mut connections = JoinSet::new();
    loop {
        let (accepted, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    shared.complain(format!("Web clients can't be let in: {error}"));
                    sleep(BREATHE).await;
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
        };
        while connections.try_join_next().is_some() {}
        if connections.len() >= MOST_CONNECTIONS {
            shared.complain(format!(
                "{MOST_CONNECTIONS} connections of web clients are open; one from {peer} was refused"
            ));
            continue;
        }
        connections.spawn(enter(Arc::clone(&shared), accepted, peer));
    }
}

/// Takes the port as soon as it is free.
async fn bind_at_last(shared: &Shared) -> Listener {
    let mut told = None;
    loop {
        match bind(&shared.options.address).await {
            Ok(listener) => {
                let place = listener.place(shared);
                let _ = shared.events.send(Event::Listening(place)).await;
                return listener;
            }
            Err(error) => {
                let error = error.to_string();
                if told.as_ref() != Some(&error) {
                    let place = match &shared.options.address {
                        Address::All(port) => format!("port {port}"),
                        Address::Host(host, port) => format!("{host}:{port}"),
                        Address::Socket(path) => path.display().to_string(),
                    };
                    let text = format!(
                        "The web interface can't listen on {place}: {error}; trying again every \
                         {} s",
                        AGAIN.as_secs()
                    );
                    shared.log(LogLevel::Error, text);
                    told = Some(error);
                }
                sleep(AGAIN).await;
            }
        }
    }
}

async fn bind(address: &Address) -> io::Result<Listener> {
    match address {
        Address::All(port) => {
            // Both kinds of addresses through one socket, as Zigbee2MQTT does; hosts without IPv6 exist.
            let both = listen(SocketAddr::from((Ipv6Addr::UNSPECIFIED, *port)));
            match both {
                Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                    listen(SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port)))
                }
                other => other,
            }
        }
        Address::Host(host, port) => {
            let mut result = Err(io::Error::other("the name has no address"));
            for address in tokio::net::lookup_host((host.as_str(), *port)).await? {
                result = listen(address);
                if result.is_ok() {
                    break;
                }
            }
            result
        }
        Address::Socket(path) => {
            remove_stale(path).await?;
            UnixListener::bind(path).map(Listener::Unix)
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // A restart takes over the port of connections that are ending.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into()).map(Listener::Tcp)
}

/// Removes a socket that a process which is gone left behind, and nothing else.
async fn remove_stale(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => match UnixStream::connect(path).await {
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
            Err(_) => std::fs::remove_file(path),
        },
        // What is there and no socket makes the binding fail.
        _ => Ok(()),
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<(Accepted, String)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Accepted::Tcp(stream), peer.to_string()))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Accepted::Unix(stream), "the unix socket".to_owned()))
            }
        }
    }

    fn place(&self, shared: &Shared) -> String {
        let scheme = match shared.options.tls {
            Some(_) => "https",
            None => "http",
        };
        let base = &shared.options.base;
        match self {
            Self::Tcp(listener) => match listener.local_addr() {
                Ok(address) => format!("{scheme}://{address}{base}/"),
                Err(error) => format!("({error})"),
            },
            Self::Unix(_) => match &shared.options.address {
                Address::Socket(path) => path.display().to_string(),
                _ => String::new(),
            },
        }
    }
}

/// A connection from its beginning to its end.
async fn enter(shared: Arc<Shared>, accepted: Accepted, peer: String) {
    let stream: Box<dyn Stream> = match accepted {
        Accepted::Tcp(stream) => {
            // Fails only on sockets that are gone.
            let _ = stream.set_nodelay(true);
            let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
            let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
            Box::new(stream)
        }
        Accepted::Unix(stream) => Box::new(stream),
    };
    let stream: Box<dyn Stream> = match &shared.options.tls {
        None => stream,
        Some(config) => {
            let acceptor = TlsAcceptor::from(Arc::clone(config));
            match timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Box::new(stream),
                // Scanners, plain http, browsers that don't trust the certificate.
                Ok(Err(_)) | Err(_) => return,
            }
        }
    };
    connection::serve(shared, stream, peer).await;
}
