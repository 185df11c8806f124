//! The `update` object of a device's state (§5.4, §12.7).

use devices::JsonMap;
use serde_json::{Value as Json, json};
use zigbee::IeeeAddress;
use zigbee::ota::FileVersion;

use crate::core::Core;
use crate::publish::Cause;

/// What `update` says of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) installed: FileVersion,
    pub(crate) latest: FileVersion,
    pub(crate) source: Option<String>,
    pub(crate) release_notes: Option<String>,
}

impl Versions {
    /// Nothing else is known than what the device has.
    pub(crate) fn only(installed: FileVersion) -> Self {
        Self {
            installed,
            latest: installed,
            source: None,
            release_notes: None,
        }
    }
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Progress {
    /// Of 100, two decimals.
    pub(crate) percent: f64,
    pub(crate) remaining_s: u64,
}

impl Core {
    /// Publishes `update`. Without versions those told before stay.
    pub(crate) fn publish_update(
        &mut self,
        ieee: IeeeAddress,
        state: &str,
        versions: Option<&Versions>,
        progress: Option<Progress>,
    ) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let mut update = JsonMap::new();
        update.insert("state".to_owned(), state.into());
        if let Some(versions) = versions {
            for (key, value) in [
                ("installed_version", json!(versions.installed.0)),
                ("latest_version", json!(versions.latest.0)),
                ("latest_source", json!(versions.source)),
                ("latest_release_notes", json!(versions.release_notes)),
            ] {
                update.insert(key.to_owned(), value);
            }
        }
        if let Some(progress) = progress {
            update.insert("progress".to_owned(), number(progress.percent));
            update.insert("remaining".to_owned(), progress.remaining_s.into());
        } else if let Some(Json::Object(known)) = record.state.get_mut("update") {
            known.remove("progress");
            known.remove("remaining");
        }
        let mut payload = JsonMap::new();
        payload.insert("update".to_owned(), Json::Object(update));
        self.publish(ieee, payload, Cause::Other);
    }
}

/// A number without a fraction where it has none.
fn number(value: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "a percentage: 0 to 100")]
    let whole = value as i64;
    #[expect(clippy::cast_precision_loss, reason = "a percentage: 0 to 100")]
    let same = (whole as f64 - value).abs() < f64::EPSILON;
    if same { whole.into() } else { value.into() }
}
