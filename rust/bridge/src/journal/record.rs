//! Lines of the journal.

use adapters::Instant;
use hub::Now;
use serde::{Deserialize, Serialize};

use super::frame;
use super::input::Recorded;

/// An input with its number and time, and what it led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record<'a> {
    /// Its number in the run.
    pub(crate) n: u64,
    /// Microseconds since the one before, by the monotonic clock.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) d: u64,
    /// Milliseconds by which the wall clock is ahead of what the monotonic clock says, since the head.
    #[serde(default, skip_serializing_if = "is_none")]
    pub(crate) u: i64,
    pub(crate) m: Recorded<'a>,
    /// The digest of what it led to; none if the program ended meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) h: Option<u32>,
}

impl Record<'_> {
    /// Appends it as a line.
    pub(crate) fn append(&self, lines: &mut Vec<u8>) {
        match &self.m {
            Recorded::Message(message) => frame::append(lines, self, message),
            _ => append(lines, self),
        }
    }

    /// Adds a digest to the line that was appended last.
    pub(crate) fn add_digest(lines: &mut Vec<u8>, digest: u32) {
        if lines.ends_with(b"}\n") {
            lines.truncate(lines.len() - 2);
            lines.extend_from_slice(b",\"h\":");
            frame::digits(lines, digest.into());
            lines.extend_from_slice(b"}\n");
        }
    }

    /// Reads a line; `next` is the number that it has where it doesn't say one.
    pub(crate) fn read(line: &[u8], next: u64) -> Result<Record<'_>, serde_json::Error> {
        if frame::is_frame(line) {
            frame::read(line, next)
        } else {
            serde_json::from_slice(line)
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_none(value: &i64) -> bool {
    *value == 0
}

/// Appends a value as a line.
pub(crate) fn append(lines: &mut Vec<u8>, value: &impl Serialize) {
    let begin = lines.len();
    // Fails for maps with keys that are no text, of which there are none.
    if serde_json::to_writer(&mut *lines, value).is_ok() {
        lines.push(b'\n');
    } else {
        lines.truncate(begin);
    }
}

/// Turns times into what records hold, and back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    first: Now,
    last: Instant,
}

impl Times {
    /// Time as the head of a piece tells it.
    pub(crate) fn new(first: Now) -> Self {
        Self {
            first,
            last: first.instant,
        }
    }

    fn expected(&self, instant: Instant) -> i64 {
        let passed = instant.0.saturating_sub(self.first.instant.0) / 1000;
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        self.first.unix_ms.saturating_add(passed)
    }

    /// `d` and `u` of the next record.
    pub(crate) fn shorten(&mut self, now: Now) -> (u64, i64) {
        let passed = now.instant.0.saturating_sub(self.last.0);
        self.last = self.last.max(now.instant);
        (passed, now.unix_ms.saturating_sub(self.expected(self.last)))
    }

    /// The time of the next record.
    pub(crate) fn lengthen(&mut self, d: u64, u: i64) -> Now {
        self.last = Instant(self.last.0.saturating_add(d));
        Now {
            instant: self.last,
            unix_ms: self.expected(self.last).saturating_add(u),
        }
    }
}
