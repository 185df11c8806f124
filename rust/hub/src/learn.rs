//! What messages say about the device itself: its record in `database.db`.

use std::collections::BTreeMap;

use adapters::ApsIndication;
use devices::Definition;
use zigbee::library;
use zigbee::zcl::{DataType, Foundation, Header, Value};
use zigbee::{AttributeId, ClusterId, IeeeAddress};

use crate::InterviewState;
use crate::core::Core;

const BASIC: ClusterId = ClusterId(0x0000);
/// How many attribute values of one cluster are kept.
const CACHED_ATTRIBUTES: usize = 128;

impl Core {
    /// Takes over what a read response or report says about the device.
    pub(crate) fn learn(
        &mut self,
        ieee: IeeeAddress,
        indication: &ApsIndication,
        header: &Header,
        command: &Foundation,
    ) {
        let cluster = indication.cluster;
        if cluster == BASIC && header.manufacturer.is_none() {
            let mut changed = false;
            for (id, _, value) in values(command) {
                changed |= self.learn_basic(ieee, id, value);
            }
            if changed {
                self.basic_changed(ieee);
            }
        }
        self.remember_attributes(ieee, indication, header, command);
    }

    /// Keeps attribute values in the device's record. What was read is kept; what is reported is kept
    /// up to date where it was read once, so that a device cannot fill the record by reporting.
    fn remember_attributes(
        &mut self,
        ieee: IeeeAddress,
        indication: &ApsIndication,
        header: &Header,
        command: &Foundation,
    ) {
        let read = match command {
            Foundation::ReadResponse(_) => true,
            Foundation::Report(_) => false,
            _ => return,
        };
        let Some(endpoint) = self.records.get_mut(ieee).and_then(|record| {
            record
                .device
                .info
                .endpoints
                .get_mut(&indication.source_endpoint)
        }) else {
            return;
        };
        let cluster = match header.manufacturer {
            Some(manufacturer) => library::cluster_of(indication.cluster, manufacturer),
            None => library::cluster(indication.cluster),
        };
        let Some(cluster) = cluster else {
            return;
        };
        let name = cluster.key();
        if !endpoint.attributes.contains_key(name.as_ref()) {
            if !read {
                return;
            }
            endpoint
                .attributes
                .insert(name.clone().into_owned(), BTreeMap::new());
        }
        let Some(known) = endpoint.attributes.get_mut(name.as_ref()) else {
            return;
        };
        let mut room = CACHED_ATTRIBUTES.saturating_sub(known.len());
        for (id, data_type, value) in values(command) {
            let value = zigbee::json::from_value(data_type, value);
            // Nobody reads what has no value from there.
            if value.is_null() {
                continue;
            }
            let key = library::attribute_key(Some(cluster), id, header.manufacturer);
            if let Some(old) = known.get_mut(key.as_ref()) {
                *old = value;
            } else if read && room > 0 {
                room -= 1;
                known.insert(key.into_owned(), value);
                self.registry_changed = true;
            }
        }
    }

    fn learn_basic(&mut self, ieee: IeeeAddress, id: AttributeId, value: &Value) -> bool {
        let Some(record) = self.records.get_mut(ieee) else {
            return false;
        };
        let info = &mut record.device.info;
        match id.0 {
            0x0000 => set(&mut info.zcl_version, byte(value)),
            0x0001 => set(&mut info.application_version, byte(value)),
            0x0002 => set(&mut info.stack_version, byte(value)),
            0x0003 => set(&mut info.hardware_version, byte(value)),
            0x0004 => set(&mut info.manufacturer_name, text(value)),
            0x0005 => set(&mut info.model_id, text(value)),
            0x0006 => set(&mut info.date_code, text(value)),
            0x0007 => set(&mut info.power_source, power_source(value)),
            0x4000 => set(&mut info.software_build_id, text(value)),
            _ => false,
        }
    }

    /// A genBasic attribute of an interviewed device says something new.
    fn basic_changed(&mut self, ieee: IeeeAddress) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        if record.device.interview == InterviewState::Successful {
            let identity = |definition: &Definition| {
                let (model, vendor) = (definition.model(), definition.vendor());
                (model.to_owned(), vendor.to_owned(), definition.supported())
            };
            let known = record.device.definition.as_deref().map(identity);
            let found = self.catalogue.define(&record.device.info);
            if found.as_deref().map(identity) != known {
                record.device.definition = found;
                self.redefined(ieee);
                self.review_polling(ieee);
            }
            self.devices_changed();
        } else {
            self.registry_changed = true;
        }
    }
}

/// The attributes with values in a report or read response.
pub(crate) fn values(
    command: &Foundation,
) -> impl Iterator<Item = (AttributeId, DataType, &Value)> {
    let (reported, read) = match command {
        Foundation::Report(attributes) => (attributes.as_slice(), &[][..]),
        Foundation::ReadResponse(records) => (&[][..], records.as_slice()),
        _ => (&[][..], &[][..]),
    };
    reported
        .iter()
        .map(|attribute| (attribute.id, attribute.data_type, &attribute.value))
        .chain(read.iter().filter_map(|record| {
            record
                .result
                .as_ref()
                .ok()
                .map(|(data_type, value)| (record.id, *data_type, value))
        }))
}

/// Sets a field to a value that is there. True when it was another one.
fn set<T: PartialEq>(field: &mut Option<T>, value: Option<T>) -> bool {
    if value.is_none() || *field == value {
        return false;
    }
    *field = value;
    true
}

fn byte(value: &Value) -> Option<u8> {
    match value {
        Value::Unsigned(number) => u8::try_from(*number).ok(),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        _ => None,
    }
}

/// Names of genBasic power sources as Zigbee2MQTT writes them; bit 7 says that there is a backup battery.
fn power_source(value: &Value) -> Option<String> {
    let name = match byte(value)? & 0x7f {
        1 => "Mains (single phase)",
        2 => "Mains (3 phase)",
        3 => "Battery",
        4 => "DC Source",
        5 => "Emergency mains constantly powered",
        6 => "Emergency mains and transfer switch",
        _ => "Unknown",
    };
    Some(name.to_owned())
}
