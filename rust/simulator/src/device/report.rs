//! Attribute reporting as configured (ZCL specification 2.5.11): minimum, maximum, change.

use std::time::Duration;

use adapters::Instant;

use super::model::Path;
use super::node::{Io, Node};
use super::value;

/// How an attribute is reported.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reporting {
    /// Least time between reports, seconds.
    pub(crate) minimum: u16,
    /// Greatest time between reports, seconds; 0 none, 0xffff no reports.
    pub(crate) maximum: u16,
    /// Least change that is reported, as bytes of the attribute's type.
    pub(crate) change: Vec<u8>,
    reported_at: Instant,
    reported: Vec<u8>,
    pending: bool,
}

impl Reporting {
    pub(crate) fn new(
        minimum: u16,
        maximum: u16,
        change: Vec<u8>,
        now: Instant,
        value: &[u8],
    ) -> Self {
        Self {
            minimum,
            maximum,
            change,
            reported_at: now,
            reported: value.to_vec(),
            pending: false,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let after = |seconds: u16| self.reported_at + Duration::from_secs(u64::from(seconds));
        if self.maximum == 0xffff {
            None
        } else if self.pending {
            Some(after(self.minimum))
        } else if self.maximum == 0 {
            None
        } else {
            Some(after(self.maximum.max(self.minimum)))
        }
    }

    fn sent(&mut self, now: Instant, value: &[u8]) {
        self.reported_at = now;
        self.reported = value.to_vec();
        self.pending = false;
    }
}

impl Node {
    /// Looks whether a change of an attribute is to be reported.
    pub(crate) fn reporting_changed(&mut self, path: Path, io: &mut Io) {
        let (Some(reporting), Some(attribute)) =
            (self.reporting.get_mut(&path), self.attributes.get(&path))
        else {
            return;
        };
        let number = |bytes: &[u8]| value::number(attribute.data_type, bytes);
        let enough = if value::is_analog(attribute.data_type) {
            match (
                number(&attribute.bytes),
                number(&reporting.reported),
                number(&reporting.change),
            ) {
                (Some(new), Some(old), Some(change)) => (new - old).abs() >= change,
                _ => true,
            }
        } else {
            attribute.bytes != reporting.reported
        };
        reporting.pending = enough;
        self.reporting_due(io);
    }

    /// Sends the reports whose time has come, attributes of one cluster in one frame.
    pub(crate) fn reporting_due(&mut self, io: &mut Io) {
        if !self.joined {
            return;
        }
        let mut due: Vec<Path> = Vec::new();
        for (path, reporting) in &mut self.reporting {
            if reporting.deadline().is_some_and(|at| at <= io.now)
                && let Some(attribute) = self.attributes.get(path)
            {
                reporting.sent(io.now, &attribute.bytes);
                due.push(*path);
            }
        }
        while let Some(first) = due.first().copied() {
            let same =
                |path: &Path| path.endpoint == first.endpoint && path.cluster == first.cluster;
            let attributes: Vec<u16> = due
                .iter()
                .filter(|path| same(path))
                .map(|path| path.attribute)
                .collect();
            due.retain(|path| !same(path));
            // Configured reports go where the cluster is bound, and nowhere else.
            if !self.targets(first.endpoint, first.cluster).is_empty() {
                self.report(first.endpoint, first.cluster, &attributes, io);
            }
        }
    }
}
