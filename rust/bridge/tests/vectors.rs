//! The cases of tests/vectors with the whole program behind its MQTT contract: `Core` in virtual time,
//! a radio that answers as the case says, every frame and every message compared.
//!
//! Our answers where they differ from the vectors are in tests/vectors/decisions.json.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod vectors_support;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use vectors_support::House;
use vectors_support::files::{Decisions, cases};

/// Frames, ZDO requests and messages of a step, each with its time in milliseconds.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    tx: Vec<(u64, Json)>,
    zdo: Vec<(u64, Json)>,
    mqtt: Vec<(u64, Json)>,
}

fn expected(step: &Json, house: &House, decision: Option<&Json>) -> Shown {
    let mut shown = Shown::default();
    for expect in step["expect"].as_array().unwrap() {
        let at = expect["t_ms"].as_u64().unwrap_or(0);
        if expect["tx"].is_object() {
            let tx = &expect["tx"];
            let mut sent = json!({"ep": tx["ep"], "cluster": tx["cluster"], "zcl": tx["zcl"]});
            if !tx["src_ep"].is_null() {
                sent["src_ep"] = tx["src_ep"].clone();
            }
            if tx["tsn_echo"] == json!(true) {
                sent["tsn_echo"] = json!(true);
            }
            shown.tx.push((at, sent));
        } else if expect["zdo"].is_object() {
            shown.zdo.push((at, expect["zdo"].clone()));
        } else {
            let mqtt = &expect["mqtt"];
            let mut payload = mqtt["payload"].to_string();
            payload = payload.replace("<ieee>", &house.ieee.to_string());
            let mut message = json!({
                "topic": mqtt["topic"],
                "payload": serde_json::from_str::<Json>(&payload).unwrap(),
                "retain": mqtt["retain"].as_bool().unwrap_or(false),
                "qos": mqtt["qos"].as_u64().unwrap_or(0),
            });
            relax(&mut message);
            if let (Some(definition), Some(decided)) = (
                message
                    .pointer_mut("/payload/data/definition")
                    .and_then(Json::as_object_mut),
                decision.and_then(|decision| decision["definition"].as_object()),
            ) {
                definition.extend(decided.clone());
            }
            shown.mqtt.push((at, message));
        }
    }
    shown
}

/// Texts of errors are not compared, only that there is one.
fn relax(message: &mut Json) {
    if message["payload"]["error"].is_string() {
        message["payload"]["error"] = json!("...");
    }
}

fn run_case(folder: &str, case: &Json, decision: Option<&Json>) -> Result<(), String> {
    let mut house = House::new(folder, case);
    let steps = case["steps"].as_array().unwrap();
    for (index, step) in steps.iter().enumerate() {
        let mut step = step.clone();
        if let Some(expect) = decision.and_then(|decision| decision["expect"].get(index)) {
            step["expect"] = expect.clone();
        }
        house.begin(&step, case, decision);
        let mut expected = expected(&step, &house, decision);
        if decision.is_some_and(|decision| decision["response_last"] == json!(true)) {
            expected.mqtt.sort_by_key(|(_, message)| {
                message["topic"]
                    .as_str()
                    .is_some_and(|topic| topic.contains("/bridge/response/"))
            });
        }
        let mut log = house.step(&step);
        if step["announce"] == json!(true) {
            // The vectors show events in interviews only.
            log.mqtt
                .retain(|(_, message)| message["payload"]["type"] != "device_announce");
        }
        let got = Shown {
            tx: log
                .tx
                .into_iter()
                .enumerate()
                .map(|(index, (at, mut sent))| {
                    // What the vector does not tell is not compared.
                    if let Some((_, expected)) = expected.tx.get(index) {
                        for key in ["src_ep", "tsn_echo"] {
                            if expected.get(key).is_none() {
                                sent.as_object_mut().unwrap().remove(key);
                            }
                        }
                    }
                    (at, sent)
                })
                .collect(),
            zdo: log
                .zdo
                .into_iter()
                .enumerate()
                .map(|(index, (at, mut asked))| {
                    if let Some((_, expected)) = expected.zdo.get(index) {
                        let keys: Vec<String> =
                            asked.as_object().unwrap().keys().cloned().collect();
                        for key in keys {
                            if expected.get(&key).is_none() {
                                asked.as_object_mut().unwrap().remove(&key);
                            }
                        }
                    }
                    (at, asked)
                })
                .collect(),
            mqtt: log
                .mqtt
                .into_iter()
                .map(|(at, mut message)| {
                    relax(&mut message);
                    (at, message)
                })
                .collect(),
        };
        if got != expected {
            return Err(format!(
                "step {index}\n  expected {expected:#?}\n  got      {got:#?}\n  errors {:?}",
                log.errors
            ));
        }
        let wants_error = match decision.and_then(|decision| decision["errors"].as_bool()) {
            Some(decided) => decided,
            None => step["errors"].is_array(),
        };
        let compared = step["mqtt"].is_object() || step["configure"] == json!(true);
        // A failed read's decode is a warning at most; what is compared is that a command failed.
        if compared && decision.is_none() && wants_error && log.errors.is_empty() {
            return Err(format!("step {index}: no error was logged"));
        }
        if compared && !wants_error && !log.errors.is_empty() {
            return Err(format!("step {index}: errors {:?}", log.errors));
        }
    }
    let final_state = match decision {
        Some(decision) if !decision["final_state"].is_null() => &decision["final_state"],
        _ => &case["final_state"],
    };
    if let Some(expected) = final_state.as_object() {
        let got = house.state();
        if got != *expected {
            return Err(format!(
                "final state\n  expected {expected:?}\n  got      {got:?}"
            ));
        }
    }
    Ok(())
}

/// Runs one case; `None` if it passes.
fn failure(folder: &str, case: &Json, decision: Option<&Json>) -> Option<String> {
    let result = if case["kind"] == "definition" {
        definition_case(folder, case, decision)
    } else {
        run_case(folder, case, decision)
    };
    result
        .err()
        .map(|why| format!("{} {}: {why}", case["id"], case["title"]))
}

#[test]
fn cases_of_the_vectors() {
    let mut decisions = Decisions::load();
    let mut ran: BTreeMap<String, usize> = BTreeMap::new();
    let mut work = Vec::new();
    for folder in ["five", "five_legacy", "ours", "breadth"] {
        for (file, case) in cases(folder) {
            *ran.entry(file).or_default() += 1;
            let decision = decisions.of(folder, case["id"].as_str().unwrap());
            work.push((folder, case, decision));
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let failures: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> = work
            .chunks(work.len().div_ceil(threads))
            .map(|part| {
                scope.spawn(|| {
                    part.iter()
                        .filter_map(|(folder, case, decision)| {
                            failure(folder, case, decision.as_ref())
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap())
            .collect()
    });
    for (file, count) in &ran {
        println!("{file}: {count} cases");
    }
    let decided = work
        .iter()
        .filter(|(.., decision)| decision.is_some())
        .count();
    println!("{decided} of them with a decision of ours");
    assert!(
        failures.is_empty(),
        "{} cases fail:\n{}",
        failures.len(),
        failures.join("\n")
    );
    if std::env::var("VECTORS").is_err() {
        assert_eq!(
            decisions.unused(),
            Vec::<String>::new(),
            "decisions without a case"
        );
    }
}

/// The device's entry on `bridge/devices`.
fn definition_case(folder: &str, case: &Json, decision: Option<&Json>) -> Result<(), String> {
    let house = House::new(folder, case);
    let entry = house
        .bridge_devices
        .as_array()
        .and_then(|devices| devices.get(1))
        .ok_or("no device on bridge/devices")?;
    let mut definition = case["expect_definition"].clone();
    for (key, value) in decision
        .and_then(|decision| decision["definition"].as_object())
        .into_iter()
        .flatten()
    {
        definition[key] = value.clone();
    }
    if entry["definition"] != definition {
        return Err(format!(
            "definition\n  {definition}\n  {}",
            entry["definition"]
        ));
    }
    for (key, expected) in case["expect_bridge_device"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let expected: Json = serde_json::from_str(
            &expected
                .to_string()
                .replace("<ieee>", &house.ieee.to_string()),
        )
        .unwrap();
        if entry[key] != expected {
            return Err(format!(
                "{key}\n  expected {expected}\n  got      {}",
                entry[key]
            ));
        }
    }
    Ok(())
}
