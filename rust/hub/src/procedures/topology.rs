//! Who hears whom: the tables of neighbours and routes of the coordinator and all routers.

use std::time::Duration;

use adapters::{Reply, Request};
use devices::DeviceKind;
use zigbee::zdo::{self, Neighbor, Response, Route};
use zigbee::{IeeeAddress, NwkAddress};

use super::care::ask_adapter;
use super::io::sleep;
use crate::core::Core;
use crate::executor::Shared;
use crate::procedures::Procedure;
use crate::{CommandError, CommandId, CommandReply, Entity, LogLevel, Surroundings};

/// Before each node that is asked, so that the network has air for others (shared/facts/mqtt-api.md
/// §12.8).
const PAUSE: Duration = Duration::from_secs(1);
/// Before a node is asked once more.
const AGAIN: Duration = Duration::from_secs(5);

impl Core {
    /// Somebody wants to know the network's links. Who comes while a scan is under way gets what that
    /// one finds.
    pub(crate) fn on_scan_command(&mut self, id: CommandId, routes: bool) {
        if self.network.is_none() {
            self.reply(id, Err(not_connected()));
            return;
        }
        if let Some(waiting) = self.scans.get_mut(&routes) {
            waiting.push(id);
        } else {
            self.scans.insert(routes, vec![id]);
            self.procedures.push_back(Procedure::ScanNetwork { routes });
        }
    }

    fn scan_ended(&mut self, routes: bool, result: &Result<CommandReply, CommandError>) {
        for id in self.scans.remove(&routes).unwrap_or_default() {
            self.reply(id, result.clone());
        }
    }

    /// Who is asked, in the order of `database.db`: all that hear others and are not disabled.
    fn talkative(&self) -> Vec<IeeeAddress> {
        let records = self.records.devices().iter();
        records
            .filter(|record| {
                let kind = record.device.info.kind;
                !matches!(kind, DeviceKind::EndDevice | DeviceKind::GreenPower)
                    && !record.options.disabled
            })
            .map(crate::registry::Record::ieee)
            .collect()
    }
}

fn not_connected() -> CommandError {
    CommandError::Failed("the coordinator is not connected".into())
}

/// Asks all of them, one after the other.
pub(crate) async fn scan(shared: Shared, routes: bool) {
    let devices = shared.with(|core| {
        core.log(LogLevel::Info, None, "Network scan begins");
        core.talkative()
    });
    let mut found = Vec::with_capacity(devices.len());
    for device in devices {
        sleep(&shared, PAUSE).await;
        let address = shared.with(|core| {
            let nwk = core.records.get(device)?.device.info.nwk;
            core.network.is_some().then_some(nwk)
        });
        let Some(nwk) = address else {
            if shared.with(|core| core.network.is_none()) {
                let result = Err(not_connected());
                shared.with(|core| core.scan_ended(routes, &result));
                return;
            }
            // It left meanwhile.
            continue;
        };
        let neighbors = table(&shared, device, nwk, neighbors_page).await;
        let routes = if routes {
            table(&shared, device, nwk, routes_page).await
        } else {
            None
        };
        found.push(Surroundings {
            device,
            neighbors,
            routes,
        });
    }
    shared.with(|core| {
        core.log(LogLevel::Info, None, "Network scan finished");
        core.scan_ended(routes, &Ok(CommandReply::Network(found)));
    });
}

/// A page of a table: how long the table is, and the entries from the index that was asked for.
type Page<T> = Option<(u8, Vec<T>)>;

/// What a page is asked with, what the table is called, and how a page is read.
type Pages<T> = fn(u8) -> Question<T>;
type Question<T> = (zdo::Request, &'static str, fn(Response) -> Page<T>);

fn neighbors_page(start: u8) -> Question<Neighbor> {
    let read = |response| match response {
        Response::MgmtLqi {
            total, neighbors, ..
        } => Some((total, neighbors)),
        _ => None,
    };
    (zdo::Request::MgmtLqi { start }, "neighbours", read)
}

fn routes_page(start: u8) -> Question<Route> {
    let read = |response| match response {
        Response::MgmtRouting { total, routes, .. } => Some((total, routes)),
        _ => None,
    };
    (zdo::Request::MgmtRouting { start }, "routes", read)
}

/// A whole table, with a second try; `None`, with a line in the log: it could not be had.
async fn table<T>(
    shared: &Shared,
    device: IeeeAddress,
    nwk: NwkAddress,
    pages: Pages<T>,
) -> Option<Vec<T>> {
    let first = read_table(shared, nwk, pages).await;
    let result = if first.is_err() {
        sleep(shared, AGAIN).await;
        read_table(shared, nwk, pages).await
    } else {
        first
    };
    result
        .inspect_err(|error| {
            let (_, what, _) = pages(0);
            shared.with(|core| {
                core.log(
                    LogLevel::Warning,
                    Some(Entity::Device(device)),
                    format!("'{{name}}' did not tell its {what}: {error}"),
                );
            });
        })
        .ok()
}

async fn read_table<T>(
    shared: &Shared,
    nwk: NwkAddress,
    pages: Pages<T>,
) -> Result<Vec<T>, CommandError> {
    let mut entries = Vec::new();
    loop {
        // The index has one byte, and so has the length.
        let Ok(start) = u8::try_from(entries.len()) else {
            return Ok(entries);
        };
        let (request, _, read) = pages(start);
        let reply = ask_adapter(shared, Request::Zdo(nwk, request)).await?;
        let page = match reply {
            Reply::Zdo(response) => read(response),
            _ => None,
        };
        let Some((total, page)) = page else {
            return Err(CommandError::Failed("an answer of another kind".into()));
        };
        let is_last = page.is_empty();
        entries.extend(page);
        // One that promises more than it gives is not asked for ever.
        if is_last || entries.len() >= usize::from(total) {
            return Ok(entries);
        }
    }
}
