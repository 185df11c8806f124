//! Reads tests/vectors. Used by the engine's tests and by those of the whole program.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test program uses a part of this module"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value as Json;

/// The folder tests/ of the repository.
pub fn tests_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests")
}

pub fn read(path: &str) -> String {
    let path = tests_folder().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The cases of a folder of vectors, with the name of their file.
pub fn cases(folder: &str) -> Vec<(String, Json)> {
    let mut files: Vec<_> = std::fs::read_dir(tests_folder().join("vectors").join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            PathBuf::from(name)
                .extension()
                .is_some_and(|ext| ext == "jsonl")
        })
        .collect();
    // To work on some models: part of the name of their files.
    if let Ok(part) = std::env::var("VECTORS") {
        files.retain(|name| part.split(',').any(|part| name.contains(part)));
    }
    files.sort();
    files
        .into_iter()
        .flat_map(|file| {
            read(&format!("vectors/{folder}/{file}"))
                .lines()
                .map(|line| (format!("{folder}/{file}"), case(line)))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Tuya's data requests begin with a number that older converters of the reference count through
/// their whole process, so that it says which cases ran before. Today's send 1, as we do.
fn uncount(case: &mut Json) {
    const NUMBER: &str = "0100";
    for step in case["steps"].as_array_mut().into_iter().flatten() {
        for expect in step["expect"].as_array_mut().into_iter().flatten() {
            let tx = &mut expect["tx"];
            if tx["cluster"] == 0xef00 && tx["frame_type"] == "cluster" && tx["cmd"] == 0 {
                // The header is three bytes long.
                for (key, at) in [("payload", 0), ("zcl", 6)] {
                    let mut text = tx[key].as_str().unwrap().to_owned();
                    text.replace_range(at..at + NUMBER.len(), NUMBER);
                    tx[key] = Json::from(text);
                }
            }
        }
    }
}

/// Puts attribute values that an earlier configuration read (`attr_cache`) into the endpoints.
pub fn fill_caches(endpoints: &mut BTreeMap<zigbee::EndpointId, devices::Endpoint>, setup: &Json) {
    for (number, clusters) in setup["attr_cache"].as_object().into_iter().flatten() {
        let endpoint = zigbee::EndpointId(number.parse().unwrap());
        if let Some(endpoint) = endpoints.get_mut(&endpoint) {
            endpoint.attributes = serde_json::from_value(clusters.clone()).unwrap();
        }
    }
}

/// A case, with the text of each payload beside it as `text`: the order of keys counts.
fn case(line: &str) -> Json {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        #[serde(borrow, default)]
        steps: Vec<Step<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Step<'a> {
        #[serde(borrow)]
        mqtt: Option<Mqtt<'a>>,
    }
    #[derive(serde::Deserialize)]
    struct Mqtt<'a> {
        #[serde(borrow)]
        payload: &'a serde_json::value::RawValue,
    }
    let mut case: Json = serde_json::from_str(line).unwrap();
    let texts: Line<'_> = serde_json::from_str(line).unwrap();
    for (index, step) in texts.steps.iter().enumerate() {
        if let Some(mqtt) = &step.mqtt {
            let text = match &case["steps"][index]["mqtt"]["payload"] {
                Json::String(text) => text.clone(),
                _ => mqtt.payload.get().to_owned(),
            };
            case["steps"][index]["mqtt"]["text"] = Json::from(text);
        }
    }
    uncount(&mut case);
    // The reference reads this one's tariff whenever it starts, before the case begins.
    if case["device"] == "LiXee_ZLinky_TIC" && case["fresh"] != true && case["kind"] != "definition"
    {
        case["state"] = serde_json::json!({"current_tarif": ""});
    }
    case
}

/// The interview data of a folder of vectors; ours are about devices of the others.
pub fn devices(folder: &str) -> BTreeMap<String, Json> {
    let folders: &[&str] = match folder {
        "five_legacy" => &["five"],
        "ours" => &["five", "breadth"],
        other => &[other],
    };
    folders
        .iter()
        .flat_map(|folder| {
            let text = read(&format!("vectors/{folder}/devices.json"));
            serde_json::from_str::<BTreeMap<String, Json>>(&text).unwrap()
        })
        .collect()
}

/// Our answers where they differ from the vectors: tests/vectors/decisions.json.
pub struct Decisions {
    by_case: BTreeMap<(String, String), Json>,
    used: BTreeSet<(String, String)>,
}

impl Decisions {
    pub fn load() -> Self {
        let decisions: Vec<Json> = serde_json::from_str(&read("vectors/decisions.json")).unwrap();
        let mut by_case = BTreeMap::new();
        for decision in decisions {
            assert!(
                decision["reason"]
                    .as_str()
                    .is_some_and(|reason| reason.len() > 10),
                "a decision needs a reason: {decision}"
            );
            let key = (
                decision["folder"].as_str().unwrap().to_owned(),
                decision["case"].as_str().unwrap().to_owned(),
            );
            assert!(
                by_case.insert(key.clone(), decision).is_none(),
                "{key:?} is decided twice"
            );
        }
        Self {
            by_case,
            used: BTreeSet::new(),
        }
    }

    /// The decision for a case.
    pub fn of(&mut self, folder: &str, id: &str) -> Option<Json> {
        let key = (folder.to_owned(), id.to_owned());
        let decision = self.by_case.get(&key)?.clone();
        self.used.insert(key);
        Some(decision)
    }

    /// Our definition object for a case, if it was decided.
    pub fn definition(&mut self, id: &str, original: &Json) -> Option<Json> {
        let decision = self.of("five", id)?;
        let mut expected = original.clone();
        for (key, value) in decision["definition"].as_object()? {
            expected[key] = value.clone();
        }
        Some(expected)
    }

    /// Decisions that no case asked for.
    pub fn unused(&self) -> Vec<String> {
        self.by_case
            .keys()
            .filter(|key| !self.used.contains(key))
            .map(|(_, id)| id.clone())
            .collect()
    }
}

/// Bytes from hexadecimal text.
pub fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
