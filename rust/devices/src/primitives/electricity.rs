//! Electricity: the clusters haElectricalMeasurement and seMetering with their scales.

mod quantity;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use zigbee::zcl::{ConfigureReporting, DataType, Number, ReportingDirection, Value};
use zigbee::{AttributeId, ClusterId, EndpointId};

use self::quantity::{QUANTITIES, Quantity};
use super::Primitive;
use crate::configure::Step;
use crate::decode::Incoming;
use crate::definition::{Data, EndpointNumber};
use crate::encode::{self, Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{DeviceInfo, Io, JsonMap, LocalFuture, Operation, OperationError, number};

const ELECTRICAL: ClusterId = ClusterId(0x0b04);
const METERING: ClusterId = ClusterId(0x0702);
/// Records of one message to configure reporting or to read; more make frames too long.
const RECORDS: usize = 4;
const POLL_OPTION: &str = "measurement_poll_interval";
const POLL_SECONDS: f64 = 60.0;

/// What a plug or a meter measures.
///
/// Values come scaled by a multiplier and a divisor that the device has in attributes: what was read
/// of them at configuration is in its attribute cache. Where devices give none, or wrong ones, the
/// definition has them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Electricity {
    /// What is promised, in the order of the exposes.
    exposes: Vec<Named>,
    /// The quantities can be read.
    #[serde(default = "yes")]
    readable: bool,
    /// The voltage is marked as diagnostic for Home Assistant.
    #[serde(default = "yes")]
    diagnostic_voltage: bool,
    /// Scales that count instead of the device's: name of the scale, multiplier and divisor.
    #[serde(default)]
    scales: BTreeMap<ScaleName, (f64, f64)>,
    /// What is reported, in the order of the messages. Binds the clusters.
    #[serde(default)]
    report: Vec<Record>,
    /// The only endpoint that is configured and read; otherwise each with the cluster.
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
    /// The device says nothing useful of the instantaneous demand.
    #[serde(default)]
    ignores_demand: bool,
    /// What the device does not report and is asked for instead.
    #[serde(default)]
    poll: Option<Poll>,
}

/// A quantity as the catalogue names it.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
struct Named(&'static Quantity);

impl TryFrom<String> for Named {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        quantity::named(&name)
            .map(Self)
            .ok_or_else(|| format!("{name} is no quantity of electricity"))
    }
}

/// The scale of several quantities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ScaleName {
    AcPower,
    AcCurrent,
    AcVoltage,
    AcFrequency,
    DcPower,
    DcCurrent,
    DcVoltage,
    Metering,
}

impl ScaleName {
    /// Names of the attributes with the multiplier and the divisor.
    fn attributes(self) -> (&'static str, &'static str) {
        match self {
            Self::AcPower => ("acPowerMultiplier", "acPowerDivisor"),
            Self::AcCurrent => ("acCurrentMultiplier", "acCurrentDivisor"),
            Self::AcVoltage => ("acVoltageMultiplier", "acVoltageDivisor"),
            Self::AcFrequency => ("acFrequencyMultiplier", "acFrequencyDivisor"),
            Self::DcPower => ("dcPowerMultiplier", "dcPowerDivisor"),
            Self::DcCurrent => ("dcCurrentMultiplier", "dcCurrentDivisor"),
            Self::DcVoltage => ("dcVoltageMultiplier", "dcVoltageDivisor"),
            Self::Metering => ("multiplier", "divisor"),
        }
    }
}

/// How a quantity is reported.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    of: Named,
    /// Least time between reports, seconds.
    #[serde(default = "ten_seconds")]
    minimum: u16,
    /// Greatest time between reports, seconds.
    #[serde(default = "eighteen_hours")]
    maximum: u16,
    /// Least change that is reported, as the device counts. Without: the quantity's own, scaled.
    #[serde(default)]
    change: Option<u64>,
}

/// Quantities that are read at intervals.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Poll {
    /// What is read, one message per cluster.
    quantities: Vec<Named>,
    /// The endpoint that is asked, where it is not the first with the cluster.
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
    #[serde(default)]
    description: Option<String>,
}

fn yes() -> bool {
    true
}

fn ten_seconds() -> u16 {
    10
}

fn eighteen_hours() -> u16 {
    65_000
}

impl Electricity {
    /// Multiplier and divisor of a scale; `None` while they are not known.
    fn scale(
        &self,
        device: &DeviceInfo,
        endpoint: EndpointId,
        name: ScaleName,
    ) -> Option<(f64, f64)> {
        if let Some(fixed) = self.scales.get(&name) {
            return Some(*fixed);
        }
        let cluster = if name == ScaleName::Metering {
            "seMetering"
        } else {
            "haElectricalMeasurement"
        };
        let known = device.endpoints.get(&endpoint)?.attributes.get(cluster)?;
        let (multiplier, divisor) = name.attributes();
        let number = |name: &str| known.get(name)?.as_f64().filter(|number| *number != 0.0);
        Some((number(multiplier)?, number(divisor)?))
    }

    fn quantities(&self) -> impl Iterator<Item = &'static Quantity> {
        self.exposes.iter().map(|named| named.0)
    }

    /// The endpoint that has a cluster.
    fn endpoint_of(&self, device: Option<&DeviceInfo>, cluster: ClusterId) -> Option<EndpointId> {
        self.endpoint
            .map(EndpointId::from)
            .or_else(|| endpoints_with(device?, cluster).next())
    }

    /// Reads the scales, has everything reported and reads it once.
    pub(crate) async fn set_up(&self, data: &Data, io: &dyn Io) -> Result<(), OperationError> {
        for cluster in [ELECTRICAL, METERING] {
            let records: Vec<(&Record, &'static Quantity)> = self
                .report
                .iter()
                .map(|record| (record, record.of.0))
                .filter(|(_, quantity)| quantity.cluster() == cluster)
                .collect();
            if records.is_empty() {
                continue;
            }
            let endpoints: Vec<EndpointId> = match self.endpoint {
                Some(endpoint) => vec![endpoint.into()],
                None => io
                    .device()
                    .iter()
                    .flat_map(|device| endpoints_with(device, cluster))
                    .collect(),
            };
            for endpoint in endpoints {
                self.set_up_endpoint(data, io, endpoint, cluster, &records)
                    .await?;
            }
        }
        Ok(())
    }

    async fn set_up_endpoint(
        &self,
        data: &Data,
        io: &dyn Io,
        endpoint: EndpointId,
        cluster: ClusterId,
        records: &[(&Record, &'static Quantity)],
    ) -> Result<(), OperationError> {
        let read = |attributes: Vec<AttributeId>| {
            encode::read(data, io, endpoint, cluster, None, attributes)
        };
        let mut wanted = Vec::new();
        for (record, quantity) in records {
            let mut factor = 1.0;
            if let Some(name) = quantity.scale {
                if !self.scales.contains_key(&name) {
                    read(quantity::scale_attributes(cluster, name)).await?;
                }
                let scale = io
                    .device()
                    .and_then(|device| self.scale(&device, endpoint, name));
                if let Some((multiplier, divisor)) = scale {
                    factor = divisor / multiplier;
                }
            }
            wanted.extend(record.configuration(quantity, factor));
        }
        io.perform(Operation::Bind {
            endpoint,
            cluster,
            target: None,
        })
        .await?;
        for records in wanted.chunks(RECORDS) {
            io.perform(Operation::ConfigureReporting {
                endpoint,
                cluster,
                manufacturer: None,
                records: records.to_vec(),
            })
            .await?;
        }
        for records in wanted.chunks(RECORDS) {
            // A device that refuses to be read reports all the same.
            let _ = read(records.iter().map(|record| record.id).collect()).await;
        }
        Ok(())
    }
}

impl Record {
    fn configuration(&self, quantity: &Quantity, factor: f64) -> Option<ConfigureReporting> {
        let attribute = quantity.attribute()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates; a part of a unit is cut off as Zigbee2MQTT does"
        )]
        let change = self.change.unwrap_or((quantity.change * factor) as u64);
        let greatest = match attribute.data_type {
            DataType::INT16 => 0x7fff,
            DataType::INT24 => 0x7f_ffff,
            DataType::UINT48 => 0xffff_ffff_ffff,
            _ => 0xffff,
        };
        let change = change.min(greatest);
        Some(ConfigureReporting {
            id: attribute.id,
            direction: ReportingDirection::Send {
                data_type: attribute.data_type,
                minimum: self.minimum,
                maximum: self.maximum,
                change: Some(match attribute.data_type {
                    DataType::INT16 | DataType::INT24 => Value::Signed(change.cast_signed()),
                    _ => Value::Unsigned(change),
                }),
            },
        })
    }
}

fn endpoints_with(
    device: &DeviceInfo,
    cluster: ClusterId,
) -> impl Iterator<Item = EndpointId> + use<'_> {
    device
        .endpoints
        .iter()
        .filter(move |(_, endpoint)| endpoint.inputs.contains(&cluster))
        .map(|(id, _)| *id)
}

impl Primitive for Electricity {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.extend([ELECTRICAL, METERING]);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let access = if self.readable { STATE | GET } else { STATE };
        out.extend(self.quantities().map(|quantity| {
            let mut expose = Expose::generic(ExposeKind::Numeric, quantity.name, access)
                .described(quantity.description);
            if let Some(label) = quantity.label() {
                expose.label = Some(label.to_owned());
            }
            if !quantity.unit.is_empty() {
                expose.unit = Some(quantity.unit.to_owned());
            }
            if self.diagnostic_voltage && quantity.diagnostic {
                expose.homeassistant = Some(serde_json::json!({"entityCategory": "diagnostic"}));
            }
            expose
        }));
    }

    fn first_options(&self, out: &mut Vec<Expose>) {
        let Some(poll) = &self.poll else {
            return;
        };
        let description = poll.description.as_deref().unwrap_or(
            "This device does not support reporting electric measurements so it is polled instead. \
             The default poll interval is 60 seconds, set to -1 to disable.",
        );
        let mut option =
            Expose::generic(ExposeKind::Numeric, POLL_OPTION, SET).described(description);
        option.value_min = Some((-1).into());
        out.push(option);
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let cluster = incoming.message.cluster;
        for quantity in QUANTITIES {
            let Some(attribute) = quantity.attribute() else {
                continue;
            };
            if quantity.cluster() != cluster || self.ignores_demand && quantity.is_demand() {
                continue;
            }
            let Some(value) = incoming.attribute(cluster, attribute.id) else {
                continue;
            };
            let endpoint = incoming.endpoint();
            if incoming.is_repeated(memory) {
                return;
            }
            let value = match attribute.limits.judge(attribute.data_type, value) {
                zigbee::library::Reading::Value => match value.as_number() {
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "published numbers are IEEE doubles, as in Zigbee2MQTT"
                    )]
                    Some(Number::Unsigned(value)) => value as f64,
                    #[expect(
                        clippy::cast_precision_loss,
                        reason = "published numbers are IEEE doubles, as in Zigbee2MQTT"
                    )]
                    Some(Number::Signed(value)) => value as f64,
                    Some(Number::Float(value)) => value,
                    None => {
                        out.problem("not_a_number", format!("{} is not a number", quantity.name));
                        continue;
                    }
                },
                zigbee::library::Reading::Nothing => f64::NAN,
                zigbee::library::Reading::OutOfRange => continue,
            };
            let scale = quantity
                .scale
                .and_then(|name| self.scale(incoming.device, endpoint, name));
            out.put(quantity.name, number::json(quantity.scaled(value, scale)));
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.readable && self.quantities().any(|quantity| quantity.name == key)
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        let quantity = self
            .quantities()
            .find(|quantity| quantity.name == call.key)?;
        let attribute = quantity.attribute()?;
        let device = call.io.device();
        let endpoint = self
            .endpoint_of(device.as_ref(), quantity.cluster())
            .filter(|_| call.suffix.is_none())
            .unwrap_or(call.endpoint);
        Some(Box::pin(async move {
            call.read_attribute(endpoint, quantity.cluster(), attribute.id, None)
                .await?;
            Ok(())
        }))
    }

    fn configure(&self, _data: &Data, out: &mut Vec<Step>) {
        if !self.report.is_empty() {
            out.push(Step::Electricity(Box::new(self.clone())));
        }
    }

    fn poll_interval(&self, options: &JsonMap) -> Option<Duration> {
        self.poll.as_ref()?;
        super::interval(options, POLL_OPTION, POLL_SECONDS)
    }

    fn poll<'a>(
        &'a self,
        data: &'a Data,
        io: &'a dyn Io,
        _options: &'a JsonMap,
    ) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            let device = io.device();
            for cluster in [ELECTRICAL, METERING] {
                let attributes: Vec<AttributeId> = self
                    .poll
                    .iter()
                    .flat_map(|poll| &poll.quantities)
                    .map(|named| named.0)
                    .filter(|quantity| quantity.cluster() == cluster)
                    .filter_map(|quantity| Some(quantity.attribute()?.id))
                    .collect();
                let own = self.poll.as_ref().and_then(|poll| poll.endpoint);
                let endpoint = own
                    .map(EndpointId::from)
                    .or_else(|| self.endpoint_of(device.as_ref(), cluster));
                let Some(endpoint) = endpoint else {
                    continue;
                };
                if !attributes.is_empty() {
                    // The next interval tries again.
                    let _ = encode::read(data, io, endpoint, cluster, None, attributes).await;
                }
            }
        })
    }
}
