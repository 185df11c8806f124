//! The index of images: what is written in it, and files that are none.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test: a panic is how it fails"
)]

use hub::ota::{Candidate, Index};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use zigbee::ManufacturerCode;
use zigbee::ota::{FileVersion, ImageId, ImageType};

fn parse(entries: &Json) -> Index {
    Index::parse(entries.to_string().as_bytes()).unwrap()
}

fn device() -> Candidate {
    Candidate {
        installed: ImageId {
            manufacturer: ManufacturerCode(0x115f),
            image_type: ImageType(0x0101),
            version: FileVersion(36),
        },
        hardware: Some(3),
        model_id: Some("lumi.relay.c2acn01".to_owned()),
        manufacturer_name: Some("LUMI".to_owned()),
    }
}

fn entry() -> Json {
    json!({
        "fileName": "a.ota", "fileVersion": 47, "fileSize": 182_206, "url": "https://example.org/a.ota",
        "imageType": 257, "manufacturerCode": 4447, "sha512": "0f".repeat(64),
        "otaHeaderString": "DR1175r1v1UNENCRYPTED00000JN5169", "modelId": "lumi.relay.c2acn01",
    })
}

#[test]
fn an_entry_of_the_public_index_is_read() {
    let index = parse(&json!([entry()]));
    let found: Vec<_> = index.find(&device()).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id().unwrap().version, FileVersion(47));
    assert_eq!(found[0].location, "https://example.org/a.ota");
    assert_eq!(found[0].sha512.as_deref(), Some(&[0x0f; 64]));
    assert!(index.problems.is_empty());
}

#[test]
fn every_condition_of_an_entry_counts() {
    for (key, fits, fails) in [
        ("manufacturerCode", json!(4447), json!(4448)),
        ("imageType", json!(257), json!(258)),
        ("modelId", json!(""), json!("lumi.plug")),
        ("manufacturerName", json!(["x", "LUMI"]), json!(["x"])),
        ("manufacturerName", json!("LUMI"), json!([])),
        ("minFileVersion", json!(36), json!(37)),
        ("maxFileVersion", json!(36), json!(35)),
        ("hardwareVersionMin", json!(3), json!(4)),
        ("hardwareVersionMax", json!(3), json!(2)),
        ("manufacturerCode", json!(4447), json!(null)),
    ] {
        for (value, expected) in [(fits, 1), (fails, 0)] {
            let mut entry = entry();
            entry[key] = value.clone();
            let found = parse(&json!([entry])).find(&device()).count();
            assert_eq!(found, expected, "{key}: {value}");
        }
    }
}

#[test]
fn hardware_that_a_device_does_not_tell_fits_no_limit() {
    let mut device = device();
    device.hardware = None;
    let mut entry = entry();
    assert_eq!(parse(&json!([entry])).find(&device).count(), 1);
    entry["hardwareVersionMax"] = json!(9);
    assert_eq!(parse(&json!([entry])).find(&device).count(), 0);
}

#[test]
fn entries_that_make_no_sense_are_left_out_and_told_of() {
    for (key, value) in [
        ("url", json!(null)),
        ("url", json!(5)),
        ("fileVersion", json!("47")),
        ("fileVersion", json!(-1)),
        ("imageType", json!(65536)),
        ("sha512", json!("0f")),
        ("sha512", json!("é".repeat(64))),
        ("force", json!("yes")),
    ] {
        let mut entry = entry();
        entry[key] = value.clone();
        let index = parse(&json!([entry, self::entry()]));
        assert_eq!(index.entries.len(), 1, "{key}: {value}");
        let told = format!("entry 1 is left out: `{key}` is missing or makes no sense");
        assert_eq!(index.problems, [told]);
    }
    assert!(Index::parse(b"{}").is_err());
    assert!(Index::parse(b"<html>").is_err());
}

fn value() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
        "[0-9a-fg]{128}".prop_map(Json::from),
        vec(".{0,4}".prop_map(Json::from), 0..3).prop_map(Json::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_file_makes_it_panic(bytes in vec(any::<u8>(), 0..256)) {
        let _ = Index::parse(&bytes);
    }

    #[test]
    fn every_entry_is_read_or_told_of(
        changes in vec((proptest::sample::select(vec![
            "url", "path", "fileVersion", "imageType", "manufacturerCode", "sha512", "modelId",
            "manufacturerName", "hardwareVersionMin", "hardwareVersionMax", "minFileVersion",
            "maxFileVersion", "force", "releaseNotes", "otaHeaderString",
        ]), value()), 0..6),
        whole in value(),
    ) {
        let mut changed = entry();
        for (key, value) in changes {
            changed[key] = value;
        }
        let index = parse(&json!([changed, whole, entry()]));
        prop_assert_eq!(index.entries.len() + index.problems.len(), 3);
        prop_assert!(index.find(&device()).count() >= 1);
    }
}
