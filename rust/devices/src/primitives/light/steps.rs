//! Steps and moves (shared/facts/mqtt-api.md §7.3).

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::wire::{
    self, COLOR, COLOR_MODE, CURRENT_HUE, CURRENT_LEVEL, CURRENT_SATURATION, LEVEL, MOVE, MOVE_HUE,
    MOVE_SATURATION, MOVE_TEMPERATURE, MOVE_WITH_ON_OFF, Payload, STEP, STEP_HUE, STEP_SATURATION,
    STEP_TEMPERATURE, STEP_WITH_ON_OFF, STOP, TEMPERATURE, Transition,
};
use super::{Light, Traits};
use crate::encode::{Call, Failure};
use crate::primitives::on_off;
use crate::{JsonMap, number};

/// Modes of the colour cluster's commands.
const STOPS: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 3;

/// The colour temperatures within which a light steps and moves, mireds.
const TEMPERATURES: (u16, u16) = (0, 600);
/// The same for a move that is only `up` or `down`, and its rate, as remotes ask for them.
const NAMED_TEMPERATURES: (u16, u16) = (153, 370);
const NAMED_RATE: u16 = 55;

/// How long a light takes to have stopped.
const STOPPING: Duration = Duration::from_millis(500);
/// The same for its colour.
const COLOR_STOPPING: Duration = Duration::from_millis(100);

/// The bit of the level commands that says down.
fn is_down(value: f64) -> u8 {
    u8::from(value <= 0.0)
}

fn direction(value: f64) -> u8 {
    if value > 0.0 { UP } else { DOWN }
}

/// True for a value that stops.
fn is_stop(value: &Json) -> bool {
    value.as_str() == Some("stop") || value.as_f64() == Some(0.0)
}

pub(super) async fn brightness_step(light: &Light, call: &Call<'_>) -> Result<JsonMap, Failure> {
    let step = wire::given(call)?;
    let size: u8 = wire::magnitude(call, step)?;
    let transition = Transition::of(call)?;
    let traits = light.traits(call.io);
    let switches = call.key.ends_with("_onoff");
    let payload = Payload::default()
        .byte(is_down(step))
        .byte(size)
        .word(transition.tenths);
    let command = if switches { STEP_WITH_ON_OFF } else { STEP };
    payload.send(call, command, traits).await?;
    if size == 0 {
        // Nothing moved: the light says where it is.
        wire::ask(call, LEVEL, &[CURRENT_LEVEL]).await?;
        return Ok(JsonMap::new());
    }
    let cached = call.state("brightness").as_ref().and_then(Json::as_f64);
    let state = call.state("state");
    let is_off = state.as_ref().and_then(Json::as_str) == Some("OFF");
    let (Some(cached), false) = (cached, is_off && !switches) else {
        // A light that is off does not come on by such a step.
        return Ok(JsonMap::new());
    };
    let least = if switches { 0.0 } else { 1.0 };
    let mut level = (cached + step.trunc()).clamp(least, 254.0);
    if traits.off_at_1 && switches {
        if step < 0.0 && level <= 1.0 {
            level = 0.0;
        } else if step > 0.0 && cached == 0.0 {
            level = (level + 1.0).min(254.0);
        }
    }
    let state = if level == 0.0 { "OFF" } else { "ON" };
    Ok(JsonMap::from_iter([
        ("brightness".to_owned(), number::json(level)),
        ("state".to_owned(), json!(state)),
    ]))
}

pub(super) async fn brightness_move(light: &Light, call: &Call<'_>) -> Result<JsonMap, Failure> {
    let traits = light.traits(call.io);
    if is_stop(call.value) {
        Payload::default().send(call, STOP, traits).await?;
        // Only the light knows where it stopped.
        wire::sleep(call, STOPPING).await;
        let attribute = on_off::STATE_ATTRIBUTE.0;
        let state = wire::ask(call, on_off::ON_OFF, &[attribute]).await?;
        let level = wire::ask(call, LEVEL, &[CURRENT_LEVEL]).await?;
        let mut done = JsonMap::new();
        if let Some(state) = wire::found(&state, attribute) {
            let state = if state == 1 { "ON" } else { "OFF" };
            done.insert("state".to_owned(), json!(state));
        }
        if let Some(level) = wire::found(&level, CURRENT_LEVEL) {
            done.insert("brightness".to_owned(), json!(level));
        }
        return Ok(done);
    }
    let rate = wire::given(call)?;
    let payload = Payload::default()
        .byte(is_down(rate))
        .byte(wire::magnitude(call, rate)?);
    let command = if call.key.ends_with("_onoff") {
        MOVE_WITH_ON_OFF
    } else {
        MOVE
    };
    payload.send(call, command, traits).await?;
    Ok(JsonMap::new())
}

pub(super) async fn temperature_step(light: &Light, call: &Call<'_>) -> Result<JsonMap, Failure> {
    let step = wire::given(call)?;
    let transition = Transition::of(call)?;
    let (least, greatest) = TEMPERATURES;
    let payload = Payload::default()
        .byte(direction(step))
        .word(wire::magnitude(call, step)?)
        .word(transition.tenths)
        .word(least)
        .word(greatest);
    payload
        .send(call, STEP_TEMPERATURE, light.traits(call.io))
        .await?;
    // Neither its limits nor its mode are sure to be known.
    wire::sleep(call, COLOR_STOPPING + transition.duration()).await;
    wire::ask(call, COLOR, &[TEMPERATURE]).await?;
    Ok(JsonMap::new())
}

/// A move of the colour temperature.
struct TemperatureMove {
    mode: u8,
    rate: u16,
    limits: (u16, u16),
}

impl TemperatureMove {
    const STOP: Self = Self {
        mode: STOPS,
        rate: 1,
        limits: TEMPERATURES,
    };

    fn of(call: &Call<'_>) -> Result<Self, Failure> {
        match call.value {
            Json::String(text) => Self::named(call, &text.to_lowercase()),
            Json::Object(object) => {
                let part = |name: &str, default: u16| match object.get(name) {
                    None | Some(Json::Null) => Ok(f64::from(default)),
                    Some(value) => wire::finite(value).ok_or_else(|| {
                        Failure::value(format!("{}.{name} is not a number", call.key))
                    }),
                };
                if !object.contains_key("rate") {
                    return Err(Failure::value(format!(
                        "{}: object must contain 'rate' property",
                        call.key
                    )));
                }
                let least = wire::magnitude(call, part("minimum", TEMPERATURES.0)?)?;
                let greatest = wire::magnitude(call, part("maximum", TEMPERATURES.1)?)?;
                if least >= greatest {
                    return Err(Failure::value(format!(
                        "{}: minimum ({least}) must be less than maximum ({greatest})",
                        call.key
                    )));
                }
                let limits = (least, greatest);
                Self::at(call, part("rate", 0)?, limits)
            }
            _ => Self::at(call, wire::given(call)?, TEMPERATURES),
        }
    }

    fn at(call: &Call<'_>, rate: f64, limits: (u16, u16)) -> Result<Self, Failure> {
        if rate == 0.0 {
            return Ok(Self {
                limits,
                ..Self::STOP
            });
        }
        Ok(Self {
            mode: direction(rate),
            rate: wire::magnitude(call, rate)?,
            limits,
        })
    }

    fn named(call: &Call<'_>, name: &str) -> Result<Self, Failure> {
        let limits = NAMED_TEMPERATURES;
        let mode = match name {
            "stop" | "release" | "0" => {
                return Ok(Self {
                    limits,
                    ..Self::STOP
                });
            }
            "up" | "1" => UP,
            "down" => DOWN,
            _ => {
                return Err(Failure::value(format!(
                    "{}: invalid value '{name}', expected 'stop', 'release', '0', 'up', '1' or 'down'",
                    call.key
                )));
            }
        };
        let rate = match call.message.get("rate").filter(|rate| !rate.is_null()) {
            None => NAMED_RATE,
            Some(rate) => {
                let rate = wire::finite(rate)
                    .ok_or_else(|| Failure::value(format!("rate is not a number, got {rate}")))?;
                wire::magnitude(call, rate)?
            }
        };
        Ok(Self { mode, rate, limits })
    }
}

pub(super) async fn temperature_move(light: &Light, call: &Call<'_>) -> Result<JsonMap, Failure> {
    let TemperatureMove { mode, rate, limits } = TemperatureMove::of(call)?;
    let payload = Payload::default()
        .byte(mode)
        .word(rate)
        .word(limits.0)
        .word(limits.1);
    payload
        .send(call, MOVE_TEMPERATURE, light.traits(call.io))
        .await?;
    if mode == STOPS {
        wire::sleep(call, COLOR_STOPPING).await;
        wire::ask(call, COLOR, &[TEMPERATURE, COLOR_MODE]).await?;
    }
    Ok(JsonMap::new())
}

pub(super) async fn hue_step(light: &Light, call: &Call<'_>) -> Result<JsonMap, Failure> {
    let step = wire::given(call)?;
    let transition = Transition::of(call)?;
    let (command, attribute) = if call.key == "hue_step" {
        (STEP_HUE, CURRENT_HUE)
    } else {
        (STEP_SATURATION, CURRENT_SATURATION)
    };
    let time = u8::try_from(transition.tenths)
        .map_err(|_| Failure::value(format!("{} takes at most 25.5 seconds", call.key)))?;
    let payload = Payload::default()
        .byte(direction(step))
        .byte(wire::magnitude(call, step)?)
        .byte(time);
    payload.send(call, command, light.traits(call.io)).await?;
    wire::sleep(call, COLOR_STOPPING + transition.duration()).await;
    wire::ask(call, COLOR, &[attribute, COLOR_MODE]).await?;
    Ok(JsonMap::new())
}

pub(super) async fn hue_move(light: &Light, call: &Call<'_>) -> Result<JsonMap, Failure> {
    let rate = if is_stop(call.value) {
        0.0
    } else {
        wire::given(call)?
    };
    let is_hue = call.key == "hue_move";
    move_color(call, is_hue, rate, light.traits(call.io)).await?;
    Ok(JsonMap::new())
}

/// Moves the hue or the saturation, or stops it: rate 0.
pub(super) async fn move_color(
    call: &Call<'_>,
    is_hue: bool,
    rate: f64,
    traits: Traits,
) -> Result<(), Failure> {
    let (command, attribute) = if is_hue {
        (MOVE_HUE, CURRENT_HUE)
    } else {
        (MOVE_SATURATION, CURRENT_SATURATION)
    };
    let payload = Payload::default();
    if rate == 0.0 {
        payload
            .byte(STOPS)
            .byte(1)
            .send(call, command, traits)
            .await?;
        wire::sleep(call, COLOR_STOPPING).await;
        wire::ask(call, COLOR, &[attribute, COLOR_MODE]).await?;
        return Ok(());
    }
    payload
        .byte(direction(rate))
        .byte(wire::magnitude(call, rate)?)
        .send(call, command, traits)
        .await
}
