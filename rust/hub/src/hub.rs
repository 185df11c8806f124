//! The state machine's face: inputs, outputs, views.

use std::fmt;
use std::sync::Arc;

use adapters::{ApsIndication, Instant, NetworkInfo};
use devices::{Catalogue, DeviceKind, JsonMap};
use zigbee::IeeeAddress;

use crate::core::{Core, scramble};
use crate::durable::{DurableRows, Table};
use crate::executor::Executor;
use crate::options::{Options, is_transient};
use crate::registry::{GroupRecord, Record};
use crate::{
    Counters, Device, Entity, FunctionCounters, Group, Input, InterviewState, LogLevel, Now,
    Output, Registry, Settings, Traffic, Watched,
};

/// The state machine.
///
/// Not `Send`: it lives where it was made, and its procedures with it.
pub struct Hub {
    core: Core,
    executor: Executor,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("devices", &self.core.records.devices().len())
            .field("procedures", &self.executor.len())
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub that has not heard from its coordinator yet. `seed` feeds every choice that would
    /// otherwise be random.
    pub fn new(
        catalogue: Arc<Catalogue>,
        registry: Registry,
        settings: Settings,
        seed: u64,
    ) -> Self {
        let executor = Executor::new(Core::new(catalogue.clone(), Settings::default(), seed));
        let mut core = Core::new(catalogue, settings, seed);
        let Registry {
            devices,
            groups,
            mut states,
            options,
            last_id,
            durable,
        } = registry;
        core.records.taken(last_id);
        core.durable = Table::new(durable);
        for mut device in devices {
            let ieee = device.info.ieee;
            if device.interview == InterviewState::InProgress {
                device.interview = InterviewState::Pending;
            }
            // One whose interview was asked for again and failed is still what it was.
            if device.definition.is_none()
                && device.interview != InterviewState::Pending
                && device.info.kind != DeviceKind::Coordinator
            {
                device.definition = match device.interview {
                    InterviewState::Successful => core.catalogue.define(&device.info),
                    _ => core.catalogue.find(&device.info),
                };
            }
            let mut record = Record::new(device);
            record.queue.start_at(scramble(seed, ieee.0));
            record.state = loaded(states.remove(&Entity::Device(ieee)));
            record.duties.configure_due = record.wants_configure();
            core.records.insert(record);
        }
        for group in groups {
            let state = loaded(states.remove(&Entity::Group(group.id)));
            core.records.insert_group(GroupRecord {
                group,
                state,
                options: Options::default(),
                mirrored: JsonMap::new(),
                notes: JsonMap::new(),
                available: None,
            });
        }
        for (entity, options) in options {
            core.set_options(entity, options);
        }
        Self { core, executor }
    }

    /// Takes an input and says what has to be done, in order.
    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        self.core.now = now;
        self.core.look_at_clocks();
        self.core.fire();
        match input {
            Input::Adapter(event) => self.core.on_event(event),
            Input::Command(id, command) => self.core.on_command(id, command),
            Input::Fetched(id, fetched) => self.core.on_fetched(id, &fetched),
            Input::ConverterReply(id, result) => self.core.on_converter_reply(id, result),
            Input::Timer => {}
        }
        self.executor.run(&mut self.core);
        self.core.tell_durable();
        self.core.take_outputs()
    }

    /// When [`Input::Timer`] is wanted.
    pub fn next_deadline(&self) -> Option<Instant> {
        let durable = self.core.durable.next_deadline(self.core.now);
        self.core.timers.next().into_iter().chain(durable).min()
    }

    /// Durable timers and values as they are now.
    pub fn durable(&self) -> DurableRows {
        self.core.durable.rows()
    }

    /// All devices in the order of `database.db`, the coordinator among them.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.core
            .records
            .devices()
            .iter()
            .map(|record| &record.device)
    }

    /// The device that sent a message, if it is known.
    pub fn sender(&self, message: &ApsIndication) -> Option<IeeeAddress> {
        let record = self.core.records.by_nwk(self.core.sender(message))?;
        Some(record.device.info.ieee)
    }

    /// One device.
    pub fn device(&self, ieee: IeeeAddress) -> Option<&Device> {
        self.core.records.get(ieee).map(|record| &record.device)
    }

    /// All groups in the order of `database.db`.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.core
            .records
            .groups()
            .iter()
            .map(|record| &record.group)
    }

    /// The cached state of a device or group.
    pub fn state(&self, entity: Entity) -> Option<&JsonMap> {
        match entity {
            Entity::Device(ieee) => self.core.records.get(ieee).map(|record| &record.state),
            Entity::Group(id) => self.core.records.group(id).map(|record| &record.state),
        }
    }

    /// What is known of a device: the cached state with `last_seen`, where the settings want it, and
    /// `linkquality`.
    pub fn snapshot(&self, ieee: IeeeAddress) -> Option<JsonMap> {
        let record = self.core.records.get(ieee)?;
        Some(crate::publish::snapshot(record, &self.core.settings))
    }

    /// What was counted for a device since the start.
    pub fn counters(&self, ieee: IeeeAddress) -> Option<&Counters> {
        self.core.records.get(ieee).map(|record| &record.counters)
    }

    /// What was counted of the functions of a device's converter; `None` for one without.
    pub fn functions(&self, ieee: IeeeAddress) -> Option<&FunctionCounters> {
        let record = self.core.records.get(ieee)?;
        let definition = record.device.definition.as_ref()?;
        definition
            .calls_functions()
            .then_some(&record.functions.counters)
    }

    /// Calls of functions of a device's converter that are not answered yet.
    pub fn calls(&self, ieee: IeeeAddress) -> usize {
        let record = self.core.records.get(ieee);
        record.map_or(0, |record| record.functions.pending())
    }

    /// How devices are watched now.
    pub fn watched(&self) -> Vec<Watched> {
        self.core.watched()
    }

    /// Goes on to watch devices as another hub did.
    pub fn go_on_watching(&mut self, all: &[Watched]) {
        self.core.go_on_watching(all);
    }

    /// Known models.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.core.catalogue
    }

    /// What `bridge/health` tells: of every device that was heard, has moved or left since the start
    /// or the last [`crate::Command::ResetTraffic`].
    pub fn traffic(&self) -> impl Iterator<Item = (IeeeAddress, &Traffic)> {
        let here = self.core.records.devices().iter();
        let here = here.map(|record| (record.ieee(), &record.traffic));
        let gone = self
            .core
            .gone
            .iter()
            .map(|(ieee, traffic)| (*ieee, traffic));
        here.chain(gone)
            .filter(|(_, traffic)| **traffic != Traffic::default())
    }

    /// True while images for a device are looked for or transferred.
    pub fn ota_busy(&self, ieee: IeeeAddress) -> bool {
        self.core
            .records
            .get(ieee)
            .is_some_and(|record| record.duties.ota.job.is_some())
    }

    /// True when the availability of a device or group is watched, by the settings and its options.
    pub fn is_watched(&self, entity: Entity) -> bool {
        self.core.is_watched(entity)
    }

    /// Whether a device or group that is watched is there; `None` for others, and for all until the
    /// coordinator came up for the first time.
    pub fn availability(&self, entity: Entity) -> Option<bool> {
        self.core.availability(entity)
    }

    /// The coordinator and its network, while it is there.
    pub fn network(&self) -> Option<&NetworkInfo> {
        self.core.network.as_ref()
    }
}

/// A cached state from the file. Keys that no cache keeps got there by hand or from old versions; they
/// would be published as if they had just happened (mqtt-api.md §14, 13).
fn loaded(state: Option<JsonMap>) -> JsonMap {
    let mut state = state.unwrap_or_default();
    state.retain(|key, _| !is_transient(key));
    crate::ota::settled(&mut state);
    state
}

impl Core {
    fn on_event(&mut self, event: adapters::Event) {
        use adapters::Event as E;

        match event {
            E::Message(indication) => self.on_message(&indication),
            E::Reply(id, result) => self.on_reply(id, result),
            E::Up(network) => self.on_up(network),
            E::Down => self.on_down(),
            E::Joined { nwk, ieee, .. } => self.on_joined(nwk, ieee),
            E::Announced {
                nwk,
                ieee,
                capabilities,
            } => self.on_announced(nwk, ieee, capabilities),
            E::Left { ieee, .. } => self.on_left(ieee),
            E::Address { nwk, ieee } => self.learn_address(ieee, nwk),
            E::Zdo { .. } => {}
        }
    }

    /// Compiles the options of a device or group.
    pub(crate) fn set_options(&mut self, entity: Entity, raw: Arc<JsonMap>) {
        self.options.insert(entity, raw.clone());
        let (options, refused) = Options::compile(raw);
        for pattern in refused {
            self.log(
                LogLevel::Error,
                Some(entity),
                format!(
                    "{{name}}: the pattern '{pattern}' in its filters is not a regular expression \
                     that can be used; it is ignored"
                ),
            );
        }
        match entity {
            Entity::Device(ieee) => {
                if let Some(record) = self.records.get_mut(ieee) {
                    record.options = options;
                    record.duties.configure_due = record.wants_configure();
                }
                self.review_device(ieee);
                self.review_polling(ieee);
                self.watching.groups_due = true;
            }
            Entity::Group(id) => {
                if let Some(record) = self.records.group_mut(id) {
                    record.options = options;
                }
            }
        }
    }
}
