//! The devices around the stick: adding, joining, leaving, and what people do with them.

use std::collections::VecDeque;
use std::time::Duration;

use adapters::Instant;
use adapters::znp::commands;
use zigbee::wire::Writer;
use zigbee::zcl::DataType;
use zigbee::zdo::LogicalType;
use zigbee::{IeeeAddress, NwkAddress};

use super::Stick;
use super::network::{Event, JoinError, LinkFaults, Member, NoDevice, Sent};
use crate::device::{Action, ActionError, Device, Io, Path};

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
                elsewhere: None,
                heard: None,
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
        if member.elsewhere.is_some() {
            return Err(JoinError::Elsewhere);
        }
        let node = &member.device.node;
        let known = self.by_nwk.get(&node.nwk.0) == Some(&ieee);
        let parent = match (known, opening) {
            (true, _) => node.parent,
            (false, Some(parent)) => parent,
            (false, None) => return Err(JoinError::Closed),
        };
        if !known && self.ram.install_codes_only && !self.ram.install_codes.contains(&ieee) {
            return Err(JoinError::NoInstallCode);
        }
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
        self.admit(ieee);
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
            self.learn(ieee);
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
        // Who was without power tells everyone where it is.
        if action.name == "power_cut" && result.is_ok() {
            self.later(self.timing.air, Event::Announce(ieee));
        }
        self.due();
        Ok(result)
    }

    /// Calls something with a device, and carries out what it gives back.
    pub fn with(&mut self, ieee: IeeeAddress, call: impl FnOnce(&mut Device, &mut Io)) {
        let now = self.now;
        let mut io = Io::new(now);
        if let Some(member) = self.members.get_mut(&ieee) {
            call(&mut member.device, &mut io);
            member.awake_until = member.awake_until.max(now + io.awake);
        }
        for outgoing in io.outgoing {
            self.uplink(ieee, outgoing);
        }
        if io.announce {
            self.later(self.timing.air, Event::Announce(ieee));
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

    pub(super) fn authorised(&mut self, ieee: IeeeAddress) {
        if let Some(node) = self.device(ieee).map(|device| &device.node) {
            let mut writer = Writer::new();
            writer.nwk(node.nwk).ieee(ieee).nwk(node.parent);
            let bytes = writer.into_bytes();
            self.tell(commands::zdo::TC_DEVICE_IND, &bytes);
        }
    }

    pub(super) fn announced(&mut self, ieee: IeeeAddress) {
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

    pub(super) fn gone(&mut self, ieee: IeeeAddress) {
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
