//! Colour and colour temperature (shared/facts/mqtt-api.md §7.4 and §7.5).

use serde_json::{Value as Json, json};
use zigbee::AttributeId;
use zigbee::zcl::{Attribute, DataType, Value};

use super::wire::{
    self, COLOR, COLOR_MODE, COLOR_OPTIONS, CURRENT_HUE, CURRENT_SATURATION, CURRENT_X, CURRENT_Y,
    ENHANCED_HUE, ENHANCED_MOVE_TO_HUE, ENHANCED_MOVE_TO_HUE_AND_SATURATION, MOVE_TO_COLOR,
    MOVE_TO_HUE, MOVE_TO_HUE_AND_SATURATION, MOVE_TO_LEVEL_WITH_ON_OFF, MOVE_TO_SATURATION,
    MOVE_TO_TEMPERATURE, Payload, STARTUP, TEMPERATURE, Transition,
};
use super::{Light, Mode, Traits, limits, limits_of, value};
use crate::JsonMap;
use crate::color::{self, ColorState, Given, Hsv, Limits, Xy};
use crate::decode::Incoming;
use crate::definition::At;
use crate::encode::{Call, Failure};
use crate::message::Decoded;
use crate::number::{self, round, round_to};

/// Colour temperatures by name, mireds; the extremes come with the light.
pub(super) const NAMED: [(&str, u16); 3] = [("cool", 250), ("neutral", 370), ("warm", 454)];

/// What brings back the colour temperature from before power was lost.
pub(super) const PREVIOUS: u16 = 0xffff;

/// The modes that have names, by number.
const MODES: [&str; 3] = ["hs", "xy", "color_temp"];

/// Red as Home Assistant's colour wheel gives it, and one that lights understand which do not know it.
const RED: (Xy, Xy) = (
    Xy { x: 0.701, y: 0.299 },
    Xy {
        x: 0.7006,
        y: 0.2993,
    },
);

fn invalid() -> Failure {
    Failure::value("Value does not contain valid color definition")
}

/// True unless the option `color_sync` is off.
pub(super) fn syncs(options: &JsonMap) -> bool {
    options.get("color_sync") != Some(&Json::Bool(false))
}

/// A change with what follows from it.
pub(super) fn published(call: &Call<'_>, change: &ColorState, limits: Limits) -> JsonMap {
    if syncs(call.options) {
        let cached = ColorState::cached(|key| call.state(key));
        change.synced(&cached, limits).publish()
    } else {
        change.publish()
    }
}

/// Takes values from a message.
pub(super) fn decode(incoming: &Incoming<'_>, suffix: &str, out: &mut Decoded) {
    let number = |attribute| value(incoming, COLOR, attribute).and_then(number::of);
    let mode = value(incoming, COLOR, COLOR_MODE).and_then(number::integer);
    let mode = mode.map(|mode| {
        let named = usize::try_from(mode).ok().and_then(|mode| MODES.get(mode));
        named.map_or_else(|| json!(mode), |name| json!(name))
    });
    let place = |attribute| number(attribute).map(|part| round_to(part / 65_535.0, 4));
    let change = ColorState {
        mode,
        mireds: number(TEMPERATURE),
        x: place(CURRENT_X),
        y: place(CURRENT_Y),
        hue: number(ENHANCED_HUE)
            .map(|hue| round_to(hue / 65_535.0 * 360.0, 1))
            .or_else(|| number(CURRENT_HUE).map(|hue| round(hue / 254.0 * 360.0))),
        saturation: number(CURRENT_SATURATION).map(|part| round(part / 254.0 * 100.0)),
    };
    apply(incoming, suffix, &change, out);
    if let Some(mireds) = number(STARTUP) {
        out.put(&format!("color_temp_startup{suffix}"), number::json(mireds));
    }
    if let Some(options) = value(incoming, COLOR, COLOR_OPTIONS).and_then(number::integer) {
        let options = json!({"execute_if_off": options & 1 == 1});
        out.put(&format!("color_options{suffix}"), options);
    }
}

/// Publishes what a message says of the colour, with what follows from it.
pub(super) fn apply(incoming: &Incoming<'_>, suffix: &str, change: &ColorState, out: &mut Decoded) {
    if change.is_empty() {
        return;
    }
    let mut properties = change.publish();
    if syncs(incoming.options) {
        let cached =
            ColorState::cached(|key| incoming.state.get(&format!("{key}{suffix}")).cloned());
        let limits = limits_of(incoming.device, incoming.endpoint());
        properties.extend(change.synced(&cached, limits).publish());
    }
    for (property, value) in properties {
        out.put(&format!("{property}{suffix}"), value);
    }
}

/// Sets a colour or a colour temperature.
pub(super) async fn set(light: &Light, call: &Call<'_>) -> Result<JsonMap, Failure> {
    let transition = Transition::of(call)?;
    let traits = light.traits(call.io);
    let limits = limits(call.io, call.endpoint);
    let change = if call.key == "color" {
        let given = Given::of(call.value).ok_or_else(invalid)?;
        match given {
            Given::Hsv(hsv) if traits.hue_saturation => {
                move_to_hue(call, hsv, transition, traits).await?;
                ColorState::of_hsv(hsv)
            }
            given => {
                let xy = match given {
                    Given::Hsv(hsv) => corrected(call, hsv).xy(),
                    Given::Xy(xy) if traits.red_fix && xy == RED.0 => RED.1,
                    other => other.xy(),
                };
                move_to_color(call, xy, transition, traits).await?;
                ColorState::of_xy(xy)
            }
        }
    } else if light.is_via_color() {
        let mireds = if call.key == "color_temp_percent" {
            mireds(light, call, limits)?
        } else {
            // A number as it is: neither names nor limits, as in Zigbee2MQTT.
            call.value.as_f64().ok_or_else(|| {
                Failure::value(format!("color_temp is not a number, got {}", call.value))
            })?
        };
        let xy = color::of_mireds(mireds).ok_or_else(|| {
            Failure::value(format!("There is no colour for a color_temp of {mireds}"))
        })?;
        move_to_color(call, xy, transition, traits).await?;
        ColorState::of_mireds(mireds)
    } else {
        let mireds = limits.clamp(mireds(light, call, limits)?);
        let word = wire::magnitude(call, mireds)?;
        let payload = Payload::default().word(word).word(transition.tenths);
        payload.send(call, MOVE_TO_TEMPERATURE, traits).await?;
        ColorState::of_mireds(mireds)
    };
    Ok(published(call, &change, limits))
}

/// The colour temperature that the value says: mireds, per cent, or a name.
pub(super) fn mireds(light: &Light, call: &Call<'_>, limits: Limits) -> Result<f64, Failure> {
    if call.key == "color_temp_percent" {
        let least = limits.least.unwrap_or(154.0);
        let greatest = limits.greatest.unwrap_or(500.0);
        let percent = wire::given(call)?;
        return Ok(round(least + percent / 100.0 * (greatest - least)));
    }
    let shown = light.color_temp.as_ref().map(|shown| shown.range);
    let mireds = match call.value.as_str() {
        Some("coolest") => limits.least.or(shown.map(|(least, _)| least.into())),
        Some("warmest") => limits
            .greatest
            .or(shown.map(|(_, greatest)| greatest.into())),
        Some(name) => NAMED
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, mireds)| f64::from(*mireds)),
        None => None,
    };
    match mireds {
        Some(mireds) => Ok(mireds),
        // A fraction of a mired cannot be sent.
        None => wire::given(call).map(f64::trunc),
    }
}

impl Light {
    pub(super) fn is_via_color(&self) -> bool {
        self.color_temp
            .as_ref()
            .is_some_and(|temperature| temperature.via_color)
    }
}

/// A colour as the option `hue_correction` of the light wants it.
fn corrected(call: &Call<'_>, hsv: Hsv) -> Hsv {
    let points = call.options.get("hue_correction").and_then(Json::as_array);
    let (Some(points), Some(hue)) = (points, hsv.hue) else {
        return hsv;
    };
    let points: Vec<(f64, f64)> = points
        .iter()
        .filter_map(|point| {
            let part = |name: &str| point.get(name).and_then(color::finite);
            Some((part("in")?, part("out")?))
        })
        .collect();
    hsv.with_hue(color::corrected_hue(hue, &points))
}

async fn move_to_color(
    call: &Call<'_>,
    Xy { x, y }: Xy,
    transition: Transition,
    traits: Traits,
) -> Result<(), Failure> {
    let part = |part| wire::scaled(part, 1.0, u16::MAX);
    let payload = Payload::default()
        .word(part(x))
        .word(part(y))
        .word(transition.tenths);
    payload.send(call, MOVE_TO_COLOR, traits).await
}

async fn move_to_hue(
    call: &Call<'_>,
    given: Hsv,
    transition: Transition,
    traits: Traits,
) -> Result<(), Failure> {
    let time = transition.tenths;
    let Hsv {
        hue,
        saturation,
        value,
    } = corrected(call, given);
    if let Some(value) = value {
        let level = wire::scaled_byte(value, 100.0);
        let payload = Payload::default().byte(level).word(time);
        payload
            .send(call, MOVE_TO_LEVEL_WITH_ON_OFF, traits)
            .await?;
    }
    let saturation = saturation.map(|saturation| wire::scaled_byte(saturation, 100.0));
    let direction = call.value.get("direction").and_then(Json::as_u64);
    let direction = direction.and_then(|direction| u8::try_from(direction).ok());
    let direction = direction.unwrap_or(0);
    let payload = Payload::default();
    let (payload, command) = match (hue, saturation) {
        (Some(hue), Some(saturation)) if traits.enhanced_hue => (
            payload
                .word(wire::scaled(hue, 360.0, u16::MAX))
                .byte(saturation)
                .word(time),
            ENHANCED_MOVE_TO_HUE_AND_SATURATION,
        ),
        (Some(hue), Some(saturation)) => (
            payload
                .byte(wire::scaled_byte(hue, 360.0))
                .byte(saturation)
                .word(time),
            MOVE_TO_HUE_AND_SATURATION,
        ),
        (Some(hue), None) if traits.enhanced_hue => (
            payload
                .word(wire::scaled(hue, 360.0, u16::MAX))
                .byte(direction)
                .word(time),
            ENHANCED_MOVE_TO_HUE,
        ),
        (Some(hue), None) => (
            payload
                .byte(wire::scaled_byte(hue, 360.0))
                .byte(direction)
                .word(time),
            MOVE_TO_HUE,
        ),
        (None, Some(saturation)) => (payload.byte(saturation).word(time), MOVE_TO_SATURATION),
        (None, None) => return Err(invalid()),
    };
    payload.send(call, command, traits).await
}

/// Sets the colour temperature for when power comes back.
pub(super) async fn set_startup(light: &Light, call: &Call<'_>) -> Result<JsonMap, Failure> {
    let mireds = if call.value.as_str() == Some("previous") {
        f64::from(PREVIOUS)
    } else {
        let limits = limits(call.io, call.endpoint);
        let mireds = mireds(light, call, limits)?;
        if mireds >= f64::from(PREVIOUS) {
            mireds
        } else {
            limits.clamp(mireds)
        }
    };
    let word: u16 = wire::magnitude(call, mireds)?;
    let attribute = Attribute {
        id: AttributeId(STARTUP),
        data_type: DataType::UINT16,
        value: Value::Unsigned(word.into()),
    };
    let at = At::standard(COLOR, AttributeId(STARTUP));
    call.write(at, vec![attribute]).await?;
    Ok(JsonMap::from_iter([(
        "color_temp_startup".to_owned(),
        json!(word),
    )]))
}

/// Reads the colour, or the parts of it that the value names.
pub(super) async fn get(light: &Light, call: &Call<'_>) -> Result<(), Failure> {
    let Some(colored) = &light.color else {
        return wire::read(call, COLOR, &[COLOR_MODE, TEMPERATURE]).await;
    };
    let parts = call.message.get("color").and_then(Json::as_object);
    let wants = |name: &str| {
        let part = parts.map(|parts| parts.get(name).is_some_and(|part| !part.is_null()));
        part.unwrap_or(true)
    };
    let mut attributes = vec![COLOR_MODE];
    if wants("x") {
        attributes.push(CURRENT_X);
    }
    if wants("y") {
        attributes.push(CURRENT_Y);
    }
    let traits = light.traits(call.io);
    if colored.modes.contains(&Mode::Hs) && traits.hue_saturation {
        if wants("hue") {
            attributes.push(if traits.enhanced_hue {
                ENHANCED_HUE
            } else {
                CURRENT_HUE
            });
        }
        if wants("saturation") {
            attributes.push(CURRENT_SATURATION);
        }
    }
    if light.color_temp.is_some() && !light.is_via_color() {
        attributes.push(TEMPERATURE);
    }
    wire::read(call, COLOR, &attributes).await
}
