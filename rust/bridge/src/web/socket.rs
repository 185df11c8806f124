//! One websocket.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hub::LogLevel;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Event, Outlet, Shared};

/// Bytes of a message from a client. The longest that a web interface sends is a firmware image in hex.
const LONGEST_MESSAGE: usize = 8 * 1024 * 1024;
/// How long a client may take nothing of what it is sent.
const STALL_LIMIT: Duration = Duration::from_secs(30);
/// How long a client that is refused may take to close.
const REFUSE_LIMIT: Duration = Duration::from_secs(5);
/// What a client that has to show its token is told. Web interfaces ask for one on this code only.
const UNAUTHORIZED: u16 = 4401;

/// Serves a client until it goes, is too slow, or the bridge ends.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    stream: S,
    peer: String,
) {
    let mut socket = accept(stream, LONGEST_MESSAGE).await;
    let outlet = Arc::new(Outlet::new(peer));
    let id = shared.new_id();
    let opened = Event::Opened(id, Arc::clone(&outlet));
    if shared.events.send(opened).await.is_err() {
        return;
    }
    converse(shared, &mut socket, &outlet).await;
    outlet.end();
    let _ = shared.events.send(Event::Closed(id)).await;
}

/// Tells a client that it gave no right token.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(stream: S) {
    let mut socket = accept(stream, 64 * 1024).await;
    let reason = CloseFrame {
        code: CloseCode::from(UNAUTHORIZED),
        reason: "Unauthorized".into(),
    };
    let _ = timeout(REFUSE_LIMIT, async {
        socket.close(Some(reason)).await?;
        // Until it closes in turn; what it says is not heard.
        while let Some(message) = socket.next().await {
            message?;
        }
        Ok::<_, tokio_tungstenite::tungstenite::Error>(())
    })
    .await;
}

async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    longest: usize,
) -> WebSocketStream<S> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(longest))
        .max_frame_size(Some(longest));
    WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    shared: &Shared,
    socket: &mut WebSocketStream<S>,
    outlet: &Outlet,
) {
    let mut complained = false;
    loop {
        tokio::select! {
            frames = outlet.next() => {
                let Some(frames) = frames else {
                    return;
                };
                let sent = tokio::select! {
                    sent = send(socket, frames) => sent,
                    () = outlet.cut_off() => false,
                };
                if !sent {
                    return;
                }
                // The others, and the radio.
                tokio::task::yield_now().await;
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => match envelope(&text) {
                    Some((topic, payload)) => {
                        let message = Event::Message { topic, payload };
                        if shared.events.send(message).await.is_err() {
                            return;
                        }
                    }
                    None if complained => {}
                    None => {
                        complained = true;
                        let text = format!(
                            "The web client at {} sent what is no JSON object with a topic; ignored",
                            outlet.peer()
                        );
                        shared.log(LogLevel::Warning, text);
                    }
                },
                // The answer is made by the library, and has to be sent.
                Some(Ok(Message::Ping(_))) => {
                    if !matches!(timeout(STALL_LIMIT, socket.flush()).await, Ok(Ok(()))) {
                        return;
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}

/// False when the client takes nothing, or is gone.
async fn send<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    frames: Vec<Bytes>,
) -> bool {
    for frame in frames {
        // The core writes UTF-8.
        let Ok(text) = Utf8Bytes::try_from(frame) else {
            continue;
        };
        let sent = timeout(STALL_LIMIT, socket.feed(Message::Text(text))).await;
        if !matches!(sent, Ok(Ok(()))) {
            return false;
        }
    }
    matches!(timeout(STALL_LIMIT, socket.flush()).await, Ok(Ok(())))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    payload: Option<&'a RawValue>,
}

/// `null` is a payload like any other.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Topic and payload of a frame.
fn envelope(text: &str) -> Option<(String, Vec<u8>)> {
    // A list would be read as the fields in their order.
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let Envelope { topic, payload } = serde_json::from_str(text).ok()?;
    let payload = payload.map(|payload| payload.get().as_bytes().to_vec());
    Some((topic.into_owned(), payload.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_a_topic_and_any_json() {
        for (text, topic, payload) in [
            (
                r#"{"topic":"a/set","payload":{"b":1,"a":"x"}}"#,
                "a/set",
                r#"{"b":1,"a":"x"}"#,
            ),
            (
                r#" {"payload":"ON","topic":"\u00e4","more":[1]} "#,
                "ä",
                r#""ON""#,
            ),
            (r#"{"topic":"a","payload":null}"#, "a", "null"),
            (r#"{"topic":"a"}"#, "a", ""),
        ] {
            let expected = Some((topic.to_owned(), payload.as_bytes().to_vec()));
            assert_eq!(envelope(text), expected, "{text}");
        }
        for text in [
            "",
            "garbage",
            "{",
            "[]",
            r#"["a/set","ON"]"#,
            r#"{"payload":1}"#,
            r#"{"topic":7,"payload":1}"#,
            r#"{"topic":"a","topic":"b"}"#,
            r#"{"topic":"a","payload":}"#,
            r#"{"topic":"a"} {}"#,
        ] {
            assert_eq!(envelope(text), None, "{text}");
        }
    }
}
