//! On, off and brightness, with fades (shared/facts/mqtt-api.md §7.2).

use serde_json::{Value as Json, json};

use super::wire::{
    self, CURRENT_LEVEL, LEVEL, MOVE_TO_LEVEL, MOVE_TO_LEVEL_WITH_ON_OFF, ON_LEVEL, Payload,
    Transition,
};
use super::{Light, Traits};
use crate::encode::{Call, Failure};
use crate::primitives::on_off;
use crate::{JsonMap, number};

/// The greatest level.
const FULL: u8 = 254;

/// What the message says about on and off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    On,
    Off,
    Toggle,
    /// `null`: it stays as it is.
    AsItIs,
}

impl Wanted {
    fn of(call: &Call<'_>) -> Result<Option<Self>, Failure> {
        let Some(given) = call.message.get("state") else {
            return Ok(None);
        };
        let Json::String(text) = given else {
            return Ok(Some(Self::AsItIs));
        };
        Ok(Some(match text.to_lowercase().as_str() {
            "on" => Self::On,
            "off" => Self::Off,
            "toggle" => Self::Toggle,
            _ => {
                return Err(Failure::value(format!(
                    "State value '{text}' invalid, must be 'ON', 'OFF' or 'TOGGLE'"
                )));
            }
        }))
    }

    fn text(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Toggle | Self::AsItIs => "toggle",
        }
    }
}

/// The level that the message says.
fn level(call: &Call<'_>) -> Result<Option<u8>, Failure> {
    let there = |key: &str| call.message.get(key).filter(|value| !value.is_null());
    let (given, number) = if let Some(given) = there("brightness") {
        (given, wire::finite(given))
    } else if let Some(given) = there("brightness_percent") {
        let percent = wire::finite(given);
        (given, percent.map(|percent| number::round(percent * 2.55)))
    } else {
        return Ok(None);
    };
    // 255 was the greatest once.
    let full = |level: &f64| (level - 255.0).abs() < f64::EPSILON;
    let number = number.map(|level| if full(&level) { 254.0 } else { level });
    match number {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within 0 and 254; a fraction of a level is cut off"
        )]
        Some(level) if (0.0..=254.0).contains(&level) => Ok(Some(level as u8)),
        _ => Err(Failure::value(format!(
            "Brightness value {given} invalid, must be a number >= 0 and =< 254"
        ))),
    }
}

/// What is remembered of a light that is off, to bring its brightness back.
#[derive(Debug, Default)]
struct Before {
    level: Option<u8>,
    /// It was faded off, so that its level is 0 now.
    faded: bool,
}

impl Before {
    fn of(call: &Call<'_>) -> Self {
        let noted = call.io.noted(&wire::note_key("before", call.endpoint));
        let part = |name: &str| noted.as_ref()?.get(name).cloned();
        Self {
            level: part("level")
                .and_then(|level| level.as_u64())
                .and_then(|level| u8::try_from(level).ok()),
            faded: part("faded") == Some(json!(true)),
        }
    }

    fn note(self, call: &Call<'_>) {
        call.io.note(
            &wire::note_key("before", call.endpoint),
            json!({"level": self.level, "faded": self.faded}),
        );
    }
}

fn cached_level(call: &Call<'_>) -> Option<f64> {
    call.state("brightness").as_ref().and_then(Json::as_f64)
}

fn cached_state(call: &Call<'_>) -> Option<String> {
    let state = call.state("state")?;
    Some(state.as_str()?.to_uppercase())
}

/// The level to come on with: the one that the device has for it, else the one from before.
async fn on_level(call: &Call<'_>, before: &Before) -> u8 {
    let supported = wire::note_key("on_level_unsupported", call.endpoint);
    let configured = call.state("level_config");
    let configured = configured
        .as_ref()
        .and_then(|config| config.get("on_level"));
    let previous = configured.and_then(Json::as_str) == Some("previous");
    let mut level = configured.and_then(Json::as_u64).unwrap_or(0);
    if level == 0 && !previous && call.io.noted(&supported).is_none() {
        let read = wire::optional(call, LEVEL, ON_LEVEL).await;
        level = read
            .and_then(|level| u64::try_from(level).ok())
            .unwrap_or(0);
        if level == 0 {
            call.io.note(&supported, json!(true));
        }
    }
    match u8::try_from(level) {
        Ok(level @ 1..=FULL) => level,
        _ => before.level.unwrap_or_else(|| {
            let cached = cached_level(call).unwrap_or(f64::from(FULL));
            wire::scaled_byte(cached, f64::from(FULL))
        }),
    }
}

/// Sets state and brightness.
pub(super) async fn set(light: &Light, call: &Call<'_>) -> Result<JsonMap, Failure> {
    let transition = Transition::of_brightness(call)?;
    let traits = light.traits(call.io);
    let given = level(call)?;
    let state = cached_state(call);
    let wanted = match Wanted::of(call)? {
        None | Some(Wanted::AsItIs) if given.is_none() => {
            return Err(Failure::value(
                "At least one of \"brightness\" or \"state\" must have a value",
            ));
        }
        Some(wanted) => wanted,
        // Such a light is not switched by its level.
        None if traits.separate_on_off && state.as_deref() == Some("OFF") => Wanted::Off,
        None if traits.separate_on_off => Wanted::On,
        None if given == Some(0) => Wanted::Off,
        None => Wanted::On,
    };
    let target = match wanted {
        Wanted::Toggle if state.as_deref() == Some("ON") => Wanted::Off,
        Wanted::Toggle => Wanted::On,
        other => other,
    };
    let before = Before::of(call);
    let mut shows_level = given.is_some();
    let level = match (target, given) {
        (Wanted::Off, given) => {
            let fades = transition.specified || given == Some(0);
            let is_off = state.as_deref() == Some("OFF");
            let level = (fades && !(is_off && traits.no_fade_when_off)).then_some(0);
            if let (Some(now), Some("ON")) = (cached_level(call), state.as_deref()) {
                // Both a fade and an on-level of the device lose the brightness of now.
                let before = Before {
                    level: Some(wire::scaled_byte(now, f64::from(FULL))),
                    faded: level.is_some(),
                };
                before.note(call);
            }
            level
        }
        (Wanted::On, None) if transition.specified || before.faded => {
            shows_level = true;
            Some(on_level(call, &before).await)
        }
        (_, given) => given,
    };
    let Some(level) = level else {
        let mut done = on_off::switch(call, &json!(wanted.text())).await?;
        let comes_on = done.get("state") == Some(&json!("ON"));
        if comes_on && cached_level(call) == Some(0.0) {
            done.insert("brightness".to_owned(), json!(1));
        }
        return Ok(done);
    };
    let level = match level {
        0 if target != Wanted::Off => 1,
        level => level,
    };
    let level = if level == 1 && traits.off_at_1 {
        2
    } else {
        level
    };
    if target != Wanted::Off {
        let before = Before {
            level: Some(level),
            faded: false,
        };
        before.note(call);
    }
    let mut done = JsonMap::new();
    if traits.separate_on_off {
        let switches = target != Wanted::AsItIs
            && state.is_some_and(|state| !state.eq_ignore_ascii_case(target.text()));
        if !switches || target == Wanted::On {
            move_to(call, level, transition, traits, false).await?;
        }
        if switches {
            done = on_off::switch(call, &json!(target.text())).await?;
        }
    } else {
        let switches = wanted != Wanted::AsItIs;
        move_to(call, level, transition, traits, switches).await?;
        if switches {
            let state = if level == 0 { "OFF" } else { "ON" };
            done.insert("state".to_owned(), json!(state));
        }
    }
    if shows_level {
        done.insert("brightness".to_owned(), json!(level));
    }
    Ok(done)
}

async fn move_to(
    call: &Call<'_>,
    level: u8,
    transition: Transition,
    traits: Traits,
    switches: bool,
) -> Result<(), Failure> {
    let command = if switches {
        MOVE_TO_LEVEL_WITH_ON_OFF
    } else {
        MOVE_TO_LEVEL
    };
    let payload = Payload::default().byte(level).word(transition.tenths);
    payload.send(call, command, traits).await
}

/// Reads what the key is about.
pub(super) async fn get(call: &Call<'_>) -> Result<(), Failure> {
    match call.key {
        "state" => {
            let attribute = on_off::STATE_ATTRIBUTE.0;
            wire::read(call, on_off::ON_OFF, &[attribute]).await
        }
        "brightness" => wire::read(call, LEVEL, &[CURRENT_LEVEL]).await,
        _ => Ok(()),
    }
}
