//! `color_options`: whether a light that is off takes colours.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::AttributeId;
use zigbee::zcl::{Attribute, DataType, Value};

use super::wire::{COLOR, COLOR_OPTIONS};
use crate::JsonMap;
use crate::definition::{At, Data};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::primitives::Primitive;

/// Shows `color_options`. The key works with every coloured light, shown or not.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ColorOptions {}

impl Primitive for ColorOptions {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut execute = Expose::generic(ExposeKind::Binary, "execute_if_off", SET).described(
            "Controls whether color and color temperature can be set while light is off",
        );
        execute.value_on = Some(Json::Bool(true));
        execute.value_off = Some(Json::Bool(false));
        let mut expose = Expose::generic(ExposeKind::Composite, "color_options", STATE | SET | GET)
            .described("Advanced color behavior")
            .in_category("config");
        expose.features.push(execute);
        out.push(expose);
    }
}

/// Sets them.
pub(super) async fn set(call: &Call<'_>) -> Result<JsonMap, Failure> {
    let given = call.value.as_object().ok_or_else(|| {
        Failure::value(format!(
            "color_options is not an object, got {}",
            call.value
        ))
    })?;
    let execute = match given.get("execute_if_off") {
        None | Some(Json::Null) => false,
        Some(Json::Bool(execute)) => *execute,
        Some(other) => {
            return Err(Failure::value(format!(
                "execute_if_off must be true or false, got {other}"
            )));
        }
    };
    let id = AttributeId(COLOR_OPTIONS);
    let attribute = Attribute {
        id,
        data_type: DataType::BITMAP8,
        value: Value::Unsigned(execute.into()),
    };
    call.write(At::standard(COLOR, id), vec![attribute]).await?;
    Ok(JsonMap::from_iter([(
        "color_options".to_owned(),
        call.value.clone(),
    )]))
}
