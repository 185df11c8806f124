//! The coordinator comes and goes; devices join, announce themselves, leave.

use std::time::Duration;

use adapters::{NetworkInfo, PermitVia, Request, RequestError};
use devices::{DeviceInfo, DeviceKind, JsonMap};
use zigbee::{EndpointId, IeeeAddress, NwkAddress};

use crate::core::{Core, Purpose, scramble};
use crate::procedures::Procedure;
use crate::registry::Record;
use crate::timers::Timer;
use crate::{Device, Entity, Event, InterviewState, LogLevel};

/// How many devices that left have their cached state and their counts kept.
const DEPARTED: usize = 64;

impl Core {
    /// The coordinator is there.
    pub(crate) fn on_up(&mut self, network: NetworkInfo) {
        let ieee = network.ieee;
        let endpoints = network.endpoints.clone();
        self.network = Some(network.clone());
        self.keep_coordinator(ieee, &endpoints);
        self.event(Event::Up(network));
        let devices: Vec<_> = self.records.devices().iter().map(Record::ieee).collect();
        for ieee in devices {
            self.pump(ieee);
        }
        if !std::mem::replace(&mut self.started, true) {
            self.expel();
            self.start_up();
            self.start_polling();
        }
        self.watch_again();
    }

    /// The coordinator's own record. One with another address belongs to a stick that was replaced.
    fn keep_coordinator(&mut self, ieee: IeeeAddress, endpoints: &[EndpointId]) {
        let known = self
            .records
            .devices()
            .iter()
            .find(|record| record.device.info.kind == DeviceKind::Coordinator)
            .map(Record::ieee);
        if known == Some(ieee) {
            return;
        }
        let id = known.and_then(|known| self.records.get(known)).map_or_else(
            || self.records.next_id(),
            |record| record.device.database_id,
        );
        let mut info = blank(ieee, NwkAddress::COORDINATOR);
        info.kind = DeviceKind::Coordinator;
        for endpoint in endpoints {
            info.endpoints
                .insert(*endpoint, devices::Endpoint::default());
        }
        let record = Record::new(Device {
            interview: InterviewState::Successful,
            ..new_device(info, id)
        });
        if let Some(known) = known {
            self.records.replace(known, record);
        } else {
            self.records.insert_first(record);
        }
        self.devices_changed();
    }

    /// The coordinator is gone. Requests under way were replied to before; one that was not would
    /// hold its device's queue for ever.
    pub(crate) fn on_down(&mut self) {
        self.network = None;
        while let Some((id, _)) = self.requests.first_key_value() {
            let id = *id;
            self.on_reply(id, Err(RequestError::NotConnected));
        }
        if self.permit_timer.is_some() {
            self.on_permit_over();
        }
        self.event(Event::Down);
    }

    /// A device joined.
    pub(crate) fn on_joined(&mut self, nwk: NwkAddress, ieee: IeeeAddress) {
        if self.coordinator() == Some(ieee) {
            return;
        }
        if !self.is_welcome(ieee) {
            self.turn_away(nwk, ieee);
            return;
        }
        if self.records.get(ieee).is_some() {
            self.learn_address(ieee, nwk);
            self.wake(ieee);
        } else {
            let id = self.records.next_id();
            let mut record = Record::new(new_device(blank(ieee, nwk), id));
            record.queue.start_at(scramble(self.seed, ieee.0));
            record.device.last_seen = Some(self.now.unix_ms);
            record.traffic = self.gone.remove(&ieee).unwrap_or_default();
            record.traffic.heard(self.now.unix_ms);
            record.state = self.departed.remove(&ieee).unwrap_or_default();
            self.records.insert(record);
            let entity = Entity::Device(ieee);
            if let Some(options) = self.options.get(&entity).cloned() {
                self.set_options(entity, options);
            }
            self.devices_changed();
            self.event(Event::Joined(ieee));
            self.review_device(ieee);
        }
        self.start_interview_if_needed(ieee);
    }

    /// A device announced itself.
    pub(crate) fn on_announced(&mut self, nwk: NwkAddress, ieee: IeeeAddress, capabilities: u8) {
        if self.coordinator() == Some(ieee) {
            return;
        }
        if self.records.get(ieee).is_none() {
            // An announce is all that is heard of a join when the coordinator missed the rest.
            self.on_joined(nwk, ieee);
            if let Some(record) = self.records.get_mut(ieee) {
                record.always_on = Some(capabilities & 0x08 != 0);
            }
            return;
        }
        self.learn_address(ieee, nwk);
        let now = self.now.unix_ms;
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        record.always_on = Some(capabilities & 0x08 != 0);
        record.device.last_seen = Some(now);
        record.traffic.heard(now);
        let interviewed = record.device.interview == InterviewState::Successful;
        self.settle(ieee);
        self.ota_announced(ieee);
        if interviewed {
            self.event(Event::Announced(ieee));
            self.publish_last_seen(ieee);
        }
        self.heard(ieee);
        self.start_interview_if_needed(ieee);
    }

    /// A device left.
    pub(crate) fn on_left(&mut self, ieee: IeeeAddress) {
        if self
            .records
            .get(ieee)
            .is_some_and(|record| record.device.info.kind != DeviceKind::Coordinator)
        {
            self.forget(ieee);
        }
    }

    /// Takes a device out of the registry.
    pub(crate) fn forget(&mut self, ieee: IeeeAddress) {
        let Some(mut record) = self.records.remove(ieee) else {
            return;
        };
        self.stop_watching(&mut record);
        self.stop_polling(&mut record);
        self.stop_timers(std::mem::take(&mut record.timers));
        self.end_functions(&mut record.functions);
        if self.gone.len() < DEPARTED {
            let mut traffic = record.traffic;
            traffic.leaves += 1;
            self.gone.insert(ieee, traffic);
        }
        if self.departed.len() < DEPARTED {
            self.departed.insert(ieee, record.state.clone());
        }
        self.abandon(record);
        self.reported.retain(|(device, _)| *device != ieee);
        self.state_changed = true;
        self.devices_changed();
        self.event(Event::Left(ieee));
    }

    /// True when the passlist and blocklist let a device in.
    fn is_welcome(&self, ieee: IeeeAddress) -> bool {
        if self.settings.passlist.is_empty() {
            !self.settings.blocklist.contains(&ieee)
        } else {
            self.settings.passlist.contains(&ieee)
        }
    }

    /// Has those leave that joined when the passlist and blocklist were others.
    fn expel(&mut self) {
        let records = self.records.devices().iter();
        let devices: Vec<_> = records
            .filter(|record| {
                let kind = record.device.info.kind;
                !matches!(kind, DeviceKind::Coordinator | DeviceKind::GreenPower)
                    && !self.is_welcome(record.ieee())
            })
            .map(Record::ieee)
            .collect();
        if !devices.is_empty() {
            self.procedures.push_back(Procedure::Expel { devices });
        }
    }

    /// Asks a device that may not be here to leave.
    fn turn_away(&mut self, nwk: NwkAddress, ieee: IeeeAddress) {
        self.log(
            LogLevel::Warning,
            Some(Entity::Device(ieee)),
            format!("{ieee} is not allowed to join: asked to leave"),
        );
        if self.network.is_some() {
            self.request(
                Request::Zdo(
                    nwk,
                    zigbee::zdo::Request::MgmtLeave {
                        ieee,
                        remove_children: false,
                        rejoin: false,
                    },
                ),
                Purpose::Nobody,
            );
        }
    }

    /// The network is open for a time (0: closed).
    pub(crate) fn permitted(&mut self, seconds: u8) {
        let timer = self.permit_timer.take();
        self.cancel(timer);
        let until = (seconds > 0).then(|| {
            let at = self.after(Duration::from_secs(seconds.into()));
            self.permit_timer = Some(self.timers.set(at, Timer::PermitJoin));
            self.now.unix_ms.saturating_add(i64::from(seconds) * 1000)
        });
        self.event(Event::PermitJoin { until });
    }

    /// The time for which the network was open is over.
    pub(crate) fn on_permit_over(&mut self) {
        self.permitted(0);
    }

    /// Who opens the network.
    pub(crate) fn permit_via(&self, via: Option<IeeeAddress>) -> Option<PermitVia> {
        let Some(ieee) = via else {
            return Some(PermitVia::All);
        };
        let info = &self.records.get(ieee)?.device.info;
        Some(if info.kind == DeviceKind::Coordinator {
            PermitVia::Coordinator
        } else {
            PermitVia::Router(info.nwk)
        })
    }
}

/// A device of which only its addresses are known.
fn blank(ieee: IeeeAddress, nwk: NwkAddress) -> DeviceInfo {
    DeviceInfo {
        ieee,
        nwk,
        kind: DeviceKind::Unknown,
        model_id: None,
        manufacturer_name: None,
        manufacturer_code: None,
        power_source: None,
        application_version: None,
        stack_version: None,
        hardware_version: None,
        zcl_version: None,
        date_code: None,
        software_build_id: None,
        endpoints: std::collections::BTreeMap::new(),
    }
}

fn new_device(info: DeviceInfo, database_id: u32) -> Device {
    Device {
        info,
        interview: InterviewState::Pending,
        definition: None,
        last_seen: None,
        link_quality: None,
        meta: JsonMap::new(),
        checkin_interval: None,
        extra: JsonMap::new(),
        database_id,
    }
}
