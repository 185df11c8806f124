//! Network addresses that belong to nobody known: asked for, within bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use adapters::{Instant, Reply, Request, RequestError};
use zigbee::{IeeeAddress, NwkAddress, zdo};

use crate::LogLevel;
use crate::core::{Core, Purpose};

/// An address is asked about once in this time.
const AGAIN: Duration = Duration::from_secs(60);
/// As many addresses are remembered as asked about.
const REMEMBERED: usize = 32;

/// The addresses that were asked about lately.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    asked: BTreeMap<NwkAddress, Instant>,
}

impl Core {
    /// A message came from an address that no device has: asks for the device's own address.
    pub(crate) fn meet_stranger(&mut self, nwk: NwkAddress) {
        let now = self.now.instant;
        self.strangers
            .asked
            .retain(|_, since| now.since(*since) < AGAIN);
        if nwk.is_broadcast()
            || self.network.is_none()
            || self.strangers.asked.contains_key(&nwk)
            || self.strangers.asked.len() >= REMEMBERED
        {
            return;
        }
        self.strangers.asked.insert(nwk, now);
        self.request(
            Request::Zdo(
                nwk,
                zdo::Request::IeeeAddress {
                    nwk,
                    extended: false,
                    start: 0,
                },
            ),
            Purpose::Stranger(nwk),
        );
    }

    /// The answer came.
    pub(crate) fn on_stranger(&mut self, asked: NwkAddress, result: &Result<Reply, RequestError>) {
        let Ok(Reply::Zdo(zdo::Response::IeeeAddress { ieee, nwk, .. })) = result else {
            return;
        };
        let (ieee, nwk) = (*ieee, *nwk);
        if nwk != asked {
            return;
        }
        if self.records.get(ieee).is_some() {
            self.learn_address(ieee, nwk);
        } else {
            self.log(
                LogLevel::Debug,
                None,
                format!(
                    "a message came from {ieee} (network address {nwk}), which never joined here"
                ),
            );
        }
    }

    /// A device has this network address.
    pub(crate) fn learn_address(&mut self, ieee: IeeeAddress, nwk: NwkAddress) {
        if nwk.is_broadcast() || nwk == NwkAddress::COORDINATOR {
            return;
        }
        if self.records.move_to(ieee, nwk) {
            self.devices_changed();
            self.publish_last_seen(ieee);
        }
    }
}
