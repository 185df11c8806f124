//! Devices of models that the catalogue does not know (shared/facts/mqtt-api.md §11.3, §11.4).

use adapters::{Event, Reply, Request};
use serde_json::{Value as Json, json};
use zigbee::zdo::{self, LogicalType, NodeDescriptor, SimpleDescriptor};
use zigbee::{
    ClusterId, DeviceId, EndpointId, IeeeAddress, ManufacturerCode, NwkAddress, ProfileId,
};

use crate::house::{House, other_device};

const STRANGER: IeeeAddress = IeeeAddress(0x99);
const NWK: NwkAddress = NwkAddress(0x9999);
const BASIC: u16 = 0x0000;
const ON_OFF: u16 = 0x0006;
const ZONE: u16 = 0x0500;
const INPUTS: [u16; 5] = [BASIC, 0x0003, ON_OFF, 0x0402, ZONE];

/// The descriptors of a router with one endpoint.
fn descriptors(request: &Request) -> Option<zdo::Response> {
    let Request::Zdo(_, request) = request else {
        return None;
    };
    Some(match request {
        zdo::Request::NodeDescriptor { .. } => zdo::Response::NodeDescriptor {
            nwk: NWK,
            descriptor: NodeDescriptor {
                logical_type: LogicalType::Router,
                mac_capabilities: 0x8e,
                manufacturer: ManufacturerCode(0x1234),
                maximum_buffer: 82,
                maximum_incoming: 100,
                server_mask: 0,
                maximum_outgoing: 100,
                descriptor_capabilities: 0,
                flags: 0x4001,
            },
        },
        zdo::Request::ActiveEndpoints { .. } => zdo::Response::ActiveEndpoints {
            nwk: NWK,
            endpoints: vec![EndpointId(1)],
        },
        zdo::Request::SimpleDescriptor { .. } => zdo::Response::SimpleDescriptor {
            nwk: NWK,
            descriptor: SimpleDescriptor {
                endpoint: EndpointId(1),
                profile: ProfileId::HOME_AUTOMATION,
                device: DeviceId(0x0051),
                version: 1,
                inputs: INPUTS.map(ClusterId).to_vec(),
                outputs: Vec::new(),
            },
        },
        _ => return None,
    })
}

/// What the device answers to reads, writes, configuration and commands. It refuses to report whether it
/// is on.
fn answers(cluster: ClusterId, sent: &[u8]) -> Option<Vec<u8>> {
    let text = |text: &str| {
        let mut value = vec![0x42, u8::try_from(text.len()).unwrap()];
        value.extend(text.as_bytes());
        value
    };
    let foundation = sent[0].trailing_zeros() >= 2;
    Some(match sent[2] {
        0x00 if foundation => {
            let mut answer = vec![0x01];
            for attribute in sent[3..].chunks_exact(2) {
                let value = match (cluster.0, attribute[0]) {
                    (BASIC, 0x04) => text("Nobody"),
                    (BASIC, 0x05) => text("Thing 1"),
                    (BASIC, 0x07) | (ZONE, 0x00) => vec![0x30, 0x01],
                    (ZONE, 0x01) => vec![0x31, 0x15, 0x00],
                    _ => Vec::new(),
                };
                answer.extend(attribute);
                answer.push(if value.is_empty() { 0x86 } else { 0x00 });
                answer.extend(value);
            }
            answer
        }
        0x02 if foundation => vec![0x04, 0x00],
        0x06 if foundation && cluster.0 == ON_OFF => vec![0x07, 0x8c, 0x00, 0x00, 0x00],
        0x06 if foundation => vec![0x07, 0x00],
        command if !foundation => vec![0x0b, command, 0x00],
        _ => return None,
    })
}

/// A house that an unknown device joins.
fn joined() -> House {
    let mut house = House::new(&json!({
        "advanced": {"log_level": "debug"},
        "devices": {(STRANGER.to_string()): {"friendly_name": "it"}},
    }));
    house.script = Some(Box::new(|request| {
        Some(Ok(Reply::Zdo(descriptors(request)?)))
    }));
    house.zcl = Some(answers);
    house.radio(Event::Joined {
        nwk: NWK,
        ieee: STRANGER,
        parent: NwkAddress::COORDINATOR,
    });
    house.wait(std::time::Duration::from_secs(60));
    house
}

fn entry(house: &House, ieee: IeeeAddress) -> Json {
    let list = house.last("z/bridge/devices");
    let mut entries = list.as_array().unwrap().iter();
    entries
        .find(|entry| entry["ieee_address"] == ieee.to_string())
        .unwrap()
        .clone()
}

fn properties(entry: &Json) -> Vec<String> {
    let mut properties = Vec::new();
    for expose in entry["definition"]["exposes"].as_array().unwrap() {
        let features = expose["features"].as_array().into_iter().flatten();
        let all = std::iter::once(expose).chain(features);
        properties.extend(all.filter_map(|expose| expose["property"].as_str().map(str::to_owned)));
    }
    properties
}

#[test]
fn an_unknown_device_that_joins_gets_a_definition_from_its_interview() {
    let house = joined();
    let entry = entry(&house, STRANGER);
    assert_eq!(entry["supported"], false);
    assert_eq!(entry["interview_state"], "SUCCESSFUL");
    let definition = &entry["definition"];
    assert_eq!(definition["source"], "generated");
    assert_eq!(definition["model"], "Thing 1");
    assert_eq!(definition["vendor"], "Nobody");
    assert_eq!(
        definition["description"],
        "Automatically generated definition"
    );
    // The zone told its type when it was configured.
    assert_eq!(
        properties(&entry),
        [
            "state",
            "power_on_behavior",
            "temperature",
            "contact",
            "tamper",
            "battery_low",
            "identify",
            "linkquality"
        ]
    );
    // What the device refused is not there, the rest is.
    let reportings = &entry["endpoints"]["1"]["configured_reportings"];
    assert_eq!(reportings.as_array().unwrap().len(), 1, "{reportings}");
    assert_eq!(reportings[0]["cluster"], "msTemperatureMeasurement");
    let events = house.published.iter().filter(|publish| {
        &*publish.topic == "z/bridge/event"
            && String::from_utf8_lossy(&publish.payload).contains("successful")
    });
    let events: Vec<_> = events.collect();
    let event: Json = serde_json::from_slice(&events[0].payload).unwrap();
    assert_eq!(event["data"]["supported"], false);
}

#[test]
fn an_unknown_device_is_set_and_heard() {
    let mut house = joined();
    house.forget();
    house.mqtt("z/it/set", r#"{"state":"ON"}"#);
    let frames = house.frames();
    let frame = frames
        .iter()
        .find(|frame| frame.cluster == ClusterId(ON_OFF))
        .unwrap();
    assert_eq!(
        frame.destination,
        adapters::Destination::Device(NWK, EndpointId(1))
    );
    assert_eq!((frame.payload[0] & 0x03, frame.payload[2]), (0x01, 0x01));
    assert_eq!(house.last("z/it")["state"], "ON");
    house.forget();
    house.mqtt("z/it/get", r#"{"temperature":""}"#);
    assert!(
        house
            .frames()
            .iter()
            .any(|frame| frame.cluster == ClusterId(0x0402))
    );
    house.frame(
        NWK.0,
        1,
        0x0402,
        &[0x18, 0x50, 0x0a, 0, 0, 0x29, 0x34, 0x08],
    );
    assert_eq!(house.last("z/it")["temperature"], 21.0);
}

#[test]
fn gangs_of_an_unknown_switch_are_set_by_their_endpoints() {
    let mut switch = other_device("eWeLink_ZB-SW02", STRANGER, NWK.0, 9);
    switch.info.model_id = Some("Thing 2".to_owned());
    switch.definition = None;
    switch.meta.insert("configured".to_owned(), json!("0.0.0"));
    let extra = json!({"devices": {(STRANGER.to_string()): {"friendly_name": "it"}}});
    let mut house = House::with_devices(&extra, vec![switch]);
    house.zcl = Some(answers);
    for (topic, payload, endpoint) in [
        ("z/it/set", r#"{"state_2":"ON"}"#, 2),
        ("z/it/1/set", r#"{"state":"ON"}"#, 1),
    ] {
        house.forget();
        house.mqtt(topic, payload);
        let frames = house.frames();
        let commands = frames
            .iter()
            .filter(|frame| frame.cluster == ClusterId(ON_OFF) && frame.payload[0] & 0x03 == 0x01);
        let to: Vec<_> = commands.map(|frame| frame.destination).collect();
        assert_eq!(
            to,
            [adapters::Destination::Device(NWK, EndpointId(endpoint))]
        );
        assert_eq!(house.last("z/it")[format!("state_{endpoint}")], "ON");
    }
}

#[test]
fn the_list_at_start_has_generated_definitions_but_none_of_a_failed_interview() {
    let mut plug = other_device("Innr_SP_240", STRANGER, NWK.0, 9);
    plug.info.model_id = Some("Thing 3".to_owned());
    plug.definition = None;
    let mut failed = other_device("Innr_SP_240", IeeeAddress(0x98), 0x9898, 10);
    failed.info.model_id = Some("Thing 3".to_owned());
    failed.definition = None;
    failed.interview = hub::InterviewState::Failed;
    let mut house = House::with_devices(&json!({}), vec![plug, failed]);
    house.request(
        "device/options",
        json!({"id": STRANGER.to_string(), "options": {"qos": 1}}).to_string(),
    );
    let plug = entry(&house, STRANGER);
    assert_eq!(plug["type"], json!("Router"));
    assert_eq!(plug["definition"]["source"], "generated");
    let failed = entry(&house, IeeeAddress(0x98));
    assert_eq!(failed["supported"], false);
    assert!(failed.get("definition").is_none());
}
