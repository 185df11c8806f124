//! Settings: what is accepted, what is read, what a device that forgets gets back.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use devices::{
    Catalogue, Definition, DeviceInfo, Effect, Io, JsonMap, LocalFuture, Memory, Operation,
    OperationError, OperationReply, Payload, SetOutcome, SetRequest,
};
use serde_json::{Value as Json, json};
use support::files::{devices, hex};
use support::{Bench, Held, device_info, message, run};
use zigbee::zcl::{DataType, ReadRecord, Status, Value};

/// Endpoint, cluster, attribute.
type Place = (u8, u16, u16);

/// A device with attributes that keep what is written, if it feels like it.
struct Fake {
    definition: Arc<Definition>,
    info: DeviceInfo,
    attributes: Held<BTreeMap<Place, (DataType, Value)>>,
    meta: Held<JsonMap>,
    operations: Held<Vec<Operation>>,
    published: Held<Vec<JsonMap>>,
    logged: Held<Vec<String>>,
    /// How many writes are forgotten at once.
    forgets: Held<usize>,
    deaf: Held<bool>,
}

impl Fake {
    fn new(name: &str) -> Self {
        let info = device_info(&devices("five")[name]);
        Self {
            definition: Catalogue::builtin().find(&info).unwrap(),
            info,
            attributes: Held::default(),
            meta: Held::default(),
            operations: Held::default(),
            published: Held::default(),
            logged: Held::default(),
            forgets: Held::new(0),
            deaf: Held::new(false),
        }
    }

    fn has(&self, cluster: u16, attribute: u16, data_type: DataType, value: Value) {
        self.attributes
            .borrow_mut()
            .insert((1, cluster, attribute), (data_type, value));
    }

    fn value(&self, cluster: u16, attribute: u16) -> Option<Value> {
        self.attributes
            .borrow()
            .get(&(1, cluster, attribute))
            .map(|(_, value)| value.clone())
    }

    fn request(payload: &Json) -> SetRequest {
        SetRequest {
            payload: Payload::from(payload.as_object().unwrap().clone()),
            endpoint: None,
            options: Arc::default(),
        }
    }

    fn set(&self, payload: &Json) -> SetOutcome {
        run(self.definition.set(self, Self::request(payload)))
    }

    fn get(&self, payload: &Json) -> SetOutcome {
        run(self.definition.get(self, Self::request(payload)))
    }

    fn reconcile(&self) {
        self.operations.borrow_mut().clear();
        run(self.definition.reconcile(self, &JsonMap::new()));
    }

    fn writes(&self) -> usize {
        self.operations
            .borrow()
            .iter()
            .filter(|operation| matches!(operation, Operation::Write { .. }))
            .count()
    }
}

impl Io for Fake {
    fn perform(
        &self,
        operation: Operation,
    ) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        Box::pin(async move {
            self.operations.borrow_mut().push(operation.clone());
            if *self.deaf.borrow() && !matches!(operation, Operation::Sleep(_)) {
                return Err(OperationError::Undelivered("nobody there".to_owned()));
            }
            match operation {
                Operation::Read {
                    endpoint,
                    cluster,
                    attributes,
                    ..
                } => Ok(OperationReply::Read(
                    attributes
                        .into_iter()
                        .map(|id| ReadRecord {
                            id,
                            result: self
                                .attributes
                                .borrow()
                                .get(&(endpoint.0, cluster.0, id.0))
                                .cloned()
                                .ok_or(Status::UNSUPPORTED_ATTRIBUTE),
                        })
                        .collect(),
                )),
                Operation::Write {
                    endpoint,
                    cluster,
                    attributes,
                    ..
                } => {
                    if *self.forgets.borrow() > 0 {
                        *self.forgets.borrow_mut() -= 1;
                    } else {
                        for attribute in attributes {
                            self.attributes.borrow_mut().insert(
                                (endpoint.0, cluster.0, attribute.id.0),
                                (attribute.data_type, attribute.value),
                            );
                        }
                    }
                    Ok(OperationReply::Done)
                }
                _ => Ok(OperationReply::Done),
            }
        })
    }

    fn device(&self) -> Option<DeviceInfo> {
        Some(self.info.clone())
    }

    fn state(&self, _property: &str) -> Option<Json> {
        None
    }

    fn publish(&self, state: JsonMap) {
        self.published.borrow_mut().push(state);
    }

    fn remembered(&self, key: &str) -> Option<Json> {
        self.meta.borrow().get(key).cloned()
    }

    fn remember(&self, key: &str, value: Json) {
        self.meta.borrow_mut().insert(key.to_owned(), value);
    }

    fn log(&self, text: &str) {
        self.logged.borrow_mut().push(text.to_owned());
    }
}

const E1: &str = "lumi.switch.b1nc01";
const MODE: (u16, u16) = (0xfcc0, 0x0200);
const FLIP: (u16, u16) = (0xfcc0, 0x00f0);
const OUTAGE: (u16, u16) = (0xfcc0, 0x0201);

#[test]
fn a_switch_that_forgets_gets_its_settings_back() {
    let device = Fake::new(E1);
    let outcome = device.set(&json!({
        "operation_mode": "decoupled", "flip_indicator_light": "ON", "power_outage_memory": true,
    }));
    assert_eq!(outcome.errors, []);
    // The power is cut: everything is as in the factory.
    device.has(MODE.0, MODE.1, DataType::UINT8, Value::Unsigned(1));
    device.has(FLIP.0, FLIP.1, DataType::UINT8, Value::Unsigned(0));
    device.has(OUTAGE.0, OUTAGE.1, DataType::BOOL, Value::Bool(false));
    device.reconcile();
    assert_eq!(device.value(MODE.0, MODE.1), Some(Value::Unsigned(0)));
    assert_eq!(device.value(FLIP.0, FLIP.1), Some(Value::Unsigned(1)));
    assert_eq!(device.value(OUTAGE.0, OUTAGE.1), Some(Value::Bool(true)));
    assert_eq!(device.writes(), 3);
    assert!(device.logged.borrow().is_empty());
    // Nothing is written when the device remembers.
    device.reconcile();
    assert_eq!(device.writes(), 0);
}

#[test]
fn a_setting_that_does_not_stay_is_written_a_few_times_and_then_told() {
    let device = Fake::new(E1);
    device.set(&json!({"operation_mode": "decoupled"}));
    device.has(MODE.0, MODE.1, DataType::UINT8, Value::Unsigned(1));
    *device.forgets.borrow_mut() = 2;
    device.reconcile();
    assert_eq!(device.value(MODE.0, MODE.1), Some(Value::Unsigned(0)));
    assert_eq!(device.writes(), 3);

    device.has(MODE.0, MODE.1, DataType::UINT8, Value::Unsigned(1));
    *device.forgets.borrow_mut() = usize::MAX;
    device.reconcile();
    assert_eq!(device.writes(), 3);
    assert_eq!(device.logged.borrow().len(), 1);
    assert!(device.logged.borrow()[0].contains("operation_mode"));
}

#[test]
fn a_device_that_does_not_answer_is_left_alone_after_a_few_attempts() {
    let device = Fake::new(E1);
    device.set(&json!({"operation_mode": "decoupled"}));
    *device.deaf.borrow_mut() = true;
    device.reconcile();
    assert!(device.operations.borrow().len() <= 8);
}

#[test]
fn nothing_is_sent_while_nothing_was_ever_set() {
    let device = Fake::new(E1);
    device.reconcile();
    assert!(device.operations.borrow().is_empty());
}

#[test]
fn interlock_cannot_be_read_and_is_written_again_as_it_was_wanted() {
    let device = Fake::new("lumi.relay.c2acn01/fw47");
    device.set(&json!({"interlock": true}));
    device.reconcile();
    assert_eq!(device.writes(), 1);
    assert_eq!(device.value(0x0010, 0xff06), Some(Value::Bool(true)));
    // A setting that was never set is nobody's business.
    let other = Fake::new("lumi.relay.c2acn01/fw47");
    other.set(&json!({"power_outage_memory": true}));
    other.reconcile();
    assert!(other.operations.borrow().is_empty());
}

#[test]
fn a_growing_count_of_power_cuts_asks_for_reconciliation() {
    let device = Fake::new(E1);
    let report = message(1, 0xfcc0, None, &hex("1c5f114e0af700410405211a00")).unwrap();
    for (before, expected) in [(Some(24), true), (Some(25), false), (None, false)] {
        let mut state = JsonMap::new();
        if let Some(before) = before {
            state.insert("power_outage_count".to_owned(), json!(before));
        }
        let decoded = device.definition.decode(
            &device.info,
            &JsonMap::new(),
            &state,
            &mut Memory::default(),
            &report,
        );
        let asked = decoded
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Reconcile));
        assert_eq!(asked, expected, "count before: {before:?}");
    }
}

#[test]
fn the_report_of_a_reset_is_answered() {
    for name in [E1, "lumi.switch.b2nc01", "lumi.remote.rkba01"] {
        let bench = Bench::new(
            device_info(&devices("five")[name]),
            JsonMap::new(),
            JsonMap::new(),
        );
        let report = message(
            1,
            0x0000,
            None,
            &hex("1c5f11010af0ff4109aa1005418701011000"),
        );
        bench.receive(&report.unwrap());
        let sent = bench.sent.borrow();
        assert_eq!(sent.len(), 1, "{name}");
        assert_eq!(sent[0]["cluster"], 0);
        assert_eq!(sent[0]["cmd"], 2);
        assert_eq!(sent[0]["mfr"], 0x115f);
        assert_eq!(sent[0]["payload"], "f0ff4109aa1005414701011001");
    }
}

#[test]
fn booleans_are_validated_and_published_as_the_page_says() {
    for (given, published) in [
        (json!(true), Some(true)),
        (json!(false), Some(false)),
        (json!("true"), Some(true)),
        (json!("False"), Some(false)),
        (json!("ON"), Some(true)),
        (json!("off"), Some(false)),
        (json!(0), None),
        (json!(1), None),
        (json!(null), None),
        (json!("yes"), None),
        (json!({"state": true}), None),
    ] {
        let device = Fake::new("lumi.relay.c2acn01/fw47");
        let outcome = device.set(&json!({"interlock": given}));
        if let Some(published) = published {
            assert_eq!(outcome.errors, [], "{given}");
            assert_eq!(outcome.state["interlock"], published, "{given}");
        } else {
            assert!(outcome.state.is_empty(), "{given}");
            assert!(device.operations.borrow().is_empty(), "{given}");
            assert!(outcome.errors[0].message.contains("true, false"), "{given}");
        }
    }
    // The facts name this value as an error for this property.
    for name in ["lumi.relay.c2acn01/fw47", E1, "lumi.switch.b2nc01"] {
        let outcome = Fake::new(name).set(&json!({"power_outage_memory": "OFF"}));
        assert!(outcome.errors[0].message.contains("true, false"), "{name}");
    }
}

#[test]
fn power_outage_memory_of_the_relay_can_be_read() {
    for (answer, expected) in [
        ("aa8005d14707011001", json!({"power_outage_memory": true})),
        ("aa8005d14709011000", json!({"power_outage_memory": false})),
        // Telemetry of the same attribute says something else.
        ("aa80051046070110", json!({})),
    ] {
        let device = Fake::new("lumi.relay.c2acn01/fw47");
        device.has(
            0x0000,
            0xfff0,
            DataType::OCTET_STRING,
            Value::Octets(hex(answer)),
        );
        assert_eq!(device.get(&json!({"power_outage_memory": ""})).errors, []);
        assert_eq!(device.operations.borrow().len(), 1);
        let octets = format!("1c5f110101f0ff0041{:02x}{answer}", answer.len() / 2);
        let decoded = device.definition.decode(
            &device.info,
            &JsonMap::new(),
            &JsonMap::new(),
            &mut Memory::default(),
            &message(1, 0x0000, None, &hex(&octets)).unwrap(),
        );
        assert_eq!(Json::Object(decoded.payload), expected, "{answer}");
    }
}

#[test]
fn power_is_read_where_it_is_whatever_endpoint_is_named() {
    for topic in ["zigbee2mqtt/dev/get", "zigbee2mqtt/dev/l2/get"] {
        let bench = Bench::new(
            device_info(&devices("five")["lumi.relay.c2acn01/fw47"]),
            JsonMap::new(),
            JsonMap::new(),
        );
        bench.mqtt(topic, r#"{"power": ""}"#);
        let sent = bench.sent.borrow();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0]["ep"], 1);
        assert_eq!(sent[0]["cluster"], 0x000c);
        assert_eq!(sent[0]["payload"], "5500");
    }
}

#[test]
fn a_key_that_several_names_lead_to_is_carried_out_once_per_endpoint() {
    let bench = Bench::new(
        device_info(&devices("five")["lumi.switch.b2nc01"]),
        JsonMap::new(),
        JsonMap::new(),
    );
    // Home Assistant repeats the endpoint in topic and key.
    bench.mqtt(
        "zigbee2mqtt/dev/left/set/operation_mode_left",
        "control_relay",
    );
    let sent = bench.sent.borrow();
    assert_eq!(sent[0]["ep"], 1);
    assert_eq!(sent[0]["payload"], "00022001");
    // The read that follows the write.
    assert_eq!(sent[1]["cmd"], 0);
    assert_eq!(sent.len(), 2);
}

#[test]
fn switching_off_comes_last_and_switching_on_first() {
    for (text, commands) in [
        (r#"{"power_outage_memory": true, "state": "OFF"}"#, [2, 0]),
        (r#"{"power_outage_memory": true, "state": "ON"}"#, [1, 2]),
        (r#"{"state": "OFF", "power_outage_memory": true}"#, [2, 0]),
    ] {
        let bench = Bench::new(
            device_info(&devices("five")[E1]),
            JsonMap::new(),
            JsonMap::new(),
        );
        assert!(bench.mqtt("zigbee2mqtt/dev/set", text).is_empty());
        let sent: Vec<_> = bench
            .sent
            .borrow()
            .iter()
            .map(|sent| sent["cmd"].as_u64().unwrap())
            .collect();
        assert_eq!(sent, commands, "{text}");
    }
}

#[test]
fn precision_is_between_no_and_three_digits() {
    // 36.612 W by the analog input of the relay.
    let report = message(1, 0x000c, None, &hex("18390a550039b4721242")).unwrap();
    for (precision, expected) in [
        (json!(0), json!(37)),
        (json!(1), json!(36.6)),
        (json!(3), json!(36.612)),
        (json!(9), json!(36.612)),
        // What is no such number is no option: the default of two digits.
        (json!("1"), json!(36.61)),
        (json!(-1), json!(36.61)),
    ] {
        let mut options = JsonMap::new();
        options.insert("power_precision".to_owned(), precision.clone());
        let bench = Bench::new(
            device_info(&devices("five")["lumi.relay.c2acn01/fw47"]),
            options,
            JsonMap::new(),
        );
        assert_eq!(
            bench.receive(&report).payload["power"],
            expected,
            "{precision}"
        );
    }
    // The page's option of QBKG40LM, gone from Zigbee2MQTT, kept here.
    let report = message(1, 0xfcc0, None, &hex("1c5f11660af700410303281f")).unwrap();
    let mut options = JsonMap::new();
    options.insert("device_temperature_precision".to_owned(), json!(1));
    options.insert("device_temperature_calibration".to_owned(), json!(1.55));
    let bench = Bench::new(device_info(&devices("five")[E1]), options, JsonMap::new());
    assert_eq!(bench.receive(&report).payload["device_temperature"], 32.6);
}
