//! The catalogue's definitions against the `definition` objects of the vectors.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use devices::Catalogue;
use serde_json::Value as Json;
use support::device_info;
use support::files::{Decisions, cases, devices};

#[test]
fn every_definition_of_the_catalogue_can_be_read() {
    let names: Vec<String> = Catalogue::builtin()
        .all()
        .map(|definition| definition.model().to_owned())
        .collect();
    let catalogue = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("catalogue");
    let mut written = Vec::new();
    for entry in std::fs::read_dir(catalogue).unwrap() {
        let path = entry.unwrap().path();
        let is_data = path.extension().is_some_and(|ext| ext == "json");
        if is_data && path.file_name().is_some_and(|name| name != "schema.json") {
            let file: Json = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            for definition in file["definitions"].as_array().unwrap() {
                written.push(definition["model"].as_str().unwrap().to_owned());
            }
        }
    }
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(sorted(names), sorted(written));
}

#[test]
fn a_model_identifier_padded_by_firmware_is_found() {
    let catalogue = Catalogue::builtin();
    let devices = devices("five");
    let mut device = device_info(&devices["lumi.lock.aq1"]);
    for padded in ["lumi.lock.aq1\0\0", "lumi.lock.aq1  "] {
        device.model_id = Some(padded.to_owned());
        let found = catalogue
            .find(&device)
            .map(|found| found.model().to_owned());
        assert_eq!(found.as_deref(), Some("ZNMS11LM"));
    }
    device.model_id = Some("lumi.lock".to_owned());
    assert!(catalogue.find(&device).is_none());
    device.model_id = None;
    assert!(catalogue.find(&device).is_none());
}

#[test]
fn a_model_identifier_that_products_share_needs_the_clusters_too() {
    let catalogue = Catalogue::builtin();
    let mut device = device_info(&devices("breadth")["SONOFF_SNZB-04"]);
    let found = catalogue.find(&device);
    assert_eq!(
        found.as_ref().map(|found| found.model()),
        Some("SNZB-04"),
        "a contact sensor"
    );
    for endpoint in device.endpoints.values_mut() {
        endpoint.inputs.retain(|cluster| cluster.0 != 0x0500);
    }
    assert!(catalogue.find(&device).is_none(), "a thermometer");
}

#[test]
fn definitions_are_those_of_the_vectors() {
    let catalogue = Catalogue::builtin();
    let mut decisions = Decisions::load();
    let mut ran: BTreeMap<String, usize> = BTreeMap::new();
    let folders = ["five", "breadth"];
    for (folder, (file, case)) in folders
        .iter()
        .flat_map(|folder| cases(folder).into_iter().map(move |case| (folder, case)))
    {
        let devices = devices(folder);
        let mut expected = case
            .get("expect_definition")
            .cloned()
            .into_iter()
            .collect::<Vec<_>>();
        // Interview cases carry the definition in their event.
        for step in case["steps"].as_array().into_iter().flatten() {
            for expect in step["expect"].as_array().into_iter().flatten() {
                let definition = &expect["mqtt"]["payload"]["data"]["definition"];
                if definition.is_object() {
                    expected.push(definition.clone());
                }
            }
        }
        for expected in expected {
            let device = device_info(&devices[case["device"].as_str().unwrap()]);
            let found = catalogue
                .find(&device)
                .expect("the model is in the catalogue");
            let expected = decisions
                .definition(case["id"].as_str().unwrap(), &expected)
                .unwrap_or(expected);
            let got = found.describe();
            assert_eq!(pretty(&got), pretty(&expected), "{}", case["id"]);
            *ran.entry(file.clone()).or_default() += 1;
        }
    }
    for (file, count) in ran {
        println!("{file}: {count} definitions");
    }
}

fn pretty(value: &Json) -> String {
    serde_json::to_string_pretty(value).unwrap()
}
