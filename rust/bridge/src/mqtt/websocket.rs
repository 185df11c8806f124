//! MQTT inside a websocket (MQTT 3.1.1 §6, MQTT 5 §6): a stream of bytes in binary messages, whose
//! borders mean nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::{Sink, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The longest packet of MQTT with its header (MQTT 3.1.1 §2.2.3).
const LONGEST_MESSAGE: usize = 268_435_455 + 5;

/// The bytes in the messages of a websocket.
#[derive(Debug)]
pub(super) struct WebSocket<S> {
    socket: WebSocketStream<S>,
    /// What is left of the last message.
    rest: Bytes,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Greets the server at `url`, to which `stream` is connected.
    pub(super) async fn connect(url: &str, stream: S) -> io::Result<Self> {
        let mut request = url.into_client_request().map_err(failure)?;
        request
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("mqtt"));
        let config = WebSocketConfig::default()
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        let greeting =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        let (socket, _) = greeting.map_err(failure)?;
        Ok(Self {
            socket,
            rest: Bytes::new(),
        })
    }
}

fn failure(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        // Whatever answered speaks HTTP, but not this.
        Error::Http(response) => io::Error::other(format!(
            "the server does not take websockets there (HTTP status {})",
            response.status()
        )),
        other => io::Error::other(other),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(bytes))) => this.rest = bytes,
                Some(Ok(Message::Text(_))) => {
                    let text = "the broker sent text where MQTT is binary";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) | None => {
                    return Poll::Ready(Ok(()));
                }
                Some(Err(error)) => return Poll::Ready(Err(failure(error))),
            }
        }
        let length = this.rest.len().min(buf.remaining());
        buf.put_slice(&this.rest.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut socket = Pin::new(&mut self.get_mut().socket);
        ready!(socket.as_mut().poll_ready(cx)).map_err(failure)?;
        let length = bytes.len();
        let message = Message::Binary(bytes.copy_to_bytes(length));
        socket.start_send(message).map_err(failure)?;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = Pin::new(&mut self.get_mut().socket);
        socket.poll_flush(cx).map_err(failure)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = Pin::new(&mut self.get_mut().socket);
        socket.poll_close(cx).map_err(failure)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

    use super::*;

    #[expect(
        clippy::result_large_err,
        reason = "the type of the library's callback"
    )]
    #[tokio::test]
    async fn borders_of_messages_mean_nothing_and_the_protocol_is_named() {
        let (near, far) = duplex(64);
        let server = async {
            let greet = |request: &Request, mut response: Response| {
                assert_eq!(request.uri().path(), "/mqtt");
                let protocol = request.headers()[SEC_WEBSOCKET_PROTOCOL].clone();
                assert_eq!(protocol, "mqtt");
                response
                    .headers_mut()
                    .insert(SEC_WEBSOCKET_PROTOCOL, protocol);
                Ok(response)
            };
            let mut socket = tokio_tungstenite::accept_hdr_async(far, greet)
                .await
                .unwrap();
            for part in [&b"on"[..], b"", b"e two"] {
                socket.send(Message::Binary(part.into())).await.unwrap();
                socket.send(Message::Ping(Bytes::new())).await.unwrap();
            }
            let mut heard = Vec::new();
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Binary(bytes) = message {
                    heard.extend_from_slice(&bytes);
                }
            }
            heard
        };
        let client = async {
            let mut stream = WebSocket::connect("ws://broker:80/mqtt", near)
                .await
                .unwrap();
            let mut heard = [0; 7];
            stream.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"one two");
            stream.write_all(&[7; 1000]).await.unwrap();
            stream.flush().await.unwrap();
            stream.shutdown().await.unwrap();
            assert_eq!(stream.read(&mut heard).await.unwrap(), 0);
        };
        let (heard, ()) = tokio::join!(server, client);
        assert_eq!(heard, [7; 1000]);
    }

    #[tokio::test]
    async fn a_server_that_takes_no_websockets_is_named_as_such() {
        let (near, mut far) = duplex(1024);
        far.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        let error = WebSocket::connect("ws://broker/", near).await.unwrap_err();
        assert!(error.to_string().contains("404"), "{error}");
    }
}
