//! `database.db`: one JSON object per line (shared/facts/config.md §7).

use std::collections::BTreeSet;

use hub::{Device, Group};
use serde_json::Value as Json;

use super::error::Warning;
use super::record;

/// The file's name.
pub(crate) const FILE: &str = "database.db";

/// Longest line that is read, in bytes. Real records stay below 64 kB.
const MAX_LINE: usize = 4 << 20;

/// How many unreadable lines are told one by one: of a file that is no database at all, few are enough.
const MAX_TOLD: usize = 10;

/// What a `database.db` says.
#[derive(Debug, Default)]
pub struct Database {
    /// Devices in the order of the file.
    pub devices: Vec<Device>,
    /// Groups in the order of the file.
    pub groups: Vec<Group>,
    /// Records of a kind that nothing here knows, with their number; written back as they are.
    pub foreign: Vec<(u32, String)>,
    /// Lines that are no record. They are not written back: whoever reads keeps them elsewhere.
    pub unreadable: Vec<Vec<u8>>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// Reads a `database.db`. Never fails: what can't be read is in [`Database::unreadable`].
pub fn parse_database(bytes: &[u8]) -> Database {
    let mut database = Database::default();
    let mut ids = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        if let Err(reason) = read_line(line, &mut database, &mut ids, &mut addresses) {
            if database.unreadable.len() < MAX_TOLD {
                database.warnings.push(Warning::new(
                    FILE,
                    format!("line {} is no record: {reason}", index + 1),
                ));
            }
            database.unreadable.push(line.to_vec());
        }
    }
    drop_lost_members(&mut database);
    database
}

fn read_line(
    line: &[u8],
    database: &mut Database,
    ids: &mut BTreeSet<u32>,
    addresses: &mut BTreeSet<zigbee::IeeeAddress>,
) -> Result<(), String> {
    if line.len() > MAX_LINE {
        return Err(format!("it is longer than {MAX_LINE} bytes"));
    }
    let value: Json = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let Json::Object(map) = value else {
        return Err("it is not a JSON object".to_owned());
    };
    let id = map
        .get("id")
        .and_then(super::json::whole)
        .and_then(|id| u32::try_from(id).ok())
        .ok_or("it has no `id`")?;
    if !ids.insert(id) {
        return Err(format!("another line has the id {id} too"));
    }
    let kind = map.get("type").and_then(Json::as_str).unwrap_or_default();
    match kind {
        "Coordinator" | "Router" | "EndDevice" | "Unknown" | "GreenPower" => {
            let device = record::read_device(id, map)?;
            let ieee = device.info.ieee;
            if !addresses.insert(ieee) {
                return Err(format!("another line has the device {ieee} too"));
            }
            database.devices.push(device);
        }
        "Group" => {
            let group = record::read_group(id, map)?;
            let number = group.id;
            if database.groups.iter().any(|other| other.id == number) {
                return Err(format!("another line has the group {} too", number.0));
            }
            database.groups.push(group);
        }
        _ => {
            let text = String::from_utf8_lossy(line).into_owned();
            database.foreign.push((id, text));
        }
    }
    Ok(())
}

/// Drops members whose device or endpoint is not there, as Zigbee2MQTT does.
fn drop_lost_members(database: &mut Database) {
    let devices = &database.devices;
    for group in &mut database.groups {
        let before = group.members.len();
        group.members.retain(|(ieee, endpoint)| {
            devices.iter().any(|device| {
                device.info.ieee == *ieee && device.info.endpoints.contains_key(endpoint)
            })
        });
        let lost = before - group.members.len();
        if lost > 0 {
            database.warnings.push(Warning::new(
                FILE,
                format!(
                    "group {}: dropped {lost} member(s) whose device or endpoint is not there",
                    group.id.0
                ),
            ));
        }
    }
}

/// The records of a `database.db`, ready to be written.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DatabaseImage {
    records: Vec<(u32, String)>,
}

impl std::fmt::Debug for DatabaseImage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Green Power records hold keys.
        f.debug_struct("DatabaseImage")
            .field("records", &self.records.len())
            .finish()
    }
}

impl DatabaseImage {
    /// The records of these devices and groups.
    pub fn new<'a>(
        devices: impl IntoIterator<Item = &'a Device>,
        groups: impl IntoIterator<Item = &'a Group>,
    ) -> Self {
        let devices = devices
            .into_iter()
            .map(|device| (device.database_id, record::write_device(device)));
        let groups = groups
            .into_iter()
            .map(|group| (group.database_id, record::write_group(group)));
        Self {
            records: devices.chain(groups).collect(),
        }
    }

    /// The records, devices first, in the order in which they were given.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.records.iter().map(|(_, line)| line.as_str())
    }

    /// The file: a line per record in the order of their numbers, no line end after the last.
    pub fn render(&self, foreign: &[(u32, String)]) -> String {
        let mut records: Vec<_> = self.records.iter().chain(foreign).collect();
        records.sort_by_key(|(id, _)| *id);
        let lines: Vec<_> = records.into_iter().map(|(_, line)| line.as_str()).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
#[path = "database_tests.rs"]
mod tests;
