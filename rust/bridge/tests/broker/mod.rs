//! A broker of the test's own, which sees every packet.

use std::time::Duration;

use bytes::BytesMut;
use rumqttc::mqttbytes::Error;
use rumqttc::mqttbytes::v4::{ConnAck, Connect, ConnectReturnCode, Packet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Nothing in a test takes this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// One connection as the broker sees it.
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    input: BytesMut,
}

impl Peer {
    pub(crate) async fn accept(listener: &TcpListener, code: ConnectReturnCode) -> (Self, Connect) {
        let (stream, _) = timeout(LIMIT, listener.accept()).await.unwrap().unwrap();
        let mut peer = Self {
            stream,
            input: BytesMut::new(),
        };
        let Some(Packet::Connect(connect)) = peer.packet().await else {
            panic!("no greeting");
        };
        let mut out = BytesMut::new();
        ConnAck::new(code, false).write(&mut out).unwrap();
        peer.stream.write_all(&out).await.unwrap();
        (peer, connect)
    }

    /// The next packet; `None` at the end.
    pub(crate) async fn packet(&mut self) -> Option<Packet> {
        loop {
            match Packet::read(&mut self.input, usize::MAX) {
                Ok(packet) => return Some(packet),
                Err(Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("{error}"),
            }
            let read = self.stream.read_buf(&mut self.input);
            if timeout(LIMIT, read).await.unwrap().unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn send(&mut self, packet: Packet) {
        let mut out = BytesMut::new();
        packet.write(&mut out, usize::MAX).unwrap();
        self.stream.write_all(&out).await.unwrap();
    }
}
