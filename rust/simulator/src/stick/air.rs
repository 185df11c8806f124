//! What is between the coordinator and the devices: delivery, sleep, loss, joining and leaving.

use std::collections::VecDeque;
use std::time::Duration;

use adapters::Instant;
use adapters::znp::commands;
use adapters::znp::frame::Header;
use zigbee::wire::Writer;
use zigbee::zcl::DataType;
use zigbee::zdo::LogicalType;
use zigbee::{IeeeAddress, NwkAddress};

use super::af;
use super::{SENT_KEPT, Stick};
use crate::device::{Action, ActionError, Device, Incoming, Io, Outgoing, Path, Target};

/// How long a parent keeps a message for a sleeping child.
const INDIRECT: Duration = Duration::from_millis(7680);
/// Status codes of message delivery.
const SUCCESS: u8 = 0x00;
const NO_ROUTE: u8 = 0xcd;
const NO_ACK: u8 = 0xe9;
const EXPIRED: u8 = 0xf0;

/// Damage in the air.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkFaults {
    /// How many of 1000 messages are lost.
    pub lose_permille: u16,
    /// How many of 1000 messages arrive twice.
    pub duplicate_permille: u16,
    /// How many of 1000 messages arrive with a flipped bit.
    pub corrupt_permille: u16,
    /// Added to the way of every message.
    pub delay: Duration,
}

/// How a message of the host ended, for [`Stick::sent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way or was broadcast.
    Sent,
    /// It was refused with this status.
    Failed(u8),
}

/// A message that the host sent into the air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// When.
    pub at: Instant,
    /// The device, if it went to one.
    pub device: Option<IeeeAddress>,
    /// The network address, or the group.
    pub address: u16,
    /// True when `address` is a group.
    pub group: bool,
    /// The device's endpoint; 0 is ZDO.
    pub endpoint: u8,
    /// The cluster.
    pub cluster: u16,
    /// A ZCL frame, or a ZDO request without its sequence number.
    pub payload: Vec<u8>,
    /// What became of it.
    pub delivery: Delivery,
}

/// There is no device with this address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no simulated device {0}")]
pub struct NoDevice(pub IeeeAddress);

/// Why a device does not get onto the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// There is no such device.
    #[error(transparent)]
    NoDevice(#[from] NoDevice),
    /// The coordinator has no network.
    #[error("the coordinator runs no network")]
    NoNetwork,
    /// The network does not let devices in.
    #[error("the network is closed: joining is not permitted")]
    Closed,
}

/// Where a message of the host goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Nwk(u16),
    Ieee(IeeeAddress),
    Group(u16),
}

/// A message of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) to: To,
    pub(super) endpoint: u8,
    pub(super) source_endpoint: u8,
    pub(super) cluster: u16,
    pub(super) transaction: u8,
    pub(super) payload: Vec<u8>,
}

/// A device in the air.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) device: Device,
    /// Until when a sleepy device listens.
    awake_until: Instant,
    /// When it polled last.
    polled_at: Instant,
    /// The earliest [`Event::Device`] in the schedule.
    scheduled: Option<Instant>,
    faults: LinkFaults,
    /// Statuses that the next deliveries fail with.
    failures: VecDeque<u8>,
    /// A router of the user's choice lets devices in.
    pub(super) permit_until: Option<Instant>,
}

/// What happens at an instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// A frame for the host that was held back.
    Write(Header, Vec<u8>),
    /// The chip is up again, for this reason.
    Booted(u8),
    /// The network layer changed its state.
    State(u8),
    /// What became of a message: status, endpoint, transaction.
    Confirm(u8, u8, u8),
    /// A message arrives at a device.
    Down(IeeeAddress, Incoming),
    /// A ZDO request arrives at a device: cluster, payload, sequence number.
    DownZdo(IeeeAddress, u16, Vec<u8>, u8),
    /// A message of a device arrives where it goes.
    Up(IeeeAddress, Outgoing),
    /// A ZDO message arrives at the coordinator: sender, broadcast, cluster, payload, sequence.
    UpZdo(u16, bool, u16, Vec<u8>, u8),
    /// A device has something to do.
    Device(IeeeAddress),
    /// The trust centre let a device in: the host is told.
    Authorised(IeeeAddress),
    /// A device has left.
    Gone(IeeeAddress),
    /// A device tells everyone where it is.
    Announce(IeeeAddress),
    /// A new device begins to live on the network.
    Joined(IeeeAddress),
    /// The time for joining may be over.
    PermitEnds,
    /// A message of the coordinator for itself.
    Loopback {
        endpoint: u8,
        source_endpoint: u8,
        cluster: u16,
        payload: Vec<u8>,
    },
    /// The commissioning notification: status, mode.
    Commissioned(u8, u8),
}

impl Stick {
    /// Adds a device, which does not join yet.
    pub fn add(&mut self, device: Device) {
        let ieee = device.node.ieee;
        if device.node.joined {
            self.by_nwk.insert(device.node.nwk.0, ieee);
        }
        self.members.insert(
            ieee,
            Member {
                device,
                awake_until: self.now,
                polled_at: self.now,
                scheduled: None,
                faults: LinkFaults::default(),
                failures: VecDeque::new(),
                permit_until: None,
            },
        );
        self.reschedule(ieee);
    }

    /// Takes a device away without a word.
    pub fn remove(&mut self, ieee: IeeeAddress) -> Result<Device, NoDevice> {
        self.by_nwk.retain(|_, member| *member != ieee);
        let member = self.members.remove(&ieee).ok_or(NoDevice(ieee))?;
        Ok(member.device)
    }

    /// A device.
    pub fn device(&self, ieee: IeeeAddress) -> Option<&Device> {
        self.members.get(&ieee).map(|member| &member.device)
    }

    /// All devices in the order of their addresses.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.members.values().map(|member| &member.device)
    }

    /// True while devices may join, through the coordinator or a router.
    pub fn permits_joining(&self) -> bool {
        self.opening().is_some()
    }

    /// The messages that the host sent, oldest first; at most the last 10,000.
    pub fn sent(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter()
    }

    /// Forgets the messages that the host sent.
    pub fn clear_sent(&mut self) {
        self.sent.clear();
    }

    /// Switches a device on at an open network. A device that is on the network already, or that the
    /// trust centre knows, comes back without permission.
    pub fn join(&mut self, now: Instant, ieee: IeeeAddress) -> Result<(), JoinError> {
        self.timeout(now);
        if self.ram.state != 9 {
            return Err(JoinError::NoNetwork);
        }
        let opening = self.opening();
        let coordinator = self.own_ieee();
        let member = self.members.get(&ieee).ok_or(NoDevice(ieee))?;
        let node = &member.device.node;
        let known = self.by_nwk.get(&node.nwk.0) == Some(&ieee);
        let parent = match (known, opening) {
            (true, _) => node.parent,
            (false, Some(parent)) => parent,
            (false, None) => return Err(JoinError::Closed),
        };
        let nwk = if known {
            node.nwk
        } else {
            self.free_address(node.nwk)
        };
        let air = self.timing.air;
        let now = self.now;
        if let Some(member) = self.members.get_mut(&ieee) {
            let awake = Duration::from_millis(member.device.node.model.awake_ms.max(30_000));
            member.awake_until = now + awake;
            let node = &mut member.device.node;
            if !known {
                node.factory_reset();
            }
            node.reachable = true;
            node.joined = true;
            node.nwk = nwk;
            node.parent = parent;
            node.coordinator = coordinator;
        }
        self.by_nwk.insert(nwk.0, ieee);
        self.ram.disowned.remove(&ieee);
        self.learn(ieee);
        self.later(air, Event::Authorised(ieee));
        self.later(air * 2, Event::Announce(ieee));
        if !known {
            self.later(air * 4, Event::Joined(ieee));
        }
        Ok(())
    }

    /// A device leaves of its own accord (a person reset it).
    pub fn leave(&mut self, now: Instant, ieee: IeeeAddress) -> Result<(), NoDevice> {
        self.timeout(now);
        self.members.get(&ieee).ok_or(NoDevice(ieee))?;
        self.later(self.timing.air, Event::Gone(ieee));
        self.due();
        Ok(())
    }

    /// A device announces itself, as after a power cut; with `nwk`, at a new address.
    pub fn announce(
        &mut self,
        now: Instant,
        ieee: IeeeAddress,
        nwk: Option<NwkAddress>,
    ) -> Result<(), NoDevice> {
        self.timeout(now);
        let member = self.members.get_mut(&ieee).ok_or(NoDevice(ieee))?;
        if let Some(nwk) = nwk {
            self.by_nwk.remove(&member.device.node.nwk.0);
            member.device.node.nwk = nwk;
            self.by_nwk.insert(nwk.0, ieee);
        }
        self.later(self.timing.air, Event::Announce(ieee));
        self.due();
        Ok(())
    }

    /// Takes a device out of range (or its power away), or brings it back.
    pub fn set_reachable(&mut self, ieee: IeeeAddress, reachable: bool) -> Result<(), NoDevice> {
        let member = self.members.get_mut(&ieee).ok_or(NoDevice(ieee))?;
        member.device.node.reachable = reachable;
        Ok(())
    }

    /// Damage in the air: around one device, or everywhere.
    pub fn set_link_faults(
        &mut self,
        ieee: Option<IeeeAddress>,
        faults: LinkFaults,
    ) -> Result<(), NoDevice> {
        match ieee {
            None => self.radio = faults,
            Some(ieee) => self.members.get_mut(&ieee).ok_or(NoDevice(ieee))?.faults = faults,
        }
        Ok(())
    }

    /// The next deliveries to a device fail with these statuses, in order.
    pub fn fail_next(&mut self, ieee: IeeeAddress, statuses: &[u8]) -> Result<(), NoDevice> {
        let member = self.members.get_mut(&ieee).ok_or(NoDevice(ieee))?;
        member.failures.extend(statuses);
        Ok(())
    }

    /// A person does something to a device.
    pub fn act(
        &mut self,
        now: Instant,
        ieee: IeeeAddress,
        action: &Action<'_>,
    ) -> Result<Result<(), ActionError>, NoDevice> {
        self.timeout(now);
        if !self.members.contains_key(&ieee) {
            return Err(NoDevice(ieee));
        }
        let mut result = Ok(());
        self.with(ieee, |device, io| result = device.act(action, io));
        self.due();
        Ok(result)
    }

    /// Calls something with a device, and carries out what it gives back.
    pub fn with(&mut self, ieee: IeeeAddress, call: impl FnOnce(&mut Device, &mut Io)) {
        let now = self.now;
        let mut io = Io::new(now);
        if let Some(member) = self.members.get_mut(&ieee) {
            call(&mut member.device, &mut io);
        }
        for outgoing in io.outgoing {
            self.uplink(ieee, outgoing);
        }
        if io.left {
            self.later(self.timing.air * 2, Event::Gone(ieee));
        }
        self.reschedule(ieee);
    }

    /// Lets a report arrive this instant, whatever the air is like.
    pub(crate) fn report_now(
        &mut self,
        now: Instant,
        ieee: IeeeAddress,
        path: Path,
        data_type: DataType,
        bytes: &[u8],
    ) {
        self.now = self.now.max(now);
        let mut io = Io::new(self.now);
        if let Some(member) = self.members.get_mut(&ieee) {
            member
                .device
                .node
                .report_raw(path, None, data_type, bytes, &mut io);
        }
        for outgoing in io.outgoing {
            self.arrive(ieee, &outgoing);
        }
    }

    fn reschedule(&mut self, ieee: IeeeAddress) {
        let Some(member) = self.members.get_mut(&ieee) else {
            return;
        };
        if let Some(at) = member.device.node.deadline()
            && member.scheduled.is_none_or(|scheduled| at < scheduled)
        {
            member.scheduled = Some(at);
            self.schedule.add(at, Event::Device(ieee));
        }
    }

    /// Who lets devices in: the coordinator, or an open router.
    fn opening(&self) -> Option<NwkAddress> {
        let open = |until: Option<Instant>| until.is_some_and(|until| until > self.now);
        if open(self.ram.permit_until) {
            return Some(NwkAddress::COORDINATOR);
        }
        self.members
            .values()
            .find(|member| member.device.node.joined && open(member.permit_until))
            .map(|member| member.device.node.nwk)
    }

    fn free_address(&mut self, wanted: NwkAddress) -> NwkAddress {
        let mut nwk = wanted.0;
        while nwk == 0 || nwk >= 0xfff7 || self.by_nwk.contains_key(&nwk) {
            nwk = u16::try_from(self.random.below(0xfff7)).unwrap_or(1);
        }
        NwkAddress(nwk)
    }

    pub(super) fn event(&mut self, at: Instant, event: Event) {
        match event {
            Event::Write(header, data) => self.write(header, &data),
            Event::Booted(reason) => self.booted(reason),
            Event::State(state) => self.set_state(state),
            Event::Confirm(status, endpoint, transaction) => {
                self.confirm(status, endpoint, transaction);
            }
            Event::Down(ieee, incoming) => {
                self.with(ieee, |device, io| device.receive(&incoming, io));
            }
            Event::DownZdo(ieee, cluster, payload, sequence) => {
                self.zdo_at_device(ieee, cluster, &payload, sequence);
            }
            Event::Up(ieee, outgoing) => self.arrive(ieee, &outgoing),
            Event::UpZdo(source, broadcast, cluster, payload, sequence) => {
                self.zdo_arrived(source, broadcast, cluster, &payload, sequence);
            }
            Event::Device(ieee) => {
                if let Some(member) = self.members.get_mut(&ieee)
                    && member.scheduled == Some(at)
                {
                    member.scheduled = None;
                }
                self.with(ieee, Device::timeout);
            }
            Event::Authorised(ieee) => self.authorised(ieee),
            Event::Announce(ieee) => self.announced(ieee),
            Event::Joined(ieee) => self.with(ieee, Device::joined),
            Event::Gone(ieee) => self.gone(ieee),
            Event::PermitEnds => {
                if self.ram.permit_until.is_some_and(|until| until <= self.now) {
                    self.ram.permit_until = None;
                    self.permit_changed(0);
                }
            }
            Event::Loopback {
                endpoint,
                source_endpoint,
                cluster,
                payload,
            } => self.incoming(&af::Incoming {
                group: 0,
                cluster,
                source: 0,
                source_endpoint,
                destination_endpoint: endpoint,
                broadcast: false,
                link_quality: 0xff,
                payload: &payload,
            }),
            Event::Commissioned(status, mode) => {
                self.tell(
                    commands::app_cnf::BDB_COMMISSIONING_NOTIFICATION,
                    &[status, mode, 0],
                );
            }
        }
    }

    /// Remembers what the host sent.
    pub(super) fn note(&mut self, sent: Sent) {
        if self.sent.len() >= SENT_KEPT {
            self.sent.pop_front();
        }
        self.sent.push_back(sent);
    }

    /// Sends a message of the host.
    pub(super) fn send(&mut self, message: Message) {
        let device = match message.to {
            To::Group(_) => None,
            To::Ieee(ieee) => Some(ieee),
            To::Nwk(nwk) => self.by_nwk.get(&nwk).copied(),
        };
        let address = match message.to {
            To::Nwk(address) | To::Group(address) => address,
            To::Ieee(ieee) => self.device(ieee).map_or(0xfffe, |device| device.node.nwk.0),
        };
        let group = matches!(message.to, To::Group(_));
        let broadcast = matches!(message.to, To::Nwk(nwk) if nwk >= 0xfff8);
        let mut sent = Sent {
            at: self.now,
            device,
            address,
            group,
            endpoint: message.endpoint,
            cluster: message.cluster,
            payload: message.payload.clone(),
            delivery: Delivery::Sent,
        };
        if message.endpoint == 0 && !group {
            // ZDO through the application framework: the sequence number stands first, and there
            // is no confirmation.
            if let Some((sequence, payload)) = message.payload.split_first() {
                sent.payload = payload.to_vec();
                self.note(sent);
                self.zdo_send(address, message.cluster, payload, *sequence);
            }
            return;
        }
        if group || broadcast {
            let air = self.timing.air;
            for ieee in self.members.keys().copied().collect::<Vec<_>>() {
                self.broadcast_to(ieee, &message, group.then_some(address));
            }
            if group {
                self.later(
                    air,
                    Event::Confirm(SUCCESS, message.source_endpoint, message.transaction),
                );
            }
            self.note(sent);
            return;
        }
        if address == 0 {
            self.later(
                self.timing.air,
                Event::Confirm(SUCCESS, message.source_endpoint, message.transaction),
            );
            self.loop_back(&message);
            self.note(sent);
            return;
        }
        let (status, after) = self.deliver(device, &message);
        if status != SUCCESS {
            sent.delivery = Delivery::Failed(status);
        }
        self.note(sent);
        self.later(
            after,
            Event::Confirm(status, message.source_endpoint, message.transaction),
        );
    }

    /// Brings a message to one device. Gives the status and when it is known.
    fn deliver(&mut self, device: Option<IeeeAddress>, message: &Message) -> (u8, Duration) {
        let reach = self.reach(device);
        if let (Ok(after), Some(ieee)) = (reach, device) {
            let incoming = Incoming {
                from: Target::Coordinator(message.source_endpoint),
                endpoint: message.endpoint,
                cluster: message.cluster,
                unicast: true,
                group: None,
                payload: message.payload.clone(),
            };
            self.schedule_down(ieee, after, &incoming);
        }
        match reach {
            Ok(after) => (SUCCESS, after),
            Err((status, after)) => (status, after),
        }
    }

    /// How long a message takes to a device, or why it does not get there.
    pub(super) fn reach(
        &mut self,
        device: Option<IeeeAddress>,
    ) -> Result<Duration, (u8, Duration)> {
        let failure = self.timing.failure;
        let air = self.timing.air;
        let now = self.now;
        let Some(member) = device.and_then(|ieee| self.members.get_mut(&ieee)) else {
            return Err((NO_ROUTE, failure));
        };
        if let Some(status) = member.failures.pop_front() {
            return Err((status, failure));
        }
        let node = &member.device.node;
        if !node.joined {
            return Err((NO_ROUTE, failure));
        }
        let mut after = air + self.radio.delay + member.faults.delay;
        if let Some(poll) = node.model.poll_ms
            && now >= member.awake_until
        {
            if !node.reachable {
                return Err((EXPIRED, INDIRECT));
            }
            // The next of its polls, which come at a steady pace.
            let interval = Duration::from_millis(poll.max(1)).as_micros();
            let asleep = now.since(member.polled_at).as_micros();
            let wait = interval - asleep % interval;
            let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(u64::MAX));
            if wait > INDIRECT {
                return Err((EXPIRED, INDIRECT));
            }
            after += wait;
        }
        if !node.reachable {
            return Err((NO_ACK, failure));
        }
        let lost = self.radio.lose_permille.max(member.faults.lose_permille);
        if self.random.chance(lost) {
            return Err((NO_ACK, failure));
        }
        Ok(after)
    }

    fn schedule_down(&mut self, ieee: IeeeAddress, after: Duration, incoming: &Incoming) {
        let mut incoming = incoming.clone();
        let faults = self.faults(ieee);
        self.damage(faults.corrupt_permille, &mut incoming.payload);
        self.later(after, Event::Down(ieee, incoming.clone()));
        if self.random.chance(faults.duplicate_permille) {
            self.later(after, Event::Down(ieee, incoming));
        }
    }

    fn broadcast_to(&mut self, ieee: IeeeAddress, message: &Message, group: Option<u16>) {
        let sleepy = self
            .device(ieee)
            .is_none_or(|device| device.node.model.sleepy());
        // Sleeping devices hear broadcasts to 0xffff when they poll; those to groups pass them by.
        let heard = matches!(message.to, To::Nwk(0xffff)) || !sleepy;
        if !heard {
            return;
        }
        if let Ok(after) = self.reach(Some(ieee)) {
            let incoming = Incoming {
                from: Target::Coordinator(message.source_endpoint),
                endpoint: message.endpoint,
                cluster: message.cluster,
                unicast: false,
                group,
                payload: message.payload.clone(),
            };
            self.schedule_down(ieee, after, &incoming);
        }
    }

    fn faults(&self, ieee: IeeeAddress) -> LinkFaults {
        let mine = self
            .members
            .get(&ieee)
            .map(|member| member.faults)
            .unwrap_or_default();
        LinkFaults {
            lose_permille: self.radio.lose_permille.max(mine.lose_permille),
            duplicate_permille: self.radio.duplicate_permille.max(mine.duplicate_permille),
            corrupt_permille: self.radio.corrupt_permille.max(mine.corrupt_permille),
            delay: self.radio.delay + mine.delay,
        }
    }

    fn damage(&mut self, permille: u16, payload: &mut [u8]) {
        if self.random.chance(permille) {
            let at = usize::try_from(self.random.below(payload.len() as u64)).unwrap_or(0);
            let bit = self.random.below(8);
            if let Some(byte) = payload.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
    }

    /// A device sends something.
    fn uplink(&mut self, ieee: IeeeAddress, mut outgoing: Outgoing) {
        let now = self.now;
        let faults = self.faults(ieee);
        let Some(member) = self.members.get_mut(&ieee) else {
            return;
        };
        let node = &member.device.node;
        // What sends is awake, and listens for a while.
        member.polled_at = now;
        member.awake_until =
            (now + Duration::from_millis(node.model.awake_ms)).max(member.awake_until);
        if !node.joined || !node.reachable || self.random.chance(faults.lose_permille) {
            return;
        }
        let after = self.timing.air + faults.delay + outgoing.delay;
        self.damage(faults.corrupt_permille, &mut outgoing.payload);
        if self.random.chance(faults.duplicate_permille) {
            self.later(after, Event::Up(ieee, outgoing.clone()));
        }
        self.later(after, Event::Up(ieee, outgoing));
    }

    /// A message of a device arrives.
    fn arrive(&mut self, ieee: IeeeAddress, outgoing: &Outgoing) {
        let Some(node) = self.members.get(&ieee).map(|member| &member.device.node) else {
            return;
        };
        let (source, link_quality) = (node.nwk.0, node.link_quality);
        let (group, endpoint, broadcast) = match outgoing.target {
            Target::Coordinator(endpoint) => (None, endpoint, false),
            Target::Group(group) => (Some(group), 0xff, false),
            Target::Broadcast(endpoint) => (None, endpoint, true),
            Target::Device(to, endpoint) => {
                let incoming = Incoming {
                    from: Target::Device(ieee, outgoing.endpoint),
                    endpoint,
                    cluster: outgoing.cluster,
                    unicast: true,
                    group: None,
                    payload: outgoing.payload.clone(),
                };
                if let Ok(after) = self.reach(Some(to)) {
                    self.schedule_down(to, after, &incoming);
                }
                return;
            }
        };
        if group.is_some() || broadcast {
            let incoming = Incoming {
                from: Target::Device(ieee, outgoing.endpoint),
                endpoint,
                cluster: outgoing.cluster,
                unicast: false,
                group,
                payload: outgoing.payload.clone(),
            };
            for to in self.members.keys().copied().collect::<Vec<_>>() {
                if to != ieee
                    && let Ok(after) = self.reach(Some(to))
                {
                    self.schedule_down(to, after, &incoming);
                }
            }
        }
        // A group message reaches the host at the first endpoint.
        let endpoint = if group.is_some() { 1 } else { endpoint };
        self.incoming(&af::Incoming {
            group: group.unwrap_or(0),
            cluster: outgoing.cluster,
            source,
            source_endpoint: outgoing.endpoint,
            destination_endpoint: endpoint,
            broadcast,
            link_quality,
            payload: &outgoing.payload,
        });
    }

    fn authorised(&mut self, ieee: IeeeAddress) {
        if let Some(node) = self.device(ieee).map(|device| &device.node) {
            let mut writer = Writer::new();
            writer.nwk(node.nwk).ieee(ieee).nwk(node.parent);
            let bytes = writer.into_bytes();
            self.tell(commands::zdo::TC_DEVICE_IND, &bytes);
        }
    }

    fn announced(&mut self, ieee: IeeeAddress) {
        if self.ram.state != 9 {
            return;
        }
        let Some(node) = self.device(ieee).map(|device| &device.node) else {
            return;
        };
        let mut writer = Writer::new();
        writer
            .nwk(node.nwk)
            .ieee(ieee)
            .u8(node.model.capabilities());
        let source = node.nwk.0;
        let payload = writer.into_bytes();
        self.zdo_arrived(source, true, 0x0013, &payload, 0x81);
    }

    fn gone(&mut self, ieee: IeeeAddress) {
        let Some(member) = self.members.get_mut(&ieee) else {
            return;
        };
        let nwk = member.device.node.nwk;
        member.device.node.factory_reset();
        if self.by_nwk.get(&nwk.0) == Some(&ieee) {
            self.by_nwk.remove(&nwk.0);
            self.forget(ieee);
            let mut writer = Writer::new();
            writer.nwk(nwk).ieee(ieee).bytes(&[0, 0, 0]);
            let bytes = writer.into_bytes();
            if self.ram.state == 9 {
                self.tell(commands::zdo::LEAVE_IND, &bytes);
            }
        }
    }

    /// True for a child of the coordinator.
    pub(super) fn is_child(&self, ieee: IeeeAddress) -> bool {
        !self.ram.disowned.contains(&ieee)
            && self.device(ieee).is_some_and(|device| {
                let node = &device.node;
                node.joined
                    && node.parent == NwkAddress::COORDINATOR
                    && node.model.logical_type == LogicalType::EndDevice
            })
    }
}
