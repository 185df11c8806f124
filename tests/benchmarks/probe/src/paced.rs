//! Reports at an even pace, with the time of everything that comes of each.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::link::Link;
use crate::load::{self, number_after, report};
use crate::monotonic;
use crate::mqtt::Reader;

/// What is on its way at the end gets so long.
const LAST: Duration = Duration::from_secs(1);

/// Sends reports of all devices in turn, `rate` of them a second, numbered from `first` on. Tells when
/// each was written (`sent`), which were published and when (`published`: number and time), and which
/// commands came and when (`requests`: device and time), all in seconds on the machine's clock.
pub(crate) fn run(
    link: &Link,
    reader: &mut Reader,
    devices: usize,
    first: usize,
    count: usize,
    rate: usize,
) -> io::Result<Json> {
    let pause = Duration::from_secs(1) / u32::try_from(rate.max(1)).unwrap_or(u32::MAX);
    let (clock, began) = (monotonic(), Instant::now());
    let seconds = |at: Instant| clock + at.duration_since(began).as_secs_f64();
    let mut sent = Vec::with_capacity(count);
    let mut published = Vec::with_capacity(count);
    let mut due = Instant::now();
    let mut frame = Vec::new();
    link.forget_requests();
    reader.set_timeout(LAST)?;
    for number in first..first + count {
        listen(reader, due, |number, at| {
            published.push((number, seconds(at)));
        })?;
        frame.clear();
        report(&mut frame, number, devices);
        sent.push(seconds(Instant::now()));
        link.write(&frame)?;
        due += pause;
    }
    let end = Instant::now() + LAST;
    listen(reader, end, |number, at| {
        published.push((number, seconds(at)));
    })?;
    let requests: Vec<_> = link
        .requests()
        .into_iter()
        .map(|(at, address)| (address - load::FIRST_ADDRESS, seconds(at)))
        .collect();
    Ok(json!({"first": first, "sent": sent, "published": published, "requests": requests}))
}

/// Reads until a moment; tells the number and the time of each report that was published.
fn listen(
    reader: &mut Reader,
    until: Instant,
    mut heard: impl FnMut(usize, Instant),
) -> io::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || !reader.wait(left)? {
            return Ok(());
        }
        let message = reader.next()?;
        if !message.retained
            && load::is_state(message.topic)
            && let Some(number) = number_after(message.payload, b"\"power\":")
        {
            heard(number, Instant::now());
        }
    }
}
