//! The way between coordinator and devices: events in time, delivery, sleep, loss.

use std::time::Duration;

use adapters::Instant;
use adapters::znp::commands;
use zigbee::IeeeAddress;

use super::af;
use super::network::{Delivery, Event, LinkFaults, Message, Sent, To};
use super::{SENT_KEPT, Stick};
use crate::device::{Device, Incoming, Outgoing, Target};

/// How long a parent keeps a message for a sleeping child.
const INDIRECT: Duration = Duration::from_millis(7680);
/// Status codes of message delivery.
const SUCCESS: u8 = 0x00;
const NO_ROUTE: u8 = 0xcd;
const NO_ACK: u8 = 0xe9;
const EXPIRED: u8 = 0xf0;

impl Stick {
    pub(super) fn event(&mut self, at: Instant, event: Event) {
        match event {
            Event::Answer(header, data) => {
                self.answers = self.answers.saturating_sub(1);
                self.write(header, &data);
            }
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
            Event::InterPan(ieee, payload) => self.inter_pan_arrived(ieee, &payload),
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
    pub(super) fn send(&mut self, message: &Message) {
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
        self.count_frame();
        if group || broadcast {
            let air = self.timing.air;
            for ieee in self.members.keys().copied().collect::<Vec<_>>() {
                self.broadcast_to(ieee, message, group.then_some(address));
            }
            if group {
                self.confirm_later(air, SUCCESS, message);
            }
            self.note(sent);
            return;
        }
        if address == 0 {
            self.confirm_later(self.timing.air, SUCCESS, message);
            self.loop_back(message);
            self.note(sent);
            return;
        }
        let (status, after) = self.deliver(device, message);
        if status != SUCCESS {
            sent.delivery = Delivery::Failed(status);
        }
        self.note(sent);
        self.confirm_later(after, status, message);
    }

    fn confirm_later(&mut self, after: Duration, status: u8, message: &Message) {
        self.ram.unconfirmed += 1;
        self.later(
            after,
            Event::Confirm(status, message.source_endpoint, message.transaction),
        );
    }

    /// Brings a message to one device. Gives the status and when it is known.
    fn deliver(&mut self, device: Option<IeeeAddress>, message: &Message) -> (u8, Duration) {
        let reach = self.reach_from_here(device);
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

    /// How long a message of the coordinator takes to a device, or why it does not get there.
    pub(super) fn reach_from_here(
        &mut self,
        device: Option<IeeeAddress>,
    ) -> Result<Duration, (u8, Duration)> {
        let after = self.reach(device)?;
        match device {
            Some(ieee) if self.is_understood_by(ieee) => Ok(after),
            _ => Err((NO_ACK, self.timing.failure)),
        }
    }

    /// How long a message takes to a device, or why it does not get there.
    fn reach(&mut self, device: Option<IeeeAddress>) -> Result<Duration, (u8, Duration)> {
        let failure = self.timing.failure;
        let air = self.timing.air;
        let now = self.now;
        let Some(member) = device.and_then(|ieee| self.members.get_mut(&ieee)) else {
            return Err((NO_ROUTE, failure));
        };
        // The radio is on another channel.
        if self.ram.inter_pan.is_some() {
            return Err((NO_ACK, failure));
        }
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
        if let Ok(after) = self.reach_from_here(Some(ieee)) {
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
    pub(super) fn uplink(&mut self, ieee: IeeeAddress, mut outgoing: Outgoing) {
        let now = self.now;
        let faults = self.faults(ieee);
        let understood = self.understands(ieee);
        let Some(member) = self.members.get_mut(&ieee) else {
            return;
        };
        let node = &member.device.node;
        // What sends is awake, and listens for a while.
        member.polled_at = now;
        member.awake_until =
            (now + Duration::from_millis(node.model.awake_ms)).max(member.awake_until);
        let deaf = self.ram.inter_pan.is_some() || !understood;
        if deaf || !node.joined || !node.reachable || self.random.chance(faults.lose_permille) {
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
    pub(super) fn arrive(&mut self, ieee: IeeeAddress, outgoing: &Outgoing) {
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
}
