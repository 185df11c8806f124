//! A living device: its attributes, bindings, groups, reporting and timers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use adapters::Instant;
use zigbee::zcl::{DataType, Direction, Frame, FrameType, Header};
use zigbee::{CommandId, IeeeAddress, ManufacturerCode, NwkAddress};

use super::model::{Attribute, Model, Path};
use super::ota::Client;
use super::report::Reporting;
use super::value;

/// Where a device's message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An endpoint of the coordinator.
    Coordinator(u8),
    /// An endpoint of another device.
    Device(IeeeAddress, u8),
    /// A group.
    Group(u16),
    /// Everyone.
    Broadcast(u8),
}

/// A message that a device sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Counted from the instant of the call that made it.
    pub delay: Duration,
    /// The device's endpoint.
    pub endpoint: u8,
    /// Where it goes.
    pub target: Target,
    /// The cluster.
    pub cluster: u16,
    /// A ZCL frame.
    pub payload: Vec<u8>,
}

/// A binding in the device's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binding {
    /// The device's endpoint.
    pub endpoint: u8,
    /// The cluster.
    pub cluster: u16,
    /// A group, or an address with an endpoint.
    pub target: BindingTarget,
}

/// Where a binding points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BindingTarget {
    /// A group.
    Group(u16),
    /// An endpoint of a device.
    Endpoint(IeeeAddress, u8),
}

/// What is to happen at a later instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Timer {
    /// An attribute takes a value.
    Set(Path, Vec<u8>),
    /// The rules of the model asked to be called with this number.
    Rules(u32),
    /// The OTA client goes on.
    Ota,
}

/// What a call to a device gives back, and when it happens.
#[derive(Debug)]
pub struct Io {
    /// The instant of the call.
    pub now: Instant,
    /// Messages to send.
    pub outgoing: Vec<Outgoing>,
    /// True when the device has left the network of its own accord.
    pub left: bool,
    /// True when the device has restarted, and announces itself.
    pub announce: bool,
    /// A sleepy device stays awake for so long from now.
    pub awake: Duration,
}

impl Io {
    /// A call at an instant.
    pub const fn new(now: Instant) -> Self {
        Self {
            now,
            outgoing: Vec::new(),
            left: false,
            announce: false,
            awake: Duration::ZERO,
        }
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, endpoint: u8, cluster: u16, target: Target, payload: &[u8]) {
        self.outgoing.push(Outgoing {
            delay: Duration::ZERO,
            endpoint,
            target,
            cluster,
            payload: payload.to_vec(),
        });
    }
}

/// The state of a device.
#[derive(Debug)]
pub struct Node {
    /// Its address.
    pub ieee: IeeeAddress,
    /// Its address on the network.
    pub nwk: NwkAddress,
    /// The router it hangs on (the coordinator, mostly).
    pub parent: NwkAddress,
    /// It is on the network.
    pub joined: bool,
    /// It has power and is in range.
    pub reachable: bool,
    /// Link quality of its messages.
    pub link_quality: u8,
    /// What it is.
    pub model: Arc<Model>,
    /// The coordinator's address, known once joined.
    pub coordinator: IeeeAddress,
    /// Its attributes.
    pub attributes: BTreeMap<Path, Attribute>,
    /// Its bindings.
    pub bindings: BTreeSet<Binding>,
    /// Group memberships: endpoint and group.
    pub groups: BTreeSet<(u8, u16)>,
    pub(crate) ota: Option<Client>,
    pub(crate) reporting: BTreeMap<Path, Reporting>,
    pub(crate) timers: BTreeMap<(Instant, u32), Timer>,
    timers_added: u32,
    sequence: u8,
}

impl Node {
    pub(crate) fn new(ieee: IeeeAddress, model: Arc<Model>) -> Self {
        Self {
            ieee,
            nwk: NwkAddress::UNKNOWN,
            parent: NwkAddress::COORDINATOR,
            joined: false,
            reachable: true,
            link_quality: 180,
            coordinator: IeeeAddress(0),
            attributes: model.attributes.clone(),
            ota: Client::of(&model),
            model,
            bindings: BTreeSet::new(),
            groups: BTreeSet::new(),
            reporting: BTreeMap::new(),
            timers: BTreeMap::new(),
            timers_added: 0,
            sequence: 0,
        }
    }

    /// The bytes of an attribute's value.
    pub fn get(&self, path: Path) -> Option<&[u8]> {
        self.attributes
            .get(&path)
            .map(|attribute| attribute.bytes.as_slice())
    }

    /// An attribute's value as a number, 0 when it has none.
    pub fn number(&self, path: Path) -> f64 {
        self.attributes
            .get(&path)
            .and_then(|attribute| value::number(attribute.data_type, &attribute.bytes))
            .unwrap_or(0.0)
    }

    /// True when an endpoint serves a cluster: it lists it, or has attributes of it (Lumi devices
    /// keep quiet about some).
    pub fn serves(&self, endpoint: u8, cluster: u16) -> bool {
        self.model
            .endpoints
            .iter()
            .any(|candidate| candidate.id == endpoint && candidate.inputs.contains(&cluster))
            || self
                .attributes
                .range(
                    Path {
                        endpoint,
                        cluster,
                        attribute: 0,
                    }..=Path {
                        endpoint,
                        cluster,
                        attribute: u16::MAX,
                    },
                )
                .next()
                .is_some()
    }

    /// True when the device has the endpoint.
    pub fn has_endpoint(&self, endpoint: u8) -> bool {
        self.model
            .endpoints
            .iter()
            .any(|candidate| candidate.id == endpoint)
    }

    /// Gives an attribute a value and reports it as configured. False when there is no such attribute.
    pub fn set(&mut self, path: Path, bytes: &[u8], io: &mut Io) -> bool {
        let Some(attribute) = self.attributes.get_mut(&path) else {
            return false;
        };
        let changed = attribute.bytes != bytes;
        attribute.bytes = bytes.to_vec();
        let native = attribute.native;
        if changed {
            if native && self.joined {
                self.report(path.endpoint, path.cluster, &[path.attribute], io);
            } else {
                self.reporting_changed(path, io);
            }
        }
        true
    }

    /// Like [`Node::set`], with a number.
    pub fn set_number(&mut self, path: Path, number: f64, io: &mut Io) -> bool {
        let Some(bytes) = self
            .attributes
            .get(&path)
            .and_then(|attribute| value::from_number(attribute.data_type, number))
        else {
            return false;
        };
        self.set(path, &bytes, io)
    }

    /// The next transaction sequence number.
    pub(crate) fn next_sequence(&mut self) -> u8 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Does something at `after` from now.
    pub(crate) fn later(&mut self, now: Instant, after: Duration, timer: Timer) {
        self.timers_added = self.timers_added.wrapping_add(1);
        self.timers.insert((now + after, self.timers_added), timer);
    }

    /// Forgets timers for which `stale` is true.
    pub(crate) fn cancel(&mut self, stale: impl Fn(&Timer) -> bool) {
        self.timers.retain(|_, timer| !stale(timer));
    }

    /// Sends a report of attributes to the coordinator and to bindings elsewhere.
    pub(crate) fn report(&mut self, endpoint: u8, cluster: u16, attributes: &[u16], io: &mut Io) {
        let mut payload = Vec::new();
        let mut manufacturer = None;
        for attribute in attributes {
            let path = Path {
                endpoint,
                cluster,
                attribute: *attribute,
            };
            if let Some(attribute) = self.attributes.get(&path) {
                payload.extend(path.attribute.to_le_bytes());
                payload.push(attribute.data_type.0);
                payload.extend_from_slice(&attribute.bytes);
                manufacturer = attribute.manufacturer.or(manufacturer);
            }
        }
        if !payload.is_empty() {
            self.send_report(endpoint, cluster, manufacturer, &payload, io);
        }
    }

    /// Sends a report with one attribute that is made up for the occasion.
    pub(crate) fn report_raw(
        &mut self,
        path: Path,
        manufacturer: Option<u16>,
        data_type: DataType,
        bytes: &[u8],
        io: &mut Io,
    ) {
        let mut payload = path.attribute.to_le_bytes().to_vec();
        payload.push(data_type.0);
        payload.extend_from_slice(bytes);
        self.send_report(path.endpoint, path.cluster, manufacturer, &payload, io);
    }

    pub(crate) fn send_report(
        &mut self,
        endpoint: u8,
        cluster: u16,
        manufacturer: Option<u16>,
        payload: &[u8],
        io: &mut Io,
    ) {
        let frame = Frame {
            header: Header {
                frame_type: FrameType::Global,
                direction: Direction::ToClient,
                disable_default_response: true,
                manufacturer: manufacturer.map(ManufacturerCode),
                sequence: self.next_sequence(),
                command: CommandId(0x0a),
                reserved: 0,
            },
            payload: payload.to_vec(),
        };
        self.send_bound(endpoint, cluster, &frame.emit(), io);
    }

    /// Sends a frame where the bindings of the cluster point; without any, to the coordinator.
    pub(crate) fn send_bound(&mut self, endpoint: u8, cluster: u16, payload: &[u8], io: &mut Io) {
        let targets = self.targets(endpoint, cluster);
        let to_coordinator = targets
            .iter()
            .any(|target| matches!(target, Target::Coordinator(_)));
        // A Lumi device reports to the coordinator whatever else it is bound to.
        let fallback = (targets.is_empty()
            || (self.model.manufacturer == "LUMI" && !to_coordinator))
            .then_some(Target::Coordinator(1));
        for target in fallback.into_iter().chain(targets) {
            io.send(endpoint, cluster, target, payload);
        }
    }

    /// Where the bindings of a cluster point.
    pub(crate) fn targets(&self, endpoint: u8, cluster: u16) -> Vec<Target> {
        self.bindings
            .iter()
            .filter(|binding| binding.endpoint == endpoint && binding.cluster == cluster)
            .map(|binding| match binding.target {
                BindingTarget::Group(group) => Target::Group(group),
                BindingTarget::Endpoint(ieee, endpoint) if ieee == self.coordinator => {
                    Target::Coordinator(endpoint)
                }
                BindingTarget::Endpoint(ieee, endpoint) => Target::Device(ieee, endpoint),
            })
            .collect()
    }

    /// Sends a command of a cluster where its bindings point.
    pub(crate) fn send_command(
        &mut self,
        endpoint: u8,
        cluster: u16,
        direction: Direction,
        command: u8,
        payload: &[u8],
        io: &mut Io,
    ) {
        let frame = Frame {
            header: Header {
                frame_type: FrameType::Cluster,
                direction,
                disable_default_response: false,
                manufacturer: None,
                sequence: self.next_sequence(),
                command: CommandId(command),
                reserved: 0,
            },
            payload: payload.to_vec(),
        };
        self.send_bound(endpoint, cluster, &frame.emit(), io);
    }

    /// When something of this device is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let timer = self.timers.keys().next().map(|(at, _)| *at);
        let report = self
            .joined
            .then(|| {
                self.reporting
                    .values()
                    .filter_map(Reporting::deadline)
                    .min()
            })
            .flatten();
        timer.into_iter().chain(report).min()
    }

    /// Back to the factory's settings: what was learnt on a network is forgotten.
    pub(crate) fn factory_reset(&mut self) {
        self.attributes = self.model.attributes.clone();
        self.bindings.clear();
        self.groups.clear();
        self.reporting.clear();
        self.timers.clear();
        self.joined = false;
    }
}
