//! §11.9: `bridge/health`.

use std::sync::Arc;
use std::time::Duration;

use adapters::Event;
use bridge::core::{CoreInput, CoreOutput, HostUsage, LocalId, Publish, Qos};
use serde_json::{Value as Json, json};
use zigbee::NwkAddress;

use crate::house::{House, SWITCH, line};

const MINUTE: Duration = Duration::from_secs(60);

const USAGE: HostUsage = HostUsage {
    load_average: [0.5, 1.0, 1.25],
    memory_total_kb: 3_000_000,
    memory_free_kb: 2_000_000,
    process_memory_kb: 12_345,
    process_uptime_s: 77,
    mqtt_queued: 3,
};

/// Waits for so many minutes and answers the core's question if it comes.
fn pass(house: &mut House, minutes: u32) -> Option<String> {
    house.forget();
    house.wait(MINUTE * minutes);
    let asked = house
        .others
        .iter()
        .filter(|output| matches!(output, CoreOutput::MeasureHost))
        .count();
    assert!(asked <= 1);
    if asked == 0 {
        return None;
    }
    house.input(CoreInput::HostMeasured(USAGE));
    let lines: Vec<_> = house.published.iter().map(line).collect();
    lines
        .iter()
        .find_map(|line| line.strip_prefix("z/bridge/health retained qos1 "))
        .map(str::to_owned)
}

#[test]
fn health_has_the_keys_the_order_and_the_rounding_of_the_contract() {
    let mut house = House::new(&json!({}));
    house.report(1, true);
    house.wait(Duration::from_secs(1));
    house.report(2, false);
    house.report(3, true);
    // Not at the start, but after one interval.
    assert_eq!(pass(&mut house, 9), None);
    let text = pass(&mut house, 1).unwrap();
    // The devices' reports, and `bridge/devices`, `bridge/info` ... of the greeting.
    let health: Json = serde_json::from_str(&text).unwrap();
    let published = health["mqtt"]["published"].as_u64().unwrap();
    assert!(published > 5, "{text}");
    let now = 1_767_614_400_000_i64 + 1000 + 600_000;
    assert_eq!(
        text,
        format!(
            "{{\"response_time\":{now},\
             \"os\":{{\"load_average\":[0.5,1,1.25],\"memory_used_mb\":976.56,\"memory_percent\":33.3333}},\
             \"process\":{{\"uptime_sec\":77,\"memory_used_mb\":12.06,\"memory_percent\":0.4115}},\
             \"mqtt\":{{\"connected\":true,\"queued\":3,\"published\":{published},\"received\":0}},\
             \"devices\":{{\"{SWITCH}\":{{\"messages\":3,\"messages_per_sec\":0.005,\"leave_count\":0,\
             \"network_address_changes\":0}}}},\
             \"ferrobee\":{{\"converters\":{{\"files\":0,\"failed\":0,\"calls\":0,\"failures\":0,\
             \"dropped\":0}},\"automations\":{{\"files\":0,\"failed\":0,\"handlers\":0,\"runs\":0,\
             \"errors\":0}}}}}}"
        )
    );
    // And again after each.
    assert_eq!(pass(&mut house, 9), None);
    assert!(pass(&mut house, 1).is_some());
}

#[test]
fn health_info_and_metrics_count_automations_and_converters() {
    let mut house = House::new(&json!({}));
    house.input(CoreInput::LocalOpened(LocalId(1)));
    let broken = json!([{"origin": {"kind": "user", "name": "x.py"}, "error": "x.py:3: no"}]);
    house.input(CoreInput::Converters(broken.to_string()));
    let handler = |runs: u64, errors: u64| json!({"id": "h", "runs": runs, "errors": errors});
    let report = json!({"files": [
        {"id": "hall", "error": null, "handlers": [handler(3, 1), handler(4, 0)]},
        {"id": "broken", "error": "broken.py, line 1: SyntaxError", "handlers": []},
    ]});
    let topic = Arc::from("z/bridge/automations");
    let told = Publish::new(topic, report.to_string().into(), Qos::AtMostOnce, true);
    house.input(CoreInput::LocalPublish(told));
    let own = &house.last("z/bridge/info")["ferrobee"];
    assert_eq!(own["converters"], 1);
    assert_eq!(own["automations"], 2);
    let health: Json = serde_json::from_str(&pass(&mut house, 10).unwrap()).unwrap();
    let own = &health["ferrobee"];
    assert_eq!(
        own["automations"],
        json!({"files": 2, "failed": 1, "handlers": 2, "runs": 7, "errors": 1})
    );
    assert_eq!(own["converters"]["files"], 1);
    assert_eq!(own["converters"]["failed"], 1);
    let metrics = house.core.metrics(&USAGE);
    for line in [
        "automation_files_failed 1",
        "automation_runs_total 7",
        "converter_files 1",
    ] {
        assert!(
            metrics.contains(&format!("\nferrobee_{line}\n")),
            "{metrics}"
        );
    }
    // A stranger's message at the broker tells nothing, nor does what is none of these.
    house.mqtt("z/bridge/automations", r#"{"files": []}"#);
    let metrics = house.core.metrics(&USAGE);
    assert!(
        metrics.contains("\nferrobee_automation_files 2\n"),
        "{metrics}"
    );
}

#[test]
fn counts_go_on_or_begin_anew() {
    for reset in [false, true] {
        let mut house = House::new(&json!({"health": {"interval": 1, "reset_on_check": reset}}));
        house.report(1, true);
        house.mqtt("z/switch/get", "{}");
        house.radio(Event::Announced {
            nwk: NwkAddress(0x4142),
            ieee: SWITCH,
            capabilities: 0x8e,
        });
        let first: Json = serde_json::from_str(&pass(&mut house, 1).unwrap()).unwrap();
        let device = &first["devices"][SWITCH.to_string()];
        assert_eq!(
            (&device["messages"], &device["network_address_changes"]),
            (&json!(2), &json!(1)),
            "{first}"
        );
        assert_eq!(first["mqtt"]["received"], 1);
        house.frame(0x4142, 1, 6, &[0x18, 9, 0x0a, 0, 0, 0x10, 1]);
        let second: Json = serde_json::from_str(&pass(&mut house, 1).unwrap()).unwrap();
        let device = &second["devices"][SWITCH.to_string()];
        let (messages, changes, received) = if reset { (1, 0, 0) } else { (3, 1, 1) };
        assert_eq!(device["messages"], messages, "{second}");
        assert_eq!(device["network_address_changes"], changes);
        assert_eq!(second["mqtt"]["received"], received);
    }
}

#[test]
fn a_device_that_left_is_counted_and_goes_on_when_it_is_back() {
    let mut house = House::new(&json!({"health": {"interval": 1}}));
    house.report(1, true);
    house.radio(Event::Left {
        nwk: NwkAddress(0x4141),
        ieee: SWITCH,
    });
    let health: Json = serde_json::from_str(&pass(&mut house, 1).unwrap()).unwrap();
    let device = &health["devices"][SWITCH.to_string()];
    assert_eq!(
        (&device["messages"], &device["leave_count"]),
        (&json!(1), &json!(1))
    );
    house.radio(Event::Joined {
        nwk: NwkAddress(0x4141),
        ieee: SWITCH,
        parent: NwkAddress::COORDINATOR,
    });
    let health: Json = serde_json::from_str(&pass(&mut house, 1).unwrap()).unwrap();
    let device = &health["devices"][SWITCH.to_string()];
    assert_eq!(
        (&device["messages"], &device["leave_count"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn a_broker_that_lost_it_gets_it_again() {
    let mut house = House::new(&json!({"health": {"interval": 1}}));
    let told = pass(&mut house, 1).unwrap();
    house.input(CoreInput::MqttDisconnected);
    house.forget();
    house.input(CoreInput::MqttConnected);
    let lines = house.lines();
    assert!(
        lines.contains(&format!("z/bridge/health retained qos1 {told}")),
        "{lines:?}"
    );
}

#[test]
fn figures_that_the_system_does_not_tell_are_zero() {
    let mut house = House::new(&json!({}));
    house.input(CoreInput::HostMeasured(HostUsage::default()));
    let health = house.last("z/bridge/health");
    assert_eq!(health["os"]["memory_percent"], 0);
    assert_eq!(health["process"]["memory_percent"], 0);
    assert_eq!(health["devices"], json!({}));
}
