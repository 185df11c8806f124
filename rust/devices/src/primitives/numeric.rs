//! A number from attributes and tags.

use std::borrow::Cow;

use serde::Deserialize;
use zigbee::zcl::Value;
use zigbee::{ClusterId, EndpointId};

use super::Primitive;
use crate::configure::{ReportStep, Reporting, Step};
use crate::decode::{Incoming, structure_clusters};
use crate::definition::{At, Data, EndpointNumber, TypeName};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, STATE};
use crate::message::{Decoded, Effect, Memory};
use crate::{LocalFuture, number};

/// A number that the device reports.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the catalogue's format"
)]
pub(crate) struct Numeric {
    /// Its name, also its property.
    name: String,
    /// Where it comes from; of several in one message the last wins.
    sources: Vec<Source>,
    /// The endpoints that have one each; none for a device with a single one.
    #[serde(default)]
    endpoints: Vec<String>,
    /// False for values that are published without being promised.
    #[serde(default = "yes")]
    exposed: bool,
    #[serde(default)]
    unit: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
    /// How `get` reads it.
    #[serde(default)]
    read: Option<Read>,
    /// Bind the cluster of the attribute that `get` reads, and have it reported.
    #[serde(default)]
    report: Option<Report>,
    /// Offer a precision option although the name has no decimals by default.
    #[serde(default)]
    precision_option: bool,
    /// The least and the greatest value that the name can have, shown on `bridge/devices`.
    #[serde(default)]
    range: Option<(i64, i64)>,
    /// Values outside are no readings and are left alone.
    #[serde(default)]
    limits: Option<(f64, f64)>,
    /// The raw value that says that there is no reading; published as `null` unless there are limits.
    #[serde(default)]
    invalid: Option<i64>,
    /// Scaled values and what they stand for; linear between them, flat beyond, whole numbers.
    #[serde(default)]
    curve: Vec<(f64, f64)>,
    /// A message of its cluster without it publishes `null`.
    #[serde(default)]
    always: bool,
    /// Decimals, where the name alone says nothing of them.
    #[serde(default)]
    digits: Option<u8>,
    /// It grows with every power cut.
    #[serde(default)]
    counts_power_cuts: bool,
}

fn yes() -> bool {
    true
}

/// Where a number comes from, and what is done to it: times `multiply`, over `divide`, plus `add`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    #[serde(flatten)]
    from: From,
    #[serde(default)]
    multiply: Option<f64>,
    #[serde(default)]
    divide: Option<f64>,
    #[serde(default)]
    add: Option<f64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum From {
    /// An attribute.
    At(At),
    /// A tag of the structure in the message.
    Tag(#[serde(deserialize_with = "number::hexadecimal")] u8),
    /// A member of the numbered structure in the message.
    Member(u8),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    at: At,
    /// The endpoint that has the attribute, whatever endpoint the request names.
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
    /// Read with a message of its own after it.
    #[serde(default)]
    and: Option<At>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Report {
    data_type: TypeName,
    #[serde(flatten)]
    when: Reporting,
}

impl Source {
    fn value<'a>(&self, incoming: &'a Incoming<'_>) -> Option<&'a Value> {
        match &self.from {
            From::At(at) => incoming.value(*at),
            From::Tag(tag) => incoming.tag(*tag),
            From::Member(index) => incoming.member(*index),
        }
    }

    fn scale(&self, value: f64) -> f64 {
        let value = value * self.multiply.unwrap_or(1.0);
        let value = self.divide.map_or(value, |divisor| value / divisor);
        value + self.add.unwrap_or(0.0)
    }
}

impl Numeric {
    /// The property of a message from an endpoint; none for an endpoint that is not one of several.
    fn property(&self, data: &Data, endpoint: EndpointId) -> Option<Cow<'_, str>> {
        if self.endpoints.is_empty() {
            return Some(Cow::Borrowed(&self.name));
        }
        let name = data.endpoint_name(endpoint)?;
        let known = self.endpoints.iter().any(|known| known == name);
        known.then(|| Cow::Owned(format!("{}_{name}", self.name)))
    }
}

/// The value of a curve, rounded.
fn interpolate(curve: &[(f64, f64)], at: f64) -> f64 {
    let mut before: Option<(f64, f64)> = None;
    for &(x, y) in curve {
        if at < x {
            let (x0, y0) = before.unwrap_or((x - 1.0, y));
            return number::round(y0 + (at.max(x0) - x0) * (y - y0) / (x - x0));
        }
        before = Some((x, y));
    }
    before.map_or(at, |(_, y)| y)
}

impl Primitive for Numeric {
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        for source in &self.sources {
            match &source.from {
                From::At(at) => out.push(at.cluster()),
                From::Tag(_) | From::Member(_) => out.extend(structure_clusters(data)),
            }
        }
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        if !self.exposed {
            return;
        }
        let access = if self.read.is_some() {
            STATE | GET
        } else {
            STATE
        };
        let mut expose = Expose::generic(ExposeKind::Numeric, &self.name, access);
        expose.unit.clone_from(&self.unit);
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        if let Some((least, greatest)) = self.range {
            expose.value_min = Some(least.into());
            expose.value_max = Some(greatest.into());
        }
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

    fn offers_precision(&self, name: &str) -> bool {
        self.precision_option && self.name == name
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(property) = self.property(incoming.data, incoming.endpoint()) else {
            return;
        };
        for source in &self.sources {
            let Some(value) = source.value(incoming) else {
                if self.always
                    && let From::At(at) = &source.from
                    && incoming.carries_attributes_of(at.cluster())
                {
                    out.put(&property, serde_json::Value::Null);
                }
                continue;
            };
            let raw = number::integer(value);
            let Some(value) = number::of(value) else {
                out.problem("not_a_number", format!("{} is not a number", self.name));
                continue;
            };
            let mut value = if raw.is_some() && raw == self.invalid {
                f64::NAN
            } else {
                source.scale(value)
            };
            if let Some((least, greatest)) = self.limits
                && !(least..=greatest).contains(&value)
            {
                continue;
            }
            if !self.curve.is_empty() {
                value = interpolate(&self.curve, value);
            }
            if let Some(digits) = self.digits {
                value = number::round_to(value, digits);
            }
            let value = number::json(value);
            if self.counts_power_cuts
                && let (Some(now), Some(before)) = (
                    value.as_f64(),
                    incoming
                        .state
                        .get(&*property)
                        .and_then(serde_json::Value::as_f64),
                )
                && now > before
            {
                out.effects.push(Effect::Reconcile);
            }
            out.put(&property, value);
        }
    }

    fn configure(&self, _data: &Data, out: &mut Vec<Step>) {
        if let (Some(read), Some(report)) = (&self.read, &self.report) {
            out.push(Step::bind(read.endpoint, read.at.cluster()));
            out.push(Step::Report(ReportStep {
                endpoint: read.endpoint,
                at: read.at,
                data_type: report.data_type,
                when: report.when,
            }));
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.read.is_some() && self.name == key
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        let read = self.read.as_ref()?;
        // The request names one of several.
        let own = read
            .endpoint
            .filter(|_| call.suffix.is_none() || self.endpoints.is_empty());
        let endpoint = own.map_or(call.endpoint, EndpointId::from);
        Some(Box::pin(async move {
            call.read(endpoint, read.at).await?;
            if let Some(and) = read.and {
                call.read(endpoint, and).await?;
            }
            Ok(())
        }))
    }
}
