//! The ballast of a lamp: the cluster lightingBallastCfg (ZCL 5.3), whose every attribute is optional
//! in practice.

use serde::Deserialize;
use serde_json::{Value as Json, json};
use zigbee::library::{self, Reading};
use zigbee::zcl::{Attribute, Value};
use zigbee::{AttributeId, ClusterId};

use super::{Primitive, number_setting};
use crate::decode::Incoming;
use crate::definition::{At, Data};
use crate::encode::{self, Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture, configure, number};

const BALLAST: ClusterId = ClusterId(0x0301);
/// Several attributes in one object, by their names.
const CONFIG: &str = "ballast_config";

/// How an attribute is published.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// A number or text under this property.
    Plain(&'static str),
    /// Bits, each under a property of its own.
    Bits(&'static [(i64, &'static str)]),
}

/// The attributes by their names in the cluster library, in the order in which they are read.
const ATTRIBUTES: [(&str, Form); 14] = [
    (
        "ballastStatus",
        Form::Bits(&[
            (1, "ballast_status_non_operational"),
            (2, "ballast_status_lamp_failure"),
        ]),
    ),
    ("minLevel", Form::Plain("ballast_minimum_level")),
    ("maxLevel", Form::Plain("ballast_maximum_level")),
    ("powerOnLevel", Form::Plain("ballast_power_on_level")),
    ("powerOnFadeTime", Form::Plain("ballast_power_on_fade_time")),
    (
        "intrinsicBallastFactor",
        Form::Plain("ballast_intrinsic_ballast_factor"),
    ),
    (
        "ballastFactorAdjustment",
        Form::Plain("ballast_ballast_factor_adjustment"),
    ),
    ("lampQuantity", Form::Plain("ballast_lamp_quantity")),
    ("lampType", Form::Plain("ballast_lamp_type")),
    ("lampManufacturer", Form::Plain("ballast_lamp_manufacturer")),
    ("lampRatedHours", Form::Plain("ballast_lamp_rated_hours")),
    ("lampBurnHours", Form::Plain("ballast_lamp_burn_hours")),
    (
        "lampAlarmMode",
        Form::Bits(&[(1, "ballast_lamp_alarm_lamp_burn_hours")]),
    ),
    (
        "lampBurnHoursTripPoint",
        Form::Plain("ballast_lamp_burn_hours_trip_point"),
    ),
];

/// Keys that set one attribute each, with its name.
const SETTABLE: [(&str, &str); 3] = [
    ("ballast_minimum_level", "minLevel"),
    ("ballast_maximum_level", "maxLevel"),
    ("ballast_power_on_level", "powerOnLevel"),
];

/// The ballast of a lamp, of which the limits of the level are shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ballast {}

fn known(name: &str) -> Option<&'static library::Attribute> {
    library::cluster(BALLAST)?.attribute_by_name(name)
}

/// `min_level` as the library has it: `minLevel`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}

/// The attribute with a value that was given.
fn attribute(name: &str, given: &Json) -> Result<Attribute, Failure> {
    let attribute = known(name)
        .filter(|attribute| attribute.access.can_write())
        .ok_or_else(|| Failure::value(format!("the ballast has no {name} that can be set")))?;
    let data_type = attribute.data_type;
    let value = match given {
        Json::String(text) => Some(Value::Text(text.clone().into_bytes())),
        _ => given
            .as_i64()
            .filter(|number| *number >= 0)
            .map(|number| configure::value(data_type, number)),
    };
    value
        .filter(|value| value.fits(data_type) && attribute.limits.accepts(value))
        .map(|value| Attribute {
            id: attribute.id,
            data_type,
            value,
        })
        .ok_or_else(|| Failure::value(format!("{name} cannot be {given}")))
}

async fn write(call: &Call<'_>, attribute: Attribute) -> Result<(), Failure> {
    call.write(At::standard(BALLAST, attribute.id), vec![attribute])
        .await
}

impl Primitive for Ballast {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(BALLAST);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        for (name, which) in [
            ("ballast_minimum_level", "minimum"),
            ("ballast_maximum_level", "maximum"),
        ] {
            let mut expose = Expose::generic(ExposeKind::Numeric, name, STATE | SET | GET)
                .described(format!("Specifies the {which} light output of the ballast"));
            expose.value_min = Some(json!(1));
            expose.value_max = Some(json!(254));
            out.push(expose);
        }
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        for (name, form) in ATTRIBUTES {
            let Some(known) = known(name) else {
                continue;
            };
            let Some(value) = incoming.attribute(BALLAST, known.id) else {
                continue;
            };
            let reading = known.limits.judge(known.data_type, value);
            match (form, value) {
                _ if reading == Reading::OutOfRange => {}
                (Form::Plain(property), _) if reading == Reading::Nothing => {
                    out.put(property, Json::Null);
                }
                (Form::Plain(property), Value::Text(text)) => {
                    out.put(property, String::from_utf8_lossy(text));
                }
                (Form::Plain(property), Value::Invalid) => out.put(property, ""),
                (Form::Plain(property), _) => match number::of(value) {
                    Some(value) => out.put(property, number::json(value)),
                    None => out.problem("not_a_number", format!("{name} is not a number")),
                },
                (Form::Bits(bits), _) => match number::integer(value) {
                    Some(value) => {
                        for (mask, property) in bits {
                            out.put(property, value & mask != 0);
                        }
                    }
                    None => out.problem("not_a_number", format!("{name} is not a number")),
                },
            }
        }
    }

    fn claims(&self, key: &str) -> bool {
        key == CONFIG || SETTABLE.iter().any(|(known, _)| *known == key)
    }

    fn part(&self, key: &str) -> usize {
        SETTABLE
            .iter()
            .position(|(known, _)| *known == key)
            .unwrap_or(SETTABLE.len())
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            if let Some((_, name)) = SETTABLE.iter().find(|(key, _)| *key == call.key) {
                number_setting::given(call)?;
                write(call, attribute(name, call.value)?).await?;
            } else {
                let given = call.value.as_object().ok_or_else(|| {
                    Failure::value(format!("{CONFIG} is not an object, got {}", call.value))
                })?;
                let attributes = given
                    .iter()
                    .map(|(name, value)| attribute(&camel(name), value))
                    .collect::<Result<Vec<_>, _>>()?;
                for attribute in attributes {
                    write(call, attribute).await?;
                }
            }
            Ok(JsonMap::from_iter([(
                call.key.to_owned(),
                call.value.clone(),
            )]))
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            for (name, _) in ATTRIBUTES {
                let Some(id) = known(name).map(|attribute| attribute.id) else {
                    continue;
                };
                let read = |ids: Vec<AttributeId>| {
                    encode::read(call.data, call.io, call.endpoint, BALLAST, None, ids)
                };
                // Those that the device does not have are left out.
                let _ = read(vec![id]).await;
            }
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_knows_every_attribute() {
        let names = ATTRIBUTES.iter().map(|(name, _)| *name);
        for name in names.chain(SETTABLE.map(|(_, name)| name)) {
            assert!(known(name).is_some(), "{name}");
        }
    }

    #[test]
    fn names_are_taken_in_both_spellings() {
        assert_eq!(camel("power_on_fade_time"), "powerOnFadeTime");
        assert_eq!(camel("minLevel"), "minLevel");
        assert_eq!(camel(""), "");
    }
}
