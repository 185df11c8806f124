//! A battery whose voltage the device reports.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;

use super::Primitive;
use crate::decode::{Incoming, structure_clusters};
use crate::definition::Data;
use crate::expose::{Expose, ExposeKind, STATE};
use crate::message::{Decoded, Memory};
use crate::number;

/// Voltage in millivolts and the percentage that follows from it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Battery {
    /// The tag with the voltage in millivolts; 0 is no reading.
    tag: u8,
    /// The voltages of an empty and of a full battery; between them the percentage is linear.
    millivolts: (f64, f64),
}

impl Primitive for Battery {
    fn clusters(&self, data: &Data, out: &mut Vec<ClusterId>) {
        out.extend(structure_clusters(data));
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut battery = Expose::generic(ExposeKind::Numeric, "battery", STATE)
            .described("Remaining battery in %, can take up to 24 hours before reported")
            .in_category("diagnostic");
        battery.unit = Some("%".to_owned());
        battery.value_min = Some(Json::from(0));
        battery.value_max = Some(Json::from(100));
        let mut voltage = Expose::generic(ExposeKind::Numeric, "voltage", STATE)
            .described("Voltage of the battery in millivolts")
            .in_category("diagnostic");
        voltage.unit = Some("mV".to_owned());
        out.push(battery);
        out.push(voltage);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(value) = incoming.tag(self.tag) else {
            return;
        };
        let Some(millivolts) = number::of(value) else {
            out.problem("not_a_number", "the battery's voltage is not a number");
            return;
        };
        if millivolts == 0.0 {
            return;
        }
        let (empty, full) = self.millivolts;
        let percentage = ((millivolts - empty) / (full - empty) * 100.0).clamp(0.0, 100.0);
        out.put("voltage", number::json(millivolts));
        out.put("battery", number::json(number::round(percentage)));
    }
}
