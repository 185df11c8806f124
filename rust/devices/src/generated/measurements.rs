//! What sensors measure and thermostats hold.

use serde_json::{Value as Json, json};

use super::{Draft, FAN, THERMOSTAT, WARNING, ZONE, put};

const ILLUMINANCE: u16 = 0x0400;
const OCCUPANCY: u16 = 0x0406;
/// The zone's attributes: its type and its status.
const ZONE_TYPE: u16 = 0x0001;
const ZONE_STATUS: u16 = 0x0002;

/// A number that a cluster measures in an attribute of its own.
struct Measurement {
    cluster: u16,
    attribute: u16,
    data_type: &'static str,
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    /// What the raw value is over, or with the next field times.
    divide: u32,
    multiply: u32,
    /// Values outside are no readings.
    limits: Option<(i64, i64)>,
    /// The raw value of no reading.
    invalid: Option<i64>,
    /// Least and greatest time between reports, seconds, and the least change.
    report: (u16, u16, i64),
    diagnostic: bool,
}

impl Measurement {
    const fn of(
        cluster: u16,
        data_type: &'static str,
        name: &'static str,
        unit: &'static str,
    ) -> Self {
        Self {
            cluster,
            attribute: 0x0000,
            data_type,
            name,
            unit,
            description: "",
            divide: 1,
            multiply: 1,
            limits: None,
            invalid: None,
            report: (10, 3600, 100),
            diagnostic: false,
        }
    }
}

/// Measurements in the order of their exposes. Their scales are those of the specification
/// (ZCL 3.3, 3.4, 4.4 to 4.7; CO2 and PM2.5 are fractions and micrograms as single precision floats).
const MEASUREMENTS: [Measurement; 9] = [
    Measurement {
        description: "Measured temperature value",
        divide: 100,
        invalid: Some(-0x8000),
        ..Measurement::of(0x0402, "int16", "temperature", "°C")
    },
    Measurement {
        description: "Measured relative humidity",
        divide: 100,
        limits: Some((0, 100)),
        ..Measurement::of(0x0405, "uint16", "humidity", "%")
    },
    Measurement {
        // The raw value is in hPa.
        description: "The measured atmospheric pressure",
        invalid: Some(-0x8000),
        report: (10, 3600, 5),
        ..Measurement::of(0x0403, "int16", "pressure", "hPa")
    },
    Measurement {
        description: "Measured soil moisture value",
        divide: 100,
        limits: Some((0, 100)),
        ..Measurement::of(0x0408, "uint16", "soil_moisture", "%")
    },
    Measurement {
        description: "Measured value",
        multiply: 1_000_000,
        report: (60, 3600, 0),
        ..Measurement::of(0x040d, "single", "co2", "ppm")
    },
    Measurement {
        description: "Measured PM2.5 (particulate matter) concentration",
        report: (60, 3600, 1),
        ..Measurement::of(0x042a, "single", "pm25", "µg/m³")
    },
    Measurement {
        description: "Measured water flow",
        divide: 10,
        invalid: Some(0xffff),
        report: (10, 3600, 10),
        ..Measurement::of(0x0404, "uint16", "flow", "m³/h")
    },
    Measurement {
        description: "Temperature of the device",
        invalid: Some(-0x8000),
        report: (300, 3600, 1),
        diagnostic: true,
        ..Measurement::of(0x0002, "int16", "device_temperature", "°C")
    },
    Measurement {
        attribute: 0x0021,
        description: "Remaining battery in %",
        divide: 2,
        limits: Some((0, 127)),
        report: (3600, super::LONGEST, 10),
        diagnostic: true,
        ..Measurement::of(0x0001, "uint8", "battery", "%")
    },
];

/// Types of zones (ZCL 8.2.2.2.1.3) with the name of their first alarm, what it says, and whether it is
/// the other way round.
const ZONES: [(u64, &str, &str, bool); 7] = [
    (
        0x000d,
        "occupancy",
        "Indicates whether the device detected occupancy",
        false,
    ),
    (
        0x0015,
        "contact",
        "Indicates whether the device is opened or closed",
        true,
    ),
    (
        0x0028,
        "smoke",
        "Indicates whether the device detected smoke",
        false,
    ),
    (
        0x002a,
        "water_leak",
        "Indicates whether the device detected a water leak",
        false,
    ),
    (
        0x002b,
        "carbon_monoxide",
        "Indicates whether the device detected carbon monoxide",
        false,
    ),
    (
        0x002d,
        "vibration",
        "Indicates whether the device detected vibration",
        false,
    ),
    (
        0x002c,
        "sos",
        "Indicates whether the SOS alarm is triggered",
        false,
    ),
];

impl Draft<'_> {
    pub(super) fn measurements(&mut self) {
        for measurement in &MEASUREMENTS {
            self.measurement(measurement);
        }
        if let Some(endpoint) = self.first_with(ILLUMINANCE) {
            self.capabilities
                .push(json!({"type": "illuminance", "endpoint": endpoint}));
            self.report(endpoint, (ILLUMINANCE, 0x0000, "uint16"), (10, 3600), 5);
        }
        if let Some(endpoint) = self.first_with(OCCUPANCY) {
            self.capabilities.push(json!({
                "type": "motion",
                "name": "occupancy",
                "signal": {"attribute": {"cluster": OCCUPANCY, "attribute": 0x0000}},
                "since": true,
                "read": {"endpoint": endpoint},
            }));
            self.report(endpoint, (OCCUPANCY, 0x0000, "bitmap8"), (10, 3600), 0);
        }
    }

    fn measurement(&mut self, of: &Measurement) {
        let mut on: Vec<u8> = self.with(of.cluster).collect();
        if of.diagnostic {
            // The device has one battery and one body, however often it tells of them.
            on.truncate(1);
        }
        let Some(first) = on.first().copied() else {
            return;
        };
        let at = json!({"cluster": of.cluster, "attribute": of.attribute});
        let mut source = json!({ "at": at });
        if of.divide != 1 {
            put(&mut source, "divide", of.divide.into());
        }
        if of.multiply != 1 {
            put(&mut source, "multiply", of.multiply.into());
        }
        let mut numeric = json!({
            "type": "numeric",
            "name": of.name,
            "sources": [source],
            "unit": of.unit,
            "description": of.description,
            "read": {"at": at, "endpoint": first},
        });
        if on.len() > 1 {
            put(
                &mut numeric,
                "endpoints",
                on.iter().map(u8::to_string).collect(),
            );
        }
        if let Some(limits) = of.limits {
            put(&mut numeric, "limits", json!(limits));
        }
        if let Some(invalid) = of.invalid {
            put(&mut numeric, "invalid", invalid.into());
        }
        if of.diagnostic {
            put(&mut numeric, "category", "diagnostic".into());
        }
        if of.name == "battery" {
            put(&mut numeric, "range", json!([0, 100]));
        }
        self.capabilities.push(numeric);
        let (least, greatest, change) = of.report;
        for endpoint in on {
            let attribute = (of.cluster, of.attribute, of.data_type);
            self.report(endpoint, attribute, (least, greatest), change);
        }
    }

    /// The zone by its type; one that has not told it yet has two alarms without a meaning.
    pub(super) fn zone(&mut self) {
        let Some(endpoint) = self.first_with(ZONE) else {
            return;
        };
        let kind = self.known(endpoint, "ssIasZone", "zoneType");
        let known = ZONES.iter().find(|(number, ..)| Some(*number) == kind);
        if let Some((_, name, description, inverted)) = known {
            let mut alarm = flag(name, 0x01, description, *inverted);
            if *name == "occupancy" && self.first_with(OCCUPANCY).is_some() {
                // The cluster for it shows it.
                put(&mut alarm, "exposed", false.into());
            }
            self.capabilities.push(alarm);
        } else {
            for (name, bit) in [("alarm_1", 0x01), ("alarm_2", 0x02)] {
                let description = format!("Indicates whether IAS Zone alarm {bit} is active");
                self.capabilities.push(flag(name, bit, &description, false));
            }
        }
        self.capabilities.push(flag(
            "tamper",
            0x04,
            "Indicates whether the device is tampered",
            false,
        ));
        let mut low = flag(
            "battery_low",
            0x08,
            "Indicates whether the battery of the device is almost empty",
            false,
        );
        put(&mut low, "category", "diagnostic".into());
        self.capabilities.push(low);
        self.bind(endpoint, ZONE);
        self.read(endpoint, ZONE, ZONE_TYPE);
        self.read(endpoint, ZONE, ZONE_STATUS);
    }

    pub(super) fn warning(&mut self) {
        if self.first_with(WARNING).is_some() {
            self.capabilities.push(json!({
                "type": "warning",
                "features":
                    ["mode", "level", "strobe_level", "strobe", "strobe_duty_cycle", "duration"],
            }));
        }
    }

    /// Of several thermostats the first is shown: they have no form with endpoints.
    pub(super) fn thermostat_and_fan(&mut self) {
        if let Some(endpoint) = self.first_with(THERMOSTAT) {
            self.thermostat(endpoint);
        }
        if let Some(endpoint) = self.first_with(FAN) {
            self.capabilities
                .push(json!({"type": "fan", "modes": ["off", "low", "medium", "high", "auto"]}));
            self.report(endpoint, (FAN, 0x0000, "enum8"), (0, 3600), 0);
        }
    }

    /// What it can do follows from its control sequence (ZCL 6.3.2.2.2.8): 2 and 3 cool, 4 and 5 do
    /// both, others heat.
    fn thermostat(&mut self, endpoint: u8) {
        let sequence = self.known(endpoint, "hvacThermostat", "ctrlSeqeOfOper");
        let (heats, cools) = match sequence {
            Some(2 | 3) => (false, true),
            Some(4 | 5) => (true, true),
            _ => (true, false),
        };
        let mut features = vec![json!({"type": "thermostat", "name": "local_temperature"})];
        let mut modes = vec!["off"];
        let mut states = vec!["idle"];
        let mut reported = vec![(0x0000, "int16", 10)];
        for (does, mode, name, attribute) in [
            (heats, "heat", "occupied_heating_setpoint", 0x0012),
            (cools, "cool", "occupied_cooling_setpoint", 0x0011),
        ] {
            if does {
                features.push(
                    json!({"type": "thermostat", "name": name, "range": [7, 30], "step": 0.5}),
                );
                modes.push(mode);
                states.push(mode);
                reported.push((attribute, "int16", 10));
            }
        }
        if heats && cools {
            modes.push("auto");
        }
        features.push(json!({"type": "thermostat", "name": "system_mode", "values": modes}));
        features.push(json!({"type": "thermostat", "name": "running_state", "values": states}));
        reported.extend([(0x001c, "enum8", 0), (0x0029, "bitmap16", 0)]);
        self.capabilities
            .push(json!({"type": "combined", "as": "climate", "features": features}));
        for (attribute, data_type, change) in reported {
            self.report(
                endpoint,
                (THERMOSTAT, attribute, data_type),
                (10, 3600),
                change,
            );
        }
        self.read(endpoint, THERMOSTAT, 0x001b);
    }
}

/// A bit of the zone's status, as it is told and as it is read.
fn flag(name: &str, bit: u16, description: &str, inverted: bool) -> Json {
    json!({
        "type": "flag",
        "name": name,
        "sources": [
            {"zone_status": bit},
            {"at": {"cluster": ZONE, "attribute": ZONE_STATUS}, "mask": bit},
        ],
        "description": description,
        "inverted": inverted,
    })
}
