//! Settings that a device forgets: what the owner wants is kept, compared and written again.
//!
//! That happens when the device has started anew, not after each write: shared/facts/devices.md asks for
//! no more of QBKG40LM, and vector QBKG40LM-108 shows its write without a read behind it. A setting with
//! `read_back` (QBKG41LM) is read after each write.

use std::time::Duration;

use serde_json::Value as Json;
use zigbee::EndpointId;
use zigbee::zcl::Attribute;

use crate::definition::At;
use crate::{Definition, Io, JsonMap, Operation, OperationError, OperationReply, number};

/// The key of the device's record that holds desired settings: an object, property → raw value.
pub(crate) const DESIRED: &str = "ferrobee_desired";

/// How long to wait before each attempt. The first is short: the device has just come up.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
];

/// Keeps the value that the owner wants.
pub(crate) fn remember(io: &dyn Io, property: &str, raw: Json) {
    let mut desired = match io.remembered(DESIRED) {
        Some(Json::Object(desired)) => desired,
        _ => JsonMap::new(),
    };
    if desired.get(property) != Some(&raw) {
        desired.insert(property.to_owned(), raw);
        io.remember(DESIRED, Json::Object(desired));
    }
}

/// A setting that may have to be written again.
pub(crate) struct Kept<'a> {
    pub(crate) io: &'a dyn Io,
    pub(crate) endpoint: EndpointId,
    pub(crate) at: At,
    /// The attribute with the desired value.
    pub(crate) attribute: Attribute,
    /// The desired value.
    pub(crate) raw: i64,
    /// Whether the attribute can be read; if not it is written without being compared.
    pub(crate) readable: bool,
    /// What the setting is called, for the log.
    pub(crate) property: &'a str,
}

impl Kept<'_> {
    /// Reads, and writes until the device agrees or the attempts are used up.
    pub(crate) async fn restore(&self) {
        let mut written = false;
        for pause in PAUSES {
            if self.io.perform(Operation::Sleep(pause)).await.is_err() {
                return;
            }
            if self.readable {
                match self.read().await {
                    Ok(Some(now)) if now == self.raw => return,
                    Ok(_) => {}
                    Err(_) => continue,
                }
            } else if written {
                return;
            }
            written = self.write().await.is_ok();
        }
        let agrees = if self.readable {
            matches!(self.read().await, Ok(Some(now)) if now == self.raw)
        } else {
            written
        };
        if !agrees {
            self.io.log(&format!(
                "'{{name}}' did not take back its setting '{}' after it started again",
                self.property
            ));
        }
    }

    async fn read(&self) -> Result<Option<i64>, OperationError> {
        let reply = self
            .io
            .perform(Operation::Read {
                endpoint: self.endpoint,
                cluster: self.at.cluster(),
                manufacturer: self.at.manufacturer(),
                attributes: vec![self.at.attribute()],
            })
            .await?;
        let OperationReply::Read(records) = reply else {
            return Ok(None);
        };
        Ok(records.iter().find_map(|record| match &record.result {
            Ok((_, value)) if record.id == self.at.attribute() => number::integer(value),
            _ => None,
        }))
    }

    async fn write(&self) -> Result<OperationReply, OperationError> {
        self.io
            .perform(Operation::Write {
                endpoint: self.endpoint,
                cluster: self.at.cluster(),
                manufacturer: self.at.manufacturer(),
                attributes: vec![self.attribute.clone()],
                wait: true,
            })
            .await
    }
}

impl Definition {
    /// Makes the device agree again with the settings it was given (shared/facts/devices.md: QBKG40LM
    /// forgets them): reads them back and writes those that differ, with bounded retries. The hub calls
    /// it after an announce of a configured device, and for [`crate::Effect::Reconcile`]. Desired values
    /// are what the engine stored by [`Io::remember`]; nothing is sent while there are none.
    pub async fn reconcile(&self, io: &dyn Io, options: &JsonMap) {
        // No option changes what is kept so far.
        let _ = options;
        let Some(Json::Object(desired)) = io.remembered(DESIRED) else {
            return;
        };
        for capability in &self.data.capabilities {
            capability.get().reconcile(&self.data, io, &desired).await;
        }
    }
}
