//! `level_config` as a thing of its own beside the light.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::level::Field;
use crate::definition::Data;
use crate::expose::{Expose, ExposeKind, GET, Preset, SET, STATE};
use crate::primitives::Primitive;

const ALL: u8 = STATE | SET | GET;
/// The level that stands for the one from before.
const PREVIOUS: u8 = 255;

/// Shows `level_config` where it is no feature of the light. The key works with every light, shown or
/// not.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LevelConfig {
    /// What of it is shown, each with its description.
    fields: Vec<(Field, String)>,
}

impl Primitive for LevelConfig {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut config = Expose::generic(ExposeKind::Composite, "level_config", ALL);
        config.features = self
            .fields
            .iter()
            .map(|(field, description)| feature(*field).described(description))
            .collect();
        out.push(config);
    }
}

fn feature(field: Field) -> Expose {
    let kind = match field {
        Field::ExecuteIfOff => ExposeKind::Binary,
        _ => ExposeKind::Numeric,
    };
    let mut expose = Expose::generic(kind, field.name(), ALL);
    match field {
        Field::ExecuteIfOff => {
            expose.value_on = Some(Json::Bool(true));
            expose.value_off = Some(Json::Bool(false));
        }
        Field::OnLevel | Field::CurrentLevelStartup => {
            expose.value_min = Some(json!(1));
            expose.value_max = Some(json!(254));
            expose.presets.push(Preset {
                name: "previous".to_owned(),
                value: json!(PREVIOUS),
                description: "Use previous value".to_owned(),
            });
        }
        Field::OnOffTransitionTime | Field::OnTransitionTime | Field::OffTransitionTime => {}
    }
    expose
}
