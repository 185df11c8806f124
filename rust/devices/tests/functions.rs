//! Definitions with functions: which messages become calls, what becomes of their answers.

#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests"
)]

use std::sync::Arc;

use devices::{Bench, BenchFrame, Definition, FunctionReply, Operation, check};
use serde_json::{Value as Json, json};
use zigbee::EndpointId;

fn data(capability: Json) -> Json {
    json!({
        "match": [{"model": "x"}], "model": "X", "vendor": "V", "description": "D",
        "endpoints": [["left", 1], ["right", 2]],
        "structures": [{"cluster": "0xfcc0", "attribute": "0x00f7", "form": "octets"}],
        "capabilities": [capability],
    })
}

fn bench(capability: Json, setup: Json) -> Bench {
    let definition = Definition::from_json(&data(capability).to_string()).unwrap();
    Bench::new(Arc::new(definition), &setup).unwrap()
}

fn frame(endpoint: u8, cluster: u16, zcl: &str) -> BenchFrame {
    BenchFrame {
        endpoint,
        cluster: cluster.into(),
        group: None,
        zcl: zcl.to_owned(),
    }
}

fn calls(bench: &Bench, endpoint: u8, cluster: u16, zcl: &str) -> Vec<Json> {
    let decoded = bench.decode(&frame(endpoint, cluster, zcl)).unwrap();
    assert_eq!(decoded["problems"], json!([]), "{decoded}");
    decoded["calls"].as_array().unwrap().clone()
}

#[test]
fn a_function_gets_a_message_once_with_all_its_attributes() {
    let bench = bench(
        json!({"type": "python", "from": [
            {"cluster": "0x0402", "attribute": "0x0000", "function": "warm"},
            {"cluster": "0x0402", "attribute": "0x0001", "function": "warm"},
            {"cluster": "0x0402", "attribute": "0x0001", "function": "least", "endpoint": 2},
            {"cluster": "0x0402", "attribute": "0x0000", "function": "own", "manufacturer": "0x115f"},
        ]}),
        Json::Null,
    );
    // A report of both attributes, an int16 each.
    let report = "18050a000029f6ff0100291027".to_owned();
    assert_eq!(
        calls(&bench, 1, 0x0402, &report),
        [json!({
            "call": "from_zigbee", "function": "warm", "endpoint": 1,
            "message": {
                "cluster": 0x0402, "endpoint": 1, "manufacturer": null, "sequence": 5,
                "attributes": {"0x0000": -10, "0x0001": 10000},
            },
        })]
    );
    let names = |calls: Vec<Json>| -> Vec<String> {
        calls
            .iter()
            .map(|call| call["function"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(calls(&bench, 2, 0x0402, &report)), ["warm", "least"]);
    // The same from LUMI.
    let own = report.replacen("18", "1c5f11", 1);
    assert_eq!(names(calls(&bench, 1, 0x0402, &own)), ["warm", "own"]);
    // Another attribute, another cluster.
    assert!(calls(&bench, 1, 0x0402, "18060a0200211027").is_empty());
    assert!(calls(&bench, 1, 0x0405, "18070a0000211027").is_empty());
}

#[test]
fn commands_tags_and_datapoints_are_told_in_their_own_words() {
    let bench = bench(
        json!({"type": "python", "from": [
            {"cluster": "0x0006", "command": "0x02", "function": "toggled"},
            {"tag": "0x98", "function": "power"},
            {"dp": 4, "function": "level"},
        ]}),
        Json::Null,
    );
    let toggled = calls(&bench, 2, 0x0006, "010902");
    assert_eq!(
        toggled[0]["message"]["command"],
        json!({"id": "0x02", "name": "toggle", "payload": {"bytes": ""}, "fields": {}})
    );
    assert_eq!(calls(&bench, 2, 0x0006, "010a01"), Vec::<Json>::new());
    // Attribute 0x00f7, six octets: tag 0x98, a float of 3.5.
    let power = calls(&bench, 1, 0xfcc0, "1c5f110c0af7004106983900006040");
    assert_eq!(power[0]["message"]["tags"], json!({"0x98": 3.5}));
    assert_eq!(
        power[0]["message"]["attributes"],
        json!({"0x00f7": {"bytes": "983900006040"}})
    );
    let level = calls(&bench, 1, 0xef00, "090d02000104020004000000640901000101");
    assert_eq!(
        level[0]["message"]["datapoints"],
        json!({"4": 100, "9": true})
    );
    assert_eq!(level[0]["function"], "level");
    // The device says it again with the same number.
    assert!(calls(&bench, 1, 0xef00, "090d02000104020004000000640901000101").is_empty());
    assert!(calls(&bench, 1, 0xef00, "090e020002050400010a").is_empty());
}

#[test]
fn a_key_becomes_a_call_and_its_answer_operations_and_values() {
    let capability = json!({"type": "python",
        "exposes": [{"type": "enum", "name": "mode", "access": 7, "values": ["a", "b"], "endpoint": "left"}],
        "to": [{"key": "mode", "function": "set_mode"}],
        "read": [{"key": "mode", "cluster": "0xfcc0", "attribute": "0x0200", "manufacturer": "0x115f"}],
    });
    let reply = json!({
        "values": {"mode": "b"},
        "operations": [
            {"write": {"cluster": "0xfcc0", "manufacturer": "0x115f",
                "attributes": {"0x0200": {"value": 1, "type": "uint8"}}}},
            {"command": {"cluster": "genOnOff", "command": "on"}},
            {"sleep": 0.5},
        ],
    });
    let bench = bench(capability, json!({"replies": [reply]}));
    let payload = serde_json::from_str(r#"{"mode_right": "b", "x": 1}"#).unwrap();
    let done = bench.set(payload, None);
    assert_eq!(
        done["calls"],
        json!([{
            "call": "to_zigbee", "function": "set_mode", "endpoint": 2,
            "message": {"mode": "b", "x": 1}, "key": "mode", "value": "b",
        }])
    );
    assert_eq!(done["state"], json!({"mode_right": "b"}));
    assert_eq!(
        done["operations"],
        json!([
            {"write": {"endpoint": 2, "cluster": "0xfcc0", "manufacturer": 0x115f, "wait": true,
                "attributes": {"0x0200": {"type": 0x20, "value": 1}}}},
            {"command": {"endpoint": 2, "cluster": "0x0006", "command": "0x01", "manufacturer": null,
                "payload": {"bytes": ""}, "disable_default_response": false}},
            {"sleep": 0.5},
        ])
    );
    assert_eq!(
        done["echo"],
        json!([{"endpoint": 2, "cluster": "0xfcc0", "zcl": "1c5f11000a00022001"}])
    );
    assert_eq!(done["errors"].as_array().unwrap().len(), 1, "{done}");
    let asked = bench.get(serde_json::from_str(r#"{"mode": ""}"#).unwrap(), None);
    assert_eq!(
        asked["operations"][0]["read"]["attributes"],
        json!(["0x0200"])
    );
}

#[test]
fn an_answer_that_is_none_says_where() {
    for (reply, reason) in [
        (json!(1), "the answer is no object"),
        (json!({"values": [1]}), "the values are no object"),
        (json!({"operations": {}}), "the operations are no list"),
        (
            json!({"operations": [{}]}),
            "operations[0]: not one of write",
        ),
        (
            json!({"operations": [{"sleep": 1}, {"wirte": {}}]}),
            "operations[1]: 'wirte' is not one of write",
        ),
        (
            json!({"operations": [{"write": {"cluster": 6, "attributes": {"onOff": "x"}}}]}),
            "operations[0]: Value \"x\" does not fit the attribute onOff",
        ),
        (
            json!({"operations": [{"write": {"cluster": 6, "attribute": 1}}]}),
            "operations[0]: 'write' has no 'attribute'",
        ),
        (
            json!({"operations": [{"read": {"cluster": "genNothing", "attributes": [0]}}]}),
            "operations[0]: Cluster \"genNothing\" does not exist",
        ),
        (
            json!({"operations": [{"datapoint": {"dp": 1, "type": "enum", "value": 256}}]}),
            "operations[0]: a datapoint of type 'enum' can't be 256",
        ),
        (
            json!({"operations": [{"sleep": 1e9}]}),
            "operations[0]: 'sleep' needs seconds",
        ),
        (
            json!({"operations": vec![json!({"sleep": 0}); 33]}),
            "it gave 33 operations",
        ),
    ] {
        let error = FunctionReply::parse(&reply, EndpointId(1)).unwrap_err();
        assert_eq!(error.kind, "nonsense");
        assert!(error.reason.starts_with(reason), "{reply}: {error}");
    }
    let values: serde_json::Map<_, _> = (0..65).map(|n| (n.to_string(), n.into())).collect();
    assert!(FunctionReply::parse(&json!({ "values": values }), EndpointId(1)).is_err());
}

#[test]
fn datapoints_are_written_as_their_types_are() {
    let operation = |kind: &str, value: Json| {
        let reply = json!({"operations": [{"datapoint": {"dp": 7, "type": kind, "value": value}}]});
        let reply = FunctionReply::parse(&reply, EndpointId(1)).unwrap();
        match &reply.operations[0] {
            Operation::Command { payload, .. } => payload.clone(),
            other => unreachable!("{other:?}"),
        }
    };
    assert_eq!(operation("bool", json!(true)), [1, 0, 7, 1, 0, 1, 1]);
    assert_eq!(operation("enum", json!(3)), [1, 0, 7, 4, 0, 1, 3]);
    assert_eq!(
        operation("value", json!(-2)),
        [1, 0, 7, 2, 0, 4, 255, 255, 255, 254]
    );
    assert_eq!(
        operation("bitmap", json!(0x1ff)),
        [1, 0, 7, 5, 0, 2, 1, 255]
    );
    assert_eq!(operation("string", json!("ab")), [1, 0, 7, 3, 0, 2, 97, 98]);
    assert_eq!(
        operation("raw", json!({"bytes": "0a0b"})),
        [1, 0, 7, 0, 0, 2, 10, 11]
    );
}

#[test]
fn what_can_be_meant_is_told_from_what_cannot_by_its_place() {
    let problems = |definition: Json| -> Vec<String> {
        let problems = check(&definition.to_string());
        problems.iter().map(ToString::to_string).collect()
    };
    let source = |source: Json| data(json!({"type": "python", "from": [source]}));
    for (definition, expected) in [
        (
            source(json!({"cluster": "0x0006", "function": "f"})),
            "capabilities[0].from[0]: a source is a cluster with",
        ),
        (
            source(json!({"cluster": "0x10000", "attribute": 0, "function": "f"})),
            "capabilities[0].from[0]",
        ),
        (
            data(json!({"type": "numeric", "name": "t", "sources": [{"at": {"cluster": "zzz"}}]})),
            "capabilities[0].sources[0]",
        ),
        (
            data(json!({"type": "combined", "as": "lock", "features": [
                {"type": "identify"}, {"type": "lock", "nonsense": 1}]})),
            "capabilities[0].features[1]",
        ),
        (
            data(json!({"type": "nothing"})),
            "capabilities[0].type: unknown variant `nothing`",
        ),
        (data(json!({})), "capabilities[0]: missing field `type`"),
        (json!({"model": 1}), "model: invalid type"),
        (
            data(
                json!({"type": "python", "exposes": [{"type": "numeric", "name": "x", "access": 2}]}),
            ),
            "capabilities[0]: the key 'x' is shown as one that can be set",
        ),
    ] {
        let found = problems(definition);
        assert!(found[0].starts_with(expected), "{expected}: {found:?}");
    }
    let mut twice = data(json!({"type": "identify"}));
    twice["capabilities"] = json!([
        {"type": "python", "exposes": [{"type": "numeric", "name": "x", "access": 1}]},
        {"type": "python", "exposes": [{"type": "numeric", "name": "x", "access": 1}]},
    ]);
    twice["match"] = json!([]);
    twice["endpoints"] = json!([["a", 1], ["a", 0]]);
    assert_eq!(
        problems(twice),
        [
            "match: no device is matched: there is no model",
            "endpoints[1]: endpoint 0 does not exist: 1 to 240 do",
            "endpoints[1]: the name 'a' comes twice",
            "capabilities[1]: the property 'x' is shown by capabilities[0] already",
        ]
    );
}

#[test]
fn nothing_is_wrong_with_the_catalogue() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/catalogue");
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.extension().is_none_or(|end| end != "json") || name == "schema.json" {
            continue;
        }
        let file: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for definition in file["definitions"].as_array().unwrap() {
            for problem in check(&definition.to_string()) {
                wrong.push(format!("{name} {}: {problem}", definition["model"]));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
