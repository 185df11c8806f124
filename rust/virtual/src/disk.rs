//! What survives the bridge: everything that it gave out to be saved.

use std::collections::BTreeMap;

use bridge::core::{Core, Save};
use bridge::data::{DatabaseImage, Settings, parse_database};
use devices::JsonMap;
use hub::{DurableRows, Entity, Group, Registry};
use serde_json::Value as Json;
use zigbee::{EndpointId, GroupId, IeeeAddress};

/// A group and its members.
pub(crate) type Members = (GroupId, Vec<(IeeeAddress, EndpointId)>);

/// The data directory.
pub(crate) struct Disk {
    pub(crate) settings: Settings,
    database: String,
    states: BTreeMap<Entity, JsonMap>,
    durable: DurableRows,
    /// Holds the network key.
    pub(crate) backup: Option<Json>,
}

impl Disk {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            database: String::new(),
            states: BTreeMap::new(),
            durable: DurableRows::default(),
            backup: None,
        }
    }

    pub(crate) fn save(&mut self, core: &Core, save: Save) {
        let hub = core.hub();
        match save {
            Save::Settings => self.settings = core.settings().clone(),
            Save::Database => {
                self.database = DatabaseImage::new(hub.devices(), hub.groups()).render(&[]);
            }
            Save::State => {
                let devices = hub.devices().map(|device| Entity::Device(device.info.ieee));
                let groups = hub.groups().map(|group| Entity::Group(group.id));
                self.states = devices
                    .chain(groups)
                    .filter_map(|entity| Some((entity, hub.state(entity)?.clone())))
                    .collect();
            }
            Save::CoordinatorBackup(backup) => self.backup = Some(backup),
            // Nobody looks at images here.
            Save::Icon(_) => {}
            Save::Durable(changes) => self.durable.apply(changes),
        }
    }

    /// Puts a `database.db` of another's there, whose devices have yet to be configured, with groups.
    pub(crate) fn put_database(&mut self, text: &str, groups: &[Members]) {
        let mut database = parse_database(text.as_bytes());
        for device in &mut database.devices {
            device.meta.remove("configured");
        }
        let first = database.devices.len();
        let groups: Vec<Group> = groups
            .iter()
            .zip(first..)
            .map(|((id, members), place)| Group {
                id: *id,
                members: members.clone(),
                meta: JsonMap::new(),
                extra: JsonMap::new(),
                database_id: u32::try_from(place + 1).unwrap_or(u32::MAX),
            })
            .collect();
        self.database = DatabaseImage::new(&database.devices, &groups).render(&[]);
    }

    /// What a bridge reads at its start: through the same text as on a real disk.
    pub(crate) fn registry(&self) -> Registry {
        let database = parse_database(self.database.as_bytes());
        Registry {
            devices: database.devices,
            groups: database.groups,
            states: self.states.clone(),
            options: self.settings.all_options(),
            durable: self.durable.clone(),
            ..Registry::default()
        }
    }
}
