//! As much of an MQTT 3.1.1 client as a subscriber that must not be the bottleneck needs.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::link::readable;

/// A message, borrowed from the reader's buffer.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) topic: &'a [u8],
    pub(crate) payload: &'a [u8],
    pub(crate) retained: bool,
}

/// Connects, subscribes to `filter` and waits until the broker has confirmed it.
pub(crate) fn subscribe(address: &str, client: &str, filter: &str) -> io::Result<Reader> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut connect = vec![0, 4];
    connect.extend_from_slice(b"MQTT");
    // Level 4, clean session, no keep-alive.
    connect.extend_from_slice(&[4, 2, 0, 0]);
    string(&mut connect, client);
    stream.write_all(&packet(0x10, &connect))?;
    let mut subscribe = vec![0, 1];
    string(&mut subscribe, filter);
    subscribe.push(0);
    stream.write_all(&packet(0x82, &subscribe))?;
    let mut reader = Reader {
        stream,
        buffer: vec![0; 1 << 16],
        begin: 0,
        end: 0,
    };
    for expected in [0x20, 0x90] {
        let (kind, ..) = reader.next_packet()?;
        if kind != expected {
            return Err(io::Error::other("the broker does not answer as MQTT 3.1.1"));
        }
    }
    Ok(reader)
}

/// A message to publish at most once.
pub(crate) fn publish(topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(2 + topic.len() + payload.len());
    string(&mut body, topic);
    body.extend_from_slice(payload);
    packet(0x30, &body)
}

fn string(to: &mut Vec<u8>, text: &str) {
    // Only our own short names come here.
    to.extend_from_slice(&u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    to.extend_from_slice(text.as_bytes());
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut all = vec![kind];
    let mut left = body.len();
    loop {
        let [digit, ..] = (left % 128).to_le_bytes();
        left /= 128;
        all.push(if left > 0 { digit | 0x80 } else { digit });
        if left == 0 {
            break;
        }
    }
    all.extend_from_slice(body);
    all
}

/// The receiving end.
pub(crate) struct Reader {
    stream: TcpStream,
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
}

impl Reader {
    /// Another handle of the connection, to publish on.
    pub(crate) fn writer(&self) -> io::Result<TcpStream> {
        self.stream.try_clone()
    }

    /// Gives up waiting for a message after a time.
    pub(crate) fn set_timeout(&self, time: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(time))
    }

    /// Waits until there is something to read; false when the time is over. Sharper than a timeout of
    /// the socket, which counts in ticks of the system.
    pub(crate) fn wait(&self, time: Duration) -> io::Result<bool> {
        Ok(self.has_more() || readable(&self.stream, Some(time))?)
    }

    /// Waits for the next message.
    pub(crate) fn next(&mut self) -> io::Result<Message<'_>> {
        let (retained, topic, end) = loop {
            let (kind, begin, end) = self.next_packet()?;
            let length = self
                .buffer
                .get(begin..end)
                .and_then(<[u8]>::first_chunk::<2>);
            if let (0x30, Some(length)) = (kind & 0xF0, length) {
                let topic = begin + 2;
                let topic = topic..topic + usize::from(u16::from_be_bytes(*length));
                if topic.end <= end {
                    break (kind & 1 == 1, topic, end);
                }
            }
        };
        Ok(Message {
            payload: self.buffer.get(topic.end..end).unwrap_or_default(),
            topic: self.buffer.get(topic).unwrap_or_default(),
            retained,
        })
    }

    /// True when a whole message may already be here, so that reading on does not wait.
    pub(crate) fn has_more(&self) -> bool {
        let have = self.buffer.get(self.begin..self.end).unwrap_or_default();
        header(have).is_some_and(|(_, header, length)| have.len() >= header + length)
    }

    /// Waits for the next packet: its first byte and where its body is in the buffer.
    fn next_packet(&mut self) -> io::Result<(u8, usize, usize)> {
        loop {
            let have = self.buffer.get(self.begin..self.end).unwrap_or_default();
            let mut wanted = 0;
            if let Some((kind, header, length)) = header(have) {
                wanted = header + length;
                if have.len() >= wanted {
                    let body = self.begin + header;
                    self.begin += wanted;
                    return Ok((kind, body, body + length));
                }
            }
            self.buffer.copy_within(self.begin..self.end, 0);
            self.end -= self.begin;
            self.begin = 0;
            if self.buffer.len() < wanted {
                self.buffer.resize(wanted, 0);
            }
            let room = self.buffer.get_mut(self.end..).unwrap_or_default();
            match self.stream.read(room)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                more => self.end += more,
            }
        }
    }
}

/// First byte, length of the header, length of the body.
fn header(have: &[u8]) -> Option<(u8, usize, usize)> {
    let (&kind, rest) = have.split_first()?;
    let mut length = 0;
    for (index, &byte) in rest.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((kind, index + 2, length));
        }
    }
    None
}
