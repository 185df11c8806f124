//! Lines of programs: answers for us, everything else for the log. Both are bounded.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use hub::LogLevel;

use super::{WorkerEvent, WorkerEvents};

/// The longest answer, bytes. A device has a few dozen values.
const LONGEST_ANSWER: u64 = 256 * 1024;
/// The longest line of the log, bytes.
const LONGEST_PRINT: u64 = 1024;
/// Lines of the log in one interval; more are counted.
const PRINTS: u32 = 20;
const INTERVAL: Duration = Duration::from_secs(10);

/// A line of the answers.
#[derive(Debug)]
pub(super) enum Line {
    Text(Vec<u8>),
    /// More than an answer may be; nothing follows.
    TooLong,
}

fn thread(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new()
        .name("ferrobee-lines".to_owned())
        .spawn(work)
        .map(drop)
}

/// Reads lines on a thread of its own until there are no more, or nobody wants them.
pub(super) fn read(mut from: impl BufRead + Send + 'static) -> io::Result<Receiver<Line>> {
    // One that answers without being asked waits in its pipe.
    let (lines, receiver) = mpsc::sync_channel(1);
    thread(move || {
        while let Some((line, whole)) = next(&mut from, LONGEST_ANSWER) {
            let line = if whole {
                Line::Text(line)
            } else {
                Line::TooLong
            };
            if lines.send(line).is_err() || !whole {
                return;
            }
        }
    })?;
    Ok(receiver)
}

/// Hands what is printed to the log.
pub(super) fn print(
    mut from: impl BufRead + Send + 'static,
    name: &str,
    events: &WorkerEvents,
) -> io::Result<()> {
    let (name, events) = (name.to_owned(), Arc::clone(events));
    thread(move || {
        let mut begun = Instant::now();
        let (mut printed, mut dropped) = (0, 0_u64);
        let say = |text: &str| {
            events(WorkerEvent::Log(
                LogLevel::Info,
                format!("Converter {name}: {text}"),
            ));
        };
        while let Some((line, whole)) = next(&mut from, LONGEST_PRINT) {
            if begun.elapsed() >= INTERVAL {
                begun = Instant::now();
                printed = 0;
            }
            if printed >= PRINTS {
                dropped += 1;
                continue;
            }
            if dropped > 0 {
                say(&format!("{dropped} more lines were printed"));
                dropped = 0;
            }
            printed += 1;
            let text = String::from_utf8_lossy(&line);
            let more = if whole { "" } else { "…" };
            say(&format!("{}{more}", text.trim_end()));
        }
    })
}

/// The next line without its end, and whether it is whole; the rest of a longer one follows. `None` at
/// the end.
fn next(from: &mut impl BufRead, longest: u64) -> Option<(Vec<u8>, bool)> {
    let mut line = Vec::new();
    let read = from.by_ref().take(longest + 1).read_until(b'\n', &mut line);
    if read.ok()? == 0 {
        return None;
    }
    let ended = line.last() == Some(&b'\n');
    if ended {
        line.pop();
    }
    let length = u64::try_from(line.len()).unwrap_or(u64::MAX);
    let whole = ended || length <= longest;
    Some((line, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_whole_or_as_too_long() {
        let mut text = b"one\n\ntwo\n".as_slice();
        assert_eq!(next(&mut text, 5), Some((b"one".to_vec(), true)));
        assert_eq!(next(&mut text, 5), Some((Vec::new(), true)));
        assert_eq!(next(&mut text, 5), Some((b"two".to_vec(), true)));
        assert_eq!(next(&mut text, 5), None);
        let mut long = b"123456789".as_slice();
        assert_eq!(next(&mut long, 5), Some((b"123456".to_vec(), false)));
        assert_eq!(next(&mut long, 5), Some((b"789".to_vec(), true)));
    }
}
