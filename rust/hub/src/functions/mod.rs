//! Functions of converters: who is called when, and what becomes of the answers.
//!
//! The hub runs no function. It keeps the calls of a device in order, one at a time, gives each out as
//! [`crate::Output::CallConverter`] and takes its answer ([`crate::Input::ConverterReply`]) as if the
//! message had been decoded here. A function that fails costs its own message; one that does not end
//! costs its own device some of the messages that follow.

mod frames;
mod swap;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use adapters::Instant;
use devices::{Definition, FunctionCall, FunctionError, FunctionReply, JsonMap, Origin, Purpose};
use serde_json::Value as Json;
use zigbee::{EndpointId, IeeeAddress};

use crate::core::Core;
use crate::executor::{Answer, SlotId};
use crate::options::is_transient;
use crate::procedures::Procedure;
use crate::timers::{Timer, TimerKey};
use crate::{Entity, Event, LogLevel, Output};

pub(crate) use frames::LastFrames;

/// Calls of a device that may wait. The newest are kept.
const WAITING: usize = 32;
/// How long an answer may take, whatever happens to who runs the function: start and other devices'
/// calls of the same file are in it.
const LIMIT: Duration = Duration::from_secs(15);
/// After so many calls in a row that did not end, messages are not converted for a while.
const PATIENCE: u32 = 3;
/// The longest such while.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// Kinds of failures that are logged; more are only counted.
const KINDS: usize = 32;
/// How often `bridge/devices` is published at most because functions go on failing.
const LISTED_EVERY: Duration = Duration::from_secs(60);
/// The longest text of a failure that is kept.
const LONGEST_TEXT: usize = 500;

/// Names a call until its answer.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct CallId(pub u64);

/// A call of a function, with what it may want to know.
#[derive(Debug, Clone, PartialEq)]
pub struct ConverterCall {
    /// Whose message or command it is.
    pub device: IeeeAddress,
    /// The file of the function.
    pub origin: Arc<Origin>,
    /// The model of the definition: a file may have several.
    pub definition: String,
    /// What is called with what.
    pub call: FunctionCall,
    /// The cached state of the device.
    pub state: JsonMap,
    /// The options that apply to it.
    pub options: Arc<JsonMap>,
}

/// What was counted of a device's functions, since its definition is what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionCounters {
    /// Calls that were answered, well or not.
    pub calls: u64,
    /// Those that failed.
    pub failures: u64,
    /// Calls that were given up: too many waited, or the functions did not end before.
    pub dropped: u64,
    /// How the last failure went.
    pub last_error: Option<String>,
}

/// A call that waits or runs.
#[derive(Debug)]
struct Queued {
    origin: Arc<Origin>,
    call: FunctionCall,
    /// The procedure that waits for the answer; none for a message.
    waiter: Option<SlotId>,
    /// The message was there before: what it told of a moment is not told again.
    again: bool,
}

/// The functions of a device.
#[derive(Debug, Default)]
pub(crate) struct Functions {
    waiting: VecDeque<Queued>,
    running: Option<(CallId, TimerKey, Queued)>,
    pub(crate) counters: FunctionCounters,
    /// Calls in a row that did not end.
    endless: u32,
    paused: Option<Instant>,
    told: BTreeSet<String>,
    /// Until `bridge/devices` tells of failures that are none of a new kind.
    listing: Option<TimerKey>,
}

impl Functions {
    /// Calls that wait or run.
    pub(crate) fn pending(&self) -> usize {
        self.waiting.len() + usize::from(self.running.is_some())
    }
}

/// True when a function of this file may be called for a definition.
fn serves(definition: &Definition, origin: &Origin) -> bool {
    definition.calls_functions() && definition.origin().same_place(origin)
}

impl Core {
    /// Has a function of a device's converter called, in its turn.
    pub(crate) fn call_function(
        &mut self,
        ieee: IeeeAddress,
        call: FunctionCall,
        waiter: Option<SlotId>,
        again: bool,
    ) {
        let Some(record) = self.records.get_mut(ieee) else {
            self.answer_waiter(waiter, Err(gone()));
            return;
        };
        let Some(definition) = record.device.definition.clone() else {
            self.answer_waiter(waiter, Err(gone()));
            return;
        };
        record.functions.waiting.push_back(Queued {
            origin: Arc::clone(definition.origin()),
            call,
            waiter,
            again,
        });
        if record.functions.waiting.len() > WAITING {
            // The oldest message; an owner's command only where nothing else waits.
            let waiting = &mut record.functions.waiting;
            let oldest = waiting.iter().position(|queued| queued.waiter.is_none());
            let given_up = waiting.remove(oldest.unwrap_or(0));
            record.functions.counters.dropped += 1;
            let why = format!("more than {WAITING} calls wait for it");
            if let Some(waiter) = given_up.and_then(|queued| queued.waiter) {
                let error = FunctionError::new("unavailable", why);
                self.answer_waiter(Some(waiter), Err(error));
            } else {
                self.tell_failure(ieee, "too_many", &format!("{why}; the oldest are given up"));
            }
        }
        self.next_function(ieee);
    }

    /// Gives out the next call of a device, unless one is under way.
    fn next_function(&mut self, ieee: IeeeAddress) {
        loop {
            let now = self.now.instant;
            let Some(record) = self.records.get_mut(ieee) else {
                return;
            };
            let functions = &mut record.functions;
            if functions.running.is_some() {
                return;
            }
            let Some(queued) = functions.waiting.pop_front() else {
                return;
            };
            let definition = record.device.definition.as_deref();
            let definition = definition.filter(|known| serves(known, &queued.origin));
            // An owner's command is tried at any time.
            let paused =
                queued.waiter.is_none() && functions.paused.is_some_and(|until| now < until);
            let Some(definition) = definition.filter(|_| !paused) else {
                functions.counters.dropped += 1;
                self.answer_waiter(queued.waiter, Err(gone()));
                continue;
            };
            let call = ConverterCall {
                device: ieee,
                // By the code of today: it may have been another one when the message came.
                origin: Arc::clone(definition.origin()),
                definition: definition.model().to_owned(),
                call: queued.call.clone(),
                state: record.state.clone(),
                options: Arc::clone(&record.options.raw),
            };
            self.next_call += 1;
            let id = CallId(self.next_call);
            let timer = self.timers.set(now + LIMIT, Timer::Function(ieee, id));
            functions.running = Some((id, timer, queued));
            self.outputs.push(Output::CallConverter(id, call));
            return;
        }
    }

    /// A function answered, or whoever ran it says why it did not. Too late an answer is passed over.
    pub(crate) fn on_converter_reply(&mut self, id: CallId, result: Result<Json, FunctionError>) {
        let running = |record: &crate::registry::Record| {
            record
                .functions
                .running
                .as_ref()
                .is_some_and(|(known, ..)| *known == id)
        };
        let ieee = self.records.devices().iter().find(|record| running(record));
        if let Some(ieee) = ieee.map(crate::registry::Record::ieee) {
            self.function_ended(ieee, id, result);
        }
    }

    /// No answer came, however long the call may have waited elsewhere.
    pub(crate) fn on_function_overdue(&mut self, ieee: IeeeAddress, id: CallId) {
        let text = format!("no answer within {} seconds", LIMIT.as_secs());
        self.function_ended(ieee, id, Err(FunctionError::new("timeout", text)));
    }

    fn function_ended(
        &mut self,
        ieee: IeeeAddress,
        id: CallId,
        result: Result<Json, FunctionError>,
    ) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let Some((_, timer, queued)) = record.functions.running.take_if(|(known, ..)| *known == id)
        else {
            return;
        };
        self.timers.cancel(timer);
        record.functions.counters.calls += 1;
        let endpoint = EndpointId(queued.call.endpoint);
        let reply = result.and_then(|json| FunctionReply::parse(&json, endpoint));
        match &reply {
            Ok(_) => record.functions.endless = 0,
            Err(error) => self.function_failed(ieee, &queued, error),
        }
        if queued.waiter.is_some() {
            self.answer_waiter(queued.waiter, reply);
        } else if let Ok(reply) = reply {
            self.take_values(ieee, &queued, reply);
        }
        self.next_function(ieee);
    }

    /// Merges what a function made of a message as if it had been decoded.
    fn take_values(&mut self, ieee: IeeeAddress, queued: &Queued, reply: FunctionReply) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let definition = record.device.definition.clone();
        let Some(definition) = definition.filter(|known| serves(known, &queued.origin)) else {
            record.functions.counters.dropped += 1;
            return;
        };
        let (mut values, refused) = definition.accept(&record.options.raw, reply.values);
        if let Some(name) = refused {
            let text = format!(
                "{} gave a value for '{name}', which the definition does not show; it is left out",
                queued.call.function
            );
            self.tell_failure(ieee, "unknown_value", &text);
        }
        if queued.again {
            values.retain(|key, _| !is_transient(key));
        }
        if !values.is_empty() {
            self.publish_received(ieee, values);
        }
        if !reply.operations.is_empty() && !queued.again {
            self.procedures.push_back(Procedure::Operations {
                ieee,
                operations: reply.operations,
            });
        }
    }

    fn function_failed(&mut self, ieee: IeeeAddress, queued: &Queued, error: &FunctionError) {
        let now = self.now.instant;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let functions = &mut record.functions;
        functions.counters.failures += 1;
        let mut text = format!("{} failed: {error}", queued.call.function);
        if matches!(error.kind.as_str(), "timeout" | "crash") {
            functions.endless = functions.endless.saturating_add(1);
            if functions.endless >= PATIENCE && queued.call.purpose == Purpose::FromZigbee {
                let doubled = 1 << (functions.endless - PATIENCE).min(16);
                let pause = Duration::from_secs(doubled).min(LONGEST_PAUSE);
                functions.paused = Some(now + pause);
                text.push_str("; messages are not converted for a while");
            }
        } else {
            functions.endless = 0;
        }
        functions.counters.last_error = Some(shortened(&text));
        // Without a line it is what is said that tells one failure from another.
        let place = error
            .line
            .map_or_else(|| error.reason.clone(), |line| line.to_string());
        let kind = format!("{} {} {place}", queued.call.function, error.kind);
        self.tell_failure(ieee, &kind, &text);
    }

    /// Logs the first failure of a kind, and has `bridge/devices` tell of it; of others after a while.
    fn tell_failure(&mut self, ieee: IeeeAddress, kind: &str, text: &str) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let functions = &mut record.functions;
        if functions.told.len() >= KINDS || !functions.told.insert(kind.to_owned()) {
            if functions.listing.is_none() {
                let at = self.now.instant + LISTED_EVERY;
                functions.listing = Some(self.timers.set(at, Timer::ListFunctions(ieee)));
            }
            return;
        }
        let file = record.device.definition.as_ref();
        let file = file.map_or_else(String::new, |definition| definition.origin().to_string());
        let text = format!("{{name}}: converter {file}: {}", shortened(text));
        self.log(LogLevel::Warning, Some(Entity::Device(ieee)), text);
        self.event(Event::DevicesChanged);
    }

    /// Functions failed again, a while ago.
    pub(crate) fn on_functions_to_list(&mut self, ieee: IeeeAddress) {
        if let Some(record) = self.records.get_mut(ieee) {
            record.functions.listing = None;
            self.event(Event::DevicesChanged);
        }
    }

    /// The device is not here any more.
    pub(crate) fn end_functions(&mut self, functions: &mut Functions) {
        let running = functions.running.take().map(|(_, timer, queued)| {
            self.timers.cancel(timer);
            queued
        });
        self.cancel(functions.listing.take());
        for queued in running.into_iter().chain(functions.waiting.drain(..)) {
            self.answer_waiter(queued.waiter, Err(gone()));
        }
    }

    fn answer_waiter(
        &mut self,
        waiter: Option<SlotId>,
        reply: Result<FunctionReply, FunctionError>,
    ) {
        if let Some(slot) = waiter {
            self.board.answer(slot, Answer::Function(reply));
        }
    }
}

fn gone() -> FunctionError {
    FunctionError::new("unavailable", "the device has no such converter any more")
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST_TEXT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
