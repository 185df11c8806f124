//! The house's time, and what happens in it by itself.

use std::time::Duration;

use adapters::Instant;
use hub::Now;
use serde_json::Value as Json;
use simulator::Action;

use super::House;
use crate::bridge_side::{Bridge, Wish};

/// Steps without time passing after which it passes by a millisecond: what wants to be called for ever
/// must not hold up the house.
const STEPS: u32 = 1000;
/// Lines of the log that are kept for [`House::take_log`].
const LOG_KEPT: usize = 10_000;

impl House {
    pub(super) fn instant(&self) -> Instant {
        self.around.now.instant
    }

    pub(super) fn set_time(&mut self, instant: Instant) {
        self.around.now = Now {
            instant,
            unix_ms: self.origin.saturating_add(millis(instant)),
        };
    }

    /// Microseconds since the house began.
    pub fn now(&self) -> u64 {
        self.instant().0.saturating_sub(self.began.0)
    }

    /// Milliseconds since 1970, as the house's wall clock has them.
    pub fn unix_ms(&self) -> i64 {
        self.around.now.unix_ms
    }

    /// Sets the wall clock forward or back.
    pub fn step_clock(&mut self, milliseconds: i64) {
        self.origin = self.origin.saturating_add(milliseconds);
        self.set_time(self.instant());
    }

    /// Lets time pass until `until` (microseconds since the house began), or until there is a message
    /// for whoever listens, or a timer has rung ([`House::has_rung`]). Gives the time reached.
    pub fn advance(&mut self, until: u64) -> u64 {
        let until = Instant(until.saturating_add(self.began.0)).max(self.instant());
        self.run(until, true);
        self.now()
    }

    pub(super) fn run(&mut self, until: Instant, attentive: bool) {
        let mut steps = 0;
        loop {
            self.exchange();
            if let Some(bridge) = &mut self.bridge {
                bridge.end_batch(self.around.now);
            }
            match self.wish() {
                Some(Wish::Restart) => self.start_anew(),
                Some(Wish::Stopped) => self.end(),
                None => {}
            }
            let news = !self.around.broker.to_listener.is_empty() || self.around.rung;
            if attentive && news {
                return;
            }
            let bridge = self.bridge.as_ref().and_then(Bridge::deadline);
            let stick = self.stick.deadline();
            let life = self.life.deadline();
            let Some(due) = bridge
                .into_iter()
                .chain(stick)
                .chain(life)
                .min()
                .filter(|due| *due <= until)
            else {
                self.set_time(until);
                return;
            };
            if due > self.instant() {
                steps = 0;
                self.set_time(due);
            } else {
                steps += 1;
                if steps >= STEPS {
                    steps = 0;
                    self.set_time(self.instant() + Duration::from_millis(1));
                }
            }
            if stick.is_some_and(|due| due <= self.instant()) {
                self.stick.timeout(self.instant());
            }
            while let Some((ieee, command)) = self.life.take(self.instant()) {
                let action = Action {
                    name: command
                        .get("action")
                        .and_then(Json::as_str)
                        .unwrap_or_default(),
                    parameters: &command,
                };
                // That it can be done was seen when it was asked for.
                let _ = self.stick.act(self.instant(), ieee, &action);
            }
            if let Some(bridge) = &mut self.bridge {
                bridge.timeout(&mut self.around, self.plugged);
            }
        }
    }

    /// Carries bytes between the two ends until both are silent at this instant.
    fn exchange(&mut self) {
        let now = self.instant();
        let Some(bridge) = &mut self.bridge else {
            self.around.broker.to_bridge.clear();
            // Nobody reads what the stick writes.
            let _ = self.stick.output();
            return;
        };
        for _ in 0..STEPS {
            let mut moved = bridge.pump(&mut self.around, &mut self.to_stick);
            if !self.to_stick.is_empty() {
                if self.plugged {
                    self.stick.receive(now, &self.to_stick);
                }
                self.to_stick.clear();
            }
            if let Some(bytes) = self.stick.output() {
                moved = true;
                if self.plugged {
                    bridge.receive(now, &bytes);
                }
            }
            if !moved {
                break;
            }
        }
        if self.around.log.len() > LOG_KEPT {
            self.around.log.drain(..LOG_KEPT / 2);
        }
    }
}

pub(super) fn millis(instant: Instant) -> i64 {
    i64::try_from(instant.0 / 1000).unwrap_or(i64::MAX)
}
