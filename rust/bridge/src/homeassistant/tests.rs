//! The messages of the five devices and of one of each kind of expose, as files:
//! `tests/homeassistant/`. With `UPDATE_SNAPSHOTS=1` the files are written instead of compared.

use std::path::PathBuf;
use std::time::Duration;

use adapters::Instant;
use devices::{Catalogue, Definition, Expose, JsonMap};
use serde_json::{Value as Json, json};

use super::entities::{Device, Group, Member, device, group};
use super::lookup::Lookup;
use super::{Bridge, Config, Context, Discovery, Facts, Key, bridge};
use crate::data::LastSeen;

const COORDINATOR: &str = "0x00124b00120144ae";

fn context() -> Context {
    Context {
        base: "zigbee2mqtt".to_owned(),
        discovery: "homeassistant".to_owned(),
        coordinator: COORDINATOR.to_owned(),
        version: "2.14.1",
        frontend: None,
        event_entities: true,
        legacy_action_sensor: false,
        last_seen: LastSeen::Iso8601Local,
    }
}

fn compare(file: &str, configs: &[Config]) {
    let mut found = JsonMap::new();
    for config in configs {
        let payload: Json = serde_json::from_slice(&config.payload).unwrap();
        let had = found.insert(config.topic.to_string(), payload);
        assert!(had.is_none(), "two messages on {}", config.topic);
    }
    let found = Json::Object(found);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/homeassistant")
        .join(file);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        let text = serde_json::to_string_pretty(&found).unwrap();
        std::fs::write(path, text + "\n").unwrap();
        return;
    }
    let expected: Json = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (found, expected) = (found.as_object().unwrap(), expected.as_object().unwrap());
    for (topic, payload) in expected {
        assert_eq!(found.get(topic), Some(payload), "{file}: {topic}");
    }
    assert_eq!(found.len(), expected.len(), "{file}");
}

fn described<'a>(
    options: &'a JsonMap,
    definition: &'a Definition,
    name: &'a str,
    topic: &'a str,
) -> Device<'a> {
    Device {
        ieee: "0x00158d0002a11111",
        name,
        topic,
        options,
        vendor: definition.vendor(),
        model: definition.model(),
        description: definition.description(),
        exposes: definition.exposes(),
        supports_ota: definition.supports_ota(),
        software: Some("0.0.0_0026"),
        hardware: Some(1),
        scenes: &[],
        availability: true,
    }
}

#[test]
fn the_five_devices() {
    let lookup = Lookup::builtin();
    let options = JsonMap::new();
    for model in [
        "LLKZMK11LM",
        "ZNMS11LM",
        "QBKG41LM",
        "ZNXNKG02LM",
        "QBKG40LM",
    ] {
        let definition = Catalogue::builtin()
            .all()
            .find(|definition| definition.model() == model)
            .unwrap();
        let known = described(&options, &definition, "relay", "zigbee2mqtt/relay");
        let configs = device(&known, &context(), &lookup);
        compare(&format!("{model}.json"), &configs);
    }
}

#[test]
fn covers_locks_thermostats_and_sirens_of_the_catalogue() {
    let lookup = Lookup::builtin();
    let options = JsonMap::new();
    for (model, file) in [
        ("J1", "J1.json"),
        ("SV01", "SV01.json"),
        ("YMF40/YDM4109+/YDF40", "YMF40.json"),
        ("SLR1", "SLR1.json"),
        ("BTH-RA", "BTH-RA.json"),
        ("SIRZB-110", "SIRZB-110.json"),
    ] {
        let definition = Catalogue::builtin()
            .all()
            .find(|definition| definition.model() == model)
            .unwrap();
        let known = described(&options, &definition, "it", "zigbee2mqtt/it");
        let configs = device(&known, &context(), &lookup);
        compare(file, &configs);
    }
}

#[test]
fn actions_of_the_catalogue_are_events_and_with_the_old_setting_a_sensor() {
    let lookup = Lookup::builtin();
    let options = JsonMap::new();
    for (model, types) in [
        (
            "E1743",
            "on off brightness_move_up brightness_move_down brightness_stop",
        ),
        (
            "RTCZCGQ11LM",
            "region_enter region_leave region_occupied region_unoccupied",
        ),
        (
            "TS004F",
            "on off brightness_step brightness_move_up brightness_move_down \
             color_temperature_step_up color_temperature_step_down brightness_stop 1_single 1_double \
             hold 2_single 2_double 3_single 3_double 4_single 4_double",
        ),
        (
            "HS1RC-N",
            "emergency disarm arm_partial_zones arm_all_zones",
        ),
    ] {
        let definition = Catalogue::builtin()
            .all()
            .find(|definition| definition.model() == model)
            .unwrap();
        let known = described(&options, &definition, "it", "zigbee2mqtt/it");
        let of = |context: &Context, component: &str| -> Option<Json> {
            let configs = device(&known, context, &lookup);
            let ending = format!("/{component}/0x00158d0002a11111/action/config");
            let config = configs
                .iter()
                .find(|config| config.topic.ends_with(&ending))?;
            Some(serde_json::from_slice(&config.payload).unwrap())
        };
        let event = of(&context(), "event").unwrap();
        let types: Vec<&str> = types.split_whitespace().collect();
        assert_eq!(event["event_types"], json!(types), "{model}");
        assert_eq!(event["state_topic"], "zigbee2mqtt/it");
        assert_eq!(of(&context(), "sensor"), None, "{model}");
        let old = Context {
            event_entities: false,
            legacy_action_sensor: true,
            ..context()
        };
        assert_eq!(of(&old, "event"), None, "{model}");
        assert_eq!(
            of(&old, "sensor").unwrap()["icon"],
            "mdi:gesture-double-tap"
        );
    }
}

#[test]
fn the_bridge() {
    let facts = Bridge {
        hardware: Some("zStack3x0 20240710".to_owned()),
    };
    let context = Context {
        frontend: Some(("http://frontend".to_owned(), true)),
        ..context()
    };
    compare("bridge.json", &bridge(&facts, &context));
}

/// An expose as `bridge/devices` shows it.
fn expose(json: &Json) -> Expose {
    let text = |key: &str| json[key].as_str().map(str::to_owned);
    let some = |key: &str| json.get(key).cloned();
    let mut expose = Expose::specific(serde_json::from_value(json["type"].clone()).unwrap());
    expose.name = text("name");
    expose.label = text("label");
    expose.property = text("property");
    expose.access = json["access"].as_u64().map(|n| u8::try_from(n).unwrap());
    expose.endpoint = text("endpoint");
    expose.category = text("category");
    expose.features = exposes(&json["features"]);
    expose.value_on = some("value_on");
    expose.value_off = some("value_off");
    expose.values = json["values"].as_array().cloned();
    expose.unit = text("unit");
    expose.value_min = some("value_min");
    expose.value_max = some("value_max");
    expose.value_step = some("value_step");
    expose
}

fn exposes(list: &Json) -> Vec<Expose> {
    list.as_array().into_iter().flatten().map(expose).collect()
}

fn kinds() -> Json {
    serde_json::from_str(include_str!("../../tests/homeassistant/exposes.json")).unwrap()
}

fn made_up<'a>(exposes: &'a [Expose], options: &'a JsonMap, model: &'a str) -> Device<'a> {
    Device {
        ieee: "0x0000000000000001",
        name: "My device",
        topic: "zigbee2mqtt/My device",
        options,
        vendor: "Vendor",
        model,
        description: "Description",
        exposes,
        supports_ota: false,
        software: None,
        hardware: None,
        scenes: &[],
        availability: false,
    }
}

#[test]
fn one_of_each_kind_of_expose() {
    let lookup = Lookup::builtin();
    let options = JsonMap::new();
    for (kind, list) in kinds().as_object().unwrap() {
        let exposes = exposes(list);
        let context = Context {
            last_seen: LastSeen::Disable,
            ..context()
        };
        let configs = device(&made_up(&exposes, &options, kind), &context, &lookup);
        compare(&format!("kind_{kind}.json"), &configs);
    }
}

#[test]
fn a_group_has_what_its_members_have() {
    let lookup = Lookup::builtin();
    let options = JsonMap::new();
    let kinds = kinds();
    let colour = exposes(&kinds["light"]);
    let white = exposes(&kinds["light_white"]);
    let two = exposes(&kinds["light_endpoints"]);
    let [colours, whites, twos] = [&colour, &white, &two]
        .map(|all| device(&made_up(all, &options, "x"), &context(), &lookup));
    let members = [
        Member {
            exposes: &colour,
            endpoint: None,
            configs: &colours,
        },
        Member {
            exposes: &white,
            endpoint: None,
            configs: &whites,
        },
        Member {
            exposes: &two,
            endpoint: Some("l2"),
            configs: &twos,
        },
    ];
    let known = Group {
        id: 5,
        name: "Lights",
        topic: "zigbee2mqtt/Lights",
        options: &options,
        members: &members,
        scenes: &[(1, "Good night".to_owned())],
        availability: true,
    };
    compare("group.json", &group(&known, &context(), &lookup));
}

#[test]
fn the_owner_changes_messages() {
    let lookup = Lookup::builtin();
    let exposes = exposes(&kinds()["generic"]);
    let options = json!({"homeassistant": {
        "name": "Other name",
        "icon": "mdi:lamp",
        "expire_after": 60,
        "device": {"suggested_area": "Hall"},
        "occupancy": null,
        "temperature": {"unit_of_measurement": "K", "state_class": null, "name": "Heat"},
        "switch_child_lock": {"type": "light", "object_id": "light"},
        "light": {"icon": "mdi:bulb"},
    }});
    let options = options.as_object().unwrap();
    let configs = device(&made_up(&exposes, options, "x"), &context(), &lookup);
    let payload = |topic: &str| -> Json {
        let topic = format!("homeassistant/{topic}/config");
        let config = configs.iter().find(|config| *config.topic == topic);
        let config = config.unwrap_or_else(|| panic!("{topic}"));
        serde_json::from_slice(&config.payload).unwrap()
    };
    let temperature = payload("sensor/0x0000000000000001/temperature");
    assert_eq!(temperature["unit_of_measurement"], "K");
    assert_eq!(temperature["name"], "Heat");
    assert_eq!(temperature["icon"], "mdi:lamp");
    assert_eq!(temperature["expire_after"], 60);
    assert_eq!(temperature.get("state_class"), None);
    assert_eq!(temperature["device"]["suggested_area"], "Hall");
    assert_eq!(temperature["device"]["name"], "Other name");
    assert_eq!(temperature["object_id"], "other_name_temperature");
    assert_eq!(temperature["state_topic"], "zigbee2mqtt/My device");
    let light = payload("light/0x0000000000000001/light");
    assert_eq!(light["default_entity_id"], "light.other_name");
    assert_eq!(light["unique_id"], "0x0000000000000001_light_zigbee2mqtt");
    assert_eq!(light["icon"], "mdi:bulb");
    assert!(
        !configs
            .iter()
            .any(|config| config.topic.contains("/occupancy/"))
    );
    for off in [
        json!({"homeassistant": null}),
        json!({"homeassistant": false}),
    ] {
        let known = made_up(&exposes, off.as_object().unwrap(), "x");
        assert!(device(&known, &context(), &lookup).is_empty());
    }
}

#[test]
fn a_disabled_device_is_never_available() {
    let exposes = exposes(&kinds()["switch"]);
    let options = json!({"disabled": true});
    let known = made_up(&exposes, options.as_object().unwrap(), "x");
    let configs = device(&known, &context(), &Lookup::builtin());
    let payload: Json = serde_json::from_slice(&configs[0].payload).unwrap();
    assert_eq!(
        payload["availability"],
        json!([{"topic": "zigbee2mqtt/bridge/state", "value_template": "{{ 'offline' }}"}])
    );
}

/// A device of the kind with two lights, or with a scene, as discovery knows it.
fn known(discovery: &mut Discovery, now: Instant, scenes: &[(u64, String)]) -> Vec<String> {
    let exposes = exposes(&kinds()["light_endpoints"]);
    let options = JsonMap::new();
    let configs = device(
        &Device {
            scenes,
            ..made_up(&exposes, &options, "x")
        },
        &context(),
        &discovery.lookup,
    );
    let facts = Facts::Bridge(Bridge::default());
    let update = discovery.set(now, Key::Bridge, facts, configs, None, |_| false);
    let sign = |payload: &[u8]| if payload.is_empty() { "-" } else { "" };
    update
        .iter()
        .map(|(topic, payload)| format!("{}{topic}", sign(payload)))
        .collect()
}

#[test]
fn other_scenes_are_published_two_seconds_after_the_old_ones_are_cleared() {
    let mut discovery = Discovery::new(context(), "homeassistant/status".to_owned());
    let start = Instant(0);
    let scene = |name: &str| [(3, name.to_owned())];
    assert_eq!(known(&mut discovery, start, &scene("Relax")).len(), 4);
    assert!(known(&mut discovery, start, &scene("Relax")).is_empty());
    let topic = "homeassistant/scene/0x0000000000000001/scene_3/config";
    let cleared = known(&mut discovery, start, &scene("Read it"));
    assert_eq!(cleared, [format!("-{topic}")]);
    let due = discovery.next_deadline().unwrap();
    assert_eq!(due, start + Duration::from_secs(2));
    let update = discovery.due(due).update;
    assert_eq!(update.len(), 1);
    assert_eq!(&*update[0].0, topic);
    let payload: Json = serde_json::from_slice(&update[0].1).unwrap();
    assert_eq!(payload["default_entity_id"], "scene.my_device_3_read_it");
    assert_eq!(payload["payload_on"], "{ \"scene_recall\": 3 }");
}

#[test]
fn endpoints_of_lights_have_states_of_their_own_and_colours_have_short_names() {
    let mut discovery = Discovery::new(context(), "homeassistant/status".to_owned());
    known(&mut discovery, Instant(0), &[]);
    assert_eq!(discovery.endpoints(Key::Bridge), ["l1", "l2"]);
    let message = json!({"color": {"hue": 12, "saturation": 80}, "state_l1": "ON"});
    let mut message = message.as_object().unwrap().clone();
    discovery.fill(Key::Bridge, &mut message);
    assert_eq!(
        message["color"],
        json!({"hue": 12, "saturation": 80, "h": 12, "s": 80})
    );
    assert_eq!(message["state_l1"], "ON");
    assert_eq!(message["state_l2"], Json::Null);
}
