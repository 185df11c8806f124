//! From `tracing` to Python's `logging`, by way of the bridge thread.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::subscriber::set_global_default;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::bridge_thread::Jobs;

/// One line.
#[derive(Debug)]
pub(crate) struct Record {
    /// Seconds since 1970.
    created: f64,
    /// As `logging` numbers them: 10 is debug, 40 is error.
    level: u8,
    target: &'static str,
    message: String,
}

impl Record {
    /// Tells that lines are missing.
    pub(crate) fn lost(count: u64) -> Self {
        Self {
            created: unix_now(),
            level: 30,
            target: "ferrobee",
            message: format!(
                "{count} log lines were dropped: they came faster than they can be written"
            ),
        }
    }

    pub(crate) fn into_tuple(self) -> (f64, u8, &'static str, String) {
        (self.created, self.level, self.target, self.message)
    }
}

/// Makes the bridge thread the receiver of all that this process logs. False if there is one.
pub(crate) fn install(jobs: Arc<Jobs>, level: u8) -> bool {
    set_global_default(ToBridgeThread { jobs, level }).is_ok()
}

struct ToBridgeThread {
    jobs: Arc<Jobs>,
    level: u8,
}

impl Subscriber for ToBridgeThread {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // To the embedded broker every client that goes is an error; nothing of it is for the user.
        metadata.is_event()
            && number(*metadata.level()) >= self.level
            && !metadata.target().starts_with("rumqttd")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        // Spans are never enabled; tracing asks for an id all the same.
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.jobs.log(Record {
            created: unix_now(),
            level: number(*event.metadata().level()),
            target: event.metadata().target(),
            message: text.0,
        });
    }
}

/// The message, then the fields as `name=value`.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let space = if self.0.is_empty() { "" } else { " " };
        // Writing to a String can't fail.
        let _ = if field.name() == "message" {
            let rest = std::mem::take(&mut self.0);
            let space = if rest.is_empty() { "" } else { " " };
            write!(self.0, "{value:?}{space}{rest}")
        } else {
            write!(self.0, "{space}{}={value:?}", field.name())
        };
    }
}

fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        _ => 10,
    }
}

fn unix_now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
