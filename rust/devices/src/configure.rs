//! What is done once with a new device: bindings, reporting, writes, first reads.

use std::time::Duration;

use serde::Deserialize;
use zigbee::zcl::{Attribute, ConfigureReporting, DataType, ReportingDirection, Value};
use zigbee::zdo::BindTarget;
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId};

use crate::definition::{At, Data, EndpointNumber, TypeName};
use crate::encode;
use crate::primitives::{Electricity, Light, Octets, set_up};
use crate::{Definition, Io, JsonMap, Operation, OperationError};

/// A step of a device's configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// Write an attribute.
    Write(WriteStep),
    /// Read an attribute; the answer is published.
    Read(ReadStep),
    /// Bind a cluster to the coordinator.
    Bind(BindStep),
    /// Bind a cluster to another endpoint of the device itself.
    BindSelf(BindStep),
    /// Send a command of a cluster.
    Command(CommandStep),
    /// Have an attribute reported.
    Report(ReportStep),
    /// Read the scales of electrical measurements and have those reported. Made by the capability.
    #[serde(skip)]
    Electricity(Box<Electricity>),
    /// Tell the device what time it is (ZCL 3.12).
    WriteTime(TimeStep),
    /// Have a function of the converter called. Made by the capability.
    #[serde(skip)]
    Function(String),
    /// Read what a light can do and have its state reported. Made by the capability.
    #[serde(skip)]
    Light(Box<Light>),
}

/// Writes the attributes of the device's clock.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeStep {
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
}

impl TimeStep {
    pub(crate) fn new(endpoint: Option<EndpointNumber>) -> Self {
        Self { endpoint }
    }
}

const TIME: ClusterId = ClusterId(0x000a);
/// Seconds from 1970 to 2000, where ZCL's UTC time starts (ZCL 2.6.2.20).
const YEAR_2000: i64 = 946_684_800;

/// Writes an attribute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteStep {
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
    at: At,
    data_type: TypeName,
    value: i64,
    /// Wait for the device's answer, and fail if it refuses.
    #[serde(default = "yes")]
    wait: bool,
    /// Read it back from a device that does not list the cluster: nothing else tells whether it took
    /// the value.
    #[serde(default)]
    verify_unlisted: bool,
}

/// Reads an attribute.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadStep {
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
    at: At,
    /// More attributes of the same cluster, read at once.
    #[serde(default)]
    more: Vec<MoreAttribute>,
    /// Not every variant of the device has it: a failure does not matter.
    #[serde(default)]
    may_fail: bool,
}

/// An attribute of a cluster that is named elsewhere.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
struct MoreAttribute(#[serde(deserialize_with = "crate::number::hexadecimal")] u16);

/// Binds a cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BindStep {
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
    #[serde(deserialize_with = "crate::number::hexadecimal")]
    cluster: u16,
    /// Not every variant of the device has the endpoint.
    #[serde(default)]
    if_present: bool,
}

/// Sends a command.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommandStep {
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
    #[serde(deserialize_with = "crate::number::hexadecimal")]
    cluster: u16,
    #[serde(deserialize_with = "crate::number::hexadecimal")]
    command: u8,
    #[serde(default)]
    payload: Octets,
}

/// Has an attribute reported.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportStep {
    #[serde(default)]
    pub(crate) endpoint: Option<EndpointNumber>,
    pub(crate) at: At,
    pub(crate) data_type: TypeName,
    #[serde(flatten)]
    pub(crate) when: Reporting,
}

/// When an attribute is reported.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Reporting {
    /// Least time between reports, seconds.
    pub(crate) minimum: u16,
    /// Greatest time between reports, seconds.
    pub(crate) maximum: u16,
    /// Least change that is reported, of analog types.
    #[serde(default)]
    pub(crate) change: i64,
}

fn yes() -> bool {
    true
}

impl Definition {
    /// Configures the device: bindings, reporting, writes, first reads.
    pub async fn configure(&self, io: &dyn Io) -> Result<(), OperationError> {
        for step in self.data.configure.iter().flatten() {
            self.take(step, io).await?;
        }
        let mut steps = Vec::new();
        for capability in &self.data.capabilities {
            capability.get().configure(&self.data, &mut steps);
        }
        for step in &steps {
            self.take(step, io).await?;
        }
        Ok(())
    }

    /// A step of the configuration. What a generated definition promises is a guess: a device that
    /// refuses a part of it is asked for the others nevertheless.
    async fn take(&self, step: &Step, io: &dyn Io) -> Result<(), OperationError> {
        let done = step.run(&self.data, io).await;
        match done {
            Err(why @ (OperationError::Status { .. } | OperationError::Zdo(_)))
                if self.generated =>
            {
                io.log(&format!("A step of the generated configuration: {why}"));
                Ok(())
            }
            done => done,
        }
    }
}

impl Definition {
    /// How long to wait between two calls of [`Definition::poll`]; `None` for devices that report
    /// everything and for those whose options turn it off.
    pub fn poll_interval(&self, options: &JsonMap) -> Option<Duration> {
        self.data
            .capabilities
            .iter()
            .filter_map(|capability| capability.get().poll_interval(options))
            .min()
    }

    /// Asks the device for what it does not report.
    pub async fn poll(&self, io: &dyn Io, options: &JsonMap) {
        for capability in &self.data.capabilities {
            capability.get().poll(&self.data, io, options).await;
        }
    }
}

impl Step {
    /// Binds a cluster to the coordinator.
    pub(crate) fn bind(endpoint: Option<EndpointNumber>, cluster: ClusterId) -> Self {
        Self::Bind(BindStep {
            endpoint,
            cluster: cluster.0,
            if_present: false,
        })
    }

    pub(crate) async fn run(&self, data: &Data, io: &dyn Io) -> Result<(), OperationError> {
        let endpoint = |number: Option<EndpointNumber>| {
            number.map_or_else(|| encode::default_endpoint(data, io), EndpointId::from)
        };
        match self {
            Self::Write(step) => {
                let endpoint = endpoint(step.endpoint);
                io.perform(Operation::Write {
                    endpoint,
                    cluster: step.at.cluster(),
                    manufacturer: step.at.manufacturer(),
                    attributes: vec![step.attribute()],
                    wait: step.wait,
                })
                .await?;
                if step.verify_unlisted && !lists(io, endpoint, step.at) {
                    read(data, io, endpoint, step.at, &[]).await?;
                }
                Ok(())
            }
            Self::Read(step) => {
                let answer = read(data, io, endpoint(step.endpoint), step.at, &step.more).await;
                if step.may_fail { Ok(()) } else { answer }
            }
            Self::Bind(step) if step.if_present && !has(io, endpoint(step.endpoint)) => Ok(()),
            Self::Bind(step) => io
                .perform(Operation::Bind {
                    endpoint: endpoint(step.endpoint),
                    cluster: ClusterId(step.cluster),
                    target: None,
                })
                .await
                .map(drop),
            Self::BindSelf(step) => {
                let endpoint = endpoint(step.endpoint);
                let Some(device) = io.device() else {
                    return Ok(());
                };
                io.perform(Operation::Bind {
                    endpoint,
                    cluster: ClusterId(step.cluster),
                    target: Some(BindTarget::Endpoint(device.ieee, endpoint)),
                })
                .await
                .map(drop)
            }
            Self::WriteTime(step) => {
                let Some(now) = io.time() else {
                    return Ok(());
                };
                io.perform(Operation::Write {
                    endpoint: endpoint(step.endpoint),
                    cluster: TIME,
                    manufacturer: None,
                    attributes: clock(now.saturating_sub(YEAR_2000)),
                    wait: true,
                })
                .await
                .map(drop)
            }
            Self::Command(step) => io
                .perform(Operation::Command {
                    endpoint: endpoint(step.endpoint),
                    cluster: ClusterId(step.cluster),
                    manufacturer: None,
                    command: CommandId(step.command),
                    payload: step.payload.0.clone(),
                    disable_default_response: false,
                })
                .await
                .map(drop),
            Self::Light(light) => light.set_up(data, io).await,
            Self::Function(function) => set_up(data, io, function).await,
            Self::Electricity(electricity) => electricity.set_up(data, io).await,
            Self::Report(step) => io
                .perform(Operation::ConfigureReporting {
                    endpoint: endpoint(step.endpoint),
                    cluster: step.at.cluster(),
                    manufacturer: step.at.manufacturer(),
                    records: vec![step.record()],
                })
                .await
                .map(drop),
        }
    }
}

/// The attributes of a clock that is synchronised and shows UTC, without summer time.
fn clock(utc: i64) -> Vec<Attribute> {
    const NONE: i64 = 0xffff_ffff;
    [
        (0x0000, DataType::UTC_TIME, utc),
        // Synchronised.
        (0x0001, DataType::BITMAP8, 0x02),
        (0x0002, DataType::INT32, 0),
        (0x0003, DataType::UINT32, NONE),
        (0x0004, DataType::UINT32, NONE),
        (0x0005, DataType::INT32, 0),
    ]
    .into_iter()
    .map(|(id, data_type, number)| Attribute {
        id: AttributeId(id),
        data_type,
        value: value(data_type, number),
    })
    .collect()
}

impl WriteStep {
    fn attribute(&self) -> Attribute {
        let data_type = self.data_type.data_type();
        Attribute {
            id: self.at.attribute(),
            data_type,
            value: value(data_type, self.value),
        }
    }
}

impl ReportStep {
    fn record(&self) -> ConfigureReporting {
        let data_type = self.data_type.data_type();
        ConfigureReporting {
            id: self.at.attribute(),
            direction: ReportingDirection::Send {
                data_type,
                minimum: self.when.minimum,
                maximum: self.when.maximum,
                change: data_type
                    .is_analog()
                    .then(|| value(data_type, self.when.change)),
            },
        }
    }
}

/// A whole number as a value of a type.
pub(crate) fn value(data_type: DataType, number: i64) -> Value {
    match data_type {
        DataType::BOOL => Value::Bool(number != 0),
        DataType(0x28..=0x2f) => Value::Signed(number),
        #[expect(
            clippy::cast_precision_loss,
            reason = "numbers of the catalogue are small"
        )]
        DataType::SINGLE => Value::Single(number as f32),
        _ => Value::Unsigned(number.unsigned_abs()),
    }
}

async fn read(
    data: &Data,
    io: &dyn Io,
    endpoint: EndpointId,
    at: At,
    more: &[MoreAttribute],
) -> Result<(), OperationError> {
    let more = more.iter().map(|attribute| AttributeId(attribute.0));
    encode::read(
        data,
        io,
        endpoint,
        at.cluster(),
        at.manufacturer(),
        std::iter::once(at.attribute()).chain(more).collect(),
    )
    .await
    .map(drop)
}

fn has(io: &dyn Io, endpoint: EndpointId) -> bool {
    io.device()
        .is_some_and(|device| device.endpoints.contains_key(&endpoint))
}

/// True when the endpoint lists the attribute's cluster among its servers.
fn lists(io: &dyn Io, endpoint: EndpointId, at: At) -> bool {
    io.device().is_some_and(|device| {
        device
            .endpoints
            .get(&endpoint)
            .is_some_and(|endpoint| endpoint.inputs.contains(&at.cluster()))
    })
}
