//! What a command says, as an action with what stands beside it.

use serde_json::{Value as Json, json};
use zigbee::ClusterId;
use zigbee::library::Decoded as Fields;
use zigbee::zcl::Value;

use super::super::simulated_brightness::Change;
use super::{ALARM, ARM_MODES, COLOR, COVER, LEVEL, ON_OFF, SCENES};
use crate::{JsonMap, number};

/// An action with what stands beside it.
#[derive(Debug, Default)]
pub(super) struct Action {
    pub(super) name: String,
    pub(super) beside: JsonMap,
    /// What it does to a simulated brightness.
    pub(super) change: Option<Change>,
    /// A field of the command is missing.
    pub(super) cut_off: bool,
}

/// The fields of a command on their way into an action.
struct Reading<'a> {
    fields: &'a Fields,
    action: Action,
}

impl Reading<'_> {
    fn code(&mut self, field: &str) -> Option<i64> {
        let value = self.fields.value(field).and_then(number::integer);
        self.action.cut_off |= value.is_none();
        value
    }

    fn number(&mut self, field: &str) -> Option<f64> {
        let value = self.fields.value(field).and_then(number::of);
        self.action.cut_off |= value.is_none();
        value
    }

    /// Puts a number beside the action, divided.
    fn put(&mut self, key: &str, field: &str, divisor: f64) -> Option<f64> {
        let value = self.number(field)?;
        let key = format!("action_{key}");
        self.action
            .beside
            .insert(key, number::json(value / divisor));
        Some(value)
    }

    /// Which way: a mode of 1 is the first word, any other the second.
    fn way(&mut self, field: &str, one: &'static str, other: &'static str) -> Option<&'static str> {
        Some(if self.code(field)? == 1 { one } else { other })
    }

    fn text(&mut self, key: &str, text: impl Into<Json>) {
        self.action
            .beside
            .insert(format!("action_{key}"), text.into());
    }

    fn named(mut self, name: impl Into<String>) -> Action {
        self.action.name = name.into();
        self.action
    }
}

/// Transition times are tenths of a second; those of color commands have always been published as
/// they are.
const TENTHS: f64 = 10.0;
const AS_IT_IS: f64 = 1.0;

/// The action of a command by its name in the cluster library; `None` where a field is missing without
/// which it means nothing.
pub(super) fn read(cluster: ClusterId, name: &str, fields: &Fields) -> Option<Action> {
    let mut reading = Reading {
        fields,
        action: Action::default(),
    };
    let action = match (cluster, name) {
        (ON_OFF, "offWithEffect") => "off".to_owned(),
        (LEVEL, "moveToLevel" | "moveToLevelWithOnOff") => {
            let level = reading.put("level", "level", AS_IT_IS);
            reading.put("transition_time", "transtime", TENTHS);
            reading.action.change = level.map(Change::To);
            "brightness_move_to_level".to_owned()
        }
        (LEVEL, "move" | "moveWithOnOff") => {
            let way = reading.way("movemode", "down", "up")?;
            reading.put("rate", "rate", AS_IT_IS);
            reading.action.change = Some(Change::Move { up: way == "up" });
            format!("brightness_move_{way}")
        }
        (LEVEL, "step" | "stepWithOnOff") => {
            let way = reading.way("stepmode", "down", "up")?;
            let size = reading.put("step_size", "stepsize", AS_IT_IS);
            reading.put("transition_time", "transtime", TENTHS);
            reading.action.change =
                size.map(|size| Change::By(if way == "up" { size } else { -size }));
            format!("brightness_step_{way}")
        }
        (LEVEL, "stop" | "stopWithOnOff") => {
            reading.action.change = Some(Change::Stop);
            "brightness_stop".to_owned()
        }
        (SCENES, "recall" | "store") => {
            let scene = reading.code("sceneid")?;
            format!("{name}_{scene}")
        }
        (SCENES, "removeAll") => "remove_all".to_owned(),
        (COVER, "upOpen") => "open".to_owned(),
        (COVER, "downClose") => "close".to_owned(),
        (ALARM, "arm") => return arm(reading),
        (COLOR, _) => color(name, &mut reading)?,
        _ => name.to_owned(),
    };
    Some(reading.named(action))
}

fn arm(mut reading: Reading<'_>) -> Option<Action> {
    let mode = reading.code("armmode")?;
    let (_, name) = ARM_MODES
        .iter()
        .find(|(code, _)| i64::from(*code) == mode)?;
    match reading.fields.value("code") {
        Some(Value::Text(code)) => reading.text("code", String::from_utf8_lossy(code)),
        _ => reading.action.cut_off = true,
    }
    reading.put("zone", "zoneid", AS_IT_IS);
    Some(reading.named(*name))
}

fn color(name: &str, reading: &mut Reading<'_>) -> Option<String> {
    Some(match name {
        "moveColorTemp" => {
            let way = match reading.code("movemode")? {
                1 => "up",
                3 => "down",
                _ => "stop",
            };
            reading.put("rate", "rate", AS_IT_IS);
            reading.put("minimum", "minimum", AS_IT_IS);
            reading.put("maximum", "maximum", AS_IT_IS);
            format!("color_temperature_move_{way}")
        }
        "stepColorTemp" => {
            let way = reading.way("stepmode", "up", "down")?;
            if let Some(size) = reading.put("step_size", "stepsize", AS_IT_IS) {
                let delta = if way == "up" { size } else { -size };
                reading.text("color_temperature_delta", number::json(delta));
            }
            reading.put("transition_time", "transtime", TENTHS);
            format!("color_temperature_step_{way}")
        }
        "moveToColorTemp" => {
            reading.put("color_temperature", "colortemp", AS_IT_IS);
            reading.put("transition_time", "transtime", AS_IT_IS);
            "color_temperature_move".to_owned()
        }
        "moveToColor" => {
            if let (Some(x), Some(y)) = (reading.number("colorx"), reading.number("colory")) {
                let share = |value: f64| number::json(number::round_to(value / 65535.0, 3));
                reading.text("color", json!({"x": share(x), "y": share(y)}));
            }
            reading.put("transition_time", "transtime", AS_IT_IS);
            "color_move".to_owned()
        }
        "moveToHue" => {
            reading.put("hue", "hue", AS_IT_IS);
            reading.put("transition_time", "transtime", TENTHS);
            let direction = reading.code("direction")?;
            reading.text("direction", direction_of(direction));
            "move_to_hue".to_owned()
        }
        "moveToSaturation" => {
            reading.put("saturation", "saturation", AS_IT_IS);
            reading.put("transition_time", "transtime", AS_IT_IS);
            "move_to_saturation".to_owned()
        }
        "moveToHueAndSaturation" => {
            reading.put("hue", "hue", AS_IT_IS);
            reading.put("saturation", "saturation", AS_IT_IS);
            reading.put("transition_time", "transtime", AS_IT_IS);
            "move_to_hue_and_saturation".to_owned()
        }
        "enhancedMoveToHueAndSaturation" => {
            if let Some(hue) = reading.put("enhanced_hue", "enhancehue", AS_IT_IS) {
                let degrees = number::round_to(hue * 360.0 / 65535.0, 1);
                reading.text("hue", number::json(degrees));
            }
            reading.put("saturation", "saturation", AS_IT_IS);
            reading.put("transition_time", "transtime", AS_IT_IS);
            "enhanced_move_to_hue_and_saturation".to_owned()
        }
        "moveHue" => {
            let way = match reading.code("movemode")? {
                1 => "move",
                3 => "down",
                _ => "stop",
            };
            reading.put("rate", "rate", AS_IT_IS);
            format!("hue_{way}")
        }
        "stepHue" | "stepSaturation" => {
            let way = reading.way("stepmode", "up", "down")?;
            reading.put("step_size", "stepsize", AS_IT_IS);
            reading.put("transition_time", "transtime", TENTHS);
            let what = if name == "stepHue" {
                "hue"
            } else {
                "saturation"
            };
            format!("color_{what}_step_{way}")
        }
        "colorLoopSet" => color_loop(reading)?,
        "stopMoveStep" => "stop_move_step".to_owned(),
        _ => return None,
    })
}

fn color_loop(reading: &mut Reading<'_>) -> Option<String> {
    let flags = reading.code("updateflags")?;
    let flag = |bit: u8| flags >> bit & 1 == 1;
    reading.text(
        "update_flags",
        json!({"action": flag(0), "direction": flag(1), "time": flag(2), "start_hue": flag(3)}),
    );
    let action = match reading.code("action")? {
        0 => Some("deactivate"),
        1 => Some("activate_from_color_loop_start_enhanced_hue"),
        2 => Some("activate_from_enhanced_current_hue"),
        _ => None,
    };
    if let Some(action) = action {
        reading.text("action", action);
    }
    let direction = reading.code("direction")?;
    reading.text("direction", direction_of(direction));
    reading.put("time", "time", AS_IT_IS);
    reading.put("start_hue", "starthue", AS_IT_IS);
    Some("color_loop_set".to_owned())
}

fn direction_of(direction: i64) -> &'static str {
    if direction == 0 {
        "decrement"
    } else {
        "increment"
    }
}
