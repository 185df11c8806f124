//! Keys that work on every device, row by row (shared/facts/mqtt-api.md §6.7).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use serde_json::{Value as Json, json};
use support::files::devices;
use support::{Bench, device_info};

fn bench() -> Bench {
    let info = device_info(&devices("breadth")["SONOFF_S31ZB"]);
    Bench::new(info, serde_json::Map::new(), serde_json::Map::new())
}

/// Sets, with the device's answers; gives what was sent: cluster, command, payload.
fn set(bench: &Bench, payload: &Json, answers: &[&str]) -> Vec<(u64, u64, String)> {
    bench
        .answers
        .borrow_mut()
        .extend(answers.iter().map(|reply| json!({"reply": reply})));
    let errors = bench.mqtt("zigbee2mqtt/dev/set", &payload.to_string());
    assert_eq!(errors, Vec::<String>::new());
    sent(bench)
}

fn sent(bench: &Bench) -> Vec<(u64, u64, String)> {
    bench
        .sent
        .borrow_mut()
        .drain(..)
        .map(|sent| {
            (
                sent["cluster"].as_u64().unwrap(),
                sent["cmd"].as_u64().unwrap(),
                sent["payload"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn refused(bench: &Bench, payload: &Json) -> String {
    let errors = bench.mqtt("zigbee2mqtt/dev/set", &payload.to_string());
    assert_eq!(sent(bench), [], "{payload}");
    assert_eq!(errors.len(), 1, "{payload}");
    errors[0].clone()
}

#[test]
fn read_reads_logs_and_publishes_under_the_property_that_is_named() {
    let bench = bench();
    let payload = json!({"read": {"cluster": "genBasic", "attributes": ["modelId", 7], "state_property": "got"}});
    let sent = set(
        &bench,
        &payload,
        &["18000105000042026162070000 3001".replace(' ', "").as_str()],
    );
    assert_eq!(sent, [(0, 0, "05000700".to_owned())]);
    assert_eq!(
        bench.state.borrow()["got"],
        json!({"modelId": "ab", "powerSource": 1})
    );
    assert_eq!(
        *bench.logged.borrow(),
        ["zhc:tz: Read result of 'genBasic': {\"modelId\":\"ab\",\"powerSource\":1}"]
    );
}

#[test]
fn what_read_shows_has_the_forms_of_the_reference() {
    // A boolean is a number, bytes are a buffer, a number of seven bytes is text.
    let bench = bench();
    let payload = json!({"read": {"cluster": 6, "attributes": [0, 1, 2], "state_property": "got"}});
    let answer = "18000100000010010100004102aabb0200002615000000000000";
    set(&bench, &payload, &[answer]);
    assert_eq!(
        bench.state.borrow()["got"],
        json!({"onOff": 1, "1": {"type": "Buffer", "data": [170, 187]}, "2": "21"})
    );
}

#[test]
fn write_writes_by_name_and_by_number_with_a_type() {
    let bench = bench();
    let payload = json!({"write": {"cluster": "genOnOff", "payload": {"startUpOnOff": 1}}});
    assert_eq!(
        set(&bench, &payload, &["18000400"]),
        [(6, 2, "03403001".to_owned())]
    );
    let payload = json!({"write": {"cluster": 6, "payload": {"32769": {"value": 3, "type": 48}}}});
    assert_eq!(
        set(&bench, &payload, &["18000400"]),
        [(6, 2, "01803003".to_owned())]
    );
    assert_eq!(
        bench.logged.borrow()[0],
        "zhc:tz: Wrote '{\"startUpOnOff\":1}' to 'genOnOff'"
    );
    let wrong = json!({"write": {"cluster": "genOnOff", "payload": {"startUpOnOff": 256}}});
    assert!(
        refused(&bench, &wrong).contains("256"),
        "too large for its type"
    );
}

#[test]
fn command_invokes_by_name_and_by_number() {
    let bench = bench();
    let payload = json!({"command": {"cluster": "genLevelCtrl", "command": "moveToLevel", "payload": {"level": 10, "transtime": 5, "optionsMask": 0, "optionsOverride": 0}}});
    let sent = set(&bench, &payload, &[]);
    assert_eq!(sent.len(), 1);
    assert_eq!((sent[0].0, sent[0].1), (8, 0));
    assert!(sent[0].2.starts_with("0a0500"), "{sent:?}");
    assert!(
        bench.logged.borrow()[0]
            .starts_with("zhc:tz: Invoked 'genLevelCtrl.moveToLevel' with payload '")
    );
    let payload = json!({"command": {"cluster": 6, "command": 2}});
    assert_eq!(set(&bench, &payload, &[]), [(6, 2, String::new())]);
    let wrong = json!({"command": {"cluster": "genOnOff", "command": "jump"}});
    assert!(refused(&bench, &wrong).contains("jump"));
}

#[test]
fn commands_take_lists_of_records() {
    let bench = bench();
    let payload = json!({"command": {"cluster": "manuSpecificTuya", "command": "dataRequest", "payload": {
        "seq": 2,
        "dpValues": [{"dp": 1, "datatype": 1, "data": [1]}, {"dp": 16, "datatype": 2, "data": {"type": "Buffer", "data": [0, 0, 1, 94]}}],
    }}});
    assert_eq!(
        set(&bench, &payload, &[]),
        [(0xef00, 0, "020001010001011002000400".to_owned() + "00015e")]
    );
    let payload = json!({"zclcommand": {"cluster": "hvacThermostat", "command": "setWeeklySchedule", "payload": {
        "numoftrans": 2, "dayofweek": 1, "mode": 1,
        "transitions": [{"transitionTime": 480, "heatSetpoint": 2100}, {"transitionTime": 1320, "heatSetpoint": 1700}],
    }}});
    assert_eq!(
        set(&bench, &payload, &[]),
        [(0x0201, 1, "020101e00134082805a406".to_owned())]
    );
    let wrong = json!({"command": {"cluster": "manuSpecificTuya", "command": "dataRequest", "payload": {"seq": 2, "dpValues": [5]}}});
    assert!(refused(&bench, &wrong).contains("dpValues"));
}

#[test]
fn zclcommand_sends_raw_commands() {
    let bench = bench();
    let payload = json!({"zclcommand": {"cluster": "genIdentify", "command": "identify", "payload": {"identifytime": 3}}});
    assert_eq!(set(&bench, &payload, &[]), [(3, 0, "0300".to_owned())]);
}

#[test]
fn reset_goes_back_to_factory_defaults() {
    let bench = bench();
    assert_eq!(
        set(&bench, &json!({"reset": ""}), &[]),
        [(0, 0, String::new())]
    );
    assert_eq!(*bench.published.borrow(), [], "nothing is published for it");
}
