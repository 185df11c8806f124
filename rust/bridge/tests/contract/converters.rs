//! Converters at the level of the contract: what `bridge/devices` and the metrics tell, and a set that is
//! none.

use bridge::core::{CoreInput, CoreOutput, HostUsage};
use devices::FunctionError;
use serde_json::{Value as Json, json};

use crate::house::{House, RELAY};

fn set() -> CoreInput {
    let definition = json!({
        "match": [{"model": "lumi.relay.c2acn01"}],
        "model": "MINE", "vendor": "Me", "description": "Mine",
        "capabilities": [{"type": "python",
            "exposes": [{"type": "numeric", "name": "speed", "access": 1, "unit": "rpm"}],
            "from": [{"cluster": "0x000c", "attribute": "0x0055", "function": "spin"}]}],
    });
    let origin = json!({"kind": "user", "name": "mine.py", "file": "/d/mine.py", "version": "1"});
    let entry = json!({"origin": origin, "definitions": [definition], "worker": ["python"]});
    CoreInput::Converters(json!([entry]).to_string())
}

fn relay(house: &House) -> Json {
    let list = house.core.device_list();
    let mut devices = list.as_array().into_iter().flatten();
    let address = RELAY.to_string();
    let found = devices.find(|device| device["ieee_address"] == address);
    found.cloned().unwrap_or_default()
}

#[test]
fn a_converter_in_use_is_seen_in_the_list_of_devices_and_in_the_metrics() {
    let mut house = House::new(&json!({}));
    assert!(relay(&house).get("ferrobee").is_none());
    house.input(set());
    let workers = house.others.iter();
    let named = workers
        .filter(|output| matches!(output, CoreOutput::Workers(workers) if workers.len() == 1));
    assert_eq!(named.count(), 1);
    let list = house.last("z/bridge/devices");
    assert!(list.to_string().contains("MINE"), "the list is published");
    let entry = relay(&house);
    assert_eq!(entry["definition"]["source"], "external");
    assert_eq!(entry["ferrobee"]["origin"]["file"], "/d/mine.py");
    assert_eq!(entry["ferrobee"]["shadowed"][0]["model"], "LLKZMK11LM");
    assert_eq!(
        entry["ferrobee"]["converter"],
        json!({"file": "/d/mine.py", "version": "1", "calls": 0, "failures": 0, "dropped": 0,
            "last_error": null})
    );
    let metrics = house.core.metrics(&HostUsage::default());
    let line = format!("ferrobee_converter_calls_total{{device=\"{RELAY}\"");
    assert!(metrics.contains(&line), "{metrics}");
}

#[test]
fn a_set_that_is_none_changes_nothing_and_is_told() {
    let mut house = House::new(&json!({}));
    house.input(set());
    for wrong in [
        "{",
        "[{}]",
        r#"[{"origin": {"kind": "king", "name": "x"}}]"#,
    ] {
        house.forget();
        house.input(CoreInput::Converters(wrong.to_owned()));
        assert_eq!(relay(&house)["definition"]["model"], "MINE", "{wrong}");
        let lines = house.log_lines();
        assert!(
            lines[0].contains("The converters stay as they are"),
            "{lines:?}"
        );
    }
    // An answer to nothing.
    let error = FunctionError::new("timeout", "x");
    house.input(CoreInput::ConverterReply(hub::CallId(9), Err(error)));
    assert_eq!(relay(&house)["ferrobee"]["converter"]["failures"], 0);
}

#[test]
fn what_is_wrong_with_a_converter_is_told_once() {
    let mut house = House::new(&json!({}));
    let broken = json!([{"origin": {"kind": "user", "name": "x.py", "file": "/d/x.py"},
        "error": "x.py:3: SyntaxError"}]);
    for _ in 0..3 {
        house.input(CoreInput::Converters(broken.to_string()));
    }
    let lines = house.log_lines();
    let told = lines.iter().filter(|line| line.contains("SyntaxError"));
    assert_eq!(told.count(), 1, "{lines:?}");
}
