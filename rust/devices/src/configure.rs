//! What is done once with a new device: bindings, reporting, writes, first reads.

use serde::Deserialize;
use zigbee::EndpointId;
use zigbee::zcl::{Attribute, DataType, Value};

use crate::definition::{At, Data, EndpointNumber, TypeName};
use crate::encode;
use crate::{Definition, Io, Operation, OperationError};

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
}

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
}

/// Binds a cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BindStep {
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
    #[serde(deserialize_with = "crate::number::hexadecimal")]
    cluster: u16,
}

fn yes() -> bool {
    true
}

impl Definition {
    /// Configures the device: bindings, reporting, writes, first reads.
    pub async fn configure(&self, io: &dyn Io) -> Result<(), OperationError> {
        for step in self.data.configure.iter().flatten() {
            step.run(&self.data, io).await?;
        }
        Ok(())
    }
}

impl Step {
    async fn run(&self, data: &Data, io: &dyn Io) -> Result<(), OperationError> {
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
                    read(data, io, endpoint, step.at).await?;
                }
                Ok(())
            }
            Self::Read(step) => read(data, io, endpoint(step.endpoint), step.at).await,
            Self::Bind(step) => io
                .perform(Operation::Bind {
                    endpoint: endpoint(step.endpoint),
                    cluster: zigbee::ClusterId(step.cluster),
                    target: None,
                })
                .await
                .map(drop),
        }
    }
}

impl WriteStep {
    fn attribute(&self) -> Attribute {
        let data_type = self.data_type.data_type();
        let value = match data_type {
            DataType::BOOL => Value::Bool(self.value != 0),
            DataType::INT8 | DataType::INT16 | DataType::INT32 => Value::Signed(self.value),
            _ => Value::Unsigned(self.value.unsigned_abs()),
        };
        Attribute {
            id: self.at.attribute(),
            data_type,
            value,
        }
    }
}

async fn read(
    data: &Data,
    io: &dyn Io,
    endpoint: EndpointId,
    at: At,
) -> Result<(), OperationError> {
    encode::read(
        data,
        io,
        endpoint,
        at.cluster(),
        at.manufacturer(),
        vec![at.attribute()],
    )
    .await
    .map(drop)
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
