//! Who is in the network: devices and groups with everything that belongs to them, found by either address.

use std::collections::BTreeMap;

use adapters::Instant;
use devices::{JsonMap, Memory};
use zigbee::{GroupId, IeeeAddress, NwkAddress};

use crate::availability::Watch;
use crate::device_timers::DeviceTimers;
use crate::executor::SlotId;
use crate::functions::{Functions, LastFrames};
use crate::options::Options;
use crate::ota::Desk;
use crate::polling::Polling;
use crate::publish::Publisher;
use crate::queue::Queue;
use crate::timers::TimerKey;
use crate::{CommandId, Counters, Device, Group, Traffic};

/// A device and all that the hub keeps for it.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) device: Device,
    pub(crate) state: JsonMap,
    pub(crate) options: Options,
    pub(crate) memory: Memory,
    pub(crate) queue: Queue,
    pub(crate) publisher: Publisher,
    pub(crate) timers: DeviceTimers,
    pub(crate) counters: Counters,
    pub(crate) traffic: Traffic,
    /// The cluster command that came last, to recognise its repetition.
    pub(crate) last_command: Option<(Instant, Vec<u8>)>,
    /// `rx on when idle` as the device announced it in this run.
    pub(crate) always_on: Option<bool>,
    pub(crate) duties: Duties,
    pub(crate) watch: Watch,
    pub(crate) polling: Polling,
    /// When it was told the time last.
    pub(crate) told_time: Option<Instant>,
    /// What the engine notes until the end of the program.
    pub(crate) notes: JsonMap,
    /// Functions of its converter.
    pub(crate) functions: Functions,
    /// What it said last.
    pub(crate) frames: LastFrames,
}

/// Procedures that run or are due for a device.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts, each with a life of its own"
)]
pub(crate) struct Duties {
    pub(crate) interviewing: bool,
    pub(crate) interview_failures: u32,
    pub(crate) interview_timer: Option<TimerKey>,
    /// Who asked for the interview under way.
    pub(crate) interview_commands: Vec<CommandId>,
    /// It said something since its interview failed.
    pub(crate) heard: bool,
    /// The record may not be configured yet; looked at again before anything is done.
    pub(crate) configure_due: bool,
    pub(crate) configuring: bool,
    pub(crate) configure_failures: u32,
    pub(crate) configure_commands: Vec<CommandId>,
    pub(crate) reconciling: bool,
    pub(crate) announced: Option<TimerKey>,
    /// An announce's work is under way.
    pub(crate) refreshing: bool,
    /// Procedures that wait for the device's next message.
    pub(crate) listeners: Vec<SlotId>,
    /// Its check-in interval was asked for.
    pub(crate) checkin_read: bool,
    /// Its requests for images.
    pub(crate) ota: Desk,
}

impl Record {
    pub(crate) fn new(device: Device) -> Self {
        Self {
            device,
            state: JsonMap::new(),
            options: Options::default(),
            memory: Memory::default(),
            queue: Queue::default(),
            publisher: Publisher::default(),
            timers: DeviceTimers::default(),
            counters: Counters::default(),
            traffic: Traffic::default(),
            last_command: None,
            always_on: None,
            duties: Duties::default(),
            watch: Watch::default(),
            polling: Polling::default(),
            told_time: None,
            notes: JsonMap::new(),
            functions: Functions::default(),
            frames: LastFrames::default(),
        }
    }

    pub(crate) fn ieee(&self) -> IeeeAddress {
        self.device.info.ieee
    }
}

/// A group and all that the hub keeps for it.
#[derive(Debug)]
pub(crate) struct GroupRecord {
    pub(crate) group: Group,
    pub(crate) state: JsonMap,
    pub(crate) options: Options,
    /// What was mirrored to it last (mqtt-api.md §8).
    pub(crate) mirrored: JsonMap,
    /// What the engine notes until the end of the program.
    pub(crate) notes: JsonMap,
    /// Its availability as it was told last; `None` while it has none.
    pub(crate) available: Option<bool>,
}

/// All devices and groups, in the order of `database.db`.
#[derive(Debug, Default)]
pub(crate) struct Records {
    devices: Vec<Record>,
    groups: Vec<GroupRecord>,
    by_ieee: BTreeMap<IeeeAddress, usize>,
    by_nwk: BTreeMap<NwkAddress, usize>,
    by_group: BTreeMap<GroupId, usize>,
    last_id: u32,
}

impl Records {
    pub(crate) fn devices(&self) -> &[Record] {
        &self.devices
    }

    pub(crate) fn devices_mut(&mut self) -> &mut [Record] {
        &mut self.devices
    }

    pub(crate) fn groups(&self) -> &[GroupRecord] {
        &self.groups
    }

    pub(crate) fn get(&self, ieee: IeeeAddress) -> Option<&Record> {
        self.devices.get(*self.by_ieee.get(&ieee)?)
    }

    pub(crate) fn get_mut(&mut self, ieee: IeeeAddress) -> Option<&mut Record> {
        self.devices.get_mut(*self.by_ieee.get(&ieee)?)
    }

    pub(crate) fn by_nwk(&self, nwk: NwkAddress) -> Option<&Record> {
        self.devices.get(*self.by_nwk.get(&nwk)?)
    }

    pub(crate) fn group(&self, id: GroupId) -> Option<&GroupRecord> {
        self.groups.get(*self.by_group.get(&id)?)
    }

    pub(crate) fn group_mut(&mut self, id: GroupId) -> Option<&mut GroupRecord> {
        self.groups.get_mut(*self.by_group.get(&id)?)
    }

    /// The next free sequence number of `database.db`.
    pub(crate) fn next_id(&self) -> u32 {
        self.last_id.saturating_add(1)
    }

    /// Sequence numbers up to this one are in use.
    pub(crate) fn taken(&mut self, last_id: u32) {
        self.last_id = self.last_id.max(last_id);
    }

    /// Adds a device at the end. One with the same address is replaced.
    pub(crate) fn insert(&mut self, record: Record) {
        let (ieee, nwk) = (record.ieee(), record.device.info.nwk);
        self.last_id = self.last_id.max(record.device.database_id);
        if let Some(old) = self.get_mut(ieee) {
            *old = record;
        } else {
            self.by_ieee.insert(ieee, self.devices.len());
            self.devices.push(record);
        }
        self.move_to(ieee, nwk);
    }

    /// Puts a device before all others.
    pub(crate) fn insert_first(&mut self, record: Record) {
        let mut devices = std::mem::take(&mut self.devices);
        self.by_ieee.clear();
        self.by_nwk.clear();
        self.insert(record);
        for record in devices.drain(..) {
            self.insert(record);
        }
    }

    /// Puts a device in the place of another.
    pub(crate) fn replace(&mut self, old: IeeeAddress, record: Record) {
        let Some(index) = self.by_ieee.remove(&old) else {
            return;
        };
        let (ieee, nwk) = (record.ieee(), record.device.info.nwk);
        if let Some(place) = self.devices.get_mut(index) {
            *place = record;
            self.by_ieee.insert(ieee, index);
            self.move_to(ieee, nwk);
        }
    }

    pub(crate) fn insert_group(&mut self, record: GroupRecord) {
        let id = record.group.id;
        self.last_id = self.last_id.max(record.group.database_id);
        if let Some(old) = self.group_mut(id) {
            *old = record;
        } else {
            self.by_group.insert(id, self.groups.len());
            self.groups.push(record);
        }
    }

    pub(crate) fn remove_group(&mut self, id: GroupId) {
        let Some(index) = self.by_group.remove(&id) else {
            return;
        };
        if index < self.groups.len() {
            self.groups.remove(index);
        }
        for position in self.by_group.values_mut() {
            if *position > index {
                *position -= 1;
            }
        }
    }

    pub(crate) fn remove(&mut self, ieee: IeeeAddress) -> Option<Record> {
        let index = self.by_ieee.remove(&ieee)?;
        if index >= self.devices.len() {
            return None;
        }
        let record = self.devices.remove(index);
        for position in self.by_ieee.values_mut() {
            if *position > index {
                *position -= 1;
            }
        }
        self.by_nwk.retain(|_, position| *position != index);
        for position in self.by_nwk.values_mut() {
            if *position > index {
                *position -= 1;
            }
        }
        Some(record)
    }

    /// Notes the network address of a device. True when it was another one before.
    pub(crate) fn move_to(&mut self, ieee: IeeeAddress, nwk: NwkAddress) -> bool {
        let Some(&index) = self.by_ieee.get(&ieee) else {
            return false;
        };
        let Some(record) = self.devices.get_mut(index) else {
            return false;
        };
        let moved = record.device.info.nwk != nwk;
        if moved {
            record.traffic.address_changes += 1;
        }
        record.device.info.nwk = nwk;
        // A former holder of this address has to be found again by its own frames or announce.
        self.by_nwk.retain(|_, position| *position != index);
        if nwk != NwkAddress::UNKNOWN {
            self.by_nwk.insert(nwk, index);
        }
        moved
    }
}
