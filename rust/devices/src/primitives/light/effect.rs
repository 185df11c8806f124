//! Effects by which a light shows itself: `effect` (shared/facts/mqtt-api.md §7.3).

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::{ClusterId, CommandId};

use super::{Traits, steps, wire};
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET};
use crate::primitives::Primitive;
use crate::{JsonMap, LocalFuture};

const IDENTIFY: ClusterId = ClusterId(0x0003);
const TRIGGER_EFFECT: CommandId = CommandId(0x40);

/// Effects of the cluster genIdentify.
pub(super) const EFFECTS: [(&str, u8); 6] = [
    ("blink", 0),
    ("breathe", 1),
    ("okay", 2),
    ("channel_change", 11),
    ("finish_effect", 254),
    ("stop_effect", 255),
];

/// What older clients send for `alert` and `flash`.
const ALERTS: [(&str, u8); 3] = [("select", 0), ("lselect", 1), ("none", 255)];

const COLORLOOP: &str = "colorloop";
const STOP_COLORLOOP: &str = "stop_colorloop";
/// How long a round of the colours takes, seconds, where the message does not say.
const ROUND: f64 = 15.0;

/// Effects that a light can show.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Effect {
    /// It has colours to go through.
    #[serde(default)]
    color: bool,
    /// The endpoints with a light; none for a device with a single light.
    #[serde(default)]
    endpoints: Vec<String>,
}

impl Effect {
    fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = EFFECTS.iter().map(|(name, _)| *name).collect();
        if self.color {
            names.extend([COLORLOOP, STOP_COLORLOOP]);
        }
        names
    }
}

impl Primitive for Effect {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Enum, "effect", SET)
            .described("Triggers an effect on the light (e.g. make light blink for a few seconds)");
        expose.values = Some(self.names().into_iter().map(Json::from).collect());
        if self.endpoints.is_empty() {
            out.push(expose);
        } else {
            out.extend(
                self.endpoints
                    .iter()
                    .map(|endpoint| expose.clone().on_endpoint(endpoint)),
            );
        }
    }

    fn claims(&self, key: &str) -> bool {
        matches!(key, "effect" | "alert" | "flash")
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            if call.key != "effect" {
                return alert(call).await.map(|()| JsonMap::new());
            }
            let name = call.value.as_str().map(str::to_lowercase);
            match name.as_deref() {
                Some(COLORLOOP) if self.color => {
                    steps::move_color(call, true, speed(call)?, Traits::default()).await?;
                }
                Some(STOP_COLORLOOP) if self.color => {
                    steps::move_color(call, true, 0.0, Traits::default()).await?;
                }
                _ => trigger(call, &self.names()).await?,
            }
            Ok(JsonMap::new())
        }))
    }
}

/// The rate of a round through the colours.
fn speed(call: &Call<'_>) -> Result<f64, Failure> {
    let given = call
        .message
        .get("transition")
        .filter(|value| !value.is_null());
    let round = match given {
        None => ROUND,
        Some(value) => wire::finite(value)
            .ok_or_else(|| Failure::value(format!("transition is not a number, got {value}")))?,
    };
    let speed = crate::number::round(255.0 / round);
    Ok(if speed.is_nan() {
        1.0
    } else {
        speed.clamp(1.0, 255.0)
    })
}

/// Triggers the effect that the value names.
pub(super) async fn trigger(call: &Call<'_>, names: &[&str]) -> Result<(), Failure> {
    let name = call.value.as_str().map(str::to_lowercase);
    let known = EFFECTS
        .iter()
        .find(|(known, _)| Some(*known) == name.as_deref());
    let Some((_, number)) = known else {
        return Err(Failure::value(format!(
            "Key '{}' not found in: [{}]",
            call.value.as_str().unwrap_or_default(),
            names.join(", ")
        )));
    };
    send(call, *number).await
}

async fn alert(call: &Call<'_>) -> Result<(), Failure> {
    let value = match call.value.as_u64() {
        Some(2) if call.key == "flash" => &json!("select"),
        Some(10) if call.key == "flash" => &json!("lselect"),
        _ => call.value,
    };
    let known = ALERTS
        .iter()
        .find(|(known, _)| Some(*known) == value.as_str());
    match known {
        Some((_, number)) => send(call, *number).await,
        None => Err(Failure::value(format!(
            "Key '{value}' not found in: [select, lselect, none]"
        ))),
    }
}

async fn send(call: &Call<'_>, effect: u8) -> Result<(), Failure> {
    // The second byte is the variant: the default one.
    call.command(IDENTIFY, TRIGGER_EFFECT, vec![effect, 0], "triggerEffect")
        .await
}
