//! The vectors of the five devices, through the whole hub: frames in, frames and states out.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "tests may panic"
)]

mod common;

use std::collections::VecDeque;
use std::time::Duration;

use adapters::{ApsIndication, Destination, Instant, Reply, Request, RequestId};
use common::*;
use devices::{Catalogue, DeviceInfo, Payload};
use hub::{
    Command, CommandId, Entity, Event, Hub, Input, InterviewState, LogLevel, Now, Output, Registry,
    Settings,
};
use serde_json::{Value as Json, json};
use zigbee::{ClusterId, EndpointId, GroupId, zdo};

const DEVICE: u16 = 1;
/// What a hub does of itself at the start is over then.
const SETTLING_MS: i64 = 60_000;

struct Runner<'a> {
    hub: Hub,
    now: Instant,
    fake: Fake,
    /// Expected frames of this step that were not sent yet.
    expected: Vec<&'a Json>,
    offline: bool,
    seen: Seen,
    commands: u64,
    received: Option<u8>,
}

#[derive(Default)]
struct Seen {
    tx: Vec<Json>,
    zdo: Vec<Json>,
    mqtt: Vec<Json>,
    errors: usize,
    warnings: usize,
}

impl Runner<'_> {
    fn feed(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = Now {
                instant: self.now,
                unix_ms: START_MS - SETTLING_MS + i64::try_from(self.now.0 / 1000).unwrap(),
            };
            for output in self.hub.handle(now, input) {
                match output {
                    Output::Adapter(id, request) => {
                        inputs.extend(self.respond(id, request).into_iter().map(Input::Adapter));
                    }
                    Output::Event(event) => self.event(event),
                    Output::Reply(id, result) => {
                        if id.0 >= 1000 {
                            self.seen.mqtt.push(match result {
                                Ok(_) => json!(["configure", "ok"]),
                                Err(_) => json!(["configure", "error"]),
                            });
                        } else if result.is_err() {
                            self.seen.errors += 1;
                        }
                    }
                    Output::Persist(_)
                    | Output::Fetch(..)
                    | Output::OtaFile(_)
                    | Output::CallConverter(..) => {}
                    Output::Log(line) => {
                        self.seen.errors += usize::from(line.level == LogLevel::Error);
                        self.seen.warnings += usize::from(line.level == LogLevel::Warning);
                    }
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::State { message, .. } => {
                self.seen.mqtt.push(json!(["state", Json::Object(message)]));
            }
            Event::Joined(_) => self.seen.mqtt.push(json!(["device_joined"])),
            Event::Interview(_, state) => {
                let status = match state {
                    InterviewState::InProgress => "started",
                    InterviewState::Successful => "successful",
                    _ => "failed",
                };
                self.seen.mqtt.push(json!(["device_interview", status]));
            }
            _ => {}
        }
    }

    fn respond(&mut self, id: RequestId, request: Request) -> Vec<adapters::Event> {
        match request {
            Request::Aps(aps) => {
                let Destination::Device(nwk, endpoint) = aps.destination else {
                    panic!("the vectors have no groupcasts");
                };
                let sequence_number = sequence(&aps.payload);
                let zcl = hex(&without_sequence(&aps.payload));
                let echo = self.received == Some(sequence_number);
                let tx = json!([endpoint.0, aps.cluster.0, zcl]);
                self.seen.tx.push(tx.clone());
                let position = self.expected.iter().position(|entry| {
                    let expected = &entry["tx"];
                    json!([expected["ep"], expected["cluster"], expected["zcl"]]) == tx
                });
                let expected = position.map(|position| self.expected.remove(position));
                if let Some(expected) = expected
                    && expected["tx"]["tsn_echo"] == true
                    && !echo
                {
                    self.seen
                        .tx
                        .push(json!("the sequence number is not that of the request"));
                }
                if self.offline || expected.is_some_and(|e| e["tx"]["delivery"] == "failed") {
                    return vec![adapters::Event::Reply(id, Err(undelivered()))];
                }
                let mut events = vec![adapters::Event::Reply(id, Ok(Reply::Done))];
                if let Some(reply) = expected.and_then(|e| e["tx"]["reply"].as_str()) {
                    events.push(message(
                        nwk,
                        endpoint,
                        aps.cluster,
                        with_sequence(&unhex(reply), sequence_number),
                    ));
                }
                events
            }
            Request::Zdo(_, request) => {
                let name = match &request {
                    zdo::Request::NodeDescriptor { .. } => json!(["NODE_DESCRIPTOR_REQUEST"]),
                    zdo::Request::ActiveEndpoints { .. } => json!(["ACTIVE_ENDPOINTS_REQUEST"]),
                    zdo::Request::SimpleDescriptor { endpoint, .. } => {
                        json!(["SIMPLE_DESCRIPTOR_REQUEST", endpoint.0])
                    }
                    zdo::Request::IeeeAddress { .. } => json!(["IEEE_ADDRESS_REQUEST"]),
                    other => json!([format!("{other:?}")]),
                };
                self.seen.zdo.push(name);
                vec![adapters::Event::Reply(id, self.fake.zdo(&request))]
            }
            other => panic!("{other:?}"),
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(deadline) = self.hub.next_deadline().filter(|at| *at <= end) {
            self.now = deadline.max(self.now);
            self.feed(Input::Timer);
        }
        self.now = end;
    }
}

fn expected_mqtt(entry: &Json) -> Json {
    let mqtt = &entry["mqtt"];
    match mqtt["topic"].as_str().unwrap() {
        "zigbee2mqtt/dev" => json!(["state", mqtt["payload"]]),
        "zigbee2mqtt/bridge/event" => match mqtt["payload"]["type"].as_str().unwrap() {
            "device_interview" => json!(["device_interview", mqtt["payload"]["data"]["status"]]),
            other => json!([other]),
        },
        _ => json!(["configure", mqtt["payload"]["status"]]),
    }
}

/// The command of a `set` or `get` topic; `None` for what the bridge refuses by itself.
fn command(topic: &str, text: &str, payload: &Json) -> Option<Command> {
    let rest = topic.strip_prefix("zigbee2mqtt/dev").unwrap();
    let (before, set, attribute) = if let Some((before, after)) = rest.split_once("/set") {
        (before, true, after)
    } else {
        let (before, after) = rest.split_once("/get").unwrap();
        (before, false, after)
    };
    let endpoint = before.strip_prefix('/').map(str::to_owned);
    let payload = match attribute.strip_prefix('/') {
        Some(attribute) => {
            let value = match payload {
                Json::String(text) => {
                    serde_json::from_str(text).unwrap_or_else(|_| text.clone().into())
                }
                other => other.clone(),
            };
            Payload::one(attribute, value)
        }
        None => match payload {
            Json::Object(_) => serde_json::from_str(text).unwrap(),
            Json::String(word)
                if [
                    "on", "off", "toggle", "open", "close", "stop", "lock", "unlock",
                ]
                .contains(&word.to_lowercase().as_str()) =>
            {
                Payload::one("state", word.clone().into())
            }
            _ => return None,
        },
    };
    let entity = Entity::Device(ieee_of(DEVICE));
    Some(if set {
        Command::Set {
            entity,
            endpoint,
            payload,
        }
    } else {
        Command::Get {
            entity,
            endpoint,
            payload,
        }
    })
}

/// The text of a step's MQTT payload, whose order of keys counts.
#[derive(serde::Deserialize)]
struct RawCase<'a> {
    #[serde(borrow, default)]
    steps: Vec<RawStep<'a>>,
}

#[derive(serde::Deserialize)]
struct RawStep<'a> {
    #[serde(borrow)]
    mqtt: Option<RawMqtt<'a>>,
}

#[derive(serde::Deserialize)]
struct RawMqtt<'a> {
    #[serde(borrow)]
    payload: Option<&'a serde_json::value::RawValue>,
}

fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

fn run(case: &Json, raw: &RawCase<'_>) -> Result<(), String> {
    let name = case["device"].as_str().unwrap();
    let decided_otherwise = case["model"] == "ZNMS11LM";
    let info: DeviceInfo = info(name, DEVICE);
    let devices: Json = serde_json::from_str(&read_vectors("five/devices.json")).unwrap();
    let joins = case["steps"]
        .as_array()
        .unwrap()
        .iter()
        .any(|step| step["join"] == true);
    let mut registry = Registry::default();
    let entity = Entity::Device(ieee_of(DEVICE));
    if !joins {
        let mut device = known(info.clone(), 2);
        if case["fresh"] == true {
            device.meta.clear();
        }
        let setup = if case["setup"].is_object() {
            &case["setup"]
        } else if case["fresh"] == true {
            &Json::Null
        } else {
            &devices[name]["configured"]
        };
        device.checkin_interval = setup["checkin_interval_s"]
            .as_u64()
            .map(|n| u32::try_from(n).unwrap());
        registry.devices.push(device);
    }
    if let Json::Object(state) = &case["state"] {
        registry.states.insert(entity, state.clone());
    }
    if case["options"].is_object() {
        registry
            .options
            .insert(entity, options(case["options"].clone()));
    }
    let mut runner = Runner {
        hub: Hub::new(Catalogue::builtin(), registry, Settings::default(), 7),
        now: Instant(0),
        fake: Fake::new(info),
        expected: Vec::new(),
        offline: false,
        seen: Seen::default(),
        commands: 0,
        received: None,
    };
    if case["fresh"] == true {
        // Otherwise the hub would configure it before the case begins.
        runner.offline = true;
    }
    runner.feed(Input::Adapter(adapters::Event::Up(network())));
    runner.pass(Duration::from_millis(SETTLING_MS.unsigned_abs()));
    for (index, step) in case["steps"].as_array().unwrap().iter().enumerate() {
        runner.seen = Seen::default();
        runner.offline = step["offline"] == true;
        runner.received = None;
        let expect = step["expect"].as_array().map_or(&[][..], Vec::as_slice);
        let tx: Vec<_> = expect.iter().filter(|e| e["tx"].is_object()).collect();
        runner.expected.clone_from(&tx);
        let wait = step["wait_ms"].as_u64().unwrap_or(0);
        if let Json::Object(rx) = &step["rx"] {
            let payload = unhex(rx["zcl"].as_str().unwrap());
            if payload.len() >= 3 {
                runner.received = Some(sequence(&payload));
            }
            let number = |key: &str| u16::try_from(rx[key].as_u64().unwrap()).unwrap();
            runner.feed(Input::Adapter(adapters::Event::Message(ApsIndication {
                source: nwk_of(DEVICE),
                source_endpoint: EndpointId(u8::try_from(number("ep")).unwrap()),
                destination_endpoint: EndpointId(1),
                group: rx
                    .get("group")
                    .and_then(Json::as_u64)
                    .map(|n| GroupId(u16::try_from(n).unwrap())),
                broadcast: rx.get("broadcast") == Some(&Json::Bool(true)),
                profile: None,
                cluster: ClusterId(number("cluster")),
                link_quality: u8::try_from(number("lqi")).unwrap(),
                payload,
            })));
        } else if step["mqtt"].is_object() {
            let topic = step["mqtt"]["topic"].as_str().unwrap();
            let text = raw.steps[index]
                .mqtt
                .as_ref()
                .and_then(|mqtt| mqtt.payload)
                .map_or("null", |raw| raw.get());
            runner.commands += 1;
            match command(topic, text, &step["mqtt"]["payload"]) {
                Some(command) => {
                    let id = CommandId(runner.commands);
                    runner.feed(Input::Command(id, command));
                }
                None => runner.seen.errors += 1,
            }
        } else if step["configure"] == true {
            runner.feed(Input::Command(
                CommandId(1000),
                Command::Configure(ieee_of(DEVICE)),
            ));
        } else if step["join"] == true {
            runner.feed(Input::Adapter(adapters::Event::Joined {
                nwk: nwk_of(DEVICE),
                ieee: ieee_of(DEVICE),
                parent: zigbee::NwkAddress::COORDINATOR,
            }));
        } else if step["announce"] == true {
            runner.feed(Input::Adapter(adapters::Event::Announced {
                nwk: nwk_of(DEVICE),
                ieee: ieee_of(DEVICE),
                capabilities: if runner.fake.rx_on { 0x8e } else { 0x80 },
            }));
        }
        runner.pass(Duration::from_millis(wait));
        let expected_tx: Json = tx
            .iter()
            .map(|e| json!([e["tx"]["ep"], e["tx"]["cluster"], e["tx"]["zcl"]]))
            .collect();
        let expected_zdo: Json = expect
            .iter()
            .filter(|e| e["zdo"].is_object())
            .map(|e| match &e["zdo"]["ep"] {
                Json::Null => json!([e["zdo"]["req"]]),
                endpoint => json!([e["zdo"]["req"], endpoint]),
            })
            .collect();
        let expected_states: Json = expect
            .iter()
            .filter(|e| e["mqtt"].is_object())
            .map(expected_mqtt)
            .collect();
        let compare = |what: &str, expected: &Json, seen: &[Json]| {
            let seen = Json::Array(seen.to_vec());
            if same(expected, &seen) {
                Ok(())
            } else {
                Err(format!(
                    "step {index}: {what}\n    expected {expected}\n    seen     {seen}"
                ))
            }
        };
        compare("tx", &expected_tx, &runner.seen.tx)?;
        compare("zdo", &expected_zdo, &runner.seen.zdo)?;
        // What the lock's messages say is another decision of ours (shared/facts/devices.md), tested
        // with its definition.
        if !decided_otherwise {
            compare("mqtt", &expected_states, &runner.seen.mqtt)?;
        }
        // Where the reference logs nothing about bad input a warning is right.
        let expects_errors = step["errors"].is_array();
        if expects_errors && runner.seen.errors + runner.seen.warnings == 0
            || !expects_errors && runner.seen.errors > 0
        {
            return Err(format!(
                "step {index}: errors expected: {expects_errors}, logged: {}",
                runner.seen.errors
            ));
        }
    }
    let state = runner
        .hub
        .state(entity)
        .map_or(json!({}), |state| Json::Object(state.clone()));
    if !decided_otherwise && !same(&case["final_state"], &state) {
        return Err(format!(
            "final state\n    expected {}\n    seen     {state}",
            case["final_state"]
        ));
    }
    Ok(())
}

#[test]
fn every_case_without_quirk_gives_the_same_frames_and_states() {
    let only = std::env::var("FERROBEE_CASE").unwrap_or_default();
    let decisions: Json = serde_json::from_str(&read_vectors("decisions.json")).unwrap();
    let decided = |id: &str| {
        decisions
            .as_array()
            .unwrap()
            .iter()
            .any(|decision| decision["case"] == id)
    };
    let (mut ran, mut others, mut failures) = (0, 0, Vec::new());
    for model in [
        "LLKZMK11LM",
        "QBKG40LM",
        "QBKG41LM",
        "ZNMS11LM",
        "ZNXNKG02LM",
    ] {
        for line in read_vectors(&format!("five/{model}.jsonl")).lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            let raw: RawCase<'_> = serde_json::from_str(line).unwrap();
            let id = case["id"].as_str().unwrap();
            if case["kind"] == "definition" || !id.contains(&only) {
                continue;
            }
            if case.get("quirk").is_some() || decided(id) {
                others += 1;
                continue;
            }
            ran += 1;
            if let Err(why) = run(&case, &raw) {
                failures.push(format!("{id} {}: {why}", case["title"]));
            }
        }
    }
    println!(
        "{ran} cases ran, {} failed; {others} with a decision of ours are tested with the definitions",
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
