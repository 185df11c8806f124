//! Identification with an effect of the owner's choice.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::{ClusterId, CommandId};

use super::Primitive;
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET};
use crate::{JsonMap, LocalFuture};

const IDENTIFY: ClusterId = ClusterId(0x0003);
const START: CommandId = CommandId(0x00);
const TRIGGER_EFFECT: CommandId = CommandId(0x40);
/// The option's property.
const OPTION: &str = "identity_effect";
/// Seconds.
const DURATION: u16 = 10;

/// The key `identify`; the option `identity_effect` says how the device shows itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IdentifyEffect {
    /// Effects, in the order of their numbers.
    effects: Vec<String>,
    /// Colours, in the order of their numbers.
    colors: Vec<String>,
    #[serde(default)]
    description: Option<String>,
}

/// The number of what the option names; the first where it names nothing that is known.
fn number(chosen: Option<&Json>, names: &[String]) -> u8 {
    chosen
        .and_then(Json::as_str)
        .and_then(|chosen| names.iter().position(|name| name == chosen))
        .and_then(|index| u8::try_from(index).ok())
        .unwrap_or(0)
}

impl Primitive for IdentifyEffect {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Enum, "identify", SET).in_category("config");
        expose.description.clone_from(&self.description);
        expose.values = Some(vec![Json::from("identify")]);
        out.push(expose);
    }

    fn options(&self, out: &mut Vec<Expose>) {
        let choice = |name: &str, values: &[String]| {
            let mut expose = Expose::generic(ExposeKind::Enum, name, SET);
            expose.values = Some(
                values
                    .iter()
                    .map(|value| Json::from(value.as_str()))
                    .collect(),
            );
            expose
        };
        let mut option = Expose::generic(ExposeKind::Composite, "Identity effect", SET)
            .described("Defines the identification effect to simplify the device identification.");
        option.property = Some(OPTION.to_owned());
        option.features = vec![
            choice("effect", &self.effects),
            choice("color", &self.colors),
        ];
        out.push(option);
    }

    fn claims(&self, key: &str) -> bool {
        key == "identify"
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let chosen = |name: &str| call.options.get(OPTION)?.get(name);
            let effect = vec![
                number(chosen("effect"), &self.effects),
                number(chosen("color"), &self.colors),
            ];
            call.command(IDENTIFY, TRIGGER_EFFECT, effect, "triggerEffect")
                .await?;
            let duration = DURATION.to_le_bytes().to_vec();
            call.command(IDENTIFY, START, duration, "identify").await?;
            Ok(JsonMap::new())
        }))
    }
}
