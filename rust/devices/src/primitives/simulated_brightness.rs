//! A brightness that follows a remote although there is no light (shared/facts/mqtt-api.md §7.9).

use std::time::Duration;

use serde_json::Value as Json;
use zigbee::EndpointId;

use super::commands::suffixed;
use crate::expose::{Expose, ExposeKind, SET};
use crate::message::{Decoded, Dimmer, Memory};
use crate::{JsonMap, number};

const OPTION: &str = "simulated_brightness";
const DELTA: f64 = 20.0;
const INTERVAL: Duration = Duration::from_millis(200);
const GREATEST: f64 = 255.0;
/// The longest move: the command that ends it may have been lost.
const LONGEST: Duration = Duration::from_secs(60);
/// The shortest interval that is kept.
const SHORTEST: Duration = Duration::from_millis(10);

/// What a command does to the brightness.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change {
    /// It is this now.
    To(f64),
    /// It is this much more now.
    By(f64),
    /// It goes up or down until it is stopped.
    Move {
        up: bool,
    },
    Stop,
}

/// The option that turns it on.
pub(super) fn option() -> Expose {
    let numeric = |name: &str, description: &str| {
        let mut feature = Expose::generic(ExposeKind::Numeric, name, SET).described(description);
        feature.value_min = Some(Json::from(0));
        feature
    };
    let mut option = Expose::generic(ExposeKind::Composite, OPTION, SET).described(
        "Simulate a brightness value. If this device provides a brightness_move_up or \
         brightness_move_down action it is possible to specify the update interval and delta. The \
         action_brightness_delta indicates the delta for each interval.",
    );
    let mut interval = numeric("interval", "Interval duration");
    interval.unit = Some("ms".to_owned());
    option.features = vec![
        numeric("delta", "Delta per interval, 20 by default"),
        interval,
    ];
    option
}

/// Delta and interval of the option; `None` while it is off.
fn settings(options: &JsonMap) -> Option<(f64, Duration)> {
    match options.get(OPTION)? {
        Json::Bool(true) => Some((DELTA, INTERVAL)),
        Json::Object(option) => {
            let number = |key: &str| option.get(key).and_then(Json::as_f64);
            let interval = number("interval")
                .and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok())
                .unwrap_or(INTERVAL);
            Some((number("delta").unwrap_or(DELTA), interval.max(SHORTEST)))
        }
        _ => None,
    }
}

fn timer(endpoint: EndpointId) -> String {
    format!("{OPTION}/{}", endpoint.0)
}

/// The endpoint whose brightness a timer moves.
pub(super) fn endpoint_of(timer: &str) -> Option<EndpointId> {
    let endpoint = timer.strip_prefix(OPTION)?.strip_prefix('/')?;
    endpoint.parse().ok().map(EndpointId)
}

fn publish(suffix: Option<&str>, brightness: f64, delta: f64, out: &mut Decoded) {
    out.put(&suffixed("brightness", suffix), number::json(brightness));
    let delta_property = suffixed("action_brightness_delta", suffix);
    out.put(&delta_property, number::json(delta));
}

impl Change {
    /// Applies the change that a command of an endpoint makes.
    pub(super) fn apply(
        self,
        endpoint: EndpointId,
        suffix: Option<&str>,
        options: &JsonMap,
        memory: &mut Memory,
        out: &mut Decoded,
    ) {
        let timer = timer(endpoint);
        let Some((_, interval)) = settings(options) else {
            out.disarm(memory, &timer);
            return;
        };
        let dimmer = memory.dimmers.entry(endpoint).or_default();
        match self {
            Self::To(level) => {
                let delta = level - dimmer.brightness;
                dimmer.brightness = level;
                publish(suffix, level, delta, out);
            }
            Self::By(delta) => {
                dimmer.brightness = (dimmer.brightness + delta).clamp(0.0, GREATEST);
                publish(suffix, dimmer.brightness, delta, out);
            }
            Self::Move { up } => {
                dimmer.up = up;
                dimmer.moved = Duration::ZERO;
                // One that moves already only turns around.
                if !memory.timers.contains(&timer) {
                    out.arm(memory, timer, interval);
                }
            }
            Self::Stop => out.disarm(memory, &timer),
        }
    }
}

/// An interval of a move is over.
pub(super) fn tick(
    endpoint: EndpointId,
    suffix: Option<&str>,
    options: &JsonMap,
    memory: &mut Memory,
    out: &mut Decoded,
) {
    let Some((delta, interval)) = settings(options) else {
        return;
    };
    let dimmer = memory.dimmers.entry(endpoint).or_default();
    let delta = if dimmer.up { delta } else { -delta };
    dimmer.brightness = (dimmer.brightness + delta).clamp(0.0, GREATEST);
    dimmer.moved = dimmer.moved.saturating_add(interval);
    let goes_on = dimmer.moved < LONGEST;
    publish(suffix, dimmer.brightness, delta, out);
    if goes_on {
        out.arm(memory, timer(endpoint), interval);
    }
}

impl Default for Dimmer {
    fn default() -> Self {
        Self {
            brightness: GREATEST,
            up: false,
            moved: Duration::ZERO,
        }
    }
}
