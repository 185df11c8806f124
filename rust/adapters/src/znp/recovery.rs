//! Finding a device again: routes, addresses, and children that have moved on.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::Level;
use zigbee::{IeeeAddress, NwkAddress, Reader, Writer, zdo};

use super::commands::{util, zdo as zdo_commands};
use super::core::Handle;
use super::requester::Priority;
use super::status;
use crate::{Event, Instant, RequestError};

/// Route discoveries are broadcasts, and every router has room for few of them.
const DISCOVERY_PAUSE: Duration = Duration::from_secs(3);
/// The same device is not looked for more often.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(60);
const RADIUS: u8 = 30;

/// When routes were last looked for.
#[derive(Debug, Default)]
pub(super) struct Discoveries {
    /// When the next one may be sent.
    next: Instant,
    last: BTreeMap<u16, Instant>,
    /// When everyone was last asked for a device's address.
    asked: BTreeMap<u16, Instant>,
}

/// An entry of the stick's association table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Child {
    ieee: IeeeAddress,
    nwk: NwkAddress,
    relation: u8,
}

/// A child that was taken out of the association table, so that the stick looks for a route to it.
/// Unless it is found under another parent, it must be put back, or it is never reached again:
/// dropping this does so.
pub(super) struct RemovedChild {
    handle: Handle,
    child: Option<Child>,
}

impl RemovedChild {
    /// The device has another parent.
    pub(super) fn forget(mut self) {
        self.child = None;
    }

    /// Puts it back now.
    pub(super) async fn restore(mut self) {
        if let Some(child) = self.child
            && matches!(self.handle.post_child(child).await, Some(Ok(_)))
        {
            self.child = None;
        }
    }
}

impl Drop for RemovedChild {
    fn drop(&mut self) {
        let Some(child) = self.child.take() else {
            return;
        };
        let handle = self.handle.clone();
        self.handle.with(|core| {
            core.lost_children.push(child);
            // When the link is down, it is made good once the stick is up again.
            if core.up {
                core.spawn(Box::pin(async move { handle.restore_children().await }));
            }
        });
    }
}

impl Handle {
    fn post_child(&self, child: Child) -> super::executor::Receiver<super::requester::Answer> {
        let mut writer = Writer::new();
        writer.ieee(child.ieee).nwk(child.nwk).u8(child.relation);
        self.post(
            util::ASSOC_ADD,
            &writer.into_bytes(),
            Priority::Ordinary,
            super::requester::ANSWER_TIME,
        )
    }

    /// Puts back what could not be put back before the stick went away.
    pub(super) async fn restore_children(&self) {
        for child in self.with(|core| std::mem::take(&mut core.lost_children)) {
            if !matches!(self.post_child(child).await, Some(Ok(_))) {
                self.log(
                    Level::WARN,
                    format!(
                        "Could not put {} back into the association table",
                        child.ieee
                    ),
                );
                self.with(|core| core.lost_children.push(child));
            }
        }
    }

    /// Takes a device out of the association table, if the firmware can and it is there.
    pub(super) async fn remove_child(&self, nwk: NwkAddress) -> Option<RemovedChild> {
        if !self.with(|core| core.firmware.can_edit_associations()) {
            return None;
        }
        let ieee = self.ieee(nwk).await?;
        let mut writer = Writer::new();
        writer.ieee(ieee).nwk(nwk);
        let answer = self
            .request(util::ASSOC_GET_WITH_ADDRESS, &writer.into_bytes())
            .await
            .ok()?;
        let mut reader = Reader::new(&answer);
        let (known, _, relation) = (reader.u16().ok()?, reader.u16().ok()?, reader.u8().ok()?);
        if known == NwkAddress::UNKNOWN.0 || relation == 0xff {
            return None;
        }
        // From here on it is put back on every way out.
        let removed = RemovedChild {
            handle: self.clone(),
            child: Some(Child {
                ieee,
                nwk,
                relation,
            }),
        };
        let mut writer = Writer::new();
        writer.ieee(ieee);
        if self
            .command(util::ASSOC_REMOVE, &writer.into_bytes())
            .await
            .is_ok()
        {
            return Some(removed);
        }
        removed.restore().await;
        None
    }

    /// The address of a device, if anyone here knows it.
    pub(super) async fn ieee(&self, nwk: NwkAddress) -> Option<IeeeAddress> {
        if let Some(ieee) = self.with(|core| core.addresses.ieee(nwk)) {
            return Some(ieee);
        }
        let answer = self
            .request(util::ADDRMGR_NWK_ADDR_LOOKUP, &nwk.0.to_le_bytes())
            .await
            .ok()?;
        let ieee = Reader::new(&answer).ieee().ok()?;
        if ieee == IeeeAddress::UNKNOWN || ieee.0 == 0 {
            return None;
        }
        self.with(|core| core.addresses.learn(nwk, ieee));
        Some(ieee)
    }

    /// Looks for a route and gives it time. False: it is too early, or the firmware is better left
    /// alone.
    pub(super) async fn discover(&self, to: NwkAddress) -> bool {
        if !self.with(|core| core.firmware.discovers_routes()) {
            return false;
        }
        match self.request_route(to).await {
            Ok(true) => {
                self.sleep(DISCOVERY_PAUSE).await;
                true
            }
            _ => false,
        }
    }

    /// Sends a route discovery within its budget. `Ok(false)`: one was sent to this device lately.
    pub(super) async fn request_route(&self, to: NwkAddress) -> Result<bool, RequestError> {
        let at = self.with(|core| {
            let now = core.now;
            let discoveries = &mut core.discoveries;
            discoveries
                .last
                .retain(|_, last| *last + DISCOVERY_INTERVAL > now);
            if discoveries.last.contains_key(&to.0) {
                return None;
            }
            let at = discoveries.next.max(now);
            discoveries.next = at + DISCOVERY_PAUSE;
            discoveries.last.insert(to.0, at);
            Some(at)
        });
        let Some(at) = at else {
            return Ok(false);
        };
        self.sleep_until(at).await;
        let mut writer = Writer::new();
        writer.nwk(to).u8(0).u8(RADIUS);
        let data = writer.into_bytes();
        match self.status(zdo_commands::EXT_ROUTE_DISC, &data).await? {
            // A full table is no failure of whoever asked; the next failure asks again.
            status::SUCCESS | status::NWK_TABLE_FULL => Ok(true),
            status => Err(RequestError::Refused {
                command: zdo_commands::EXT_ROUTE_DISC.name,
                status,
            }),
        }
    }

    /// Asks everyone for a device's network address, at most once a minute. `Some` if it is another one
    /// than before.
    pub(super) async fn find_again(&self, nwk: NwkAddress) -> Option<NwkAddress> {
        let asked_lately = self.with(|core| {
            let now = core.now;
            let asked = &mut core.discoveries.asked;
            asked.retain(|_, last| *last + DISCOVERY_INTERVAL > now);
            let lately = asked.contains_key(&nwk.0);
            asked.entry(nwk.0).or_insert(now);
            lately
        });
        if asked_lately {
            return None;
        }
        let ieee = self.ieee(nwk).await?;
        let request = zdo::Request::NwkAddress {
            ieee,
            extended: false,
            start: 0,
        };
        match self.zdo_exchange(NwkAddress::COORDINATOR, &request).await {
            Ok(Some(zdo::Response::NwkAddress { nwk: found, .. })) if found != nwk => {
                self.with(|core| {
                    core.addresses.learn(found, ieee);
                    core.emit(Event::Address { nwk: found, ieee });
                });
                Some(found)
            }
            _ => None,
        }
    }
}
