//! §7.2 to §7.5 and §8 for lights: fades, freezing, colour sync, groups, discovery.

use std::collections::BTreeMap;
use std::time::Duration;

use adapters::{ApsRequest, Destination, Event};
use bridge::core::CoreInput;
use hub::{Group, Registry};
use serde_json::{Value as Json, json};
use zigbee::{EndpointId, GroupId, IeeeAddress};

use crate::house::{House, coordinator, hex, network, other_device};

/// A light of the vectors: its name here, its model there, its endpoint, and the range of its colour
/// temperature as it says itself.
struct Bulb {
    name: &'static str,
    model: &'static str,
    endpoint: u8,
    range: Option<(u16, u16)>,
}

const HUE: Bulb = Bulb {
    name: "hue",
    model: "Philips_9290012573A",
    endpoint: 11,
    range: Some((153, 500)),
};
const EFFECTS: Bulb = Bulb {
    name: "effects",
    model: "Philips_9290002579A",
    endpoint: 1,
    range: Some((150, 500)),
};
const WHITE: Bulb = Bulb {
    name: "white",
    model: "Innr_RB_279_T",
    endpoint: 1,
    range: Some((200, 454)),
};
const IKEA: Bulb = Bulb {
    name: "ikea",
    model: "IKEA_LED1624G9",
    endpoint: 1,
    range: None,
};
const FAN: Bulb = Bulb {
    name: "fan",
    model: "Hampton_Bay_99432",
    endpoint: 1,
    range: None,
};
const PLUG: Bulb = Bulb {
    name: "plug",
    model: "IKEA_E160x_E170x_E190x",
    endpoint: 1,
    range: None,
};

fn ieee(index: usize) -> IeeeAddress {
    IeeeAddress(0x0017_8801_0000_0000 + u64::try_from(index).unwrap())
}

fn nwk(index: usize) -> u16 {
    0x2000 + u16::try_from(index).unwrap()
}

/// The lights, all in the group `lights`; radio and broker are there.
fn lit(bulbs: &[Bulb], extra: &Json) -> House {
    let mut house = dark(bulbs, extra);
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    house.forget();
    house
}

fn dark(bulbs: &[Bulb], extra: &Json) -> House {
    let mut settings = json!({"devices": {}, "groups": {"5": {"friendly_name": "lights"}}});
    let mut devices = vec![coordinator()];
    for (index, bulb) in bulbs.iter().enumerate() {
        settings["devices"][ieee(index).to_string()] = json!({"friendly_name": bulb.name});
        let id = u32::try_from(index).unwrap() + 2;
        let mut device = other_device(bulb.model, ieee(index), nwk(index), id);
        if let Some((least, greatest)) = bulb.range {
            let known = [
                ("colorTempPhysicalMin", least),
                ("colorTempPhysicalMax", greatest),
            ];
            let known = known.map(|(name, value)| (name.to_owned(), json!(value)));
            let endpoint = device.info.endpoints.get_mut(&EndpointId(bulb.endpoint));
            let attributes = &mut endpoint.unwrap().attributes;
            attributes.insert("lightingColorCtrl".to_owned(), BTreeMap::from(known));
        }
        devices.push(device);
    }
    if let Some(more) = extra.as_object() {
        for (key, value) in more {
            settings[key] = value.clone();
        }
    }
    let members = bulbs.iter().enumerate();
    let group = Group {
        id: GroupId(5),
        members: members
            .map(|(index, bulb)| (ieee(index), EndpointId(bulb.endpoint)))
            .collect(),
        meta: serde_json::Map::new(),
        extra: serde_json::Map::new(),
        database_id: 90,
    };
    let registry = Registry {
        devices,
        groups: vec![group],
        states: BTreeMap::new(),
        ..Registry::default()
    };
    House::of(&settings, registry)
}

/// A frame as `to cluster command payload`; the devices' frames start with their index.
fn shown(frame: &ApsRequest) -> String {
    let to = match frame.destination {
        Destination::Group(group) => format!("group{}", group.0),
        Destination::Device(nwk, _) => (nwk.0 - 0x2000).to_string(),
        Destination::Broadcast(..) => "all".to_owned(),
    };
    let (command, payload) = command(frame);
    let payload = hex(payload);
    format!("{to} {:04x} {command:02x} {payload}", frame.cluster.0)
}

fn command(frame: &ApsRequest) -> (u8, &[u8]) {
    let bytes = frame.payload.as_slice();
    let header = if bytes[0] & 0x04 == 0 { 3 } else { 5 };
    (bytes[header - 1], &bytes[header..])
}

/// Sends a message, lets the devices answer for a while, and gives the frames they got. Attributes that
/// are read have the values of `values`: cluster, attribute, type and value.
fn says(
    house: &mut House,
    topic: &str,
    message: &Json,
    values: &[(u16, u16, &[u8])],
) -> Vec<String> {
    house.mqtt(&format!("z/{topic}"), message.to_string());
    let mut all = Vec::new();
    for _ in 0..40 {
        for frame in house.frames() {
            all.push(shown(&frame));
            if let Destination::Device(nwk, endpoint) = frame.destination
                && let Some(reply) = answer(&frame, values)
            {
                house.frame(nwk.0, endpoint.0, frame.cluster.0, &reply);
            }
        }
        house.wait(Duration::from_millis(100));
    }
    all
}

fn answer(frame: &ApsRequest, values: &[(u16, u16, &[u8])]) -> Option<Vec<u8>> {
    let (id, payload) = command(frame);
    let control = frame.payload[0];
    let vendor = control & 0x04;
    let mut reply = vec![0x18 | vendor];
    let header = if vendor == 0 { 1 } else { 3 };
    reply.extend(&frame.payload[1..header]);
    reply.push(frame.payload[header]);
    match (control & 0x03, id) {
        (1, _) if control & 0x10 == 0 => reply.extend([0x0b, id, 0x00]),
        (0, 0x00) => {
            reply.push(0x01);
            for attribute in payload.chunks(2) {
                reply.extend(attribute);
                let number = u16::from_le_bytes([attribute[0], attribute[1]]);
                let found = values
                    .iter()
                    .find(|(cluster, known, _)| *cluster == frame.cluster.0 && *known == number);
                match found {
                    Some((.., value)) => {
                        reply.push(0x00);
                        reply.extend(*value);
                    }
                    None => reply.push(0x86),
                }
            }
        }
        (0, 0x02) => reply.extend([0x04, 0x00]),
        _ => return None,
    }
    Some(reply)
}

#[test]
fn a_group_is_told_once_and_its_members_show_what_they_have() {
    let mut house = lit(&[HUE, WHITE], &json!({}));
    let message = json!({"state": "ON", "brightness": 77, "color_temp": 300, "transition": 1});
    let frames = says(&mut house, "lights/set", &message, &[]);
    assert_eq!(
        frames,
        ["group5 0008 04 4d0a000000", "group5 0300 0a 2c010a000000"]
    );
    let state =
        json!({"state": "ON", "brightness": 77, "color_mode": "color_temp", "color_temp": 300});
    for topic in ["z/lights", "z/hue", "z/white"] {
        assert_eq!(house.last(topic), state, "{topic}");
    }
}

#[test]
fn a_group_has_the_colour_temperatures_that_all_members_have() {
    let mut house = lit(&[HUE, WHITE], &json!({}));
    let mut asked =
        |value: Json| says(&mut house, "lights/set", &json!({"color_temp": value}), &[]);
    assert_eq!(asked(json!(10)), ["group5 0300 0a c80000000000"]);
    assert_eq!(asked(json!("coolest")), ["group5 0300 0a c80000000000"]);
    assert_eq!(asked(json!("warmest")), ["group5 0300 0a c60100000000"]);
    assert_eq!(asked(json!(600)), ["group5 0300 0a c60100000000"]);
}

#[test]
fn a_group_can_do_what_some_member_can_in_the_way_that_all_can() {
    // The white light takes no colours, so that it cannot be said in hue and saturation.
    let mut house = lit(&[WHITE, HUE], &json!({}));
    let message = json!({"color": {"hue": 240, "saturation": 50}, "transition": 2});
    let frames = says(&mut house, "lights/set", &message, &[]);
    assert_eq!(frames, ["group5 0300 07 1845553f14000000"]);
    assert_eq!(
        house.last("z/hue"),
        json!({"color": {"x": 0.2699, "y": 0.2474}, "color_mode": "xy"})
    );
    assert!(
        house
            .published
            .iter()
            .all(|publish| &*publish.topic != "z/white")
    );
    assert_eq!(house.log_lines(), [""; 0]);

    let mut house = lit(&[HUE, EFFECTS], &json!({}));
    let frames = says(&mut house, "lights/set", &message, &[]);
    assert_eq!(frames, ["group5 0300 43 aaaa7f14000000"]);
}

#[test]
fn a_plug_in_a_group_switches_and_leaves_the_brightness_to_the_lights() {
    let mut house = lit(&[PLUG, WHITE], &json!({}));
    let message = json!({"state": "ON", "brightness": 50});
    let frames = says(&mut house, "lights/set", &message, &[]);
    assert_eq!(frames, ["group5 0006 01 ", "group5 0008 04 3200000000"]);
}

#[test]
fn one_member_tells_where_a_group_stopped() {
    let mut house = lit(&[HUE, WHITE], &json!({}));
    let message = json!({"brightness_move": "stop"});
    let values: [(u16, u16, &[u8]); 2] = [(6, 0, &[0x10, 1]), (8, 0, &[0x20, 99])];
    let frames = says(&mut house, "lights/set", &message, &values);
    assert_eq!(
        frames,
        ["group5 0008 03 0000", "0 0006 00 0000", "0 0008 00 0000"]
    );
    let state = json!({"state": "ON", "brightness": 99});
    assert_eq!(house.last("z/lights"), state);
    assert_eq!(house.last("z/white"), state);
}

#[test]
fn a_light_that_was_faded_off_comes_back_as_bright_as_it_was() {
    let mut house = lit(&[WHITE], &json!({}));
    says(&mut house, "white/set", &json!({"brightness": 77}), &[]);
    let off = json!({"state": "OFF", "transition": 2});
    assert_eq!(
        says(&mut house, "white/set", &off, &[]),
        ["0 0008 04 0014000000"]
    );
    assert_eq!(house.last("z/white")["brightness"], 77);
    // It reports the end of its fade.
    house.frame(nwk(0), 1, 8, &[0x18, 1, 0x0a, 0, 0, 0x20, 0]);
    let on = json!({"state": "ON"});
    assert_eq!(
        says(&mut house, "white/set", &on, &[]),
        ["0 0008 00 1100", "0 0008 04 4d00000000"]
    );
    let state = house.last("z/white");
    assert_eq!(
        (&state["state"], &state["brightness"]),
        (&json!("ON"), &json!(77))
    );
    // Now it is on, and a plain command switches; that it has no on-level is known.
    assert_eq!(says(&mut house, "white/set", &on, &[]), ["0 0006 01 "]);
}

#[test]
fn a_light_with_an_on_level_comes_on_with_it() {
    let mut house = lit(&[WHITE], &json!({}));
    let on = json!({"state": "ON", "transition": 1});
    let values: [(u16, u16, &[u8]); 1] = [(8, 0x11, &[0x20, 120])];
    assert_eq!(
        says(&mut house, "white/set", &on, &values),
        ["0 0008 00 1100", "0 0008 04 780a000000"]
    );
    assert_eq!(
        house.last("z/white"),
        json!({"brightness": 120, "level_config": {"on_level": 120}, "linkquality": 100, "state": "ON"})
    );
}

#[test]
fn a_brightness_alone_can_leave_the_light_off() {
    let mut house = lit(&[WHITE], &json!({}));
    let message = json!({"state": null, "brightness": 10});
    assert_eq!(
        says(&mut house, "white/set", &message, &[]),
        ["0 0008 00 0a00000000"]
    );
    assert_eq!(
        house.last("z/white"),
        json!({"brightness": 10, "linkquality": 100})
    );
}

#[test]
fn the_level_at_which_a_light_is_off_is_not_sent() {
    let mut house = lit(&[WHITE], &json!({}));
    let frames = says(&mut house, "white/set", &json!({"brightness": 1}), &[]);
    assert_eq!(frames, ["0 0008 04 0200000000"]);
    assert_eq!(house.last("z/white")["brightness"], 2);
}

#[test]
fn transitions_come_from_the_message_else_from_the_option() {
    let options = json!({"device_options": {"transition": 3}});
    let mut house = lit(&[WHITE], &options);
    let mut sent = |message: Json| says(&mut house, "white/set", &message, &[]);
    assert_eq!(sent(json!({"brightness": 9})), ["0 0008 04 091e000000"]);
    assert_eq!(
        sent(json!({"brightness": 9, "transition": 0.5})),
        ["0 0008 04 0905000000"]
    );
    assert_eq!(sent(json!({"brightness": 9, "transition": -1})), [""; 0]);
}

#[test]
fn ikeas_lights_take_a_brightness_at_once_when_a_colour_follows() {
    let mut house = lit(&[IKEA], &json!({}));
    let message = json!({"brightness": 50, "color": {"x": 0.3, "y": 0.4}, "transition": 2});
    assert_eq!(
        says(&mut house, "ikea/set", &message, &[]),
        ["0 0008 04 3200000000", "0 0300 07 cd4c666614000000"]
    );
}

#[test]
fn ikeas_lights_are_woken_while_they_freeze() {
    let mut house = lit(&[IKEA], &json!({}));
    let color = json!({"color": {"x": 0.3, "y": 0.4}, "transition": 60});
    says(&mut house, "ikea/set", &color, &[]);
    let level = json!({"brightness": 9});
    assert_eq!(
        says(&mut house, "ikea/set", &level, &[]),
        ["0 0008 03 0000", "0 0008 04 0900000000"]
    );
    assert_eq!(
        says(&mut house, "ikea/set", &level, &[]),
        ["0 0008 04 0900000000"]
    );
    says(&mut house, "ikea/set", &color, &[]);
    house.wait(Duration::from_secs(60));
    assert_eq!(
        says(&mut house, "ikea/set", &level, &[]),
        ["0 0008 04 0900000000"]
    );

    let off = json!({"device_options": {"unfreeze_support": false}});
    let mut house = lit(&[IKEA], &off);
    says(&mut house, "ikea/set", &color, &[]);
    assert_eq!(
        says(&mut house, "ikea/set", &level, &[]),
        ["0 0008 04 0900000000"]
    );
}

#[test]
fn every_known_term_of_a_colour_follows_the_others() {
    let mut house = lit(&[HUE], &json!({}));
    let white = json!({"color_temp": 250});
    says(&mut house, "hue/set", &white, &[]);
    let color = json!({"color": {"h": 240, "s": 50}});
    assert_eq!(
        says(&mut house, "hue/set", &color, &[]),
        ["0 0300 43 aaaa7f00000000"]
    );
    assert_eq!(
        house.last("z/hue"),
        json!({"color": {"hue": 240, "saturation": 50}, "color_mode": "hs", "color_temp": 153, "linkquality": 100})
    );
    // A report of a place: hue and saturation follow, the mode is the one of before.
    house.frame(
        nwk(0),
        11,
        0x300,
        &[
            0x18, 9, 0x0a, 3, 0, 0x21, 0x66, 0x66, 4, 0, 0x21, 0x66, 0x66, 8, 0, 0x30, 1,
        ],
    );
    assert_eq!(
        house.last("z/hue"),
        json!({"color": {"hue": 43, "saturation": 63, "x": 0.4, "y": 0.4}, "color_mode": "xy",
            "color_temp": 271, "linkquality": 100})
    );

    let alone = json!({"device_options": {"color_sync": false}});
    let mut house = lit(&[HUE], &alone);
    says(&mut house, "hue/set", &white, &[]);
    says(&mut house, "hue/set", &color, &[]);
    assert_eq!(
        house.last("z/hue"),
        json!({"color": {"hue": 240, "saturation": 50}, "color_mode": "hs", "color_temp": 250, "linkquality": 100})
    );
}

#[test]
fn a_value_of_hue_and_saturation_is_a_brightness() {
    let mut house = lit(&[HUE], &json!({}));
    let mut sent = |color: Json| says(&mut house, "hue/set", &json!({"color": color}), &[]);
    assert_eq!(
        sent(json!({"h": 0, "s": 100, "v": 50})),
        ["0 0008 04 7f00000000", "0 0300 43 0000fe00000000"]
    );
    assert_eq!(sent(json!({"hue": 180})), ["0 0300 40 00800000000000"]);
    assert_eq!(sent(json!({"saturation": 50})), ["0 0300 03 7f00000000"]);
    assert_eq!(
        sent(json!({"rgb": "46,102,150"})),
        ["0 0300 07 432cd53700000000"]
    );
}

#[test]
fn hues_are_corrected_as_the_option_wants() {
    let correction = json!([{"in": 20, "out": 25}, {"in": 109, "out": 104}]);
    let options = json!({"device_options": {"hue_correction": correction}});
    let mut house = lit(&[HUE], &options);
    let message = json!({"color": {"hue": 20, "saturation": 100}});
    // 25 of 360 in 65536 steps.
    assert_eq!(
        says(&mut house, "hue/set", &message, &[]),
        ["0 0300 43 c711fe00000000"]
    );
    assert_eq!(house.last("z/hue")["color"]["hue"], 20);
}

#[test]
fn steps_and_moves_go_out_as_they_are_asked() {
    let mut house = lit(&[HUE], &json!({}));
    let mut sent = |message: Json| says(&mut house, "hue/set", &message, &[]);
    assert_eq!(
        sent(json!({"brightness_step_onoff": -20})),
        ["0 0008 06 011400000000"]
    );
    assert_eq!(
        sent(json!({"brightness_move_onoff": 30})),
        ["0 0008 05 001e0000"]
    );
    assert_eq!(
        sent(json!({"color_temp_move": -60})),
        ["0 0300 4b 033c00000058020000"]
    );
    assert_eq!(
        sent(json!({"color_temp_move": "up", "rate": 70})),
        ["0 0300 4b 014600990072010000"]
    );
    assert_eq!(
        sent(json!({"colortemp_move": {"rate": 20, "minimum": 200, "maximum": 300}})),
        ["0 0300 4b 011400c8002c010000"]
    );
    assert_eq!(
        sent(json!({"color_temp_move": "stop"})),
        ["0 0300 4b 000100990072010000", "0 0300 00 07000800"]
    );
    assert_eq!(sent(json!({"hue_move": 40})), ["0 0300 01 01280000"]);
    assert_eq!(
        sent(json!({"saturation_step": -10, "transition": 1})),
        ["0 0300 05 030a0a0000", "0 0300 00 01000800"]
    );
    assert_eq!(sent(json!({"color_temp_move": {"minimum": 1}})), [""; 0]);
    assert_eq!(sent(json!({"brightness_step": "much"})), [""; 0]);
}

#[test]
fn a_hue_effect_is_started_and_asked_for_after_a_second() {
    let mut house = lit(&[EFFECTS], &json!({}));
    let state: &[u8] = &[0x41, 8, 0x2b, 0, 1, 0x53, 0xdf, 0x7e, 0x44, 0x6a];
    let state = [state, &[0x01]].concat();
    let mut state = state;
    state[1] = 9;
    let values: [(u16, u16, &[u8]); 1] = [(0xfc03, 2, &state)];
    let frames = says(
        &mut house,
        "effects/set",
        &json!({"effect": "candle"}),
        &values,
    );
    assert_eq!(frames, ["0 fc03 00 21000101", "0 fc03 00 0200"]);
    let shown = house.last("z/effects");
    assert_eq!(
        (&shown["effect"], &shown["brightness"]),
        (&json!("candle"), &json!(83))
    );
    let frames = says(
        &mut house,
        "effects/set",
        &json!({"effect": "finish_effect"}),
        &values,
    );
    assert_eq!(frames, ["0 fc03 00 200000", "0 0003 40 fe00"]);
    assert_eq!(house.last("z/effects")["effect"], "none");
}

#[test]
fn hue_native_control_says_everything_at_once() {
    let options = json!({"device_options": {"hue_native_control": true}});
    let mut house = lit(&[EFFECTS], &options);
    let message = json!({"state": "ON", "brightness": 100, "color_temp": 300, "transition": 0.4});
    assert_eq!(
        says(&mut house, "effects/set", &message, &[]),
        ["0 fc03 00 170001642c010400"]
    );
    assert_eq!(
        house.last("z/effects"),
        json!({"brightness": 100, "color_mode": "color_temp", "color_temp": 300, "effect": "none",
            "linkquality": 100, "state": "ON"})
    );
    // Where the device does not have the vendor's cluster, the standard's commands are used.
    let mut house = lit(&[HUE], &options);
    assert_eq!(
        says(&mut house, "hue/set", &json!({"brightness": 100}), &[]),
        ["0 0008 04 6400000000"]
    );
}

#[test]
fn level_config_is_written_field_by_field() {
    let mut house = lit(&[IKEA], &json!({}));
    let message = json!({"level_config": {"execute_if_off": true, "on_level": "previous",
        "on_off_transition_time": 1.5, "current_level_startup": "minimum"}});
    assert_eq!(
        says(&mut house, "ikea/set", &message, &[]),
        [
            "0 0008 02 1000210f00",
            "0 0008 02 00402000",
            "0 0008 02 110020ff",
            "0 0008 02 0f001801",
        ]
    );
    assert_eq!(
        house.last("z/ikea"),
        json!({"level_config": {"current_level_startup": "minimum", "execute_if_off": true,
            "on_level": "previous", "on_off_transition_time": 1.5}, "linkquality": 100})
    );
}

/// The discovery message of an entity.
fn discovered(bulb: Bulb, entity: &str) -> Json {
    let on = json!({"homeassistant": {"enabled": true}});
    let mut house = dark(&[bulb], &on);
    house.input(CoreInput::MqttConnected);
    house.radio(Event::Up(network()));
    house.wait(Duration::from_secs(6));
    let (component, object) = entity.split_once('/').unwrap();
    house.last(&format!(
        "homeassistant/{component}/{}/{object}/config",
        ieee(0)
    ))
}

#[test]
fn home_assistant_gets_the_lights_as_they_are() {
    let light = discovered(HUE, "light/light");
    assert_eq!(light["supported_color_modes"], json!(["xy", "color_temp"]));
    assert_eq!(light["brightness"], true);
    assert_eq!(light["brightness_scale"], 254);
    assert_eq!(
        (&light["min_mireds"], &light["max_mireds"]),
        (&json!(153), &json!(500))
    );
    assert_eq!(light["effect_list"].as_array().unwrap().len(), 20);
    assert_eq!(light["schema"], "json");

    let light = discovered(WHITE, "light/light");
    assert_eq!(light["supported_color_modes"], json!(["color_temp"]));
    assert_eq!(
        (&light["min_mireds"], &light["max_mireds"]),
        (&json!(200), &json!(454))
    );
    assert_eq!(light["effect_list"][0], "blink");

    let light = discovered(FAN, "light/light");
    assert_eq!(light["supported_color_modes"], json!(["brightness"]));
    let fan = discovered(FAN, "fan/fan");
    assert_eq!(fan["command_topic"], "z/fan/set/fan_state");
    assert_eq!(fan["preset_mode_command_topic"], "z/fan/set/fan_mode");
}
