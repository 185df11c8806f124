//! What lights show of themselves on `bridge/devices`, in the contract's own words.

use serde_json::{Value as Json, json};

use super::color::{NAMED, PREVIOUS};
use super::level::Field;
use super::{Light, Mode, Temperature};
use crate::expose::{Expose, ExposeKind, GET, Preset, SET, STATE};

const ALL: u8 = STATE | SET | GET;

fn boolean(mut expose: Expose) -> Expose {
    expose.value_on = Some(Json::Bool(true));
    expose.value_off = Some(Json::Bool(false));
    expose
}

fn labelled(mut expose: Expose, label: &str) -> Expose {
    expose.label = Some(label.to_owned());
    expose
}

fn preset(name: &str, value: Json, description: &str) -> Preset {
    Preset {
        name: name.to_owned(),
        value,
        description: description.to_owned(),
    }
}

impl Light {
    /// The light with its features.
    pub(super) fn shown(&self) -> Expose {
        let mut light = Expose::specific(ExposeKind::Light);
        let mut state = Expose::generic(ExposeKind::Binary, "state", ALL)
            .described("On/off state of this light");
        state.value_on = Some(json!("ON"));
        state.value_off = Some(json!("OFF"));
        state.value_toggle = Some(json!("TOGGLE"));
        light.features.push(state);
        let mut brightness = Expose::generic(ExposeKind::Numeric, "brightness", ALL)
            .described("Brightness of this light");
        brightness.value_min = Some(json!(0));
        brightness.value_max = Some(json!(254));
        light.features.push(brightness);
        if let Some(temperature) = &self.color_temp {
            light.features.push(color_temp(temperature, false));
            if temperature.startup {
                light.features.push(color_temp(temperature, true));
            }
        }
        for mode in self.color.iter().flat_map(|color| &color.modes) {
            light.features.push(color(*mode));
        }
        if !self.level_config.is_empty() {
            let mut config = Expose::generic(ExposeKind::Composite, "level_config", ALL)
                .described("Configure genLevelCtrl");
            config.features = self
                .level_config
                .iter()
                .map(|field| level(*field))
                .collect();
            light.features.push(config);
        }
        light
    }
}

fn color_temp(temperature: &Temperature, startup: bool) -> Expose {
    let (least, greatest) = temperature.range;
    let mut expose = if startup {
        Expose::generic(ExposeKind::Numeric, "color_temp_startup", ALL)
            .described("Color temperature after cold power on of this light")
    } else {
        Expose::generic(ExposeKind::Numeric, "color_temp", ALL)
            .described("Color temperature of this light")
    };
    expose.unit = Some("mired".to_owned());
    expose.value_min = Some(json!(least));
    expose.value_max = Some(json!(greatest));
    let extreme = |name: &str, value: u16, which: &str| {
        let description = format!("{which} temperature supported");
        preset(name, json!(value), &description)
    };
    expose.presets.push(extreme("coolest", least, "Coolest"));
    for ((name, mireds), description) in NAMED.into_iter().zip([
        "Cool temperature (250 mireds / 4000 Kelvin)",
        "Neutral temperature (370 mireds / 2700 Kelvin)",
        "Warm temperature (454 mireds / 2200 Kelvin)",
    ]) {
        if (least..=greatest).contains(&mireds) {
            expose
                .presets
                .push(preset(name, json!(mireds), description));
        }
    }
    expose.presets.push(extreme("warmest", greatest, "Warmest"));
    if startup {
        expose.presets.push(preset(
            "previous",
            json!(PREVIOUS),
            "Restore previous color_temp on cold power on",
        ));
    }
    expose
}

fn color(mode: Mode) -> Expose {
    let (name, label, description, parts) = match mode {
        Mode::Xy => (
            "color_xy",
            "Color (X/Y)",
            "Color of this light in the CIE 1931 color space (x/y)",
            ["x", "y"],
        ),
        Mode::Hs => (
            "color_hs",
            "Color (HS)",
            "Color of this light expressed as hue/saturation",
            ["hue", "saturation"],
        ),
    };
    let color = Expose::generic(ExposeKind::Composite, name, ALL).described(description);
    let mut color = labelled(color, label);
    color.property = Some("color".to_owned());
    color.features = parts
        .iter()
        .map(|part| Expose::generic(ExposeKind::Numeric, part, ALL))
        .collect();
    color
}

fn level(field: Field) -> Expose {
    let numeric = |description: &str| {
        Expose::generic(ExposeKind::Numeric, field.name(), ALL).described(description)
    };
    let bounded = |description: &str| {
        let mut expose = numeric(description);
        expose.value_min = Some(json!(1));
        expose.value_max = Some(json!(254));
        expose
    };
    let previous = || preset("previous", json!("previous"), "Use previous value");
    let disabled = || {
        preset(
            "disabled",
            json!("disabled"),
            "Use on_off_transition_time value",
        )
    };
    match field {
        Field::OnOffTransitionTime => labelled(
            numeric(
                "Seconds taken to move to or from the target level when On or Off commands are \
                 received by an On/Off cluster",
            ),
            "ON/OFF transition time",
        ),
        Field::OnTransitionTime => {
            let mut expose = numeric(
                "Seconds taken to move the current level from the minimum level to the maximum level \
                 when an On command is received",
            );
            expose.presets.push(disabled());
            labelled(expose, "ON transition time")
        }
        Field::OffTransitionTime => {
            let mut expose = numeric(
                "Seconds taken to move the current level from the maximum level to the minimum level \
                 when an Off command is received",
            );
            expose.presets.push(disabled());
            labelled(expose, "OFF transition time")
        }
        Field::CurrentLevelStartup => {
            let mut expose = bounded(
                "Defines the desired startup level for a device when it is supplied with power",
            );
            expose.presets.push(preset(
                "minimum",
                json!("minimum"),
                "Use minimum permitted value",
            ));
            expose.presets.push(previous());
            expose
        }
        Field::OnLevel => {
            let mut expose = bounded(
                "Specifies the level that shall be applied, when an on/toggle command causes the light \
                 to turn on.",
            );
            expose.presets.push(previous());
            expose
        }
        Field::ExecuteIfOff => boolean(
            Expose::generic(ExposeKind::Binary, field.name(), ALL).described(
                "this setting can affect the \"on_level\", \"current_level_startup\" or \
                 \"brightness\" setting",
            ),
        ),
    }
}

/// The option `transition`.
pub(super) fn transition() -> Expose {
    let mut option = Expose::generic(ExposeKind::Numeric, "transition", SET).described(
        "Controls the transition time (in seconds) of on/off, brightness, color temperature (if \
         applicable) and color (if applicable) changes. Defaults to `0` (no transition).",
    );
    option.value_min = Some(json!(0));
    option.value_step = Some(json!(0.1));
    option
}

/// The option `color_sync`.
pub(super) fn color_sync() -> Expose {
    boolean(Expose::generic(ExposeKind::Binary, "color_sync", SET).described(
        "When enabled colors will be synced, e.g. if the light supports both color x/y and color \
         temperature a conversion from color x/y to color temperature will be done when setting the x/y \
         color (default true).",
    ))
}

/// The option `unfreeze_support`.
pub(super) fn unfreeze_support() -> Expose {
    boolean(Expose::generic(ExposeKind::Binary, "unfreeze_support", SET).described(
        "Whether to unfreeze IKEA lights (that are known to be frozen) before issuing a command, false: \
         no unfreeze support, true: unfreeze support (default true).",
    ))
}

/// The options of Philips Hue lights.
pub(super) fn hue_options() -> [Expose; 2] {
    let native = boolean(Expose::generic(ExposeKind::Binary, "hue_native_control", SET).described(
        "Control this light using a Philips-specific protocol instead of standard Zigbee commands. \
         When enabled, on/off, brightness, color, and color temperature are combined into single \
         atomic commands. This is required to use the Effect color update mode. When disabled \
         (default), standard Zigbee commands are used, which preserves the usual behavior, including \
         simulating on/off transitions.",
    ));
    let mut mode = Expose::generic(ExposeKind::Enum, "effect_color_mode", SET).described(
        "Controls what happens when color is changed while an effect is active (requires Hue native \
         control). 'stop' (default): color change stops the effect (Hue app behavior). 'update': color \
         change re-sends the effect with the new color.",
    );
    mode.values = Some(vec![json!("stop"), json!("update")]);
    [native, mode]
}
