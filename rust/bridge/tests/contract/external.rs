//! §12.2: requests that run code in Zigbee2MQTT, and the topics that show it.

use bridge::core::{AskId, CoreInput, CoreOutput, External};
use serde_json::{Value as Json, json};

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
        (on(), r#"{"name":"x.js"}"#, "Invalid payload"),
        (on(), "x.js", "Invalid payload"),
    ] {
        for path in ["converter/save", "extension/save"] {
            let mut house = House::new(&settings);
            let response = house.request(path, payload);
            let begin = format!(r#"{{"data":{{}},"error":"{error}"#);
            assert!(response.starts_with(&begin), "{response}");
            assert!(response.ends_with(r#"","status":"error"}"#), "{response}");
            if path.starts_with("converter") && payload == save && settings == on() {
                assert!(response.contains("a name that ends in .py"), "{response}");
            }
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

/// What Python is asked.
fn question(house: &mut House) -> (AskId, Json) {
    match house.others.pop() {
        Some(CoreOutput::Ask(id, question)) => (id, question),
        other => panic!("nothing was asked: {other:?}"),
    }
}

fn python(error: Option<&str>) -> CoreInput {
    let origin =
        |name: &str| json!({"kind": "user", "name": name, "file": format!("/d/converters/{name}")});
    let mut plug = json!({"origin": origin("plug.py"), "source": "# plug"});
    if let Some(error) = error {
        plug["error"] = error.into();
    }
    let package = json!({"origin": {"kind": "package", "name": "acme"}});
    CoreInput::Converters(json!([plug, package]).to_string())
}

#[test]
fn a_converter_in_python_is_given_to_python_and_its_answer_is_the_response() {
    let mut house = House::new(&on());
    let save = r#"{"name":"plug.py","code":"class X: ...","transaction":7}"#;
    house.mqtt("z/bridge/request/converter/save", save);
    assert!(
        house.lines().is_empty(),
        "nothing is said before the answer"
    );
    let (id, asked) = question(&mut house);
    assert_eq!(
        asked,
        json!({"do": "save", "name": "plug.py", "code": "class X: ..."})
    );
    house.input(CoreInput::Answered(id, Ok(json!({}))));
    assert_eq!(
        house.lines(),
        [r#"z/bridge/response/converter/save {"data":{},"status":"ok","transaction":7}"#]
    );
    house.mqtt("z/bridge/request/converter/save", save);
    let (id, _) = question(&mut house);
    house.input(CoreInput::Answered(id, Err("plug.py:3: no".to_owned())));
    let response = house.last("z/bridge/response/converter/save");
    assert_eq!(response["error"], "plug.py:3: no");
    // Answered once; what nobody asked for is nothing.
    house.forget();
    house.input(CoreInput::Answered(id, Ok(json!({}))));
    assert!(house.lines().is_empty());
}

#[test]
fn python_is_taken_only_where_the_file_itself_says_so_and_by_plain_names() {
    let off_by_default = json!({"advanced": {}});
    let name = "is no name of a converter";
    for (settings, name, error) in [
        (&off(), "x.py", "advanced.enable_external_js is false"),
        (&off_by_default, "x.py", "in configuration.yaml itself"),
        (&on(), "x.txt", name),
        (&on(), "../x.py", name),
        (&on(), "a/x.py", name),
        (&on(), "_x.py", name),
        (&on(), ".py", name),
        (&on(), "x\n.py", name),
    ] {
        let mut house = House::new(settings);
        let payload = json!({"name": name, "code": "1"}).to_string();
        let response = house.request("converter/save", payload);
        assert!(response.contains(error), "{name}: {response}");
        assert!(house.others.is_empty());
    }
}

#[test]
fn code_is_not_switched_on_over_mqtt() {
    let mut house = House::new(&json!({"advanced": {}}));
    let on = r#"{"options":{"advanced":{"enable_external_js":true}}}"#;
    let response = house.request("options", on);
    assert!(
        response.contains("write it into configuration.yaml"),
        "{response}"
    );
    assert!(house.saved.is_empty());
    let off = r#"{"options":{"advanced":{"enable_external_js":false}}}"#;
    assert!(house.request("options", off).contains(r#""status":"ok""#));
}

#[test]
fn python_files_are_shown_with_their_code_and_can_be_removed() {
    let mut house = House::new(&on());
    house.input(files());
    house.forget();
    house.input(python(None));
    let shown = house.last("z/bridge/converters");
    assert_eq!(shown[2], json!({"name": "plug.py", "code": "# plug"}));
    assert_eq!(shown.as_array().map(Vec::len), Some(3));
    assert_eq!(house.last("z/bridge/info")["ferrobee"]["converters"], 2);
    // One that does not load is shown, too: its owner wants to mend it.
    house.input(python(Some("plug.py:1: SyntaxError")));
    assert_eq!(house.last("z/bridge/converters"), shown);
    house.forget();
    house.mqtt("z/bridge/request/converter/remove", r#"{"name":"plug.py"}"#);
    let Some(CoreOutput::Remove { id, path }) = house.others.pop() else {
        panic!("nothing was asked for");
    };
    assert_eq!(path, "converters/plug.py");
    house.input(CoreInput::Removed(id, Ok(())));
    let left = house.last("z/bridge/converters");
    assert_eq!(left.as_array().map(Vec::len), Some(2));
    assert_eq!(
        house.last("z/bridge/response/converter/remove")["status"],
        "ok"
    );
    let mut house = House::new(&json!({"advanced": {}}));
    house.input(python(None));
    let response = house.request("converter/remove", r#"{"name":"plug.py"}"#);
    assert!(
        response.contains("in configuration.yaml itself"),
        "{response}"
    );
}

#[test]
fn a_definition_is_drafted_in_python() {
    let mut house = House::new(&json!({}));
    let request = "z/bridge/request/device/generate_external_definition";
    house.mqtt(request, r#"{"id":"switch","transaction":1}"#);
    let (id, asked) = question(&mut house);
    assert_eq!(asked["do"], "draft");
    assert_eq!(asked["device"]["friendly_name"], "switch");
    assert_eq!(
        asked["form"]["match"][0]["model"],
        asked["device"]["model_id"]
    );
    let answer = json!({"source": "class Switch: ..."});
    house.input(CoreInput::Answered(id, Ok(answer)));
    assert_eq!(
        house.last("z/bridge/response/device/generate_external_definition"),
        json!({
            "data": {"id": "switch", "source": "class Switch: ..."},
            "status": "ok",
            "transaction": 1,
        })
    );
    assert_eq!(
        house.request("device/generate_external_definition", r#"{"id":"x"}"#),
        r#"{"data":{},"error":"Device 'x' does not exist","status":"error"}"#
    );
}
