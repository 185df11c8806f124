//! What is measured: names, attributes, units.

use zigbee::library::{self, Attribute};
use zigbee::{AttributeId, ClusterId};

use super::{ELECTRICAL, METERING, ScaleName};

/// Something that is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantity {
    /// Its name in the catalogue and its property. Two attributes may have one name.
    pub(super) name: &'static str,
    /// The attribute's name in the cluster library.
    attribute: &'static str,
    /// What scales it; none for percentages.
    pub(super) scale: Option<ScaleName>,
    /// The least change that is reported, in its unit (of a demand in kW).
    pub(super) change: f64,
    pub(super) unit: &'static str,
    pub(super) description: &'static str,
    /// Nothing that most people look at.
    pub(super) diagnostic: bool,
}

const fn quantity(
    name: &'static str,
    attribute: &'static str,
    scale: ScaleName,
    change: f64,
    unit: &'static str,
    description: &'static str,
) -> Quantity {
    Quantity {
        name,
        attribute,
        scale: Some(scale),
        change,
        unit,
        description,
        diagnostic: false,
    }
}

/// A quantity that Home Assistant is told to be diagnostic.
const fn diagnostic(quantity: Quantity) -> Quantity {
    Quantity {
        diagnostic: true,
        ..quantity
    }
}

/// In per cent; published as a fraction.
const fn factor(
    name: &'static str,
    attribute: &'static str,
    description: &'static str,
) -> Quantity {
    Quantity {
        name,
        attribute,
        scale: None,
        change: 10.0,
        unit: "",
        description,
        diagnostic: false,
    }
}

use ScaleName::{
    AcCurrent, AcFrequency, AcPower, AcVoltage, DcCurrent, DcPower, DcVoltage, Metering,
};

/// Everything that is published of the two clusters. Of a name with several attributes the first is
/// what is read and reported for it.
#[rustfmt::skip]
pub(super) static QUANTITIES: &[Quantity] = &[
    quantity("power", "activePower", AcPower, 5.0, "W", "Instantaneous measured power"),
    quantity("power_phase_b", "activePowerPhB", AcPower, 5.0, "W", "Instantaneous measured power on phase B"),
    quantity("power_phase_c", "activePowerPhC", AcPower, 5.0, "W", "Instantaneous measured power on phase C"),
    quantity("power_apparent", "apparentPower", AcPower, 5.0, "VA", "Instantaneous measured apparent power"),
    quantity("power_apparent_phase_b", "apparentPowerPhB", AcPower, 5.0, "VA", "Instantaneous measured apparent power on phase B"),
    quantity("power_apparent_phase_c", "apparentPowerPhC", AcPower, 5.0, "VA", "Instantaneous measured apparent power on phase C"),
    quantity("power_reactive", "reactivePower", AcPower, 5.0, "VAR", "Instantaneous measured reactive power"),
    quantity("power_reactive_phase_b", "reactivePowerPhB", AcPower, 5.0, "VAR", "Instantaneous measured reactive power on phase B"),
    quantity("power_reactive_phase_c", "reactivePowerPhC", AcPower, 5.0, "VAR", "Instantaneous measured reactive power on phase C"),
    quantity("current", "rmsCurrent", AcCurrent, 0.05, "A", "Instantaneous measured electrical current"),
    quantity("current_phase_b", "rmsCurrentPhB", AcCurrent, 0.05, "A", "Instantaneous measured electrical current on phase B"),
    quantity("current_phase_c", "rmsCurrentPhC", AcCurrent, 0.05, "A", "Instantaneous measured electrical current on phase C"),
    quantity("current_neutral", "neutralCurrent", AcCurrent, 0.05, "A", "Instantaneous measured electrical current on neutral"),
    diagnostic(quantity("voltage", "rmsVoltage", AcVoltage, 5.0, "V", "Measured electrical potential value")),
    diagnostic(quantity("voltage_phase_b", "rmsVoltagePhB", AcVoltage, 5.0, "V", "Measured electrical potential value on phase B")),
    diagnostic(quantity("voltage_phase_c", "rmsVoltagePhC", AcVoltage, 5.0, "V", "Measured electrical potential value on phase C")),
    diagnostic(quantity("ac_frequency", "acFrequency", AcFrequency, 1.0, "Hz", "Measured electrical AC frequency")),
    quantity("power", "dcPower", DcPower, 0.1, "W", "Instantaneous measured power"),
    quantity("current", "dcCurrent", DcCurrent, 0.1, "A", "Instantaneous measured electrical current"),
    diagnostic(quantity("voltage", "dcVoltage", DcVoltage, 0.1, "V", "Measured electrical potential value")),
    factor("power_factor", "powerFactor", "Instantaneous measured power factor"),
    factor("power_factor_phase_b", "powerFactorPhB", "Instantaneous measured power factor on phase B"),
    factor("power_factor_phase_c", "powerFactorPhC", "Instantaneous measured power factor on phase C"),
    quantity("power", "instantaneousDemand", Metering, 0.005, "W", "Instantaneous measured power"),
    quantity("energy", "currentSummDelivered", Metering, 0.1, "kWh", "Sum of consumed energy"),
    quantity("produced_energy", "currentSummReceived", Metering, 0.1, "kWh", "Sum of produced energy"),
    quantity("energy_tier_1", "currentTier1SummDelivered", Metering, 0.1, "kWh", "Energy consumed in tariff 1 (peak/high) - OBIS 1.8.1"),
    quantity("energy_tier_2", "currentTier2SummDelivered", Metering, 0.1, "kWh", "Energy consumed in tariff 2 (off-peak/low) - OBIS 1.8.2"),
    quantity("produced_energy_tier_1", "currentTier1SummReceived", Metering, 0.1, "kWh", "Energy produced in tariff 1 (peak/high) - OBIS 2.8.1"),
    quantity("produced_energy_tier_2", "currentTier2SummReceived", Metering, 0.1, "kWh", "Energy produced in tariff 2 (off-peak/low) - OBIS 2.8.2"),
];

/// The quantity of a name in the catalogue. `demand` is the power as the metering cluster has it,
/// `dc_power`, `dc_current` and `dc_voltage` those of direct current.
pub(super) fn named(name: &str) -> Option<&'static Quantity> {
    let attribute = match name {
        "demand" => "instantaneousDemand",
        "dc_power" => "dcPower",
        "dc_current" => "dcCurrent",
        "dc_voltage" => "dcVoltage",
        _ => return QUANTITIES.iter().find(|quantity| quantity.name == name),
    };
    QUANTITIES
        .iter()
        .find(|quantity| quantity.attribute == attribute)
}

/// Divisor and multiplier, in the order in which they are read.
pub(super) fn scale_attributes(cluster: ClusterId, name: ScaleName) -> Vec<AttributeId> {
    let (multiplier, divisor) = name.attributes();
    let cluster = library::cluster(cluster);
    [divisor, multiplier]
        .into_iter()
        .filter_map(|name| Some(cluster?.attribute_by_name(name)?.id))
        .collect()
}

impl Quantity {
    pub(super) fn cluster(&self) -> ClusterId {
        if self.scale == Some(Metering) {
            METERING
        } else {
            ELECTRICAL
        }
    }

    pub(super) fn attribute(&self) -> Option<&'static Attribute> {
        library::cluster(self.cluster())?.attribute_by_name(self.attribute)
    }

    /// True for the power of the metering cluster.
    pub(super) fn is_demand(&self) -> bool {
        self.attribute == "instantaneousDemand"
    }

    /// The label where it does not follow from the name.
    pub(super) fn label(&self) -> Option<&'static str> {
        Some(match self.name {
            "current_phase_b" => "Current phase B",
            "current_phase_c" => "Current phase C",
            "voltage_phase_b" => "Voltage phase B",
            "voltage_phase_c" => "Voltage phase C",
            "ac_frequency" => "AC frequency",
            _ => return None,
        })
    }

    /// The value in its unit. Without a scale it is published as it came.
    pub(super) fn scaled(&self, value: f64, scale: Option<(f64, f64)>) -> f64 {
        if self.scale.is_none() {
            return crate::number::round_to(value / 100.0, 2);
        }
        match scale {
            // Kilowatts become watts.
            Some((multiplier, divisor)) if self.is_demand() => {
                value * (multiplier / divisor) * 1000.0
            }
            Some((multiplier, divisor)) => value * (multiplier / divisor),
            None => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantity_has_its_attribute_in_the_library() {
        for quantity in QUANTITIES {
            let attribute = quantity.attribute();
            assert!(attribute.is_some(), "{}", quantity.attribute);
            if let Some(name) = quantity.scale {
                assert_eq!(scale_attributes(quantity.cluster(), name).len(), 2);
            }
        }
    }
}
