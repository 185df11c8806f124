//! A client of the web server.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// An open websocket.
pub(crate) struct Visitor<S> {
    pub(crate) socket: WebSocketStream<S>,
}

/// Opens a websocket, with more header lines.
pub(crate) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    path: &str,
    headers: &str,
) -> Result<Visitor<S>, Error> {
    let mut request = format!("ws://127.0.0.1{path}").into_client_request()?;
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        request.headers_mut().insert(
            HeaderName::try_from(name).unwrap(),
            HeaderValue::try_from(value).unwrap(),
        );
    }
    let (socket, _) = timeout(LIMIT, client_async(request, stream))
        .await
        .unwrap()?;
    Ok(Visitor { socket })
}

/// The status of a handshake that must fail.
pub(crate) async fn refused(stream: TcpStream, path: &str, headers: &str) -> u16 {
    match upgrade(stream, path, headers).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{path} is let in"),
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Visitor<S> {
    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next text frame.
    pub(crate) async fn text(&mut self) -> String {
        match timeout(LIMIT, self.socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    /// Code and reason with which the server closes; `None` when it just goes.
    pub(crate) async fn end(&mut self) -> Option<(u16, String)> {
        match timeout(LIMIT, self.socket.next()).await.unwrap() {
            Some(Ok(Message::Close(Some(frame)))) => {
                Some((frame.code.into(), frame.reason.to_string()))
            }
            Some(Err(_)) | None => None,
            other => panic!("{other:?}"),
        }
    }
}

/// An answer to an HTTP request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// Makes a request as it stands and reads the answer to the end of the connection.
pub(crate) async fn get<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    method: &str,
    path: &str,
    headers: &str,
) -> Answer {
    // What is given goes before where it is about the connection.
    let close = if headers.contains("Connection:") {
        ""
    } else {
        "Connection: close\r\n"
    };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}{close}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    answer(&mut stream).await
}

/// A request to a server that may not let us in.
pub(crate) async fn try_get(address: &str, path: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut first = [0];
    stream
        .peek(&mut first)
        .await
        .and_then(|count| match count {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        })?;
    Ok(answer(&mut stream).await)
}

/// Reads an answer: its head, then as many bytes as it says, or until the end.
pub(crate) async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> Answer {
    let mut bytes = Vec::new();
    let (head, mut body) = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = bytes.split_off(at + 4);
            break (String::from_utf8(bytes).unwrap(), body);
        }
        let read = timeout(LIMIT, stream.read_buf(&mut bytes)).await.unwrap();
        assert!(read.unwrap() > 0, "no answer");
    };
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    // What follows a head without a body is the end of the connection.
    if head.to_ascii_lowercase().contains("connection: close") {
        let _ = timeout(LIMIT, stream.read_to_end(&mut body)).await.unwrap();
    }
    Answer {
        status: status.parse().unwrap(),
        headers,
        body,
    }
}
