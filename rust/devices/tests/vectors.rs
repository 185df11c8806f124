//! The cases of tests/vectors at the level of the engine: messages to payloads, keys to messages.
//!
//! What belongs to the hub and the bridge (default responses, interview, queues, debounce, filters,
//! `linkquality`) is tested with the whole program in rust/bridge/tests/vectors.rs.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value as Json, json};
use support::files::{self, Decisions, cases, devices, hex};
use support::{Bench, device_info, message};

/// Options that the engine applies; cases with others are the hub's.
const ENGINE_OPTIONS: [&str; 24] = [
    "state_action",
    "legacy",
    "power_calibration",
    "power_precision",
    "energy_calibration",
    "energy_precision",
    "voltage_calibration",
    "voltage_precision",
    "current_calibration",
    "current_precision",
    "device_temperature_calibration",
    "device_temperature_precision",
    "temperature_calibration",
    "temperature_precision",
    "humidity_calibration",
    "humidity_precision",
    "identify_timeout",
    "identity_effect",
    "invert_cover",
    "cover_position_tilt_disable_report",
    "thermostat_unit",
    "expose_pin",
    "pressure_calibration",
    "pressure_precision",
];

/// Why a case is not run here; `None` if it is.
fn left_out(case: &Json) -> Option<&'static str> {
    match case["kind"].as_str().unwrap() {
        "definition" => return Some("definition"),
        "interview" => return Some("interview"),
        _ => {}
    }
    if case["whole_program"] == json!(true) {
        return Some("whole program");
    }
    let options = case["options"].as_object();
    if options
        .into_iter()
        .flatten()
        .any(|(key, _)| !ENGINE_OPTIONS.contains(&key.as_str()))
    {
        return Some("option of the hub");
    }
    let steps = case["steps"].as_array().unwrap();
    for step in steps {
        if step["configure"] == json!(true) || case["fresh"] == json!(true) {
            return Some("configure");
        }
        if step["offline"] == json!(true) && steps.len() > 1 {
            return Some("queue");
        }
        if step["announce"] == json!(true)
            || step["expect"]
                .as_array()
                .is_some_and(|expects| expects.iter().any(|expect| expect["t_ms"].is_number()))
        {
            return Some("later");
        }
        if step["rx"]["group"].is_number() {
            return Some("group");
        }
        if case["device"].as_str().unwrap().starts_with("lumi.remote")
            && step["offline"] == json!(true)
        {
            return Some("queue");
        }
    }
    None
}

/// What a case shows: published payloads without `linkquality`, requests without those of the hub.
#[derive(Debug, PartialEq)]
struct Shown {
    published: Vec<Json>,
    sent: Vec<Json>,
    failed: bool,
}

fn expected(step: &Json) -> Shown {
    let mut shown = Shown {
        published: Vec::new(),
        sent: Vec::new(),
        failed: step["errors"].is_array() && step["mqtt"].is_object(),
    };
    for expect in step["expect"].as_array().unwrap() {
        if let Some(payload) = expect["mqtt"]["payload"].as_object() {
            let mut payload = payload.clone();
            payload.remove("linkquality");
            shown.published.push(Json::Object(payload));
        }
        let tx = &expect["tx"];
        if tx.is_object() && tx["tsn_echo"].is_null() {
            shown.sent.push(json!({
                "ep": tx["ep"],
                "cluster": tx["cluster"],
                "frame_type": tx["frame_type"],
                "mfr": tx["mfr"],
                "cmd": tx["cmd"],
                "payload": tx["payload"],
            }));
        }
    }
    shown
}

fn run_case(case: &Json, device: &Json, steps: &[Json]) -> Result<(), String> {
    let object = |key: &str| case[key].as_object().cloned().unwrap_or_default();
    let mut info = device_info(device);
    let setup = if case["setup"].is_object() {
        &case["setup"]
    } else {
        &device["configured"]
    };
    files::fill_caches(&mut info.endpoints, setup);
    let bench = Bench::new(info, object("options"), object("state"));
    for (index, step) in steps.iter().enumerate() {
        *bench.answers.borrow_mut() = step["expect"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|expect| expect["tx"]["tsn_echo"].is_null() && expect["tx"].is_object())
            .map(|expect| expect["tx"].clone())
            .collect::<VecDeque<_>>();
        let mut failed = false;
        if let Some(rx) = step["rx"].as_object() {
            let endpoint = u8::try_from(rx["ep"].as_u64().unwrap()).unwrap();
            let cluster = u16::try_from(rx["cluster"].as_u64().unwrap()).unwrap();
            if let Some(message) =
                message(endpoint, cluster, None, &hex(rx["zcl"].as_str().unwrap()))
            {
                bench.receive(&message);
            }
        } else if let Some(mqtt) = step["mqtt"].as_object() {
            let lines = bench.mqtt(
                mqtt["topic"].as_str().unwrap(),
                mqtt["text"].as_str().unwrap(),
            );
            failed = !lines.is_empty() || !bench.problems.borrow_mut().split_off(0).is_empty();
        }
        let mut got = Shown {
            published: bench
                .published
                .borrow_mut()
                .drain(..)
                .map(Json::Object)
                .collect(),
            sent: bench.sent.borrow_mut().drain(..).collect(),
            failed,
        };
        let expected = expected(step);
        // Where a message only asks for something, the engine does not fail.
        if !expected.failed && step["rx"].is_object() {
            got.failed = false;
        }
        if got != expected {
            return Err(format!(
                "step {index}\n  expected {expected:?}\n  got      {got:?}"
            ));
        }
    }
    if let Some(state) = case["final_state"].as_object() {
        let got = bench.state.borrow().clone();
        if got != *state {
            return Err(format!(
                "final state\n  expected {state:?}\n  got      {got:?}"
            ));
        }
    }
    Ok(())
}

#[test]
fn cases_of_the_vectors() {
    let mut decisions = Decisions::load();
    let mut ran: BTreeMap<String, usize> = BTreeMap::new();
    let mut decided = 0;
    let mut elsewhere: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for folder in ["five", "five_legacy", "ours", "breadth"] {
        let devices = devices(folder);
        for (file, mut case) in cases(folder) {
            if let Some(why) = left_out(&case) {
                *elsewhere.entry(why).or_default() += 1;
                continue;
            }
            let device = &devices[case["device"].as_str().unwrap()];
            let mut steps = case["steps"].as_array().unwrap().clone();
            let decision = decisions.of(folder, case["id"].as_str().unwrap());
            if let Some(decision) = &decision {
                decided += 1;
                if let Some(expects) = decision["expect"].as_array() {
                    for (step, expect) in steps.iter_mut().zip(expects) {
                        step["expect"] = expect.clone();
                    }
                }
                if let Some(errors) = decision["errors"].as_bool() {
                    let steps = steps.iter_mut().filter(|step| step["mqtt"].is_object());
                    for step in steps {
                        step["errors"] = if errors { json!([]) } else { Json::Null };
                    }
                }
                if !decision["final_state"].is_null() {
                    case["final_state"] = decision["final_state"].clone();
                }
            }
            if let Err(why) = run_case(&case, device, &steps) {
                failures.push(format!("{} {}: {why}", case["id"], case["title"]));
            }
            *ran.entry(file).or_default() += 1;
        }
    }
    for (file, count) in &ran {
        println!("{file}: {count} cases");
    }
    println!("{decided} of them with a decision of ours; left to the whole program: {elsewhere:?}");
    assert!(
        failures.is_empty(),
        "{} cases fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
}
