//! The hub's data and what every part of it uses: outputs, timers, requests to the coordinator.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use adapters::{Instant, NetworkInfo, Reply, Request, RequestError, RequestId};
use devices::{Catalogue, JsonMap};
use zigbee::IeeeAddress;

use crate::availability::Watching;
use crate::durable::{DurableChange, Table};
use crate::executor::{Answer, Board, SlotId};
use crate::ota::Index;
use crate::procedures::Procedure;
use crate::procedures::bound_lights::Question;
use crate::queue::ExchangeId;
use crate::registry::Records;
use crate::strangers::Strangers;
use crate::timers::{Timer, TimerKey, Timers};
use crate::{
    Change, CommandError, CommandId, CommandReply, Entity, Event, Fetch, FetchId, LogLevel,
    LogLine, Now, Output, Settings, Traffic,
};

/// Whom the coordinator's reply concerns.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// The exchange in flight of a device.
    Exchange(IeeeAddress, ExchangeId),
    /// A procedure.
    Slot(SlotId),
    /// A notice that nobody waits for.
    Nobody,
    /// An answer to a message of the device with this network address.
    Answer(zigbee::NwkAddress),
    /// Which device has this network address?
    Stranger(zigbee::NwkAddress),
}

/// All that the hub knows. Procedures reach it through [`crate::executor::Shared`].
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Core {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) settings: Settings,
    pub(crate) seed: u64,
    pub(crate) now: Now,
    pub(crate) network: Option<NetworkInfo>,
    pub(crate) records: Records,
    pub(crate) strangers: Strangers,
    /// Effective options, also of devices that are not here (yet).
    pub(crate) options: BTreeMap<Entity, Arc<JsonMap>>,
    /// Cached states of devices that left by themselves and may come back.
    pub(crate) departed: BTreeMap<IeeeAddress, JsonMap>,
    /// What was counted for devices that left.
    pub(crate) gone: BTreeMap<IeeeAddress, Traffic>,
    /// Who waits for the scans of the network under way, with routes and without.
    pub(crate) scans: BTreeMap<bool, Vec<CommandId>>,
    /// Who waits for answers to frames of others' making.
    pub(crate) raw: Vec<crate::procedures::raw::Waiter>,
    /// A touchlink operation is under way.
    pub(crate) touchlink: bool,
    /// The coordinator was there before.
    pub(crate) started: bool,
    pub(crate) board: Board,
    pub(crate) procedures: VecDeque<Procedure>,
    pub(crate) timers: Timers,
    pub(crate) durable: Table,
    pub(crate) requests: BTreeMap<RequestId, Purpose>,
    pub(crate) permit_timer: Option<TimerKey>,
    pub(crate) watching: Watching,
    /// Lights that will be asked what a remote made of them.
    pub(crate) polls: BTreeMap<Question, TimerKey>,
    /// Kinds of problems that were logged for a device: later ones are only counted.
    pub(crate) reported: BTreeSet<(IeeeAddress, &'static str)>,
    /// Sequence number of broadcasts and group messages.
    pub(crate) group_sequence: u8,
    pub(crate) outputs: Vec<Output>,
    pub(crate) state_changed: bool,
    pub(crate) registry_changed: bool,
    /// Files that the world was asked for, and who waits for them.
    pub(crate) fetches: BTreeMap<FetchId, (Fetch, Vec<SlotId>)>,
    pub(crate) next_fetch: u64,
    /// Indexes of images that were read a short while ago.
    pub(crate) indexes: BTreeMap<String, (Instant, Arc<Index>)>,
    /// Calls of functions that were given out.
    pub(crate) next_call: u64,
    next_request: u64,
    next_exchange: u64,
}

impl Core {
    pub(crate) fn new(catalogue: Arc<Catalogue>, settings: Settings, seed: u64) -> Self {
        Self {
            catalogue,
            settings,
            seed,
            now: Now {
                instant: Instant(0),
                unix_ms: 0,
            },
            network: None,
            records: Records::default(),
            strangers: Strangers::default(),
            options: BTreeMap::new(),
            departed: BTreeMap::new(),
            gone: BTreeMap::new(),
            scans: BTreeMap::new(),
            raw: Vec::new(),
            touchlink: false,
            started: false,
            board: Board::default(),
            procedures: VecDeque::new(),
            timers: Timers::default(),
            durable: Table::default(),
            requests: BTreeMap::new(),
            permit_timer: None,
            watching: Watching::default(),
            polls: BTreeMap::new(),
            reported: BTreeSet::new(),
            group_sequence: scramble(seed, 0),
            outputs: Vec::new(),
            state_changed: false,
            registry_changed: false,
            fetches: BTreeMap::new(),
            next_fetch: 0,
            indexes: BTreeMap::new(),
            next_call: 0,
            next_request: 0,
            next_exchange: 0,
        }
    }

    /// An instant from now.
    pub(crate) fn after(&self, time: std::time::Duration) -> Instant {
        self.now.instant + time
    }

    pub(crate) fn next_exchange(&mut self) -> ExchangeId {
        self.next_exchange += 1;
        ExchangeId(self.next_exchange)
    }

    /// Asks the coordinator. While it is away the answer comes at once.
    pub(crate) fn request(&mut self, request: Request, purpose: Purpose) -> RequestId {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        if self.network.is_none() {
            if let Purpose::Slot(slot) = purpose {
                self.board
                    .answer(slot, Answer::Adapter(Err(RequestError::NotConnected)));
            }
            return id;
        }
        self.requests.insert(id, purpose);
        self.outputs.push(Output::Adapter(id, request));
        id
    }

    /// The coordinator answered.
    pub(crate) fn on_reply(&mut self, id: RequestId, result: Result<Reply, RequestError>) {
        match self.requests.remove(&id) {
            Some(Purpose::Exchange(ieee, exchange)) => self.on_delivery(ieee, exchange, result),
            Some(Purpose::Slot(slot)) => self.board.answer(slot, Answer::Adapter(result)),
            Some(Purpose::Stranger(nwk)) => self.on_stranger(nwk, &result),
            Some(Purpose::Answer(nwk)) => {
                if matches!(result, Err(RequestError::NotSent(_))) {
                    self.answer_dropped(nwk);
                }
            }
            Some(Purpose::Nobody) | None => {}
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.outputs.push(Output::Event(event));
    }

    pub(crate) fn reply(&mut self, id: CommandId, result: Result<CommandReply, CommandError>) {
        self.outputs.push(Output::Reply(id, result));
    }

    pub(crate) fn log(&mut self, level: LogLevel, device: Option<Entity>, text: impl Into<String>) {
        self.outputs.push(Output::Log(LogLine {
            level,
            device,
            text: text.into(),
        }));
    }

    /// Notes that `database.db` and `bridge/devices` say something else now.
    pub(crate) fn devices_changed(&mut self) {
        self.registry_changed = true;
        self.event(Event::DevicesChanged);
    }

    pub(crate) fn cancel(&mut self, key: Option<TimerKey>) {
        if let Some(key) = key {
            self.timers.cancel(key);
        }
    }

    /// Runs the timers that are due.
    pub(crate) fn fire(&mut self) {
        while let Some(timer) = self.timers.due(self.now.instant) {
            match timer {
                Timer::Slot(slot) => self.board.answer(slot, Answer::Tick),
                Timer::Response(ieee, exchange) => self.on_overdue(ieee, exchange),
                Timer::Expire(ieee, exchange) => self.on_expired(ieee, exchange),
                Timer::Debounce(ieee) => self.on_debounced(ieee),
                Timer::Throttle(ieee) => self.on_throttled(ieee),
                Timer::Device(ieee, name) => self.on_device_timer(ieee, &name),
                Timer::Announced(ieee) => self.on_announce_settled(ieee),
                Timer::Interview(ieee) => self.on_interview_due(ieee),
                Timer::Function(ieee, id) => self.on_function_overdue(ieee, id),
                Timer::ListFunctions(ieee) => self.on_functions_to_list(ieee),
                Timer::PermitJoin => self.on_permit_over(),
                Timer::Silent(ieee) => self.on_silent(ieee),
                Timer::Poll(ieee) => self.on_poll(ieee),
                Timer::BoundLight(question) => self.on_poll_due(question),
            }
        }
    }

    /// Looks at the clocks for the durable timers.
    pub(crate) fn look_at_clocks(&mut self) {
        let changes = self.durable.look(self.now);
        self.persist_durable(changes);
    }

    pub(crate) fn on_durable_command(&mut self, id: CommandId, changes: Vec<DurableChange>) {
        match self.durable.commit(self.now, changes) {
            Ok(changes) => {
                self.persist_durable(changes);
                self.reply(id, Ok(CommandReply::Done));
            }
            Err(error) => self.reply(id, Err(CommandError::Failed(error.to_string()))),
        }
    }

    fn persist_durable(&mut self, changes: Vec<DurableChange>) {
        if !changes.is_empty() {
            self.outputs.push(Output::Persist(Change::Durable(changes)));
        }
    }

    /// Tells of the durable timers that are due.
    pub(crate) fn tell_durable(&mut self) {
        for due in self.durable.due(self.now) {
            self.event(Event::TimerDue(due));
        }
    }

    /// Collects what the handling of an input gave.
    pub(crate) fn take_outputs(&mut self) -> Vec<Output> {
        // Members of groups are part of the registry.
        if std::mem::take(&mut self.watching.groups_due) || self.registry_changed {
            self.review_groups();
        }
        if std::mem::take(&mut self.registry_changed) {
            self.outputs.push(Output::Persist(Change::Registry));
        }
        if std::mem::take(&mut self.state_changed) {
            self.outputs.push(Output::Persist(Change::State));
        }
        std::mem::take(&mut self.outputs)
    }
}

/// A number that looks random but follows from the seed (the finaliser of `SplitMix64`).
pub(crate) fn mix(seed: u64, salt: u64) -> u64 {
    let mut value = seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// One byte of such a number.
pub(crate) fn scramble(seed: u64, salt: u64) -> u8 {
    mix(seed, salt).to_le_bytes()[0]
}
