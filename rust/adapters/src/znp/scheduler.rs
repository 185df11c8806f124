//! Which message may be sent now.
//!
//! A stick takes a few messages at a time. One that is meant for a device that doesn't answer must not
//! hold up the others, and a stick whose buffers are full needs silence, not retries.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use zigbee::NwkAddress;

use super::executor::{Receiver, Sender, channel};
use super::status;
use crate::{Instant, RequestError};

/// After this time a message no longer counts against the window: its device sleeps or is gone.
const SLOW: Duration = Duration::from_secs(2);
/// Silence after a full buffer: the first and the longest.
const GATE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// Deliveries without trouble after which the window grows by one.
const CALM: u32 = 20;
/// How many messages to one destination may be under way while no other waits.
const PIPELINE: u8 = 2;
/// Failed requests after which a destination counts as unreachable.
const BREAKER: u8 = 3;
/// How often an unreachable destination is tried.
const PROBE: Duration = Duration::from_secs(30);
/// Unreachable destinations that are remembered.
const BROKEN: usize = 1024;

/// Names an admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PermitId(u64);

#[derive(Default)]
struct Destination {
    in_flight: u8,
    /// One of them needs the destination for itself, or is being sent again.
    exclusive: u8,
}

struct Waiting {
    id: PermitId,
    destination: u16,
    exclusive: bool,
    sender: Sender<()>,
}

struct Flight {
    destination: u16,
    exclusive: bool,
    since: Instant,
    /// Counts against the window.
    counted: bool,
}

struct Health {
    failures: u8,
    probe: Instant,
    status: u8,
}

/// Admits messages.
pub(super) struct Scheduler {
    limit: usize,
    window: usize,
    counted: usize,
    waiting: VecDeque<Waiting>,
    flights: BTreeMap<PermitId, Flight>,
    destinations: BTreeMap<u16, Destination>,
    health: BTreeMap<u16, Health>,
    /// Nothing is sent before.
    gate: Option<Instant>,
    silence: Duration,
    calm: u32,
    serial: u64,
}

impl Scheduler {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            window: limit,
            counted: 0,
            waiting: VecDeque::new(),
            flights: BTreeMap::new(),
            destinations: BTreeMap::new(),
            health: BTreeMap::new(),
            gate: None,
            silence: GATE.0,
            calm: 0,
            serial: 0,
        }
    }

    /// Sets how many messages may be under way.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
        self.window = self.limit;
    }

    /// Forgets everything but the limit. The receivers of those that wait give `None`.
    pub(super) fn clear(&mut self) {
        *self = Self {
            serial: self.serial,
            ..Self::new(self.limit)
        };
    }

    /// Fails fast when the destination is known to be unreachable and it is too early to try again.
    pub(super) fn check(&mut self, now: Instant, to: NwkAddress) -> Result<(), RequestError> {
        match self.health.get_mut(&to.0) {
            Some(health) if health.failures >= BREAKER => {
                if now < health.probe {
                    return Err(RequestError::Undelivered {
                        status: health.status,
                        name: status::name(health.status),
                    });
                }
                // This request is the probe.
                health.probe = now + PROBE;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Asks for admission. The receiver gives `Some` when the message may be sent.
    pub(super) fn enter(
        &mut self,
        now: Instant,
        to: NwkAddress,
        exclusive: bool,
    ) -> (PermitId, Receiver<()>) {
        self.serial += 1;
        let id = PermitId(self.serial);
        let (sender, receiver) = channel();
        self.waiting.push_back(Waiting {
            id,
            destination: to.0,
            exclusive,
            sender,
        });
        self.admit(now);
        (id, receiver)
    }

    /// The message is done with, or was never admitted.
    pub(super) fn leave(&mut self, now: Instant, id: PermitId) {
        if self.take_flight(id).is_none() {
            self.waiting.retain(|waiting| waiting.id != id);
        }
        self.admit(now);
    }

    /// Ends a flight. Gives its destination.
    fn take_flight(&mut self, id: PermitId) -> Option<u16> {
        let flight = self.flights.remove(&id)?;
        // `counted` is how many flights have the mark, here and in `discount`: never below zero.
        self.counted -= usize::from(flight.counted);
        if let Some(destination) = self.destinations.get_mut(&flight.destination) {
            destination.in_flight = destination.in_flight.saturating_sub(1);
            destination.exclusive = destination
                .exclusive
                .saturating_sub(u8::from(flight.exclusive));
            if destination.in_flight == 0 {
                self.destinations.remove(&flight.destination);
            }
        }
        Some(flight.destination)
    }

    /// The message is to be sent again as if it had just come, but before all that came later.
    pub(super) fn enter_again(&mut self, now: Instant, id: PermitId) -> Receiver<()> {
        let (sender, receiver) = channel();
        if let Some(destination) = self.take_flight(id) {
            let index = self.waiting.partition_point(|waiting| waiting.id < id);
            self.waiting.insert(
                index,
                Waiting {
                    id,
                    destination,
                    exclusive: true,
                    sender,
                },
            );
        }
        self.admit(now);
        receiver
    }

    /// The message is sent again: nothing may overtake it.
    pub(super) fn hold(&mut self, id: PermitId) {
        if let Some(flight) = self.flights.get_mut(&id)
            && !std::mem::replace(&mut flight.exclusive, true)
            && let Some(destination) = self.destinations.get_mut(&flight.destination)
        {
            destination.exclusive += 1;
        }
    }

    /// The stick has no room: everything is silent for a while, and the window halves.
    pub(super) fn congested(&mut self, now: Instant) {
        // Messages that were under way when the gate closed report the same lack of room.
        if self.gate.is_none_or(|gate| gate <= now) {
            self.gate = Some(now + self.silence);
            self.silence = (self.silence * 2).min(GATE.1);
            self.window = (self.window / 2).max(1);
        }
        self.calm = 0;
    }

    /// A message was delivered.
    pub(super) fn delivered(&mut self, to: NwkAddress) {
        self.reachable(to);
        self.calm += 1;
        if self.calm >= CALM {
            self.calm = 0;
            self.silence = GATE.0;
            self.window = (self.window + 1).min(self.limit);
        }
    }

    /// A request failed for good.
    pub(super) fn undelivered(&mut self, now: Instant, to: NwkAddress, status: u8) {
        if self.health.len() >= BROKEN && !self.health.contains_key(&to.0) {
            return;
        }
        let health = self.health.entry(to.0).or_insert(Health {
            failures: 0,
            probe: now,
            status,
        });
        health.failures = health.failures.saturating_add(1);
        health.probe = now + PROBE;
        health.status = status;
    }

    /// True while nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.flights.is_empty()
    }

    /// The destination was heard.
    pub(super) fn reachable(&mut self, from: NwkAddress) {
        if !self.health.is_empty() {
            self.health.remove(&from.0);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.waiting.is_empty() {
            return None;
        }
        if self.gate.is_some() || self.counted < self.window {
            return self.gate;
        }
        // The window is full until the oldest flight has become slow.
        self.flights
            .values()
            .filter(|flight| flight.counted)
            .map(|flight| flight.since + SLOW)
            .min()
    }

    pub(super) fn tick(&mut self, now: Instant) {
        if !self.waiting.is_empty() {
            self.admit(now);
        }
    }

    fn admit(&mut self, now: Instant) {
        if self.gate.is_some_and(|gate| gate > now) {
            return;
        }
        self.gate = None;
        while let Some(index) = self.next(now) {
            let Some(waiting) = self.waiting.remove(index) else {
                return;
            };
            if waiting.sender.is_abandoned() {
                continue;
            }
            let destination = self.destinations.entry(waiting.destination).or_default();
            destination.in_flight += 1;
            destination.exclusive += u8::from(waiting.exclusive);
            self.counted += 1;
            self.flights.insert(
                waiting.id,
                Flight {
                    destination: waiting.destination,
                    exclusive: waiting.exclusive,
                    since: now,
                    counted: true,
                },
            );
            waiting.sender.send(());
        }
    }

    /// The position of the message that goes next.
    fn next(&mut self, now: Instant) -> Option<usize> {
        if self.waiting.is_empty() {
            return None;
        }
        if self.counted >= self.window {
            self.discount(now);
        }
        // Slow ones still sit in the stick's memory.
        if self.counted >= self.window || self.flights.len() >= self.limit * 2 {
            return None;
        }
        let idle = self
            .waiting
            .iter()
            .position(|waiting| !self.destinations.contains_key(&waiting.destination));
        idle.or_else(|| {
            let shareable = |waiting: &Waiting| {
                !waiting.exclusive
                    && self
                        .destinations
                        .get(&waiting.destination)
                        .is_some_and(|busy| busy.exclusive == 0 && busy.in_flight < PIPELINE)
            };
            self.waiting.iter().position(shareable)
        })
    }

    fn discount(&mut self, now: Instant) {
        for flight in self.flights.values_mut() {
            if flight.counted && flight.since + SLOW <= now {
                flight.counted = false;
                self.counted -= 1;
            }
        }
    }
}

#[cfg(test)]
mod tests;
