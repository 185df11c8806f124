//! The connection to the broker: plain or TLS, and perhaps inside a websocket.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::websocket::WebSocket;
use super::{Options, tls};

/// A connected stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Connects to the broker.
pub(super) async fn connect(options: &Options) -> io::Result<Box<dyn Stream>> {
    let tcp = TcpStream::connect((options.host.as_str(), options.port)).await?;
    tcp.set_nodelay(true)?;
    let stream: Box<dyn Stream> = match &options.tls {
        None => Box::new(tcp),
        Some(tls) => Box::new(tls::connect(tls, tcp).await?),
    };
    Ok(match &options.path {
        None => stream,
        Some(path) => {
            let scheme = if options.tls.is_some() { "wss" } else { "ws" };
            let url = format!("{scheme}://{}{path}", options.address());
            Box::new(WebSocket::connect(&url, stream).await?)
        }
    })
}
