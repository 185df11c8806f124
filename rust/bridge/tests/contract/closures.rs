//! Covers, locks, thermostats and sirens (shared/facts/mqtt-api.md §7.6 to §7.8, §8).

use adapters::Destination;
use devices::{Catalogue, DeviceKind};
use hub::Device;
use serde_json::{Value as Json, json};
use zigbee::{ClusterId, GroupId, IeeeAddress};

use crate::house::{House, plain};

const WINDOW_COVERING: u16 = 0x0102;
const DOOR_LOCK: u16 = 0x0101;
const THERMOSTAT: u16 = 0x0201;

const LEFT: IeeeAddress = IeeeAddress(0x91);
const RIGHT: IeeeAddress = IeeeAddress(0x92);
const FRONT: IeeeAddress = IeeeAddress(0x93);

/// A device of a model that the catalogue knows, with all clusters on one endpoint.
fn known(model: &str, ieee: IeeeAddress, nwk: u16, endpoint: u8, inputs: &[u16]) -> Device {
    let id = u32::from(nwk);
    let mut device = plain(
        DeviceKind::Router,
        ieee,
        nwk,
        id,
        &[(endpoint, inputs, &[])],
    );
    device.info.model_id = Some(model.to_owned());
    device.definition = Catalogue::builtin().find(&device.info);
    let definition = device.definition.as_ref().unwrap();
    if let Some(version) = definition.configure_version() {
        device.meta.insert("configured".to_owned(), json!(version));
    }
    device
}

/// A house with one more device, called `it`, that answers.
fn house_with(device: Device, options: Json, answers: crate::house::Answers) -> House {
    let mut options = options;
    options["friendly_name"] = json!("it");
    let ieee = device.info.ieee.to_string();
    let extra = json!({"advanced": {"log_level": "debug"}, "devices": {ieee: options}});
    let mut house = House::with_devices(&extra, vec![device]);
    house.zcl = Some(answers);
    house
}

/// Endpoint, command and payload of the frames that were sent to a cluster.
fn sent(house: &mut House, cluster: u16) -> Vec<(Option<u8>, u8, Vec<u8>)> {
    let frames = house.frames();
    house.forget();
    frames
        .into_iter()
        .filter(|frame| frame.cluster == ClusterId(cluster))
        .map(|frame| {
            let endpoint = match frame.destination {
                Destination::Device(_, endpoint) => Some(endpoint.0),
                _ => None,
            };
            (endpoint, frame.payload[2], frame.payload[3..].to_vec())
        })
        .collect()
}

/// A default response of success to commands, whatever they are; groups are joined.
fn agree(cluster: ClusterId, sent: &[u8]) -> Option<Vec<u8>> {
    Some(match cluster.0 {
        0x0004 => vec![0x00, 0x00, sent[3], sent[4]],
        // Answers of locks: the same command.
        DOOR_LOCK => vec![sent[2], 0x00],
        _ if sent[0] & 0x01 == 0 && sent[2] == 0x02 => vec![0x04, 0x00],
        _ => return None,
    })
}

/// A default response of success to every command.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the house takes any answer, or none"
)]
fn done(_: ClusterId, sent: &[u8]) -> Option<Vec<u8>> {
    Some(vec![0x0b, sent[2], 0x00])
}

/// A cover reports how far it is closed.
fn lift(house: &mut House, nwk: u16, sequence: u8, closed: u8) {
    let report = [0x18, sequence, 0x0a, 0x08, 0x00, 0x20, closed];
    house.frame(nwk, 1, WINDOW_COVERING, &report);
}

fn shades() -> House {
    let inputs = [0, 3, 4, WINDOW_COVERING];
    let more = vec![
        known("1GANG/SHUTTER/1", LEFT, 0x9191, 1, &inputs),
        known("J1 (5502)", RIGHT, 0x9292, 1, &inputs),
    ];
    let extra = json!({"devices": {
        (LEFT.to_string()): {"friendly_name": "left"},
        (RIGHT.to_string()): {"friendly_name": "right"},
    }});
    let mut house = House::with_devices(&extra, more);
    house.zcl = Some(agree);
    house.request("group/add", r#"{"friendly_name":"shades","id":9}"#);
    for name in ["left", "right"] {
        let payload = json!({"group": "shades", "device": name}).to_string();
        let response = house.request("group/members/add", &payload);
        assert!(response.contains(r#""status":"ok""#), "{response}");
    }
    house.forget();
    house
}

#[test]
fn a_group_of_covers_is_closed_when_all_of_them_are() {
    let mut house = shades();
    let shades = |house: &mut House| {
        let lines = house.lines();
        let mut of_group = lines
            .into_iter()
            .filter(|line| line.starts_with("z/shades "));
        of_group.next()
    };
    // One of them counts the other way round: both are open.
    lift(&mut house, 0x9191, 1, 100);
    assert_eq!(
        shades(&mut house).as_deref(),
        Some(r#"z/shades {"state":"OPEN"}"#)
    );
    lift(&mut house, 0x9292, 2, 0);
    assert_eq!(shades(&mut house), None, "nothing new");
    lift(&mut house, 0x9292, 3, 100);
    assert_eq!(shades(&mut house), None, "one is open");
    lift(&mut house, 0x9191, 4, 0);
    assert_eq!(
        shades(&mut house).as_deref(),
        Some(r#"z/shades {"state":"CLOSE"}"#)
    );
}

#[test]
fn a_group_of_covers_is_moved_with_one_message_and_waits_for_reports() {
    let mut house = shades();
    house.mqtt("z/shades/set", "OPEN");
    let frames = house.frames();
    let frames: Vec<_> = frames
        .iter()
        .filter(|frame| frame.cluster == ClusterId(WINDOW_COVERING))
        .collect();
    assert_eq!(frames.len(), 1, "{frames:?}");
    assert_eq!(frames[0].destination, Destination::Group(GroupId(9)));
    assert_eq!(frames[0].payload[2..], [0x00]);
    let lines = house.lines();
    assert!(
        !lines.iter().any(|line| line.starts_with("z/shades ")),
        "{lines:?}"
    );
}

#[test]
fn an_inverted_cover_opens_where_it_closed() {
    let cover = known("J1 (5502)", LEFT, 0x9191, 1, &[WINDOW_COVERING]);
    let mut house = house_with(cover, json!({"invert_cover": true}), done);
    house.mqtt("z/it/set", r#"{"state":"OPEN","position":30}"#);
    assert_eq!(
        sent(&mut house, WINDOW_COVERING),
        [(Some(1), 0x01, vec![]), (Some(1), 0x05, vec![30])]
    );
    lift(&mut house, 0x9191, 1, 100);
    let state = house.last("z/it");
    assert_eq!(
        (&state["position"], &state["state"]),
        (&json!(100), &json!("OPEN"))
    );
}

#[test]
fn a_position_that_is_only_wished_for_is_not_published_where_the_owner_says_so() {
    let cover = || known("J1 (5502)", LEFT, 0x9191, 1, &[WINDOW_COVERING]);
    for disabled in [false, true] {
        let options = json!({"cover_position_tilt_disable_report": disabled});
        let mut house = house_with(cover(), options, done);
        house.forget();
        house.mqtt("z/it/set", r#"{"position":30}"#);
        let lines = house.lines();
        let published = lines.iter().any(|line| line.starts_with("z/it "));
        assert_eq!(published, !disabled, "{lines:?}");
    }
}

const CODE: &str = "0427";

/// Answers of a lock: user 3 has the code.
fn lock_answers(cluster: ClusterId, sent: &[u8]) -> Option<Vec<u8>> {
    match (cluster.0, sent[2]) {
        (DOOR_LOCK, 0x06) => {
            let mut answer = vec![0x06, sent[3], sent[4], 0x01, 0x00, 0x04];
            answer.extend(CODE.as_bytes());
            Some(answer)
        }
        _ => agree(cluster, sent),
    }
}

fn front_door(options: Json) -> House {
    let lock = known("iZBModule01", FRONT, 0x9393, 1, &[0, 1, 3, DOOR_LOCK]);
    house_with(lock, options, lock_answers)
}

fn never_told(house: &House) {
    for entry in &house.log {
        let entry = format!("{entry:?}");
        assert!(!entry.contains(CODE), "{entry}");
    }
}

#[test]
fn a_lock_takes_codes_and_tells_nobody() {
    let mut house = front_door(json!({}));
    for (payload, command, rest) in [
        (
            json!({"pin_code": {"user": 3, "pin_code": CODE}}),
            0x05,
            b"\x03\x00\x01\x00\x040427".to_vec(),
        ),
        (
            json!({"pin_code": {"user": 3, "user_enabled": false, "user_type": "master", "pin_code": 427}}),
            0x05,
            b"\x03\x00\x03\x03\x03427".to_vec(),
        ),
        (
            json!({"pin_code": {"user": 3, "pin_code": null}}),
            0x07,
            vec![3, 0],
        ),
        (
            json!({"user_status": {"user": 3, "status": "disabled"}}),
            0x09,
            vec![3, 0, 3],
        ),
        (
            json!({"state": {"state": "unlock", "code": CODE}}),
            0x01,
            b"\x040427".to_vec(),
        ),
        (json!({"state": "TOGGLE"}), 0x02, vec![0]),
    ] {
        house.mqtt("z/it/set", payload.to_string());
        never_told(&house);
        assert_eq!(
            sent(&mut house, DOOR_LOCK),
            [(Some(1), command, rest)],
            "{payload}"
        );
    }
    // What fails does not tell either.
    for (topic, payload) in [
        (
            "z/it/set",
            json!({"pin_code": {"user": 250, "pin_code": CODE}}),
        ),
        (
            "z/it/set",
            json!({"pin_code": {"user": 3, "pin_code": "0427a"}}),
        ),
        (
            "z/it/set",
            json!({"state": {"state": "ajar", "code": CODE}}),
        ),
        (
            "z/switch/set",
            json!({"pin_code": {"user": 3, "pin_code": CODE}}),
        ),
        (
            "z/nobody/set",
            json!({"pin_code": {"user": 3, "pin_code": CODE}}),
        ),
    ] {
        house.mqtt(topic, payload.to_string());
        never_told(&house);
        assert!(
            house
                .log
                .iter()
                .any(|entry| format!("{entry:?}").contains("Error")),
            "{topic} {payload} {:?}",
            house.log
        );
        assert_eq!(sent(&mut house, DOOR_LOCK), [], "{payload}");
    }
}

#[test]
fn a_locks_codes_are_published_only_where_the_owner_says_so() {
    for exposed in [false, true] {
        let mut house = front_door(json!({"expose_pin": exposed}));
        house.forget();
        house.mqtt("z/it/get", r#"{"pin_code":{"user":3}}"#);
        let users = house.last("z/it")["users"].clone();
        let expected = if exposed {
            json!({"3": {"status": "enabled", "pin_code": CODE}})
        } else {
            json!({"3": {"status": "enabled"}})
        };
        assert_eq!(users, expected);
        never_told(&house);
        let told = house
            .lines()
            .into_iter()
            .any(|line| !line.starts_with("z/it ") && line.contains(CODE));
        assert!(!told);
    }
}

#[test]
fn the_users_of_a_lock_are_collected() {
    let mut house = front_door(json!({}));
    house.forget();
    for user in [3, 4] {
        house.mqtt("z/it/get", json!({"pin_code": {"user": user}}).to_string());
    }
    assert_eq!(
        house.last("z/it")["users"],
        json!({"3": {"status": "enabled"}, "4": {"status": "enabled"}})
    );
}

#[test]
fn a_thermostat_takes_setpoints_in_the_owners_unit_and_a_schedule() {
    let receiver = || known("SLR1", LEFT, 0x9191, 5, &[0, 3, THERMOSTAT]);
    for (unit, raw) in [("celsius", 2000_u16), ("fahrenheit", 2028)] {
        let mut house = house_with(receiver(), json!({"thermostat_unit": unit}), agree);
        house.mqtt("z/it/set", r#"{"occupied_heating_setpoint":20.2}"#);
        let [low, high] = raw.to_le_bytes();
        assert_eq!(house.last("z/it")["occupied_heating_setpoint"], 20.2);
        assert_eq!(
            sent(&mut house, THERMOSTAT),
            [(Some(5), 0x02, vec![0x12, 0x00, 0x29, low, high])]
        );
    }
    let mut house = house_with(receiver(), json!({}), agree);
    let schedule = json!({"weekly_schedule": {"dayofweek": ["monday", "sunday"], "transitions": [
        {"time": "6:30", "heat_setpoint": 21}, {"time": {"hour": 22, "minute": 0}, "heat_setpoint": 16.5}]}});
    house.mqtt("z/it/set", schedule.to_string());
    let wire = vec![
        2, 0x03, 0x01, 0x86, 0x01, 0x34, 0x08, 0x28, 0x05, 0x72, 0x06,
    ];
    assert_eq!(
        sent(&mut house, THERMOSTAT),
        [(Some(5), 0x01, wire.clone())]
    );
    house.mqtt("z/it/set", r#"{"clear_weekly_schedule":""}"#);
    assert_eq!(sent(&mut house, THERMOSTAT), [(Some(5), 0x03, vec![])]);
    let mut answer = vec![0x19, 7, 0x00];
    answer.extend(wire);
    house.frame(0x9191, 5, THERMOSTAT, &answer);
    assert_eq!(
        house.last("z/it")["weekly_schedule"],
        json!({"days": ["sunday", "monday"], "transitions": [
            {"time": 390, "heating_setpoint": 21}, {"time": 1320, "heating_setpoint": 16.5}]})
    );
}

#[test]
fn a_siren_is_warned_as_it_understands() {
    let siren = known("SIRZB-110", LEFT, 0x9191, 43, &[0, 1, 3, 0x0500, 0x0502]);
    let mut house = house_with(siren, json!({}), done);
    for (payload, command, rest) in [
        (
            json!({"warning": {"mode": "stop"}}),
            0x00,
            vec![0x00, 10, 0, 0, 1],
        ),
        (json!({"warning": {}}), 0x00, vec![0x53, 10, 0, 0, 1]),
        (
            json!({"warning": {"mode": "burglar", "level": "high", "strobe": false, "duration": 300,
                "strobe_duty_cycle": 3, "strobe_level": "low"}}),
            0x00,
            vec![0x81, 0x2c, 0x01, 30, 0],
        ),
        (
            json!({"squawk": {"state": "system_is_disarmed"}}),
            0x01,
            vec![0xc1],
        ),
        (json!({"alarm": "OFF"}), 0x00, vec![0x00, 0x2c, 0x01, 0, 0]),
    ] {
        house.mqtt("z/it/set", payload.to_string());
        assert_eq!(
            sent(&mut house, 0x0502),
            [(Some(43), command, rest)],
            "{payload}"
        );
    }
    for wrong in [
        json!({"warning": {"mode": "party"}}),
        json!({"warning": "stop"}),
        json!({"squawk": {}}),
        json!({"alarm": "maybe"}),
    ] {
        house.mqtt("z/it/set", wrong.to_string());
        assert_eq!(sent(&mut house, 0x0502), [], "{wrong}");
    }
}
