use proptest::prelude::*;
use serde_json::{Value as Json, json};
use zigbee::{EndpointId, IeeeAddress, NwkAddress};

use super::form;
use crate::{Catalogue, Definition, DeviceInfo, DeviceKind, Endpoint};

/// A real interview, of a model that nobody knows.
fn unknown(name: &str) -> DeviceInfo {
    let all: Json = serde_json::from_str(include_str!(
        "../../../../tests/vectors/breadth/devices.json"
    ))
    .unwrap();
    let record = &all[name];
    assert!(record.is_object(), "{name}");
    let clusters = |list: &Json| serde_json::from_value::<Vec<u16>>(list.clone()).unwrap();
    let mut device = nothing();
    for endpoint in record["endpoints"].as_array().unwrap() {
        let id = &endpoint["id"];
        let cache = &record["configured"]["attr_cache"][id.to_string()];
        device.endpoints.insert(
            EndpointId(u8::try_from(id.as_u64().unwrap()).unwrap()),
            Endpoint {
                inputs: clusters(&endpoint["in"])
                    .into_iter()
                    .map(zigbee::ClusterId)
                    .collect(),
                outputs: clusters(&endpoint["out"])
                    .into_iter()
                    .map(zigbee::ClusterId)
                    .collect(),
                attributes: serde_json::from_value(cache.clone()).unwrap_or_default(),
                ..Endpoint::default()
            },
        );
    }
    device
}

fn nothing() -> DeviceInfo {
    DeviceInfo {
        ieee: IeeeAddress(0x0015_8d00_0123_4567),
        nwk: NwkAddress(0x1234),
        kind: DeviceKind::Router,
        model_id: Some("Thing 1".to_owned()),
        manufacturer_name: Some("Nobody".to_owned()),
        manufacturer_code: None,
        power_source: None,
        application_version: None,
        stack_version: None,
        hardware_version: None,
        zcl_version: None,
        date_code: None,
        software_build_id: None,
        endpoints: std::collections::BTreeMap::new(),
    }
}

/// A device with one endpoint per list of server clusters.
fn with_inputs(endpoints: &[&[u16]]) -> DeviceInfo {
    let mut device = nothing();
    for (id, inputs) in (1..).zip(endpoints) {
        device.endpoints.insert(
            EndpointId(id),
            Endpoint {
                inputs: inputs.iter().copied().map(zigbee::ClusterId).collect(),
                ..Endpoint::default()
            },
        );
    }
    device
}

fn generated(device: &DeviceInfo) -> Definition {
    assert!(Catalogue::builtin().find(device).is_none());
    Definition::generated(device).unwrap()
}

/// Properties of the exposes and of their features, in order, without `linkquality`.
fn properties(device: &DeviceInfo) -> Vec<String> {
    let definition = generated(device);
    let exposes = definition.exposes().iter();
    let all = exposes.flat_map(|expose| std::iter::once(expose).chain(&expose.features));
    let mut properties: Vec<String> = all.filter_map(|expose| expose.property.clone()).collect();
    assert_eq!(properties.pop().as_deref(), Some("linkquality"));
    properties
}

fn capability(device: &DeviceInfo, kind: &str) -> Json {
    let form = form(device).unwrap();
    let mut all = form["capabilities"].as_array().unwrap().iter();
    all.find(|capability| capability["type"] == kind)
        .unwrap_or_else(|| panic!("no {kind}"))
        .clone()
}

/// Endpoint, cluster and attribute of what is reported.
fn reported(device: &DeviceInfo) -> Vec<(u64, u64, u64)> {
    let form = form(device).unwrap();
    let steps = form["configure"].as_array().unwrap().iter();
    let reports = steps.filter_map(|step| step.get("report"));
    let number = |value: &Json| value.as_u64().unwrap();
    reports
        .map(|report| {
            let at = &report["at"];
            (
                number(&report["endpoint"]),
                number(&at["cluster"]),
                number(&at["attribute"]),
            )
        })
        .collect()
}

#[test]
fn it_says_what_it_is() {
    let definition = generated(&unknown("Innr_SP_240"));
    assert!(!definition.supported());
    let described = definition.describe();
    assert_eq!(described["source"], "generated");
    assert_eq!(described["model"], "Thing 1");
    assert_eq!(described["vendor"], "Nobody");
    assert_eq!(
        described["description"],
        "Automatically generated definition"
    );
    assert_eq!(described["supports_ota"], false);
    assert_eq!(definition.configure_version(), Some("0.0.0"));
}

#[test]
fn a_bulb_is_a_light_with_the_colours_that_it_told() {
    let bulb = unknown("Philips_9290012573A");
    let light = capability(&bulb, "light");
    assert_eq!(light["color_temp"]["range"], json!([153, 500]));
    assert_eq!(
        light["color"],
        json!({"modes": ["xy", "hs"], "enhanced_hue": true})
    );
    let properties = properties(&bulb);
    for property in ["state", "brightness", "color_temp", "color", "effect"] {
        assert!(
            properties.iter().any(|known| known == property),
            "{property}"
        );
    }
    // Green Power is no second endpoint.
    assert_eq!(generated(&bulb).endpoint_names().count(), 0);

    let mut white = bulb.clone();
    for endpoint in white.endpoints.values_mut() {
        if let Some(cache) = endpoint.attributes.get_mut("lightingColorCtrl") {
            cache.insert("colorCapabilities".to_owned(), json!(16));
        }
    }
    assert!(capability(&white, "light").get("color").is_none());
    assert!(capability(&white, "light").get("color_temp").is_some());
}

#[test]
fn a_plug_switches_and_measures() {
    let plug = unknown("Innr_SP_240");
    assert_eq!(
        properties(&plug),
        [
            "state",
            "power_on_behavior",
            "power",
            "voltage",
            "current",
            "energy",
            "identify"
        ]
    );
    assert_eq!(reported(&plug), [(1, 0x0006, 0x0000)]);
    assert_eq!(
        capability(&plug, "electricity")["report"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
}

#[test]
fn a_thermostat_heats_unless_it_says_otherwise() {
    let mut thermostat = unknown("Bosch_BTH-RA");
    let heating = [
        "local_temperature",
        "occupied_heating_setpoint",
        "system_mode",
        "running_state",
        "battery",
        "identify",
    ];
    assert_eq!(properties(&thermostat), heating);
    for endpoint in thermostat.endpoints.values_mut() {
        let cache = endpoint.attributes.get_mut("hvacThermostat").unwrap();
        cache.insert("ctrlSeqeOfOper".to_owned(), json!(4));
    }
    let both = properties(&thermostat);
    assert!(both.contains(&"occupied_cooling_setpoint".to_owned()));
    assert!(reported(&thermostat).contains(&(1, 0x0201, 0x0011)));
}

#[test]
fn a_sensor_reports_what_it_measures() {
    let sensor = unknown("SONOFF_SNZB-02D");
    assert_eq!(
        properties(&sensor),
        ["temperature", "humidity", "battery", "identify"]
    );
    assert_eq!(
        reported(&sensor),
        [(1, 0x0402, 0), (1, 0x0405, 0), (1, 0x0001, 0x0021)]
    );
}

#[test]
fn a_remote_has_actions_and_its_clusters_are_bound() {
    let remote = unknown("IKEA_E1743");
    let definition = generated(&remote);
    let action = definition
        .exposes()
        .iter()
        .find(|expose| expose.name.as_deref() == Some("action"))
        .unwrap();
    let values = action.values.as_ref().unwrap();
    for value in ["on", "off", "toggle", "brightness_move_up", "open", "stop"] {
        assert!(values.contains(&json!(value)), "{value}");
    }
    let form = form(&remote).unwrap();
    let steps = form["configure"].as_array().unwrap();
    for cluster in [0x0006, 0x0008, 0x0102] {
        let bind = json!({"bind": {"endpoint": 1, "cluster": cluster}});
        assert!(steps.contains(&bind), "{cluster}");
    }
}

#[test]
fn switches_are_named_by_their_endpoints_where_there_are_more() {
    let switch = unknown("eWeLink_ZB-SW02");
    assert_eq!(
        properties(&switch),
        [
            "state_1",
            "state_2",
            "power_on_behavior_1",
            "power_on_behavior_2",
            "identify"
        ]
    );
    assert_eq!(reported(&switch), [(1, 0x0006, 0), (2, 0x0006, 0)]);
    let names: Vec<String> = generated(&switch)
        .endpoint_names()
        .map(|(name, endpoint)| format!("{name}={endpoint}"))
        .collect();
    assert_eq!(names, ["1=1", "2=2"]);
    // One that is alone on another than the first endpoint has a suffix, as in Zigbee2MQTT.
    let second = with_inputs(&[&[0x0402], &[0x0006]]);
    assert_eq!(
        properties(&second),
        ["state_2", "power_on_behavior_2", "temperature"]
    );
}

#[test]
fn lights_of_several_kinds_and_a_switch_keep_apart() {
    let mixed = with_inputs(&[&[6, 8, 0x0300], &[6, 8], &[6]]);
    let properties = properties(&mixed);
    for property in ["state_1", "color_1", "brightness_2", "state_3"] {
        assert!(
            properties.iter().any(|known| known == property),
            "{property}"
        );
    }
    for property in ["color_2", "brightness_3"] {
        assert!(
            !properties.iter().any(|known| known == property),
            "{property}"
        );
    }
}

#[test]
fn a_measurement_of_several_endpoints_is_named_by_them() {
    let sensors = with_inputs(&[&[0x0402, 0x0001], &[0x0402, 0x0001]]);
    assert_eq!(
        properties(&sensors),
        ["temperature_1", "temperature_2", "battery"]
    );
    assert!(reported(&sensors).contains(&(2, 0x0402, 0)));
    assert!(!reported(&sensors).contains(&(2, 0x0001, 0x0021)));
}

#[test]
fn a_zone_has_the_name_of_its_type_once_it_is_known() {
    let mut zone = unknown("Heiman_HS1DS");
    assert_eq!(
        properties(&zone),
        [
            "battery",
            "alarm_1",
            "alarm_2",
            "tamper",
            "battery_low",
            "identify"
        ]
    );
    let endpoint = zone.endpoints.get_mut(&EndpointId(1)).unwrap();
    let cache = endpoint
        .attributes
        .entry("ssIasZone".to_owned())
        .or_default();
    cache.insert("zoneType".to_owned(), json!(0x15));
    assert_eq!(
        properties(&zone),
        ["battery", "contact", "tamper", "battery_low", "identify"]
    );
}

#[test]
fn covers_and_locks_keep_their_state_for_themselves() {
    let cover = properties(&unknown("Ubisys_J1"));
    assert_eq!(
        cover.iter().filter(|property| *property == "state").count(),
        1
    );
    assert!(cover.contains(&"position".to_owned()));
    assert!(!cover.iter().any(|property| property.starts_with("state_")));
    // The relay beside a cover is another state.
    let beside = properties(&with_inputs(&[&[0x0006], &[0x0102]]));
    assert!(beside.contains(&"state_1".to_owned()));
    assert!(beside.contains(&"state".to_owned()));
    let lock = properties(&unknown("Kwikset_99140-002"));
    assert_eq!(
        lock.iter().filter(|property| *property == "state").count(),
        1
    );
    assert!(!lock.contains(&"pin_code".to_owned()));
}

#[test]
fn nothing_is_generated_for_those_that_say_nothing() {
    let mut device = unknown("Innr_SP_240");
    for kind in [DeviceKind::Coordinator, DeviceKind::GreenPower] {
        device.kind = kind;
        assert!(Definition::generated(&device).is_none());
    }
    assert!(Definition::generated(&nothing()).is_none());
    assert!(Definition::generated(&with_inputs(&[&[0x0000, 0xfc11]])).is_none());
}

#[test]
fn the_catalogue_wins() {
    let catalogue = Catalogue::builtin();
    let mut plug = unknown("Innr_SP_240");
    assert!(!catalogue.define(&plug).unwrap().supported());
    plug.model_id = Some("SP 240".to_owned());
    assert!(catalogue.define(&plug).unwrap().supported());
}

fn cluster() -> impl Strategy<Value = u16> {
    prop_oneof![
        prop::sample::select(vec![
            0x0000, 0x0001, 0x0002, 0x0003, 0x0005, 0x0006, 0x0008, 0x0101, 0x0102, 0x0201, 0x0202,
            0x0300, 0x0400, 0x0402, 0x0403, 0x0404, 0x0405, 0x0406, 0x0408, 0x040d, 0x042a, 0x0500,
            0x0502, 0x0702, 0x0b04,
        ]),
        any::<u16>(),
    ]
}

fn cached() -> impl Strategy<Value = (String, String, Json)> {
    let place = prop::sample::select(vec![
        ("lightingColorCtrl", "colorCapabilities"),
        ("lightingColorCtrl", "colorTempPhysicalMin"),
        ("lightingColorCtrl", "colorTempPhysicalMax"),
        ("closuresWindowCovering", "windowCoveringType"),
        ("closuresDoorLock", "numOfPinUsersSupported"),
        ("hvacThermostat", "ctrlSeqeOfOper"),
        ("haElectricalMeasurement", "measurementType"),
        ("ssIasZone", "zoneType"),
    ]);
    let value = prop_oneof![
        Just(Json::Null),
        Just(json!("16")),
        (0u64..64).prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
    ];
    (place, value).prop_map(|((cluster, name), value)| (cluster.to_owned(), name.to_owned(), value))
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    (
        prop::collection::vec(cluster(), 0..12),
        prop::collection::vec(cluster(), 0..6),
        prop::collection::vec(cached(), 0..6),
    )
        .prop_map(|(inputs, outputs, cache)| {
            let mut endpoint = Endpoint {
                inputs: inputs.into_iter().map(zigbee::ClusterId).collect(),
                outputs: outputs.into_iter().map(zigbee::ClusterId).collect(),
                ..Endpoint::default()
            };
            for (cluster, name, value) in cache {
                endpoint
                    .attributes
                    .entry(cluster)
                    .or_default()
                    .insert(name, value);
            }
            endpoint
        })
}

proptest! {
    #[test]
    fn whatever_a_device_says_of_itself(
        model in prop::option::of(".{0,20}"),
        vendor in prop::option::of(".{0,20}"),
        endpoints in prop::collection::btree_map(any::<u8>(), endpoint(), 0..6),
    ) {
        let mut device = nothing();
        device.model_id = model;
        device.manufacturer_name = vendor;
        device.endpoints = endpoints.into_iter().map(|(id, of)| (EndpointId(id), of)).collect();
        if let Some(form) = form(&device) {
            let parsed = Definition::from_json(&form.to_string());
            prop_assert!(parsed.is_ok(), "{form}: {:?}", parsed.err());
            // No two things share a property, and the same interview says the same again.
            let definition = Definition::generated(&device).unwrap();
            let again = Definition::generated(&device).unwrap();
            prop_assert_eq!(definition.describe(), again.describe());
            let mut properties: Vec<_> = definition
                .exposes()
                .iter()
                .flat_map(|expose| {
                    // The keys inside of a composite are its own.
                    let shown = expose.name.is_none();
                    let features = expose.features.iter().filter(move |_| shown);
                    std::iter::once(expose).chain(features)
                })
                .filter_map(|expose| Some((expose.name.clone()?, expose.property.clone()?)))
                .collect();
            properties.sort();
            let all = properties.len();
            properties.dedup();
            prop_assert_eq!(properties.len(), all, "{}", form);
        }
    }
}
