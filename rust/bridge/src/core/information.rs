//! The `device` object of state messages (`mqtt.include_device_information`, §5.4).
//!
//! It is the same in message after message, so it is made and rendered once per device, until
//! anything about a device or its name changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use devices::JsonMap;
use hub::{Device, Entity};
use serde_json::json;
use zigbee::IeeeAddress;

use super::{Common, Core, describe};
use crate::json;

/// The object of one device.
#[derive(Debug)]
pub(super) struct Information {
    pub(super) object: JsonMap,
    /// The same as JSON text.
    pub(super) text: Arc<Common>,
}

/// The objects of the devices that published since the last change.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<IeeeAddress, Arc<Information>>);

impl Core {
    /// The object of a device; groups have none.
    pub(super) fn information(&mut self, entity: Entity) -> Option<Arc<Information>> {
        let Entity::Device(ieee) = entity else {
            return None;
        };
        if let Some(known) = self.information.0.get(&ieee) {
            return Some(Arc::clone(known));
        }
        let object = object(self.hub.device(ieee)?, &self.name(entity));
        let text = Arc::new(Common {
            text: json::render_object(&object),
            ..Common::default()
        });
        let information = Arc::new(Information { object, text });
        self.information.0.insert(ieee, Arc::clone(&information));
        Some(information)
    }

    /// A device or a name has changed.
    pub(super) fn forget_information(&mut self) {
        self.information.0.clear();
    }
}

fn object(device: &Device, name: &str) -> JsonMap {
    let info = &device.info;
    let manufacturer = info.manufacturer_name.as_deref();
    let members = [
        ("friendlyName", Some(json!(name))),
        (
            "model",
            device.definition.as_ref().map(|known| json!(known.model())),
        ),
        ("ieeeAddr", Some(json!(info.ieee.to_string()))),
        ("networkAddress", Some(json!(info.nwk.0))),
        ("type", Some(json!(describe::kind_name(info.kind)))),
        (
            "manufacturerID",
            info.manufacturer_code.map(|code| json!(code.0)),
        ),
        (
            "manufacturerName",
            // Some devices fill up their name with zeros.
            manufacturer.map(|text| json!(text.split('\0').next())),
        ),
        ("powerSource", info.power_source.as_ref().map(|v| json!(v))),
        (
            "applicationVersion",
            info.application_version.map(|v| json!(v)),
        ),
        ("stackVersion", info.stack_version.map(|v| json!(v))),
        ("zclVersion", info.zcl_version.map(|v| json!(v))),
        ("hardwareVersion", info.hardware_version.map(|v| json!(v))),
        ("dateCode", info.date_code.as_ref().map(|v| json!(v))),
        (
            "softwareBuildID",
            info.software_build_id.as_ref().map(|v| json!(v)),
        ),
    ];
    let known = members.into_iter();
    known
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect()
}
