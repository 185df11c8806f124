//! §12.2: requests that run code in Zigbee2MQTT, and the topics that show it.

use bridge::core::{CoreInput, CoreOutput, External};
use serde_json::json;

use crate::house::{House, topic_of};

fn on() -> serde_json::Value {
    json!({"advanced": {"enable_external_js": true}})
}

fn off() -> serde_json::Value {
    json!({"advanced": {"enable_external_js": false}})
}

fn files() -> CoreInput {
    let file = |name: &str| (name.to_owned(), format!("// {name}"));
    CoreInput::External(External {
        converters: vec![file("a.js"), file("b.mjs")],
        extensions: vec![file("c.cjs")],
    })
}

#[test]
fn files_are_shown_where_code_is_on_and_at_their_place_in_the_greeting() {
    for (settings, shown) in [(on(), true), (off(), false)] {
        let mut house = House::dark(&settings);
        house.input(files());
        house.input(CoreInput::MqttConnected);
        house.radio(adapters::Event::Up(crate::house::network()));
        let lines = house.lines();
        let converters = r#"z/bridge/converters retained [{"code":"// a.js","name":"a.js"},{"code":"// b.mjs","name":"b.mjs"}]"#;
        let extensions = r#"z/bridge/extensions retained [{"code":"// c.cjs","name":"c.cjs"}]"#;
        let at = |text: &str| lines.iter().position(|line| line.starts_with(text));
        assert_eq!(at(converters).is_some(), shown, "{lines:?}");
        assert_eq!(at(extensions).is_some(), shown);
        if shown {
            assert!(at("z/bridge/state ") < at(converters));
            assert!(at(converters) < at("z/bridge/info "));
            assert!(at("z/bridge/definitions ") < at(extensions));
        }
        let told: Vec<_> = house
            .log_lines()
            .into_iter()
            .filter(|line| line.contains("ferrobee does not run JavaScript"))
            .collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].contains("ferrobee converter draft"), "{told:?}");
    }
}

#[test]
fn code_is_never_taken_and_the_reason_is_told() {
    let save = r#"{"name":"x.js","code":"1"}"#;
    for (settings, payload, error) in [
        (
            off(),
            save,
            "Code over MQTT is off: advanced.enable_external_js is false",
        ),
        (
            on(),
            save,
            "x.js contains invalid code: ferrobee does not run JavaScript; nothing was saved",
        ),
        (
            on(),
            r#"{"name":"x.py","code":"1"}"#,
            "JavaScript file must have '.mjs', '.js' or '.cjs' extension",
        ),
        (on(), r#"{"name":"x.js"}"#, "Invalid payload"),
        (on(), "x.js", "Invalid payload"),
    ] {
        for path in ["converter/save", "extension/save"] {
            let mut house = House::new(&settings);
            assert_eq!(
                house.request(path, payload),
                format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#)
            );
            assert!(house.others.is_empty() && house.saved.is_empty());
        }
    }
}

#[test]
fn a_file_can_be_removed() {
    let mut house = House::new(&on());
    house.input(files());
    house.forget();
    house.mqtt(
        "z/bridge/request/converter/remove",
        r#"{"name":"a.js","transaction":3}"#,
    );
    let Some(CoreOutput::Remove { id, path }) = house.others.pop() else {
        panic!("nothing was asked for");
    };
    assert_eq!(path, "external_converters/a.js");
    house.input(CoreInput::Removed(id, Ok(())));
    assert_eq!(
        house.lines(),
        [
            r#"z/bridge/converters retained [{"code":"// b.mjs","name":"b.mjs"}]"#,
            r#"z/bridge/response/converter/remove {"data":{},"status":"ok","transaction":3}"#,
        ]
    );
    // One that the disk does not give up stays.
    house.mqtt("z/bridge/request/extension/remove", r#"{"name":"c.cjs"}"#);
    let Some(CoreOutput::Remove { id, path }) = house.others.pop() else {
        panic!("nothing was asked for");
    };
    assert_eq!(path, "external_extensions/c.cjs");
    house.input(CoreInput::Removed(id, Err("read-only".to_owned())));
    assert_eq!(
        house.last("z/bridge/response/extension/remove")["error"],
        "read-only"
    );
    assert!(
        house
            .published
            .iter()
            .all(|publish| *topic_of(publish) != *"z/bridge/extensions")
    );
}

#[test]
fn a_name_is_no_path() {
    let mut house = House::new(&on());
    house.input(files());
    house.forget();
    for name in ["../configuration.yaml", "/etc/passwd", "a.js/", "c.cjs", ""] {
        let response = house.request("converter/remove", json!({ "name": name }).to_string());
        let error = if name.is_empty() {
            "Invalid payload".to_owned()
        } else {
            format!("{name} (external_converters/{name}) doesn't exists")
        };
        assert_eq!(
            response,
            format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#)
        );
        assert!(house.others.is_empty());
    }
    let mut house = House::new(&off());
    house.input(files());
    let response = house.request("converter/remove", r#"{"name":"a.js"}"#);
    assert!(
        response.contains("enable_external_js is false"),
        "{response}"
    );
}

#[test]
fn a_definition_is_not_given_as_javascript() {
    let mut house = House::new(&json!({}));
    let response = house.request("device/generate_external_definition", r#"{"id":"switch"}"#);
    assert!(
        response.starts_with(r#"{"data":{},"error":"No source for 'switch': "#),
        "{response}"
    );
    assert_eq!(
        house.request("device/generate_external_definition", r#"{"id":"x"}"#),
        r#"{"data":{},"error":"Device 'x' does not exist","status":"error"}"#
    );
}
