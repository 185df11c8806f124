//! Attributes that are published as they are, under names of their own: what a meter has many of.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::library::{self, Reading};
use zigbee::zcl::Value;
use zigbee::{AttributeId, ClusterId};

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{ClusterNumber, Data};
use crate::encode;
use crate::expose::{Expose, ExposeKind, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{Io, JsonMap, LocalFuture, number};

/// Attributes of some clusters, with what is shown of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Readings {
    groups: Vec<Group>,
    /// What is promised, in the order of the exposes.
    exposes: Vec<Shown>,
    /// Options that devices of this kind have, in order.
    #[serde(default)]
    options: Vec<Choice>,
    /// What the device does not report and is asked for instead.
    #[serde(default)]
    poll: Option<Poll>,
}

/// Attributes of a cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    cluster: ClusterNumber,
    /// Attributes and their properties; one attribute may have several.
    values: Vec<(AttributeNumber, String)>,
    /// Numbers are in a smaller unit.
    #[serde(default)]
    divide: Option<f64>,
    /// The option that says how many decimals divided numbers have; without it two.
    #[serde(default)]
    precision_option: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
struct AttributeNumber(#[serde(deserialize_with = "number::hexadecimal")] u16);

/// An expose whose property is not its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    name: String,
    property: String,
    /// Text rather than a number.
    #[serde(default)]
    text: bool,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

/// An option.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    name: String,
    kind: ExposeKind,
    #[serde(default)]
    label: Option<String>,
    description: String,
    /// The choices; of a binary option on, then off.
    #[serde(default)]
    values: Option<Vec<Json>>,
    #[serde(default)]
    least: Option<i64>,
    #[serde(default)]
    greatest: Option<i64>,
    #[serde(default)]
    step: Option<f64>,
}

/// What is read at intervals.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Poll {
    /// The option with the interval in seconds.
    option: String,
    /// The interval without it.
    seconds: f64,
    /// The option that says how many attributes one message asks for.
    chunk_option: String,
    /// How many it asks for without it.
    chunk: usize,
    attributes: Vec<(ClusterNumber, Vec<AttributeNumber>)>,
}

impl Group {
    fn value(&self, id: AttributeId, value: &Value, options: &JsonMap) -> Option<Json> {
        const DIGITS: u64 = 2;
        const MOST_DIGITS: u64 = 3;
        let text = match value {
            Value::Text(bytes) | Value::Octets(bytes) => String::from_utf8_lossy(bytes),
            Value::Invalid => "".into(),
            other => {
                let known = library::cluster(self.cluster.into())
                    .and_then(|cluster| cluster.attribute(id, None));
                let reading = known.map_or(Reading::Value, |attribute| {
                    attribute.limits.judge(attribute.data_type, other)
                });
                let number = number::of(other)?;
                return match (reading, self.divide) {
                    (Reading::OutOfRange, _) => None,
                    (Reading::Nothing, _) => Some(Json::Null),
                    (Reading::Value, None) => Some(number::json(number)),
                    (Reading::Value, Some(divisor)) => {
                        let digits = self
                            .precision_option
                            .as_ref()
                            .and_then(|name| options.get(name)?.as_u64())
                            .filter(|digits| *digits != 0)
                            .unwrap_or(DIGITS)
                            .min(MOST_DIGITS);
                        let digits = u8::try_from(digits).unwrap_or_default();
                        Some(number::json(number::round_to(number / divisor, digits)))
                    }
                };
            }
        };
        // Fields of fixed width are filled up.
        let words: Vec<&str> = text
            .split(|letter: char| letter.is_whitespace())
            .map(|word| word.trim_matches('\0'))
            .filter(|word| !word.is_empty())
            .collect();
        Some(Json::from(words.join(" ")))
    }
}

impl Primitive for Readings {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.extend(
            self.groups
                .iter()
                .map(|group| ClusterId::from(group.cluster)),
        );
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        out.extend(self.exposes.iter().map(|shown| {
            let kind = if shown.text {
                ExposeKind::Text
            } else {
                ExposeKind::Numeric
            };
            let mut expose = Expose::generic(kind, &shown.name, STATE);
            expose.property = Some(shown.property.clone());
            expose.unit.clone_from(&shown.unit);
            expose.description.clone_from(&shown.description);
            expose
        }));
    }

    fn first_options(&self, out: &mut Vec<Expose>) {
        out.extend(self.options.iter().map(|choice| {
            let mut option =
                Expose::generic(choice.kind, &choice.name, SET).described(&choice.description);
            if let Some(label) = &choice.label {
                option.label = Some(label.clone());
            }
            if choice.kind == ExposeKind::Binary {
                let mut values = choice.values.iter().flatten().cloned();
                option.value_on = values.next();
                option.value_off = values.next();
            } else {
                option.values.clone_from(&choice.values);
            }
            option.value_step = choice.step.map(number::json);
            option.value_min = choice.least.map(Json::from);
            option.value_max = choice.greatest.map(Json::from);
            option
        }));
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        for group in &self.groups {
            for (id, property) in &group.values {
                let id = AttributeId(id.0);
                if let Some(value) = incoming.attribute(group.cluster.into(), id)
                    && let Some(value) = group.value(id, value, incoming.options)
                {
                    out.put(property, value);
                }
            }
        }
    }

    fn poll_interval(&self, options: &JsonMap) -> Option<Duration> {
        let poll = self.poll.as_ref()?;
        super::interval(options, &poll.option, poll.seconds)
    }

    fn poll<'a>(
        &'a self,
        data: &'a Data,
        io: &'a dyn Io,
        options: &'a JsonMap,
    ) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let Some(poll) = &self.poll else {
                return;
            };
            let chunk = options
                .get(&poll.chunk_option)
                .and_then(Json::as_u64)
                .and_then(|chunk| usize::try_from(chunk).ok())
                .unwrap_or(poll.chunk)
                .max(1);
            let endpoint = encode::default_endpoint(data, io);
            for (cluster, attributes) in &poll.attributes {
                for attributes in attributes.chunks(chunk) {
                    let attributes = attributes.iter().map(|id| AttributeId(id.0)).collect();
                    let cluster = ClusterId::from(*cluster);
                    // The next interval tries again.
                    let _ = encode::read(data, io, endpoint, cluster, None, attributes).await;
                }
            }
        })
    }
}
