//! What the engine may ask of the device it works on. The hub implements it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use zigbee::zcl::{Attribute, ConfigureReporting, ReadRecord, ReadReportingRecord, Status};
use zigbee::zdo::{self, BindTarget};
use zigbee::{AttributeId, ClusterId, CommandId, EndpointId, GroupId, ManufacturerCode};

use crate::{
    Definition, DeviceInfo, FunctionCall, FunctionError, FunctionReply, JsonMap, Memory,
    SceneChange,
};

/// A future on the hub's own executor. It stays in its hub, and moves between threads with it.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One exchange with the device (or group) that a procedure works on.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// Read attributes. Replies [`OperationReply::Read`]; the answer is also decoded and published
    /// like any message from the device.
    Read {
        /// The endpoint.
        endpoint: EndpointId,
        /// The cluster.
        cluster: ClusterId,
        /// Set for manufacturer specific attributes.
        manufacturer: Option<ManufacturerCode>,
        /// Which attributes.
        attributes: Vec<AttributeId>,
    },
    /// Write attributes. Fails with [`OperationError::Status`] when the device refuses one.
    Write {
        /// The endpoint.
        endpoint: EndpointId,
        /// The cluster.
        cluster: ClusterId,
        /// Set for manufacturer specific attributes.
        manufacturer: Option<ManufacturerCode>,
        /// Attributes with their values.
        attributes: Vec<Attribute>,
        /// False: done as soon as the frame is delivered; the device's answer is not waited for.
        wait: bool,
    },
    /// Send a command of the cluster.
    Command {
        /// The endpoint.
        endpoint: EndpointId,
        /// The cluster.
        cluster: ClusterId,
        /// Set for manufacturer specific commands.
        manufacturer: Option<ManufacturerCode>,
        /// The command.
        command: CommandId,
        /// Its payload.
        payload: Vec<u8>,
        /// Ask for no default response when all goes well. Then nothing is waited for, unless the
        /// cluster has a command that answers this one.
        disable_default_response: bool,
    },
    /// Send a command of the cluster as its server: an answer, or news that a client of it has to know.
    /// Nothing is waited for but delivery.
    Respond {
        /// The endpoint.
        endpoint: EndpointId,
        /// The cluster.
        cluster: ClusterId,
        /// The command.
        command: CommandId,
        /// Its payload.
        payload: Vec<u8>,
        /// The sequence number of what is answered.
        sequence: Option<u8>,
    },
    /// Configure reporting to the coordinator.
    ConfigureReporting {
        /// The endpoint.
        endpoint: EndpointId,
        /// The cluster.
        cluster: ClusterId,
        /// Set for manufacturer specific attributes.
        manufacturer: Option<ManufacturerCode>,
        /// The records.
        records: Vec<ConfigureReporting>,
    },
    /// Read what was configured for reports. Replies [`OperationReply::Reporting`].
    ReadReporting {
        /// The endpoint.
        endpoint: EndpointId,
        /// The cluster.
        cluster: ClusterId,
        /// Set for manufacturer specific attributes.
        manufacturer: Option<ManufacturerCode>,
        /// Direction (0: reports that the device sends, 1: that it expects) and attribute.
        records: Vec<(u8, AttributeId)>,
    },
    /// Bind a cluster; `None` binds to the coordinator.
    Bind {
        /// The endpoint.
        endpoint: EndpointId,
        /// The cluster.
        cluster: ClusterId,
        /// Where to.
        target: Option<BindTarget>,
    },
    /// Remove a binding; `None` is the coordinator.
    Unbind {
        /// The endpoint.
        endpoint: EndpointId,
        /// The cluster.
        cluster: ClusterId,
        /// Where to.
        target: Option<BindTarget>,
    },
    /// The same, from this endpoint of the coordinator: some devices listen to one only.
    From(EndpointId, Box<Operation>),
    /// Wait.
    Sleep(Duration),
}

/// What an [`Operation`] gave.
#[derive(Debug, Clone, PartialEq)]
pub enum OperationReply {
    /// It was carried out.
    Done,
    /// The records of a read response.
    Read(Vec<ReadRecord>),
    /// The records of a read reporting configuration response.
    Reporting(Vec<ReadReportingRecord>),
}

/// Why an [`Operation`] failed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OperationError {
    /// The frame could not be delivered.
    #[error("{0}")]
    Undelivered(String),
    /// The device did not answer in time.
    #[error("timeout after {0:?}")]
    Timeout(Duration),
    /// The device answered with a status other than success.
    #[error("status {status}")]
    Status {
        /// The status.
        status: Status,
        /// The attribute it concerns, where one is named.
        attribute: Option<AttributeId>,
    },
    /// The device's ZDO answered with a status other than success.
    #[error("ZDO status {0}")]
    Zdo(zdo::Status),
    /// A function of the converter that sets the device up failed.
    #[error("{0}")]
    Function(crate::FunctionError),
    /// Its time-to-live passed while it waited in the queue, or a newer value took its place.
    #[error("{0}")]
    Dropped(&'static str),
}

/// A member of a group.
#[derive(Debug, Clone)]
pub struct Member {
    /// The device.
    pub device: DeviceInfo,
    /// Its endpoint in the group.
    pub endpoint: EndpointId,
    /// How it speaks, if that is known.
    pub definition: Option<Arc<Definition>>,
}

/// The device (or group) that a procedure works on. `Sync`, as its futures hold a reference to it.
pub trait Io: Sync {
    /// Carries out one exchange.
    fn perform(
        &self,
        operation: Operation,
    ) -> LocalFuture<'_, Result<OperationReply, OperationError>>;
    /// The device as known now. A group gives the description of nothing: `None`.
    fn device(&self) -> Option<DeviceInfo>;
    /// The cached value of a state property.
    fn state(&self, property: &str) -> Option<Json>;
    /// Publishes state that was learned in the middle of a procedure.
    fn publish(&self, state: JsonMap);
    /// A value kept in the device's record (`meta` in `database.db`).
    fn remembered(&self, key: &str) -> Option<Json> {
        let _ = key;
        None
    }
    /// Keeps a value in the device's record; `null` removes it.
    fn remember(&self, key: &str, value: Json) {
        let _ = (key, value);
    }
    /// The time in seconds since 1970, UTC; `None` where nobody knows it.
    fn time(&self) -> Option<i64> {
        None
    }
    /// The group that is addressed; `None` for a device.
    fn group(&self) -> Option<GroupId> {
        None
    }
    /// Changes what is remembered of the scenes that an endpoint has for a group (0: its own), or where a
    /// group is addressed, that its members have. False when there was nothing to change.
    fn change_scenes(&self, endpoint: EndpointId, group: GroupId, change: SceneChange) -> bool {
        let _ = (endpoint, group, change);
        false
    }
    /// What is remembered of an endpoint's own scene.
    fn scene(&self, endpoint: EndpointId, scene: u8) -> Option<JsonMap> {
        let _ = (endpoint, scene);
        None
    }
    /// Publishes of each member of the group that is addressed what it remembers of a scene.
    fn recall_group_scene(&self, scene: u8) {
        let _ = scene;
    }
    /// A line for the log at level warning, with `{name}` where the device's friendly name goes.
    fn warn(&self, text: &str) {
        let _ = text;
    }
    /// Lends what the engine remembers of the device; not of a group, of which it remembers nothing.
    fn with_memory(&self, borrow: &mut dyn FnMut(&mut Memory)) {
        let _ = borrow;
    }
    /// A value noted since the start; it is not kept beyond.
    fn noted(&self, key: &str) -> Option<Json> {
        let _ = key;
        None
    }
    /// Notes a value until the end of the program; `null` removes it.
    fn note(&self, key: &str, value: Json) {
        let _ = (key, value);
    }
    /// Time since an arbitrary instant.
    fn uptime(&self) -> Duration {
        Duration::ZERO
    }
    /// Has a function of the definition's converter called. Who has no converters, and a group, says so.
    fn call(&self, call: FunctionCall) -> LocalFuture<'_, Result<FunctionReply, FunctionError>> {
        let text = format!(
            "{} is a function of a converter, which runs for devices only",
            call.function
        );
        Box::pin(async { Err(FunctionError::new("unavailable", text)) })
    }
    /// The members of a group; none of a device.
    fn members(&self) -> Vec<Member> {
        Vec::new()
    }
    /// Carries out one exchange that needs an answer: with the device, or with a group's first member at
    /// its endpoint.
    fn ask(&self, operation: Operation) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        self.perform(operation)
    }
    /// Carries out one exchange after a while; nobody waits for its outcome.
    fn later(&self, after: Duration, operation: Operation) {
        let _ = (after, operation);
    }
    /// A line for the log at level info, with `{name}` where the device's friendly name goes.
    fn log(&self, text: &str) {
        let _ = text;
    }
}
