//! The definition of a device that nobody described: what its endpoints say of themselves.
//!
//! The standard clusters of the interview become the capabilities that the catalogue has for them, in
//! the catalogue's own form, so that a device that is added to the catalogue later behaves as before.
//! As in Zigbee2MQTT, what a device does not say of its zone, its colours or its meter is taken from
//! its attribute cache, and endpoints are named by their numbers.

mod measurements;
mod remotes;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use zigbee::ClusterId;

use crate::{Definition, DeviceInfo, DeviceKind, Endpoint, Origin};

const IDENTIFY: u16 = 0x0003;
const ON_OFF: u16 = 0x0006;
const LEVEL: u16 = 0x0008;
const LOCK: u16 = 0x0101;
const COVER: u16 = 0x0102;
const THERMOSTAT: u16 = 0x0201;
const FAN: u16 = 0x0202;
const COLOR: u16 = 0x0300;
const ZONE: u16 = 0x0500;
const WARNING: u16 = 0x0502;
const METERING: u16 = 0x0702;
const ELECTRICAL: u16 = 0x0b04;

/// Endpoints of applications. Green Power has one beyond, with clusters of another kind.
const APPLICATIONS: std::ops::RangeInclusive<u8> = 1..=240;
/// The longest time between reports, seconds.
const LONGEST: u16 = 65_000;
/// What a light can do that does not say what it can: everything (ZCL 5.2.2.2.1.10).
const ALL_COLORS: u64 = 0x1f;
/// Mireds of a light that does not say its range.
const TEMPERATURES: (u16, u16) = (150, 500);

impl Definition {
    /// The definition that follows from the interview of a device. `None` for the coordinator, for Green
    /// Power and for a device without a cluster that is known here.
    pub fn generated(device: &DeviceInfo) -> Option<Self> {
        let form = form(device)?;
        let origin = Arc::new(Origin::generic());
        let mut definition = Self::from_origin(&form.to_string(), origin).ok()?;
        definition.generated = true;
        Some(definition)
    }
}

impl Definition {
    /// The same in the catalogue's form, from which a converter can be written.
    pub fn draft(device: &DeviceInfo) -> Option<Json> {
        form(device)
    }
}

/// A definition in the form of the catalogue.
fn form(device: &DeviceInfo) -> Option<Json> {
    if matches!(
        device.kind,
        DeviceKind::Coordinator | DeviceKind::GreenPower
    ) {
        return None;
    }
    let mut draft = Draft::of(device);
    draft.lights_and_switches();
    draft.cover();
    draft.lock();
    draft.thermostat_and_fan();
    draft.electricity();
    draft.measurements();
    draft.zone();
    draft.warning();
    if draft.first_with(IDENTIFY).is_some() {
        draft.capabilities.push(json!({"type": "identify"}));
    }
    draft.remotes();
    if draft.capabilities.is_empty() {
        return None;
    }
    let model = text(device.model_id.as_deref());
    let mut form = json!({
        "match": [{"model": model}],
        "model": model,
        "vendor": text(device.manufacturer_name.as_deref()),
        "description": "Automatically generated definition",
        "endpoints": draft.names(),
        "capabilities": draft.capabilities,
    });
    if !draft.configure.is_empty() {
        put(&mut form, "configure", draft.configure.into());
    }
    Some(form)
}

/// An identifier as the catalogue reads it: some firmware pads it with blanks or NUL bytes.
fn text(identifier: Option<&str>) -> &str {
    let identifier = identifier.unwrap_or_default();
    identifier.split('\0').next().unwrap_or_default().trim_end()
}

/// A definition in the making.
struct Draft<'a> {
    endpoints: BTreeMap<u8, &'a Endpoint>,
    first: Option<u8>,
    capabilities: Vec<Json>,
    configure: Vec<Json>,
}

impl<'a> Draft<'a> {
    fn of(device: &'a DeviceInfo) -> Self {
        let endpoints: BTreeMap<u8, &Endpoint> = device
            .endpoints
            .iter()
            .filter(|(id, _)| APPLICATIONS.contains(&id.0))
            .map(|(id, endpoint)| (id.0, endpoint))
            .collect();
        Self {
            first: endpoints.keys().next().copied(),
            endpoints,
            capabilities: Vec::new(),
            configure: Vec::new(),
        }
    }

    /// Names of endpoints: none where there is only one.
    fn names(&self) -> Vec<(String, u8)> {
        self.endpoints
            .keys()
            .filter(|_| self.endpoints.len() > 1)
            .map(|id| (id.to_string(), *id))
            .collect()
    }

    /// Endpoints that have a cluster as a server.
    fn with(&self, cluster: u16) -> impl Iterator<Item = u8> {
        self.endpoints
            .iter()
            .filter(move |(_, endpoint)| has(endpoint, cluster))
            .map(|(id, _)| *id)
    }

    fn first_with(&self, cluster: u16) -> Option<u8> {
        self.with(cluster).next()
    }

    /// The names that a capability on these endpoints carries: none where it is on the first only.
    fn suffixes(&self, on: &[u8]) -> Vec<String> {
        if on.len() == 1 && on.first().copied() == self.first {
            return Vec::new();
        }
        on.iter().map(u8::to_string).collect()
    }

    /// A number of the attribute cache.
    fn known(&self, endpoint: u8, cluster: &str, attribute: &str) -> Option<u64> {
        self.endpoints
            .get(&endpoint)?
            .attributes
            .get(cluster)?
            .get(attribute)?
            .as_u64()
    }

    fn bind(&mut self, endpoint: u8, cluster: u16) {
        let step = json!({"bind": {"endpoint": endpoint, "cluster": cluster}});
        if !self.configure.contains(&step) {
            self.configure.push(step);
        }
    }

    /// Binds, has an attribute reported and reads it. Analog types want the least change.
    fn report(
        &mut self,
        endpoint: u8,
        attribute: (u16, u16, &str),
        times: (u16, u16),
        change: i64,
    ) {
        let (cluster, attribute, data_type) = attribute;
        self.bind(endpoint, cluster);
        self.configure.push(json!({"report": {
            "endpoint": endpoint,
            "at": {"cluster": cluster, "attribute": attribute},
            "data_type": data_type,
            "minimum": times.0,
            "maximum": times.1,
            "change": change,
        }}));
        self.read(endpoint, cluster, attribute);
    }

    fn read(&mut self, endpoint: u8, cluster: u16, attribute: u16) {
        self.configure.push(json!({"read": {
            "endpoint": endpoint,
            "at": {"cluster": cluster, "attribute": attribute},
            "may_fail": true,
        }}));
    }

    /// What switches. Endpoints of covers and locks are left out: `state` is theirs.
    fn lights_and_switches(&mut self) {
        let taken = |endpoint: &Endpoint| has(endpoint, COVER) || has(endpoint, LOCK);
        let dims = |endpoint: &Endpoint| has(endpoint, LEVEL) || has(endpoint, COLOR);
        let ids = |is: &dyn Fn(&Endpoint) -> bool| -> Vec<u8> {
            let of = self.endpoints.iter().filter(|(_, endpoint)| is(endpoint));
            of.map(|(id, _)| *id).collect()
        };
        let lights = ids(&|endpoint| has(endpoint, ON_OFF) && dims(endpoint) && !taken(endpoint));
        let switches =
            ids(&|endpoint| has(endpoint, ON_OFF) && !dims(endpoint) && !taken(endpoint));
        let either = ids(&|endpoint| has(endpoint, ON_OFF) && !taken(endpoint));
        let state_is_taken = self.endpoints.values().any(|endpoint| taken(endpoint));
        // One that is alone on the first endpoint has no suffix, unless another thing has a state.
        let suffix = !self.suffixes(&either).is_empty() || state_is_taken;
        let names = |on: &[u8]| -> Vec<String> {
            let on = on.iter().filter(|_| suffix);
            on.map(u8::to_string).collect()
        };
        let mut kinds: Vec<(Json, Vec<u8>)> = Vec::new();
        for light in lights {
            let colors = self.colors(light);
            match kinds.iter_mut().find(|(known, _)| *known == colors) {
                Some((_, on)) => on.push(light),
                None => kinds.push((colors, vec![light])),
            }
        }
        for (mut light, on) in kinds {
            let colored = light.get("color").is_some();
            put(&mut light, "type", "light".into());
            put(&mut light, "endpoints", names(&on).into());
            put(&mut light, "report", json!([5, LONGEST]));
            self.capabilities.push(light);
            self.capabilities
                .push(json!({"type": "effect", "color": colored, "endpoints": names(&on)}));
        }
        if !switches.is_empty() {
            let names = names(&switches);
            self.capabilities
                .push(json!({"type": "on_off", "endpoints": names}));
        }
        if !either.is_empty() {
            self.capabilities.push(power_on_behavior(&names(&either)));
        }
        for switch in switches {
            self.report(switch, (ON_OFF, 0x0000, "bool"), (0, LONGEST), 0);
        }
    }

    /// What a light says of its colours (ZCL 5.2.2.2.1.10).
    fn colors(&self, endpoint: u8) -> Json {
        let mut light = json!({});
        if !self.with(COLOR).any(|id| id == endpoint) {
            return light;
        }
        let known = |name| self.known(endpoint, "lightingColorCtrl", name);
        let capabilities = known("colorCapabilities").unwrap_or(ALL_COLORS);
        if capabilities & 0x10 != 0 {
            let limit = |name, default| {
                known(name)
                    .and_then(|limit| u16::try_from(limit).ok())
                    .filter(|limit| (1..0xff00).contains(limit))
                    .unwrap_or(default)
            };
            let range = (
                limit("colorTempPhysicalMin", TEMPERATURES.0),
                limit("colorTempPhysicalMax", TEMPERATURES.1),
            );
            let range = if range.0 < range.1 {
                range
            } else {
                TEMPERATURES
            };
            put(&mut light, "color_temp", json!({ "range": range }));
        }
        if capabilities & 0x08 != 0 {
            let saturation = capabilities & 0x01 != 0;
            let modes: &[&str] = if saturation { &["xy", "hs"] } else { &["xy"] };
            put(
                &mut light,
                "color",
                json!({"modes": modes, "enhanced_hue": capabilities & 0x02 != 0}),
            );
        }
        light
    }

    /// Of several covers the first is shown: they have no form with endpoints.
    fn cover(&mut self) {
        let Some(endpoint) = self.first_with(COVER) else {
            return;
        };
        // Types 6 to 8 tilt, 6 and 7 do nothing else (ZCL 7.4.2.1.1).
        let (lift, tilt) =
            match self.known(endpoint, "closuresWindowCovering", "windowCoveringType") {
                Some(0..=5 | 9) => (true, false),
                Some(6 | 7) => (false, true),
                _ => (true, true),
            };
        self.capabilities.push(
            json!({"type": "cover", "position": lift, "tilt": tilt, "state_from_tilt": !lift}),
        );
        if lift {
            self.report(endpoint, (COVER, 0x0008, "uint8"), (1, LONGEST), 1);
        }
        if tilt {
            self.report(endpoint, (COVER, 0x0009, "uint8"), (1, LONGEST), 1);
        }
        self.read(endpoint, COVER, 0x0000);
    }

    fn lock(&mut self) {
        // There is one `state`, and a cover has it already.
        let free = self.first_with(COVER).is_none();
        let Some(endpoint) = self.first_with(LOCK).filter(|_| free) else {
            return;
        };
        self.capabilities.push(json!({"type": "lock"}));
        let users = self
            .known(endpoint, "closuresDoorLock", "numOfPinUsersSupported")
            .filter(|users| (1..=0xffff).contains(users));
        if let Some(users) = users {
            self.capabilities
                .push(json!({"type": "pin_codes", "count": users}));
        }
        self.capabilities.push(json!({"type": "lock_actions"}));
        self.report(endpoint, (LOCK, 0x0000, "enum8"), (0, 3600), 0);
        self.read(endpoint, LOCK, 0x0012);
    }

    fn electricity(&mut self) {
        let electrical = self.first_with(ELECTRICAL);
        let meter = self.first_with(METERING);
        let mut exposes = Vec::new();
        if let Some(endpoint) = electrical {
            // Bit 6 says that it measures direct current (ZCL 4.9.2.2.1.1).
            let kind = self.known(endpoint, "haElectricalMeasurement", "measurementType");
            if kind.is_some_and(|kind| kind & 0x40 != 0) {
                exposes.extend(["dc_power", "dc_voltage", "dc_current"]);
            } else {
                exposes.extend(["power", "voltage", "current"]);
            }
        } else if meter.is_some() {
            exposes.push("demand");
        }
        if meter.is_some() {
            exposes.push("energy");
        }
        if exposes.is_empty() {
            return;
        }
        let report: Vec<Json> = exposes.iter().map(|of| json!({ "of": of })).collect();
        self.capabilities
            .push(json!({"type": "electricity", "exposes": exposes, "report": report}));
    }
}

/// Sets a member of an object.
fn put(object: &mut Json, key: &str, value: Json) {
    if let Some(members) = object.as_object_mut() {
        members.insert(key.to_owned(), value);
    }
}

fn has(endpoint: &Endpoint, cluster: u16) -> bool {
    endpoint.inputs.contains(&ClusterId(cluster))
}

/// The setting for when power comes back (`startUpOnOff`), on each of the endpoints.
fn power_on_behavior(endpoints: &[String]) -> Json {
    const DESCRIPTION: &str =
        "Controls the behavior when the device is powered on after power loss";
    let endpoints: Vec<_> = endpoints.iter().map(|name| (name, DESCRIPTION)).collect();
    let mut setting = json!({
        "type": "setting",
        "name": "power_on_behavior",
        "label": "Power-on behavior",
        "at": {"cluster": ON_OFF, "attribute": 0x4003},
        "data_type": "enum8",
        "values": [["off", 0], ["on", 1], ["toggle", 2], ["previous", 255]],
        "description": DESCRIPTION,
        "category": "config",
    });
    if !endpoints.is_empty() {
        put(&mut setting, "endpoints", json!(endpoints));
    }
    setting
}
