//! Reports to the bridge, and what came of them.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::link::Link;
use crate::mqtt::Reader;

/// Without a message for this long the rest counts as lost.
const SILENCE: Duration = Duration::from_secs(30);

/// The first short address of the simulated relays; they follow one another.
pub(crate) const FIRST_ADDRESS: u16 = 0x1000;

/// Sends reports and checks that each comes out once, in the order of its device.
///
/// A report is the relay's power, and the power is the number of the report: 0, 1, 2, … over all
/// devices in turn, so that the message on MQTT says which report it came from.
pub(crate) struct Load<'a> {
    pub(crate) link: &'a Link,
    pub(crate) reader: &'a mut Reader,
    pub(crate) devices: usize,
    /// The number of the next report; goes on over several loads, so that values never repeat.
    pub(crate) next: &'a mut usize,
}

impl Load<'_> {
    /// Sends `reports`, at most `window` of them without an answer at a time.
    pub(crate) fn run(&mut self, reports: usize, window: usize) -> io::Result<Json> {
        let first = *self.next;
        *self.next += reports;
        let mut sent_at = Vec::with_capacity(reports);
        let mut latency = Vec::with_capacity(reports);
        // The number that the next message of each device must carry.
        let mut expected: Vec<usize> = (0..self.devices)
            .map(|device| first + (device + self.devices - first % self.devices) % self.devices)
            .collect();
        let mut out_of_order = 0_usize;
        let mut unexpected = 0_usize;
        let mut frames = Vec::new();
        let begin = Instant::now();
        let mut last = begin;
        self.send(first, reports.min(window), &mut sent_at, &mut frames)?;
        self.reader.set_timeout(SILENCE)?;
        while latency.len() < reports {
            let message = match self.reader.next() {
                Ok(message) => message,
                Err(error) if is_timeout(&error) => break,
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            let number = number_after(message.payload, b"\"power\":");
            let Some(number) = number.filter(|_| !message.retained && is_state(message.topic))
            else {
                continue;
            };
            let Some(at) = number
                .checked_sub(first)
                .and_then(|index| sent_at.get(index))
            else {
                unexpected += 1;
                continue;
            };
            latency.push(now.duration_since(*at));
            last = now;
            if let Some(expected) = expected.get_mut(number % self.devices) {
                out_of_order += usize::from(*expected != number);
                *expected = number + self.devices;
            }
            if !self.reader.has_more() {
                let free = window.saturating_sub(sent_at.len() - latency.len());
                let more = free.min(reports - sent_at.len());
                self.send(first + sent_at.len(), more, &mut sent_at, &mut frames)?;
            }
        }
        latency.sort_unstable();
        let seconds = last.duration_since(begin).as_secs_f64();
        Ok(json!({
            "sent": sent_at.len(),
            "received": latency.len(),
            "out_of_order": out_of_order,
            "unexpected": unexpected,
            "seconds": seconds,
            "p50_ms": quantile(&latency, 0.50),
            "p99_ms": quantile(&latency, 0.99),
            "max_ms": quantile(&latency, 1.0),
        }))
    }

    fn send(
        &self,
        first: usize,
        count: usize,
        sent_at: &mut Vec<Instant>,
        frames: &mut Vec<u8>,
    ) -> io::Result<()> {
        frames.clear();
        for number in first..first + count {
            report(frames, number, self.devices);
        }
        let now = Instant::now();
        sent_at.extend(std::iter::repeat_n(now, count));
        self.link.write(frames)
    }
}

/// Publishes `count` commands, one after the other, and measures until each is on the wire.
pub(crate) fn set(link: &Link, reader: &Reader, devices: usize, count: usize) -> io::Result<Json> {
    let mut writer = reader.writer()?;
    let mut latency = Vec::with_capacity(count);
    link.forget_requests();
    for index in 0..count {
        let device = index % devices;
        let on = (index / devices).is_multiple_of(2);
        let topic = format!("zigbee2mqtt/{}/set", name(device));
        let payload = format!("{{\"state_l1\":\"{}\"}}", if on { "ON" } else { "OFF" });
        let packet = crate::mqtt::publish(&topic, payload.as_bytes());
        let begin = Instant::now();
        writer.write_all(&packet)?;
        let address = address(device);
        if let Some(at) = link.wait_for_request(address, Duration::from_secs(5)) {
            latency.push(at.duration_since(begin));
        }
    }
    latency.sort_unstable();
    Ok(json!({
        "sent": count,
        "received": latency.len(),
        "p50_ms": quantile(&latency, 0.50),
        "p99_ms": quantile(&latency, 0.99),
        "max_ms": quantile(&latency, 1.0),
    }))
}

/// The friendly name of a simulated relay.
pub(crate) fn name(device: usize) -> String {
    format!("relay_{device:03}")
}

/// The short address of a simulated relay.
pub(crate) fn address(device: usize) -> u16 {
    FIRST_ADDRESS + u16::try_from(device).unwrap_or(0)
}

/// An `AF_INCOMING_MSG` with a report of genAnalogInput presentValue.
pub(crate) fn report(to: &mut Vec<u8>, number: usize, devices: usize) {
    let device = number % devices;
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact below 16 million, more than a run sends"
    )]
    let value = (number as f32).to_le_bytes();
    let [sequence, ..] = (number / devices).to_le_bytes();
    let [low, high] = address(device).to_le_bytes();
    let mut data = vec![
        0x44, 0x81, 0, 0, 0x0C, 0, low, high, 1, 1, 0, 100, 0, 0, 0, 0, 0, 0, 10,
    ];
    // Global command from the server, report attributes, presentValue (0x0055), single float.
    data.extend_from_slice(&[0x18, sequence, 0x0A, 0x55, 0x00, 0x39]);
    data.extend_from_slice(&value);
    data.extend_from_slice(&[low, high, 30]);
    let [length, ..] = (data.len() - 2).to_le_bytes();
    to.push(0xFE);
    to.push(length);
    to.extend_from_slice(&data);
    to.push(data.iter().fold(length, |sum, byte| sum ^ byte));
}

/// True for the topic of a device, not for what is below `bridge`.
pub(crate) fn is_state(topic: &[u8]) -> bool {
    topic
        .strip_prefix(b"zigbee2mqtt/relay_")
        .is_some_and(|rest| !rest.contains(&b'/'))
}

pub(crate) fn number_after(payload: &[u8], key: &[u8]) -> Option<usize> {
    let at = payload
        .windows(key.len())
        .position(|window| window == key)?;
    let digits = payload.get(at + key.len()..)?;
    let mut number = None;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        number = Some(number.unwrap_or(0) * 10 + usize::from(digit - b'0'));
    }
    number
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// In milliseconds, of sorted values.
fn quantile(sorted: &[Duration], share: f64) -> Option<f64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "an index into a short list"
    )]
    let index = ((sorted.len().checked_sub(1)?) as f64 * share).round() as usize;
    sorted.get(index).map(|value| value.as_secs_f64() * 1000.0)
}
