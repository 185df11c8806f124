//! Whatever arrives, nothing breaks.

use proptest::prelude::*;
use serde_json::json;

use crate::house::House;

const TOPICS: [&str; 16] = [
    "z/switch/set",
    "z/switch/get",
    "z/switch/set/state_left",
    "z/hall/relay/l1/set",
    "z/lights/set",
    "z/0x00158d0000000041/set",
    "z/bridge/request/permit_join",
    "z/bridge/request/device/rename",
    "z/bridge/request/device/remove",
    "z/bridge/request/device/options",
    "z/bridge/request/device/interview",
    "z/bridge/request/device/configure",
    "z/bridge/request/options",
    "z/bridge/request/coordinator_check",
    "z/bridge/request/backup",
    "z/bridge/request/nonsense",
];

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        "[a-z_/+#0-9]{0,8}".prop_map(|value| json!(value)),
        Just(json!("switch")),
        Just(json!("ON")),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key = prop_oneof![
            "[a-z_]{0,6}",
            proptest::sample::select(vec![
                "id",
                "from",
                "to",
                "time",
                "device",
                "options",
                "state",
                "state_left",
                "read",
                "write",
                "command",
                "zclcommand",
                "friendly_name",
                "advanced",
                "transaction",
                "on_time",
                "cluster",
                "attributes",
                "payload",
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| json!(items)),
            proptest::collection::btree_map(key, inner, 0..6).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_message_makes_it_panic(
        messages in proptest::collection::vec(
            (
                prop_oneof![
                    proptest::sample::select(TOPICS.to_vec()).prop_map(str::to_owned),
                    "z/[a-z0-9/+#]{0,12}(/set|/get)?(/[a-z]{0,4})?",
                    ".{0,20}",
                ],
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..40),
                    any_json().prop_map(|value| value.to_string().into_bytes()),
                ],
            ),
            0..12,
        )
    ) {
        let mut house = House::new(&json!({}));
        for (topic, payload) in messages {
            house.mqtt(&topic, payload);
        }
        // The bridge is still there for the others.
        house.wait(std::time::Duration::from_secs(60));
        house.forget();
        prop_assert_eq!(
            house.request("health_check", ""),
            r#"{"data":{"healthy":true},"status":"ok"}"#
        );
    }
}

#[test]
fn huge_payloads_are_refused_with_one_line() {
    let keys: Vec<_> = (0..60_000)
        .map(|index| format!("\"k{index}\":{index}"))
        .collect();
    let keys = format!("{{{}}}", keys.join(","));
    for payload in [
        vec![b'['; 10_000_000],
        vec![0; 10_000_000],
        keys.into_bytes(),
    ] {
        let mut house = House::new(&json!({}));
        house.mqtt("z/switch/set", &payload);
        let log = house.log_lines();
        assert!(log.len() == 1 && log[0].len() < 200, "{}", log.len());
        assert!(house.frames().is_empty());
        let response = house.request("device/rename", &payload);
        assert!(
            response.contains(r#""status":"error""#) && response.len() < 300,
            "{response}"
        );
    }
}

#[test]
fn the_same_inputs_give_the_same_outputs() {
    let run = || {
        let mut house = House::new(&json!({"advanced": {"log_level": "debug"}}));
        house.report(1, true);
        house.mqtt("z/switch/left/set", "OFF");
        house.request("device/rename", r#"{"from":"switch","to":"lamp"}"#);
        house.request("permit_join", r#"{"time":3}"#);
        house.mqtt("z/lamp/get", r#"{"state_right":""}"#);
        house.wait(std::time::Duration::from_secs(400));
        (
            house.lines(),
            house.log_lines(),
            format!("{:?}", house.asked),
        )
    };
    assert_eq!(run(), run());
}
