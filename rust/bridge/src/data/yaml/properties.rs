//! What holds for every text and every change.

use std::fmt::Write;

use devices::JsonMap;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value as Json;

use super::edit::{apply, changes};
use super::parse::Document;
use super::render::render;
use crate::data::json;

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        (-1e6..1e6_f64).prop_map(Json::from),
        any::<String>().prop_map(Json::from),
        "[ -~]{0,12}".prop_map(Json::from),
        prop::sample::select(vec![
            "on",
            "0x1A62",
            "1e3",
            "~",
            "- a",
            "a: b",
            "a #b",
            "'",
            "\"",
            "!secret x",
            "*a",
            "&a",
            "? x",
            "%",
            "0x00158d0001234567",
            " a",
            "a ",
            "a\nb\n",
            "---",
            "...",
            "[",
            "{a}",
            "<<",
            "=",
            "1:30",
            "2001-01-01",
            ".5",
            "+1",
            "\u{85}",
            "\u{feff}x",
            "\t",
        ])
        .prop_map(Json::from),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z_]{1,6}",
        1 => prop::sample::select(vec!["0x00158d0001234567", "1", "true", "~", "on", "a b", "a: b", "#x", "- a", "", "'", "é"])
            .prop_map(str::to_owned),
    ]
}

fn value() -> impl Strategy<Value = Json> {
    scalar().prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            btree_map(key(), inner, 0..5).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn object() -> impl Strategy<Value = JsonMap> {
    btree_map(key(), value(), 0..6).prop_map(|map| map.into_iter().collect())
}

/// Texts that are often YAML: lines of things that YAML gives a meaning.
fn yamlish() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a:",
        "b:",
        "c: 1",
        "'d': x",
        "\"e\": 'y' # c",
        "- ",
        "- a: 1",
        "# comment",
        "[1, 2]",
        "{x: 1, y: {z: 2}}",
        "|",
        ">-",
        "text",
        "  more",
        "&a",
        "*a",
        "<<: *a",
        "? k",
        ": v",
        "~",
        "---",
        "...",
        "!tag",
        "\t",
        "f: &a {g: 1}",
        "h: *a",
        "i:   ",
        "j: \"x\\ny\"",
        "é: ü",
        "k: |+",
        "0x00158d0001234567:",
        "%YAML 1.2",
    ]);
    vec((0_usize..4, piece, prop::bool::weighted(0.2)), 0..12).prop_map(|lines| {
        let mut text = String::new();
        for (indent, piece, joined) in lines {
            let end = if joined { " " } else { "\n" };
            text.extend(["  ".repeat(indent).as_str(), piece, end]);
        }
        text
    })
}

/// Carries `wanted` out in a text, and checks that the result means it.
fn check_edit(text: &str, wanted: &JsonMap) -> Result<(), TestCaseError> {
    let Ok(document) = Document::parse(text.as_bytes()) else {
        return Ok(());
    };
    let Json::Object(before) = document.to_json() else {
        return Ok(());
    };
    let edited = apply(&document, &changes(&before, wanted));
    let means = Document::parse(edited.text.as_bytes())
        .map_err(|error| TestCaseError::fail(format!("{error}: {:?}", edited.text)))?
        .to_json();
    prop_assert!(
        json::same(&means, &Json::Object(wanted.clone())),
        "{:?} means {means}",
        edited.text
    );
    // Nothing to do leaves the text as it is.
    prop_assert_eq!(apply(&document, &[]).text, document.text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn parsing_never_panics(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(document) = Document::parse(&bytes) {
            let _ = document.to_json();
        }
    }

    #[test]
    fn what_is_rendered_means_the_same(map in object()) {
        let text = render(&map, 0, None);
        let document = Document::parse(text.as_bytes());
        let means = document.map(|document| document.to_json());
        prop_assert!(
            means.as_ref().is_ok_and(|means| json::same(means, &Json::Object(map.clone()))),
            "{text:?} means {means:?}"
        );
    }

    #[test]
    fn any_change_of_rendered_text_gives_what_is_wanted(old in object(), new in object()) {
        check_edit(&render(&old, 0, None), &new)?;
    }

    #[test]
    fn any_change_of_odd_text_gives_what_is_wanted(text in yamlish(), new in object()) {
        check_edit(&text, &new)?;
    }

    #[test]
    fn small_changes_of_odd_text_give_what_is_wanted(text in yamlish(), picks in vec((any::<prop::sample::Index>(), prop::option::of(value())), 1..4)) {
        let Ok(document) = Document::parse(text.as_bytes()) else { return Ok(()) };
        let Json::Object(mut map) = document.to_json() else { return Ok(()) };
        for (pick, value) in picks {
            if map.is_empty() { break; }
            let Some(key) = map.keys().nth(pick.index(map.len())).cloned() else { break };
            match value {
                Some(value) => { map.insert(key, value); }
                None => { map.remove(&key); }
            }
        }
        check_edit(&text, &map)?;
    }

    /// Changing one of many settings touches only its line.
    #[test]
    fn a_changed_scalar_changes_one_line(
        sections in btree_map("[a-z]{1,5}", btree_map("[a-z]{1,5}", "[a-z]{1,5}", 1..5), 1..5),
        pick in any::<prop::sample::Index>(),
        comment in "[ -~]{0,10}",
    ) {
        let mut text = format!("# {comment}\n");
        let mut map = JsonMap::new();
        let mut paths = Vec::new();
        for (section, entries) in &sections {
            writeln!(text, "{section}: # {comment}").unwrap();
            let mut inner = JsonMap::new();
            for (key, value) in entries {
                writeln!(text, "  # {comment}\n  x{key}: x{value}   # {comment}\n").unwrap();
                inner.insert(format!("x{key}"), format!("x{value}").into());
                paths.push((section.clone(), format!("x{key}")));
            }
            map.insert(section.clone(), Json::Object(inner));
        }
        // A section called `on` or `null` would be a key all the same.
        let document = Document::parse(text.as_bytes()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(document.to_json(), Json::Object(map.clone()));
        let (section, key) = pick.get(&paths);
        let mut wanted = map.clone();
        json::set(&mut wanted, &[section, key], 17.into());
        let edited = apply(&document, &changes(&map, &wanted));
        prop_assert!(!edited.rewritten);
        let differing = edited.text.lines().zip(text.lines()).filter(|(a, b)| a != b).count();
        prop_assert_eq!(differing, 1);
        prop_assert_eq!(edited.text.lines().count(), text.lines().count());
    }
}
