//! Reporting that a binding makes necessary: a bound light is switched without us, and tells us only if
//! it was asked to (shared/facts/mqtt-api.md §12.5).

use devices::{Binding, Io, Operation, OperationError, OperationReply};
use zigbee::zcl::{ConfigureReporting, DataType, ReportingDirection, Value};
use zigbee::zdo::BindTarget;
use zigbee::{AttributeId, ClusterId, EndpointId, IeeeAddress, library};

use crate::core::Core;
use crate::exchange::HOME_ENDPOINT;
use crate::executor::Shared;
use crate::procedures::DeviceIo;
use crate::{Entity, LogLevel};

/// `lightingColorCtrl`.
pub(crate) const COLOR: ClusterId = ClusterId(0x0300);
/// `colorCapabilities`, and bits of it.
const CAPABILITIES: AttributeId = AttributeId(0x400a);
/// Colour by x and y.
pub(crate) const XY: u64 = 1 << 3;
/// Colour temperature.
pub(crate) const COLOR_TEMPERATURE: u64 = 1 << 4;

/// An attribute that is reported while its cluster is bound to.
struct Reported {
    cluster: ClusterId,
    attribute: AttributeId,
    data_type: DataType,
    /// Least time between reports, seconds.
    minimum: u16,
    /// Least change; of analog types only.
    change: u64,
    /// The bit of `colorCapabilities` that says whether a device has it.
    capability: Option<u64>,
}

/// Greatest time between reports, seconds.
const MAXIMUM: u16 = 3600;
/// As the greatest time: no reports.
const NEVER: u16 = 0xffff;

const REPORTED: [Reported; 7] = [
    reported(0x0006, 0x0000, DataType::BOOL, 0, None),
    reported(0x0008, 0x0000, DataType::UINT8, 5, None),
    reported(0x0300, 0x0007, DataType::UINT16, 5, Some(COLOR_TEMPERATURE)),
    reported(0x0300, 0x0003, DataType::UINT16, 5, Some(XY)),
    reported(0x0300, 0x0004, DataType::UINT16, 5, Some(XY)),
    reported(0x0102, 0x0008, DataType::UINT8, 5, None),
    reported(0x0102, 0x0009, DataType::UINT8, 5, None),
];

const fn reported(
    cluster: u16,
    attribute: u16,
    data_type: DataType,
    minimum: u16,
    capability: Option<u64>,
) -> Reported {
    Reported {
        cluster: ClusterId(cluster),
        attribute: AttributeId(attribute),
        data_type,
        minimum,
        change: 1,
        capability,
    }
}

fn is_reported(cluster: ClusterId) -> bool {
    REPORTED.iter().any(|known| known.cluster == cluster)
}

/// Has the targets of bindings report to us, where they do not yet. What fails is in the log: the
/// binding is there nevertheless.
pub(crate) async fn set_up(shared: &Shared, bindings: &[Binding]) {
    for binding in bindings {
        if !is_reported(binding.cluster) {
            continue;
        }
        for member in shared.with(|core| core.silent_targets(binding)) {
            let result = configure(shared, member, binding.cluster, MAXIMUM).await;
            tell(
                shared,
                member,
                binding.cluster,
                ("set up", "set up"),
                result,
            );
            shared.with(Core::devices_changed);
        }
    }
}

/// Ends the reporting of endpoints that nobody is bound to any more. Their definitions may want some of
/// it for themselves: then they are configured again.
pub(crate) async fn clean_up(shared: &Shared, members: &[(IeeeAddress, EndpointId)]) {
    for member in members {
        let clusters = shared.with(|core| core.needless_clusters(*member));
        for cluster in &clusters {
            let result = configure(shared, *member, *cluster, NEVER).await;
            tell(shared, *member, *cluster, ("disable", "disabled"), result);
            shared.with(Core::devices_changed);
        }
        if !clusters.is_empty() {
            shared.with(|core| core.configure_again(member.0));
        }
    }
}

/// Binds a cluster to us and configures its reporting; with [`NEVER`] the opposite.
async fn configure(
    shared: &Shared,
    (ieee, endpoint): (IeeeAddress, EndpointId),
    cluster: ClusterId,
    maximum: u16,
) -> Result<(), OperationError> {
    let io = DeviceIo::impatient(shared.clone(), ieee);
    let bind = if maximum == NEVER {
        Operation::Unbind {
            endpoint,
            cluster,
            target: None,
        }
    } else {
        Operation::Bind {
            endpoint,
            cluster,
            target: None,
        }
    };
    io.perform(bind).await?;
    let capabilities = if cluster == COLOR {
        color_capabilities(shared, ieee, endpoint).await?
    } else {
        0
    };
    let records: Vec<_> = REPORTED
        .iter()
        .filter(|known| known.cluster == cluster)
        .filter(|known| known.capability.is_none_or(|bit| capabilities & bit != 0))
        .map(|known| ConfigureReporting {
            id: known.attribute,
            direction: ReportingDirection::Send {
                data_type: known.data_type,
                minimum: known.minimum,
                maximum,
                change: known
                    .data_type
                    .is_analog()
                    .then_some(Value::Unsigned(known.change)),
            },
        })
        .collect();
    if records.is_empty() {
        return Ok(());
    }
    let configure = Operation::ConfigureReporting {
        endpoint,
        cluster,
        manufacturer: None,
        records,
    };
    io.perform(configure).await.map(drop)
}

fn tell(
    shared: &Shared,
    (ieee, endpoint): (IeeeAddress, EndpointId),
    cluster: ClusterId,
    (what, done): (&str, &str),
    result: Result<(), OperationError>,
) {
    let cluster = library::cluster_key(cluster);
    let (level, text) = match result {
        Ok(()) => (
            LogLevel::Info,
            format!("Successfully {done} reporting for '{{name}}/{endpoint}' cluster '{cluster}'"),
        ),
        Err(error) => (
            LogLevel::Warning,
            format!(
                "Failed to {what} reporting for '{{name}}/{endpoint}' cluster '{cluster}' ({error})"
            ),
        ),
    };
    shared.with(|core| core.log(level, Some(Entity::Device(ieee)), text));
}

/// What colours an endpoint has, from its record or from itself.
pub(crate) async fn color_capabilities(
    shared: &Shared,
    ieee: IeeeAddress,
    endpoint: EndpointId,
) -> Result<u64, OperationError> {
    if let Some(known) = shared.with(|core| core.known_color_capabilities(ieee, endpoint)) {
        return Ok(known);
    }
    let read = Operation::Read {
        endpoint,
        cluster: COLOR,
        manufacturer: None,
        attributes: vec![CAPABILITIES],
    };
    let reply = DeviceIo::impatient(shared.clone(), ieee)
        .perform(read)
        .await?;
    let OperationReply::Read(records) = reply else {
        return Ok(0);
    };
    Ok(records
        .iter()
        .find_map(|record| match &record.result {
            Ok((_, Value::Unsigned(bits))) if record.id == CAPABILITIES => Some(*bits),
            _ => None,
        })
        .unwrap_or(0))
}

impl Core {
    fn known_color_capabilities(&self, ieee: IeeeAddress, endpoint: EndpointId) -> Option<u64> {
        let endpoint = self
            .records
            .get(ieee)?
            .device
            .info
            .endpoints
            .get(&endpoint)?;
        endpoint
            .attributes
            .get(library::cluster_key(COLOR).as_ref())?
            .get("colorCapabilities")?
            .as_u64()
    }

    /// The bindings of all devices.
    fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.records
            .devices()
            .iter()
            .flat_map(|record| record.device.info.endpoints.values())
            .flat_map(|endpoint| &endpoint.bindings)
    }

    /// The bindings that lead to a target.
    pub(crate) fn bindings_to(&self, target: BindTarget) -> Vec<Binding> {
        let mut bindings: Vec<Binding> = Vec::new();
        for binding in self.bindings() {
            if binding.target == target && !bindings.contains(binding) {
                bindings.push(*binding);
            }
        }
        bindings
    }

    /// The endpoints that a binding leads to.
    pub(crate) fn endpoints_of(&self, target: BindTarget) -> Vec<(IeeeAddress, EndpointId)> {
        match target {
            BindTarget::Endpoint(ieee, endpoint) => vec![(ieee, endpoint)],
            BindTarget::Group(id) => self
                .records
                .group(id)
                .map(|record| record.group.members.clone())
                .unwrap_or_default(),
        }
    }

    /// The endpoints that a binding leads to and that do not report its cluster to us.
    fn silent_targets(&self, binding: &Binding) -> Vec<(IeeeAddress, EndpointId)> {
        let home = self
            .coordinator()
            .map(|ieee| BindTarget::Endpoint(ieee, HOME_ENDPOINT));
        let mut targets = self.endpoints_of(binding.target);
        targets.retain(|(ieee, endpoint)| {
            let Some(record) = self.records.get(*ieee) else {
                return false;
            };
            let Some(endpoint) = record.device.info.endpoints.get(endpoint) else {
                return false;
            };
            let cluster = binding.cluster;
            let reports = endpoint
                .reportings
                .iter()
                .any(|known| known.cluster == cluster);
            let bound = endpoint
                .bindings
                .iter()
                .any(|known| known.cluster == cluster && Some(known.target) == home);
            !record.options.disabled && endpoint.inputs.contains(&cluster) && !(reports && bound)
        });
        targets
    }

    /// Clusters that an endpoint reports to us only because somebody was bound to it.
    fn needless_clusters(&self, member: (IeeeAddress, EndpointId)) -> Vec<ClusterId> {
        let Some(home) = self
            .coordinator()
            .map(|ieee| BindTarget::Endpoint(ieee, HOME_ENDPOINT))
        else {
            return Vec::new();
        };
        let leads_here = |binding: &&Binding| self.endpoints_of(binding.target).contains(&member);
        let needed: Vec<ClusterId> = self
            .bindings()
            .filter(leads_here)
            .map(|binding| binding.cluster)
            .collect();
        self.records
            .get(member.0)
            .and_then(|record| record.device.info.endpoints.get(&member.1))
            .into_iter()
            .flat_map(|endpoint| &endpoint.bindings)
            .filter(|binding| binding.target == home)
            .map(|binding| binding.cluster)
            .filter(|cluster| is_reported(*cluster) && !needed.contains(cluster))
            .collect()
    }
}
