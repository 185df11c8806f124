//! What happens in the house by itself: things that people and the weather do, again and again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use adapters::Instant;
use serde_json::Value as Json;
use zigbee::IeeeAddress;

/// Something that is done to a device: an action of the simulator with its parameters.
type Done = (IeeeAddress, Arc<Json>);

/// Lists of things that are done in turn.
#[derive(Debug, Default)]
pub(crate) struct Life {
    courses: Vec<Course>,
    /// When each of them goes on.
    next: BTreeSet<(Instant, usize)>,
}

#[derive(Debug)]
struct Course {
    every: Duration,
    commands: Vec<Done>,
    place: usize,
}

impl Life {
    pub(crate) fn add(&mut self, now: Instant, every: Duration, commands: Vec<Done>) {
        if !commands.is_empty() {
            self.next.insert((now + every, self.courses.len()));
            self.courses.push(Course {
                every,
                commands,
                place: 0,
            });
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next.first().map(|(at, _)| *at)
    }

    /// The next thing whose time has come.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Done> {
        let (at, number) = self.next.first().copied().filter(|(at, _)| *at <= now)?;
        self.next.pop_first();
        let course = self.courses.get_mut(number)?;
        self.next.insert((at + course.every, number));
        let done = course.commands.get(course.place)?.clone();
        course.place = (course.place + 1) % course.commands.len();
        Some(done)
    }
}
