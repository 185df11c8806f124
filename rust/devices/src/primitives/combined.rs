//! Several capabilities that are shown as one thing: a thermostat, a cover, a lock.

use std::time::Duration;

use serde::Deserialize;
use zigbee::ClusterId;
use zigbee::zcl::ReadRecord;

use super::{Capability, Primitive};
use crate::configure::Step;
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind};
use crate::message::{Decoded, Memory};
use crate::timer::Expiry;
use crate::{Io, JsonMap, LocalFuture};

/// Capabilities whose exposes are the features of one expose of a specific kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Combined {
    /// What they are shown as.
    #[serde(rename = "as")]
    kind: ExposeKind,
    /// The capabilities, in the order of the features.
    features: Vec<Capability>,
}

impl Combined {
    fn features(&self) -> impl Iterator<Item = &dyn Primitive> {
        self.features.iter().map(Capability::get)
    }

    /// The feature that deals with a key, with its position.
    fn of(&self, key: &str) -> Option<(usize, &dyn Primitive)> {
        self.features()
            .enumerate()
            .find(|(_, feature)| feature.claims(key))
    }
}

impl Primitive for Combined {
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        for feature in self.features() {
            feature.clusters(data, out);
        }
    }

    fn exposes(&self, data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::specific(self.kind);
        for feature in self.features() {
            feature.exposes(data, &mut expose.features);
        }
        out.push(expose);
    }

    fn actions(&self, out: &mut Vec<String>) {
        for feature in self.features() {
            feature.actions(out);
        }
    }

    fn options(&self, out: &mut Vec<Expose>) {
        for feature in self.features() {
            feature.options(out);
        }
    }

    fn listening_options(&self, out: &mut Vec<Expose>) {
        for feature in self.features() {
            feature.listening_options(out);
        }
    }

    fn expired(&self, expiry: &Expiry<'_>, memory: &mut Memory, out: &mut Decoded) {
        for feature in self.features() {
            feature.expired(expiry, memory, out);
        }
    }

    fn first_options(&self, out: &mut Vec<Expose>) {
        for feature in self.features() {
            feature.first_options(out);
        }
    }

    fn offers_precision(&self, name: &str) -> bool {
        self.features()
            .any(|feature| feature.offers_precision(name))
    }

    fn hears(&self, command: Command<'_>) -> bool {
        self.features().any(|feature| feature.hears(command))
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        for feature in self.features() {
            feature.decode(incoming, memory, out);
        }
    }

    fn learn(&self, cluster: ClusterId, records: &[ReadRecord], state: &mut JsonMap) {
        for feature in self.features() {
            feature.learn(cluster, records, state);
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.of(key).is_some()
    }

    fn part(&self, key: &str) -> usize {
        // Far more than the parts of any primitive, so that no two parts share a number.
        const PARTS: usize = 256;
        self.of(key)
            .map_or(0, |(index, feature)| index * PARTS + feature.part(key))
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        self.of(call.key)?.1.set(call)
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        self.of(call.key)?.1.get(call)
    }

    fn configure(&self, data: &Data, out: &mut Vec<Step>) {
        for feature in self.features() {
            feature.configure(data, out);
        }
    }

    fn poll_interval(&self, options: &JsonMap) -> Option<Duration> {
        self.features()
            .filter_map(|feature| feature.poll_interval(options))
            .min()
    }

    fn poll<'a>(
        &'a self,
        data: &'a Data,
        io: &'a dyn Io,
        options: &'a JsonMap,
    ) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            for feature in self.features() {
                feature.poll(data, io, options).await;
            }
        })
    }

    fn keeps(&self) -> bool {
        self.features().any(Primitive::keeps)
    }

    fn reconcile<'a>(
        &'a self,
        data: &'a Data,
        io: &'a dyn Io,
        desired: &'a JsonMap,
    ) -> LocalFuture<'a, ()> {
        Box::pin(async move {
            for feature in self.features() {
                feature.reconcile(data, io, desired).await;
            }
        })
    }
}
