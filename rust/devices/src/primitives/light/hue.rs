//! Philips Hue lights: the state and the effects of the vendor's own cluster.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::CommandId;
use zigbee::zcl::Value;

use super::color::{self, mireds};
use super::hue_state::{CLUSTER, EFFECTS, HueState, MANUFACTURER, NO_EFFECT, STATE};
use super::wire::{self, Transition};
use super::{Light, Part, effect, limits};
use crate::color::{ColorState, Given, Xy};
use crate::decode::Incoming;
use crate::definition::Data;
use crate::encode::{self, Call, Failure};
use crate::expose::{Expose, ExposeKind, SET, STATE as PUBLISHED};
use crate::message::Decoded;
use crate::primitives::Primitive;
use crate::{JsonMap, LocalFuture, Operation, number};

const SET_STATE: CommandId = CommandId(0x00);
/// Effects change the brightness by themselves: when the light is asked what became of it.
const SETTLED: Duration = Duration::from_secs(1);

/// The keys of a state, the ones that come first first.
const KEYS: [&str; 6] = [
    "state",
    "brightness",
    "brightness_percent",
    "color",
    "color_temp",
    "color_temp_percent",
];

/// True when the addressed device has the vendor's cluster.
pub(super) fn lists(call: &Call<'_>) -> bool {
    call.io.device().is_some_and(|device| {
        let endpoint = device.endpoints.get(&call.endpoint);
        endpoint.is_some_and(|endpoint| endpoint.inputs.contains(&CLUSTER))
    })
}

/// Reads the whole state.
pub(super) async fn read(call: &Call<'_>) -> Result<(), Failure> {
    let attributes = vec![STATE];
    let manufacturer = Some(MANUFACTURER);
    let read = encode::read(
        call.data,
        call.io,
        call.endpoint,
        CLUSTER,
        manufacturer,
        attributes,
    );
    let records = read
        .await
        .map_err(|why| call.failed(call.endpoint, CLUSTER, "read", why))?;
    let broken = records.iter().any(|record| {
        matches!(&record.result, Ok((_, Value::Octets(bytes))) if HueState::parse(bytes).is_none())
    });
    if broken {
        return Err(Failure::value("the state of the light is cut off"));
    }
    Ok(())
}

/// Takes values from the state in a message.
pub(super) fn decode(incoming: &Incoming<'_>, suffix: &str, out: &mut Decoded) {
    let Some(Value::Octets(bytes)) = incoming.attribute(CLUSTER, STATE) else {
        return;
    };
    let Some(state) = HueState::parse(bytes) else {
        out.problem("hue_truncated", "the state of the light is cut off");
        return;
    };
    let mut put = |name: &str, value: Json| out.put(&format!("{name}{suffix}"), value);
    let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
    put("philips_raw", Json::from(hex.collect::<String>()));
    if let Some(on) = state.on {
        put("state", json!(if on { "ON" } else { "OFF" }));
    }
    if let Some(brightness) = state.brightness {
        put("brightness", json!(brightness));
    }
    if let Some(tenths) = state.fade {
        put("transition", number::json(f64::from(tenths) / 10.0));
    }
    if let Some(effect) = state.effect {
        put("effect", json!(effect_name(effect)));
    }
    if let Some(speed) = state.effect_speed {
        put("effect_speed", number::json(speed));
    }
    // A light that shines white says its place in the diagram as well.
    let color = match (state.temperature, state.color) {
        (Some(mireds), _) => ColorState::of_mireds(mireds.into()),
        (None, Some(xy)) => ColorState::of_xy(xy),
        (None, None) => return,
    };
    color::apply(incoming, suffix, &color, out);
}

fn effect_name(number: u8) -> String {
    let known = EFFECTS.iter().find(|(_, known)| *known == number);
    match known {
        Some((name, _)) => (*name).to_owned(),
        None if number == NO_EFFECT => "none".to_owned(),
        None => format!("unknown_{number:#x}"),
    }
}

fn effect_number(name: &str) -> Option<u8> {
    let known = EFFECTS.iter().find(|(known, _)| *known == name);
    known.map(|(_, number)| *number)
}

/// The effect that runs.
fn active(call: &Call<'_>) -> Option<(String, u8)> {
    let name = call.state("effect")?.as_str()?.to_owned();
    let number = effect_number(&name)?;
    Some((name, number))
}

/// A colour as the vendor's cluster takes it: everything but places counts as a screen's colour.
fn place(given: &Json) -> Result<Xy, Failure> {
    match Given::of(given) {
        Some(Given::Hsv(hsv)) => Ok(hsv.screen_xy()),
        Some(given) => Ok(given.xy()),
        None => Err(Failure::value(
            "Value does not contain valid color definition",
        )),
    }
}

/// A number from 0 to 1.
fn part(given: &Json, name: &str) -> Result<f64, Failure> {
    wire::finite(given)
        .map(|part| part.clamp(0.0, 1.0))
        .ok_or_else(|| Failure::value(format!("{name} is not a number, got {given}")))
}

async fn send(call: &Call<'_>, state: &HueState) -> Result<(), Failure> {
    let operation = Operation::Command {
        endpoint: call.endpoint,
        cluster: CLUSTER,
        manufacturer: Some(MANUFACTURER),
        command: SET_STATE,
        payload: state.emit(),
        disable_default_response: call.data.no_default_response,
    };
    call.perform(operation, CLUSTER, "multiColor").await
}

/// Sends a state. One with an effect resets the brightness, which therefore follows, and the light is
/// asked what became of it.
async fn apply(call: &Call<'_>, mut state: HueState) -> Result<(), Failure> {
    let runs = state.effect.is_some_and(|effect| effect != NO_EFFECT);
    let brightness = if runs { state.brightness.take() } else { None };
    send(call, &state).await?;
    if brightness.is_some() {
        let after = HueState {
            brightness,
            ..HueState::default()
        };
        send(call, &after).await?;
    }
    if runs {
        let read = Operation::Read {
            endpoint: call.endpoint,
            cluster: CLUSTER,
            manufacturer: Some(MANUFACTURER),
            attributes: vec![STATE],
        };
        call.io.later(SETTLED, read);
    }
    Ok(())
}

/// Sets everything that the message says with one command of the vendor's cluster.
pub(super) async fn set_natively(
    light: &Light,
    call: &Call<'_>,
    asked: Part,
) -> Result<JsonMap, Failure> {
    let there = |key: &str| call.message.get(key).filter(|value| !value.is_null());
    // Whatever number of keys the message has, the first part that it concerns sends them all.
    let first = KEYS.iter().find(|key| there(key).is_some());
    if first.and_then(|key| light.part(key)) != Some(asked) {
        return Ok(JsonMap::new());
    }
    let mut state = HueState::default();
    let mut done = JsonMap::new();
    if let Some(given) = there("state") {
        let on = match given.as_str().map(str::to_lowercase).as_deref() {
            Some("on") => true,
            Some("off") => false,
            Some("toggle") => call.state("state") != Some(json!("ON")),
            _ => {
                return Err(Failure::value(format!(
                    "State value {given} invalid, must be 'ON', 'OFF' or 'TOGGLE'"
                )));
            }
        };
        state.on = Some(on);
        done.insert("state".to_owned(), json!(if on { "ON" } else { "OFF" }));
    }
    let percent = || there("brightness_percent").map(|percent| (percent, 2.55));
    if let Some((given, factor)) = there("brightness")
        .map(|level| (level, 1.0))
        .or_else(percent)
    {
        let level = wire::finite(given).ok_or_else(|| {
            Failure::value(format!(
                "Brightness value {given} invalid, must be a number"
            ))
        })?;
        let level = wire::scaled_byte(level * factor, 254.0).max(1);
        state.brightness = Some(level);
        done.insert("brightness".to_owned(), json!(level));
    }
    let transition = Transition::of(call)?;
    state.fade = transition.specified.then_some(transition.tenths);
    let mut change = ColorState::default();
    if let Some(given) = there("color") {
        let xy = place(given)?;
        state.color = Some(xy);
        change = ColorState::of_xy(xy);
    }
    let limits = limits(call.io, call.endpoint);
    for key in ["color_temp", "color_temp_percent"] {
        if let Some(value) = there(key) {
            let call = Call {
                key,
                value,
                ..*call
            };
            let mireds = limits.clamp(mireds(light, &call, limits)?);
            state.temperature = Some(wire::magnitude(&call, mireds)?);
            change = ColorState::of_mireds(mireds);
        }
    }
    if !change.is_empty() && call.message.get("effect").is_none() {
        let updates = call.options.get("effect_color_mode") == Some(&json!("update"));
        let name = match active(call).filter(|_| updates) {
            Some((name, number)) => {
                state.effect = Some(number);
                name
            }
            None => "none".to_owned(),
        };
        done.insert("effect".to_owned(), json!(name));
    }
    apply(call, state).await?;
    if !change.is_empty() {
        done.extend(color::published(call, &change, limits));
    }
    Ok(done)
}

/// Effects of Philips Hue lights: those of the standard and those that run until they are stopped.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HueEffects {
    /// It has colours.
    #[serde(default)]
    color: bool,
}

impl HueEffects {
    fn names(&self) -> Vec<&'static str> {
        let mut names = vec!["blink", "breathe", "okay", "channel_change", "candle"];
        if self.color {
            names.extend(["fireplace", "colorloop"]);
        }
        names.extend([
            "sunset",
            "sunrise",
            "sparkle",
            "opal",
            "glisten",
            "underwater",
            "cosmos",
            "sunbeam",
            "enchant",
            "none",
            "finish_effect",
            "stop_effect",
            "stop_hue_effect",
        ]);
        names
    }

    async fn effect(&self, call: &Call<'_>) -> Result<JsonMap, Failure> {
        let names = self.names();
        let name = call
            .value
            .as_str()
            .map(str::to_lowercase)
            .unwrap_or_default();
        let mut done = JsonMap::new();
        if let "none" | "stop_hue_effect" | "finish_effect" | "stop_effect" = name.as_str() {
            let stop = HueState {
                effect: Some(NO_EFFECT),
                ..HueState::default()
            };
            send(call, &stop).await?;
            if let "finish_effect" | "stop_effect" = name.as_str() {
                // Not every light knows the standard's effects; then there is none to stop.
                let _ = effect::trigger(call, &names).await;
            }
            done.insert("effect".to_owned(), json!("none"));
            return Ok(done);
        }
        let Some(number) = effect_number(&name) else {
            effect::trigger(call, &names).await?;
            return Ok(done);
        };
        let mut state = HueState {
            on: Some(true),
            effect: Some(number),
            ..HueState::default()
        };
        if let Some(given) = call.message.get("color") {
            state.color = Some(place(given)?);
        }
        if let Some(given) = call.message.get("effect_speed") {
            let speed = part(given, "effect_speed")?;
            state.effect_speed = Some(speed);
            done.insert("effect_speed".to_owned(), number::json(speed));
        }
        apply(call, state).await?;
        done.insert("effect".to_owned(), json!(name));
        Ok(done)
    }

    /// Changes the effect that runs.
    async fn change(call: &Call<'_>) -> Result<JsonMap, Failure> {
        let mut state = HueState::default();
        let mut done = JsonMap::new();
        if let Some(given) = call.message.get("effect_speed").filter(|v| !v.is_null()) {
            state.effect_speed = Some(part(given, "effect_speed")?);
        }
        if let Some(given) = call.message.get("effect_color").filter(|v| !v.is_null()) {
            let xy = place(given)?;
            state.color = Some(xy);
            let limits = limits(call.io, call.endpoint);
            done.extend(color::published(call, &ColorState::of_xy(xy), limits));
            if let Some((name, number)) = active(call) {
                state.effect = Some(number);
                done.insert("effect".to_owned(), json!(name));
            }
        }
        apply(call, state).await?;
        Ok(done)
    }
}

impl Primitive for HueEffects {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut effect = Expose::generic(ExposeKind::Enum, "effect", PUBLISHED | SET);
        effect.values = Some(self.names().into_iter().map(Json::from).collect());
        out.push(effect);
        let mut speed = Expose::generic(ExposeKind::Numeric, "effect_speed", PUBLISHED | SET)
            .described("Animation speed for the active effect (0=slowest, 1=fastest)");
        speed.value_min = Some(json!(0));
        speed.value_max = Some(json!(1));
        speed.value_step = Some(json!(0.01));
        out.push(speed);
        out.push(Expose::generic(ExposeKind::Text, "effect_color", SET).described(
            "Set the base color of the active effect without stopping it (hex e.g. #FF4400, or JSON \
             {\"x\":0.6,\"y\":0.3})",
        ));
    }

    fn claims(&self, key: &str) -> bool {
        matches!(key, "effect" | "effect_speed" | "effect_color")
    }

    fn part(&self, key: &str) -> usize {
        usize::from(key != "effect")
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            if call.key == "effect" {
                return self.effect(call).await;
            }
            // The speed of an effect that begins now is sent with it.
            let begins = call.message.get("effect").and_then(Json::as_str);
            let begins = begins.is_some_and(|name| effect_number(&name.to_lowercase()).is_some());
            if begins && call.message.get("effect_color").is_none() {
                return Ok(JsonMap::new());
            }
            Self::change(call).await
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        if call.key == "effect" {
            return None;
        }
        Some(Box::pin(async move {
            if lists(call) {
                read(call).await
            } else {
                Ok(())
            }
        }))
    }
}
