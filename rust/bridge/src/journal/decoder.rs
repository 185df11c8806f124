//! Captures are decoded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use adapters::{Event, Instant};
use devices::{Catalogue, FunctionError};
use hub::{CallId, ConverterCall, Entity, Hub, Input, Now, Output, Registry, Settings};
use serde_json::Value as Json;

use super::capture::{Capture, DEVICE, compared, payload};
use crate::json;

/// Timers that are let go by between two frames.
const MOST_TIMERS: usize = 1000;

/// Calls a function of a converter, and waits for its answer.
pub type Call<'a> = &'a mut dyn FnMut(CallId, ConverterCall) -> Result<Json, FunctionError>;

/// Decodes captures of one device, one after the other, as this version and this catalogue do.
pub struct Decoder {
    catalogue: Arc<Catalogue>,
    house: Option<House>,
}

/// What became of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What would be published; to be compared with [`Decoder::expected`].
    pub payload: Json,
    /// Functions that failed, and how.
    pub failures: Vec<String>,
}

struct House {
    hub: Hub,
    first: i64,
    last: Instant,
    like: Capture,
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new(catalogue: Arc<Catalogue>) -> Self {
        Self {
            catalogue,
            house: None,
        }
    }

    /// What would be published for a frame now. Functions of converters are called by `call`.
    pub fn decode(&mut self, capture: &Capture, call: Call<'_>) -> Decoded {
        let goes_on = capture.state.is_none()
            && self.house.as_ref().is_some_and(|house| {
                house.like.interview == capture.interview
                    && house.like.options == capture.options
                    && house.like.zigbee_model == capture.zigbee_model
                    && house.like.manufacturer == capture.manufacturer
                    && house.first <= capture.time
            });
        if !goes_on {
            self.house = None;
        }
        let catalogue = &self.catalogue;
        let house = self
            .house
            .get_or_insert_with(|| House::new(capture, Arc::clone(catalogue)));
        house.frame(capture, call)
    }

    /// What was published for a frame, without what is not compared.
    pub fn expected(capture: &Capture) -> Json {
        compared(capture.payload.clone())
    }
}

impl House {
    fn new(capture: &Capture, catalogue: Arc<Catalogue>) -> Self {
        let entity = Entity::Device(DEVICE);
        let state = capture.state.clone().map(|state| (entity, state));
        let registry = Registry {
            devices: vec![capture.device()],
            groups: Vec::new(),
            states: state.into_iter().collect(),
            options: BTreeMap::from([(entity, Arc::new(capture.options.clone()))]),
            ..Registry::default()
        };
        let settings = Settings {
            cache_state: capture.cache_state,
            ..Settings::default()
        };
        Self {
            hub: Hub::new(catalogue, registry, settings, 0),
            first: capture.time,
            // Long after its start: nothing that happens then is still to come.
            last: Instant(0) + Duration::from_secs(3600),
            like: capture.clone(),
        }
    }

    fn frame(&mut self, capture: &Capture, call: Call<'_>) -> Decoded {
        let passed = u64::try_from(capture.time.saturating_sub(self.first)).unwrap_or_default();
        let at = Instant(0) + Duration::from_secs(3600) + Duration::from_millis(passed);
        let at = at.max(self.last);
        let now = |instant: Instant| Now {
            instant,
            unix_ms: capture.time,
        };
        for _ in 0..MOST_TIMERS {
            match self.hub.next_deadline().filter(|due| *due <= at) {
                Some(due) => {
                    let due = due.max(self.last);
                    self.last = due;
                    self.hub.handle(now(due), Input::Timer);
                }
                None => break,
            }
        }
        self.last = at;
        let message = Input::Adapter(Event::Message(capture.indication()));
        let mut outputs = VecDeque::from(self.hub.handle(now(at), message));
        let (mut messages, mut failures) = (Vec::new(), Vec::new());
        while let Some(output) = outputs.pop_front() {
            match output {
                Output::Event(hub::Event::State { entity, message })
                    if entity == Entity::Device(DEVICE) =>
                {
                    messages.extend(serde_json::from_slice(&json::render_object(&message)).ok());
                }
                Output::CallConverter(id, asked) => {
                    let function = asked.call.function.clone();
                    let answer = call(id, asked);
                    if let Err(error) = &answer {
                        failures.push(format!("{function} failed: {error}"));
                    }
                    let reply = Input::ConverterReply(id, answer);
                    outputs.extend(self.hub.handle(now(at), reply));
                }
                _ => {}
            }
        }
        Decoded {
            payload: payload(messages),
            failures,
        }
    }
}
