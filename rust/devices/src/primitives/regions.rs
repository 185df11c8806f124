//! Regions of a presence sensor: a grid whose cells are watched together.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::zcl::{Attribute, DataType, Value};

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{At, Data};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{JsonMap, LocalFuture};

const UPSERT: &str = "region_upsert";
const DELETE: &str = "region_delete";
const CONFIGURED: &str = "configured_regions";
const REGIONS: std::ops::RangeInclusive<i64> = 1..=10;
const COLUMNS: std::ops::RangeInclusive<i64> = 1..=4;
const ROWS: std::ops::RangeInclusive<i64> = 1..=7;
/// Kinds of events, by code.
const EVENTS: [(u8, &str); 4] = [
    (1, "enter"),
    (2, "leave"),
    (4, "occupied"),
    (8, "unoccupied"),
];

/// Regions that are written to one attribute and told of in another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Regions {
    /// Octets: the number of a region, what happened in it.
    event: At,
    /// Octets: what is done to a region.
    write: At,
}

/// Cells, as (row, column): the order in which they are told.
type Cells = Vec<(i64, i64)>;

fn region(value: &Json) -> Result<i64, Failure> {
    let id = value.get("region_id").and_then(Json::as_i64);
    id.filter(|id| REGIONS.contains(id)).ok_or_else(|| {
        Failure::value(format!(
            "'region_id' must be a number from {} to {}",
            REGIONS.start(),
            REGIONS.end()
        ))
    })
}

fn cells(value: &Json) -> Result<Cells, Failure> {
    let cell = |zone: &Json| {
        let number = |key: &str| zone.get(key).and_then(Json::as_i64);
        let column = number("x").filter(|x| COLUMNS.contains(x))?;
        let row = number("y").filter(|y| ROWS.contains(y))?;
        Some((row, column))
    };
    value
        .get("zones")
        .and_then(Json::as_array)
        .filter(|zones| !zones.is_empty())
        .and_then(|zones| zones.iter().map(cell).collect())
        .ok_or_else(|| {
            Failure::value(
                "'zones' must be a list of {\"x\": 1 to 4, \"y\": 1 to 7} that is not empty",
            )
        })
}

/// The octets that make a region of cells: two rows a byte, a bit per column.
fn upsert(id: i64, cells: &Cells) -> Vec<u8> {
    let mut rows = [0u8; 8];
    for (row, column) in cells {
        let slot = usize::try_from(row - 1)
            .ok()
            .and_then(|row| rows.get_mut(row));
        if let Some(slot) = slot {
            *slot |= 1 << (column - 1);
        }
    }
    let pairs = rows.chunks(2).map(|pair| match pair {
        [low, high] => low | high << 4,
        _ => 0,
    });
    let mut octets = vec![1, u8::try_from(id).unwrap_or_default()];
    octets.extend(pairs);
    octets.push(0xff);
    octets
}

fn delete(id: i64) -> Vec<u8> {
    vec![3, u8::try_from(id).unwrap_or_default(), 0, 0, 0, 0, 0]
}

/// The regions that a summary tells.
fn parse(summary: &str) -> BTreeMap<i64, Cells> {
    let mut regions = BTreeMap::new();
    for region in summary.split(" | ") {
        let Some((id, rows)) = region.split_once(": ") else {
            continue;
        };
        let rows = rows.split(" (").next().unwrap_or_default();
        let mut cells = Cells::new();
        for row in rows.split("; ") {
            let Some((row, ranges)) = row.strip_prefix('y').and_then(|row| row.split_once('='))
            else {
                continue;
            };
            let Some(row) = row.parse().ok().filter(|row| ROWS.contains(row)) else {
                continue;
            };
            for range in ranges.split(',') {
                let range = range.strip_prefix('x').unwrap_or_default();
                let (from, to) = range.split_once('-').unwrap_or((range, range));
                if let (Ok(from), Ok(to)) = (from.parse::<i64>(), to.parse::<i64>()) {
                    let columns = from.max(*COLUMNS.start())..=to.min(*COLUMNS.end());
                    cells.extend(columns.map(|column| (row, column)));
                }
            }
        }
        if let Ok(id) = id.parse() {
            regions.insert(id, cells);
        }
    }
    regions
}

/// Regions in a line, such as `1: y1=x1-2; y3=x4 (3 zones)`.
fn summarise(regions: &BTreeMap<i64, Cells>) -> String {
    if regions.is_empty() {
        return "None".to_owned();
    }
    let lines: Vec<String> = regions
        .iter()
        .map(|(id, cells)| {
            let mut rows: BTreeMap<i64, BTreeSet<i64>> = BTreeMap::new();
            for (row, column) in cells {
                rows.entry(*row).or_default().insert(*column);
            }
            let rows: Vec<String> = rows
                .into_iter()
                .map(|(row, columns)| format!("y{row}={}", ranges(&columns).join(",")))
                .collect();
            format!("{id}: {} ({} zones)", rows.join("; "), cells.len())
        })
        .collect();
    lines.join(" | ")
}

fn ranges(columns: &BTreeSet<i64>) -> Vec<String> {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for column in columns {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == *column => *to = *column,
            _ => ranges.push((*column, *column)),
        }
    }
    ranges
        .into_iter()
        .map(|(from, to)| {
            if from == to {
                format!("x{from}")
            } else {
                format!("x{from}-{to}")
            }
        })
        .collect()
}

impl Primitive for Regions {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.event.cluster());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let numeric = |name: &str, range: &std::ops::RangeInclusive<i64>| {
            let mut expose = Expose::generic(ExposeKind::Numeric, name, SET);
            expose.value_min = Some((*range.start()).into());
            expose.value_max = Some((*range.end()).into());
            expose
        };
        out.push(
            Expose::generic(ExposeKind::Text, CONFIGURED, STATE).described(
                "Region definitions written through Zigbee2MQTT. This is a Zigbee2MQTT-side cache \
                 and may not include regions configured by another gateway.",
            ),
        );
        let mut position = Expose::generic(ExposeKind::Composite, "Zone position", SET);
        position.property = None;
        position.features = vec![numeric("x", &COLUMNS), numeric("y", &ROWS)];
        let mut zones = Expose::generic(ExposeKind::List, "zones", SET).described(
            "list of dictionaries in the format {\"x\": 1, \"y\": 1}, {\"x\": 2, \"y\": 1}",
        );
        zones.item_type = Some(Box::new(position));
        let mut upsert = Expose::generic(ExposeKind::Composite, UPSERT, SET).described(
            "Definition of a new region to be added (or replace existing one). Creating or modifying \
             a region requires you to define which zones of a 7x4 detection grid should be active for \
             that zone. Regions can overlap, meaning that a zone can be defined in more than one \
             region (eg. \"zone x = 1 & y = 1\" can be added to region 1 & 2). \"Zone x = 1 & y = 1\" \
             is the nearest zone on the right (from sensor's perspective, along the detection path).",
        );
        upsert.features = vec![numeric("region_id", &REGIONS), zones];
        out.push(upsert);
        let mut delete = Expose::generic(ExposeKind::Composite, DELETE, SET)
            .described("Region definition to be deleted from the device.");
        delete.features = vec![numeric("region_id", &REGIONS)];
        out.push(delete);
    }

    fn actions(&self, out: &mut Vec<String>) {
        out.extend(EVENTS.map(|(_, event)| format!("region_*_{event}")));
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(value) = incoming.value(self.event) else {
            return;
        };
        let event = match value {
            Value::Octets(octets) => match octets.as_slice() {
                [region, code, ..] => EVENTS
                    .iter()
                    .find(|(known, _)| known == code)
                    .map(|(_, event)| (region, event)),
                _ => None,
            },
            _ => None,
        };
        match event {
            Some((region, event)) => out.put("action", format!("region_{region}_{event}")),
            None => out.problem(
                "unexpected_value",
                format!("{value:?} is no event of a region"),
            ),
        }
    }

    fn claims(&self, key: &str) -> bool {
        matches!(key, UPSERT | DELETE)
    }

    fn part(&self, key: &str) -> usize {
        usize::from(key == DELETE)
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let id = region(call.value)?;
            let cells = match call.key {
                UPSERT => Some(cells(call.value)?),
                _ => None,
            };
            let octets = match &cells {
                Some(cells) => upsert(id, cells),
                None => delete(id),
            };
            let attribute = Attribute {
                id: self.write.attribute(),
                data_type: DataType::OCTET_STRING,
                value: Value::Octets(octets),
            };
            call.write(self.write, vec![attribute]).await?;
            let known = call.io.state(CONFIGURED);
            let mut regions = parse(known.as_ref().and_then(Json::as_str).unwrap_or_default());
            match cells {
                Some(mut cells) => {
                    cells.sort_unstable();
                    regions.insert(id, cells);
                }
                None => {
                    regions.remove(&id);
                }
            }
            Ok(JsonMap::from_iter([(
                CONFIGURED.to_owned(),
                Json::from(summarise(&regions)),
            )]))
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_tells_the_regions_that_it_was_made_of() {
        let regions = BTreeMap::from([
            (2, vec![(1, 1), (1, 2), (1, 4), (7, 3)]),
            (10, vec![(4, 2)]),
        ]);
        let summary = summarise(&regions);
        assert_eq!(
            summary,
            "2: y1=x1-2,x4; y7=x3 (4 zones) | 10: y4=x2 (1 zones)"
        );
        assert_eq!(parse(&summary), regions);
        assert_eq!(summarise(&parse("None")), "None");
        // Any text may stand in the state file.
        assert_eq!(
            parse("1: y1=x1-9999999999999; y99=x1"),
            BTreeMap::from([(1, vec![(1, 1), (1, 2), (1, 3), (1, 4)])])
        );
    }

    #[test]
    fn two_rows_share_a_byte() {
        assert_eq!(
            upsert(3, &vec![(1, 1), (2, 4), (7, 2)]),
            [1, 3, 0x81, 0, 0, 0x02, 0xff]
        );
        assert_eq!(delete(3), [3, 3, 0, 0, 0, 0, 0]);
    }
}
