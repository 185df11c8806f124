//! Timers of a device: what follows when one runs out.
//!
//! A primitive sets a timer with [`Effect::Arm`] and is told when it runs out; whoever runs the engine
//! keeps the time. Names are the primitives' own: each looks for its own.

use std::time::Duration;

use serde_json::Value as Json;

use crate::definition::Data;
use crate::message::{Decoded, Effect, Memory};
use crate::{Definition, JsonMap};

/// A timer that ran out, and what holds now.
#[derive(Debug)]
pub(crate) struct Expiry<'a> {
    /// Its name.
    pub(crate) timer: &'a str,
    /// The definition.
    pub(crate) data: &'a Data,
    /// Options that apply to the device.
    pub(crate) options: &'a JsonMap,
}

/// A time in an option, seconds; also where it was written as text. `None` for what is no time.
pub(crate) fn seconds(option: &Json) -> Option<Duration> {
    let seconds = match option {
        Json::String(text) => text.trim().parse().ok()?,
        other => other.as_f64()?,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

impl Decoded {
    /// Sets a timer, in place of one of the same name.
    pub(crate) fn arm(&mut self, memory: &mut Memory, timer: String, after: Duration) {
        memory.timers.insert(timer.clone());
        self.effects.push(Effect::Arm { timer, after });
    }

    /// Stops a timer.
    pub(crate) fn disarm(&mut self, memory: &mut Memory, timer: &str) {
        if memory.timers.remove(timer) {
            self.effects.push(Effect::Disarm(timer.to_owned()));
        }
    }
}

impl Definition {
    /// A timer ran out: what is published and done.
    pub fn expired(&self, options: &JsonMap, memory: &mut Memory, timer: &str) -> Decoded {
        memory.timers.remove(timer);
        let mut out = Decoded::default();
        let expiry = Expiry {
            timer,
            data: &self.data,
            options,
        };
        for capability in &self.data.capabilities {
            capability.get().expired(&expiry, memory, &mut out);
        }
        self.adjust(options, &mut out);
        out
    }
}
