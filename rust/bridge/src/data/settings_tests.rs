use super::*;
use crate::data::changes::SettingsError;
use proptest::prelude::*;
use serde_json::json;

const LAMP: IeeeAddress = IeeeAddress(0x0015_8d00_0000_0001);

fn object(value: Json) -> JsonMap {
    match value {
        Json::Object(map) => map,
        _ => JsonMap::new(),
    }
}

fn settings(extra: Json) -> Settings {
    let mut map = object(json!({
        "version": 5,
        "mqtt": {"server": "mqtt://user:pw@host:1883", "password": "hunter2"},
        "devices": {"0x00158d0000000001": {"friendly_name": "lamp"}},
        "groups": {"7": {"friendly_name": "all"}},
    }));
    json::overlay(&mut map, &object(extra));
    Settings::new(map).unwrap()
}

fn refused(change: Json) -> String {
    let mut settings = settings(json!({}));
    let before = settings.clone();
    let error = settings.change(&object(change)).unwrap_err().to_string();
    assert_eq!(settings, before);
    error
}

#[test]
fn the_defaults_are_those_of_zigbee2mqtt() {
    let settings = settings(json!({}));
    let effective = Json::Object(settings.effective());
    for (pointer, value) in [
        ("/mqtt/base_topic", json!("zigbee2mqtt")),
        ("/mqtt/keepalive", json!(60)),
        ("/mqtt/version", json!(4)),
        ("/mqtt/maximum_packet_size", json!(1_048_576)),
        ("/advanced/channel", json!(11)),
        ("/advanced/pan_id", json!(6754)),
        (
            "/advanced/ext_pan_id",
            json!([221, 221, 221, 221, 221, 221, 221, 221]),
        ),
        ("/advanced/last_seen", json!("disable")),
        ("/advanced/log_output", json!(["console", "file"])),
        ("/advanced/log_syslog", json!({})),
        ("/availability/active/max_jitter", json!(30000)),
        ("/availability/passive/timeout", json!(1500)),
        ("/homeassistant/status_topic", json!("homeassistant/status")),
        ("/frontend/port", json!(8080)),
        ("/frontend/base_url", json!("/")),
        ("/ota/image_block_request_timeout", json!(150_000)),
        ("/health/interval", json!(10)),
        ("/serial", json!({"disable_led": false})),
        ("/passlist", json!([])),
        ("/device_options", json!({})),
        ("/map_options/graphviz/colors/fill/router", json!("#4ea3e0")),
        ("/groups/7/friendly_name", json!("all")),
    ] {
        assert_eq!(effective.pointer(pointer), Some(&value), "{pointer}");
    }
    assert_eq!(settings.network().network_key[..4], [1, 3, 5, 7]);
    assert!(settings.advanced().enable_external_js);
}

#[test]
fn secrets_are_not_in_the_published_settings() {
    let settings = settings(
        json!({"advanced": {"network_key": [9,9,9,9,9,9,9,9,9,9,9,9,9,9,9,9]}, "frontend": {"auth_token": "t0ken"}}),
    );
    let effective = Json::Object(settings.effective());
    assert_eq!(effective.pointer("/advanced/network_key"), None);
    assert_eq!(
        effective.pointer("/mqtt/server"),
        Some(&json!("mqtt://host:1883"))
    );
    let text = format!("{effective} {settings:?}");
    for secret in ["hunter2", "t0ken", "9,9", "9, 9", "pw@"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn every_default_is_allowed_and_every_setting_is_described() {
    let mut defaults = schema::defaults();
    json::set(&mut defaults, &["mqtt", "server"], "x".into());
    assert_eq!(schema::validate(&defaults), []);
    assert!(schema::settings().len() > 100);
    let public = Settings::schema();
    let text = public.to_string();
    for own in ["\"secret\"", "\"generate\"", "allOf"] {
        assert!(!text.contains(own), "{own}");
    }
    assert!(
        public
            .pointer("/definitions/device/properties/retain")
            .is_some()
    );
    assert_eq!(
        public.pointer("/properties/advanced/properties/channel/requiresRestart"),
        Some(&json!(true))
    );
    assert_eq!(
        public.pointer("/definitions/device/properties/homeassistant/properties/name/title"),
        Some(&json!("Name"))
    );
}

#[test]
fn a_change_is_merged_and_tells_whether_it_needs_a_restart() {
    for (change, restart) in [
        (json!({"advanced": {"log_level": "debug"}}), false),
        (json!({"advanced": {"channel": 20}}), true),
        (json!({"advanced": {"channel": 11}}), false),
        (
            json!({"availability": {"active": {"backoff": false}}}),
            true,
        ),
        (json!({"availability": {"active": {"timeout": 3}}}), true),
        (json!({"homeassistant": {"enabled": true}}), true),
        (json!({"serial": {"port": "/dev/x"}}), true),
        (json!({"device_options": {"retain": true}}), false),
        (json!({"device_options": {"debounce": 1}}), true),
        (json!({"passlist": ["0x00158d0000000001"]}), true),
        (json!({"unknown": {"a": [1]}}), false),
        (json!({"advanced": {"log_syslog": {"host": "x"}}}), true),
        (json!({}), false),
        (json!({"mqtt": {"password": "hunter2"}}), false),
    ] {
        let mut settings = settings(json!({}));
        assert_eq!(
            settings.change(&object(change.clone())),
            Ok(restart),
            "{change}"
        );
    }
    let mut settings = settings(json!({"advanced": {"elapsed": true, "own": {"a": 1, "b": 2}}}));
    settings
        .change(&object(
            json!({"advanced": {"elapsed": null, "own": {"a": null}}}),
        ))
        .unwrap();
    assert!(!settings.advanced().elapsed);
    assert_eq!(settings.document()["advanced"], json!({"own": {"b": 2}}));
}

#[test]
fn a_refused_change_says_which_rule_it_breaks() {
    for (change, message) in [
        (
            json!({"advanced": {"channel": 27}}),
            "advanced/channel must be <= 26",
        ),
        (
            json!({"advanced": {"channel": "11"}}),
            "advanced/channel must be number",
        ),
        (
            json!({"advanced": {"channel": 11.5}}),
            "advanced/channel must be integer",
        ),
        (
            json!({"advanced": {"log_level": "x"}}),
            "advanced/log_level must be equal to one of the allowed values",
        ),
        (
            json!({"advanced": {"log_output": ["x"]}}),
            "advanced/log_output/0 must be equal to one of the allowed values",
        ),
        (
            json!({"advanced": {"network_key": [1]}}),
            "advanced/network_key must NOT have fewer than 16 items",
        ),
        (
            json!({"serial": {"port": 5}}),
            "serial/port must be string,null",
        ),
        (
            json!({"mqtt": {"server": null}}),
            "mqtt must have required property 'server'",
        ),
        (json!({"mqtt": null}), "must have required property 'mqtt'"),
        (
            json!({"frontend": {"base_url": "x"}}),
            "frontend/base_url must match pattern \"^/\"",
        ),
        (
            json!({"homeassistant": {"discovery_topic": ""}}),
            "homeassistant/discovery_topic must NOT have fewer than 1 characters",
        ),
        (
            json!({"homeassistant": {"discovery_topic": "zigbee2mqtt"}}),
            "homeassistant/discovery_topic must differ from mqtt.base_topic",
        ),
        (
            json!({"device_options": {"retention": 5}}),
            "device_options/retention MQTT retention requires protocol version 5",
        ),
        (
            json!({"devices": {"0x00158d0000000001": {"retention": 5}}}),
            "devices/0x00158d0000000001/retention MQTT retention requires protocol version 5",
        ),
        (
            json!({"advanced": {"log_syslog": {"port": 0.5}}}),
            "advanced/log_syslog/port must be integer",
        ),
        (
            json!({"homeassistant": {"enabled": "yes"}}),
            "homeassistant/enabled must be boolean",
        ),
    ] {
        assert_eq!(refused(change), message);
    }
}

#[test]
fn devices_and_groups_are_found_in_the_order_of_the_contract() {
    let settings = settings(json!({
        "devices": {
            "0x00158d0000000002": {"friendly_name": "7"},
            "0x00158D000000000A": {"friendly_name": "0x00158d0000000003"},
        },
        "groups": {"8": {"friendly_name": "0x00158d0000000001"}},
    }));
    let device = |n: u64| Some(Entity::Device(IeeeAddress(0x0015_8d00_0000_0000 | n)));
    assert_eq!(settings.find("lamp"), device(1));
    assert_eq!(settings.find("0x00158d0000000001"), device(1));
    assert_eq!(settings.find("0x00158D0000000001"), device(1));
    assert_eq!(settings.find("7"), device(2));
    assert_eq!(settings.find("0x00158d0000000003"), device(10));
    assert_eq!(settings.find("8"), Some(Entity::Group(GroupId(8))));
    assert_eq!(settings.find("all"), Some(Entity::Group(GroupId(7))));
    assert_eq!(settings.find("nobody"), None);
    assert_eq!(settings.find("+8"), None);
    assert_eq!(
        settings.friendly_name(Entity::Group(DEFAULT_BIND_GROUP)),
        "default_bind_group"
    );
    assert_eq!(settings.friendly_name(Entity::Group(GroupId(9))), "9");
}

#[test]
fn names_change_when_they_are_free_and_valid() {
    let mut settings = settings(json!({}));
    let lamp = Entity::Device(LAMP);
    assert_eq!(
        settings.rename(lamp, "all").unwrap_err().to_string(),
        "friendly_name 'all' is already in use"
    );
    assert_eq!(
        settings.rename(lamp, "7").unwrap_err().to_string(),
        "friendly_name '7' is already in use"
    );
    assert!(settings.rename(lamp, "a/1").is_err());
    assert!(settings.rename(Entity::Group(GroupId(9)), "x").is_err());
    settings.rename(lamp, " desk lamp ").unwrap();
    assert_eq!(settings.find("desk lamp"), Some(lamp));
    assert_eq!(settings.find("lamp"), None);
}

#[test]
fn the_format_of_the_settings_is_not_changed_from_outside() {
    let mut settings = settings(json!({}));
    for version in [json!(9), json!(1), json!("5"), json!(null)] {
        let change = json!({"version": version});
        let error = settings.change(change.as_object().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "version must not be changed");
    }
    let same = json!({"version": 5, "advanced": {"channel": 20}});
    settings.change(same.as_object().unwrap()).unwrap();
}

#[test]
fn entries_come_and_go() {
    let mut settings = settings(json!({}));
    let other = IeeeAddress(2);
    assert!(settings.ensure_device(other));
    assert!(!settings.ensure_device(other));
    assert_eq!(
        settings.find("0x0000000000000002"),
        Some(Entity::Device(other))
    );
    assert!(settings.remove(Entity::Device(other)));
    assert!(!settings.remove(Entity::Device(other)));
    assert!(!settings.ensure_group(DEFAULT_BIND_GROUP));
    assert!(settings.ensure_group(GroupId(1)));
    assert_eq!(settings.add_group("new", None), Ok(GroupId(2)));
    assert_eq!(
        settings.add_group("newer", Some(GroupId(2))),
        Err(SettingsError::GroupTaken(2))
    );
    assert!(settings.add_group("new", Some(GroupId(3))).is_err());
    assert!(settings.block(other));
    assert!(!settings.block(other));
    assert_eq!(settings.blocklist(), [other]);
    settings
        .rename(Entity::Group(GroupId(2)), "newest")
        .unwrap();
    // The views are those that the document gives.
    assert_eq!(Settings::new(settings.document().clone()), Ok(settings));
}

#[test]
fn options_of_a_device_change_as_requests_say() {
    let mut settings = settings(json!({"device_options": {"retain": true, "debounce": 2}}));
    let lamp = Entity::Device(LAMP);
    let change = settings
        .set_options(
            lamp,
            &object(json!({"friendly_name": "x", "qos": 1, "debounce": 1, "homeassistant": null, "invert_cover": true, "simulated_brightness": {"delta": 2}})),
        )
        .unwrap();
    assert!(change.restart_required);
    assert_eq!(Json::Object(change.from), json!({}));
    assert_eq!(
        Json::Object(change.to),
        json!({"qos": 1, "debounce": 1, "homeassistant": null, "invert_cover": true, "simulated_brightness": {"delta": 2}})
    );
    assert_eq!(change.unknown, ["invert_cover", "simulated_brightness"]);
    assert_eq!(settings.friendly_name(lamp), "lamp");
    assert_eq!(settings.options(lamp)["retain"], json!(true));
    assert_eq!(settings.options(lamp)["debounce"], json!(1));
    let change = settings
        .set_options(
            lamp,
            &object(json!({"qos": null, "debounce": null, "invert_cover": null})),
        )
        .unwrap();
    assert!(change.restart_required);
    assert_eq!(settings.options(lamp)["debounce"], json!(2));
    assert_eq!(
        settings.set_options(lamp, &object(json!({"qos": 3}))),
        Err(SettingsError::Invalid(
            "qos must be equal to one of the allowed values".into()
        ))
    );
    assert_eq!(
        settings.set_options(Entity::Device(IeeeAddress(9)), &JsonMap::new()),
        Err(SettingsError::Unknown)
    );
    settings
        .set_options(
            Entity::Group(GroupId(7)),
            &object(json!({"off_state": "last_member_state"})),
        )
        .unwrap();
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-5_i32..70_000).prop_map(Json::from),
        (-10.0..300.0_f64).prop_map(Json::from),
        prop::sample::select(vec![
            "GENERATE",
            "json",
            "0x00158d0000000001",
            "a/1",
            "",
            "mqtt://x",
            "/"
        ])
        .prop_map(Json::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..17).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..3)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever is set to whatever: it is taken or refused, and what is taken can be read as types.
    #[test]
    fn any_change_is_taken_or_refused(
        picks in prop::collection::vec((any::<prop::sample::Index>(), any_json()), 1..4)
    ) {
        let all = schema::settings();
        let mut change = JsonMap::new();
        for (pick, value) in picks {
            let (path, _) = pick.get(&all);
            json::set(&mut change, path, value);
        }
        let mut settings = settings(json!({}));
        match settings.change(&change) {
            Ok(_) => {
                let again = Settings::new(settings.document().clone());
                prop_assert_eq!(again.as_ref(), Ok(&settings));
                let _ = (settings.network(), settings.effective(), settings.hub(), settings.all_options());
            }
            Err(SettingsError::Invalid(text)) => {
                // A rule of the table or between settings, not of the types behind it.
                prop_assert!(!text.contains("invalid type") && !text.contains("expected"), "{text} for {change:?}");
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
