//! A time of day in an attribute: minutes after midnight.

use serde::Deserialize;
use zigbee::ClusterId;

use super::{Primitive, number_setting};
use crate::decode::Incoming;
use crate::definition::{At, Data, TypeName};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture, number};

/// There is no time.
const UNDEFINED: u16 = 0xffff;
const UNDEFINED_TEXT: &str = "undefined";

/// A time as text, `HH:MM`, or `undefined`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeOfDay {
    /// Its name, also its property.
    name: String,
    at: At,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
}

fn text(minutes: i64) -> String {
    if minutes == i64::from(UNDEFINED) {
        UNDEFINED_TEXT.to_owned()
    } else {
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

fn minutes(text: &str) -> Option<u16> {
    if text.eq_ignore_ascii_case(UNDEFINED_TEXT) {
        return Some(UNDEFINED);
    }
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

impl Primitive for TimeOfDay {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Text, &self.name, STATE | SET | GET);
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        out.push(expose);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        if let Some(minutes) = incoming.value(self.at).and_then(number::integer) {
            out.put(&self.name, text(minutes));
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let minutes = call.value.as_str().and_then(minutes).ok_or_else(|| {
                Failure::Value(format!(
                    "Invalid time for {}: {}, use 'HH:MM' or 'undefined'",
                    self.name, call.value
                ))
            })?;
            let attribute =
                number_setting::attribute(self.at, TypeName::Uint16, f64::from(minutes));
            call.write(self.at, attribute.into_iter().collect()).await?;
            Ok(JsonMap::from_iter([(
                self.name.clone(),
                call.value.clone(),
            )]))
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        Some(Box::pin(async move {
            call.read(call.endpoint, self.at).await?;
            Ok(())
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_survives_the_wire(time in 0u16..1440) {
            prop_assert_eq!(minutes(&text(i64::from(time))), Some(time));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        assert_eq!(minutes("undefined"), Some(UNDEFINED));
        for wrong in ["24:00", "12:60", "12", "-1:00", "", "12:3x"] {
            assert_eq!(minutes(wrong), None, "{wrong}");
        }
    }
}
