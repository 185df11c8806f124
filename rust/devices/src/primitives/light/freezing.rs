//! IKEA's lights do not take commands while their colour changes slowly; a stop of the level wakes them
//! (Zigbee2MQTT's issue 18574). The option `unfreeze_support` turns this off.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::wire::{self, Payload, STOP, Transition};
use super::{Part, Traits};
use crate::encode::{Call, Failure};

pub(super) fn supported(call: &Call<'_>) -> bool {
    call.options.get("unfreeze_support") != Some(&Json::Bool(false))
}

fn key(call: &Call<'_>) -> String {
    wire::note_key("frozen_until_ms", call.endpoint)
}

fn until(call: &Call<'_>) -> Option<Duration> {
    call.io
        .noted(&key(call))?
        .as_u64()
        .map(Duration::from_millis)
}

/// Wakes the light before a command, if it is still frozen. Steps of the brightness wake it themselves.
pub(super) async fn wake(call: &Call<'_>, part: Part) -> Result<(), Failure> {
    let concerned = matches!(
        part,
        Part::Brightness | Part::Color | Part::TemperatureStep | Part::HueStep
    );
    let frozen = until(call).is_some_and(|until| call.io.uptime() <= until);
    if concerned && frozen {
        Payload::default()
            .send(call, STOP, Traits::default())
            .await?;
    }
    Ok(())
}

/// Notes how long a command freezes the light.
pub(super) fn note(call: &Call<'_>, part: Part) -> Result<(), Failure> {
    let colors = matches!(part, Part::Color | Part::TemperatureStep | Part::HueStep);
    let concerned = colors || matches!(part, Part::Brightness | Part::BrightnessStep);
    if !concerned {
        return Ok(());
    }
    let transition = Transition::of(call)?.duration();
    if colors && !transition.is_zero() {
        let until = call.io.uptime().saturating_add(transition);
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        call.io.note(&key(call), json!(until));
    } else if until(call).is_some() {
        call.io.note(&key(call), Json::Null);
    }
    Ok(())
}
