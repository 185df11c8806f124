//! Lights: on and off, brightness, colour temperature, colour (shared/facts/mqtt-api.md §7.2 to §7.5).

mod brightness;
mod color;
mod color_options;
mod configure;
mod effect;
mod freezing;
mod hue;
mod hue_state;
mod level;
mod level_config;
mod shown;
mod steps;
mod wire;

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::zcl::Value;
use zigbee::{AttributeId, ClusterId, EndpointId};

pub(crate) use color_options::ColorOptions;
pub(crate) use effect::Effect;
pub(crate) use hue::HueEffects;
pub(crate) use level_config::LevelConfig;

use super::{Capability, Primitive, on_off};
use crate::color::Limits;
use crate::configure::Step;
use crate::decode::Incoming;
use crate::definition::{ClusterNumber, Data, EndpointNumber};
use crate::encode::{Call, Failure};
use crate::expose::Expose;
use crate::message::{Decoded, Memory};
use crate::{DeviceInfo, Io, JsonMap, LocalFuture};
use wire::{COLOR, LEVEL};

/// A light on each of the named endpoints, or one for the whole device.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the catalogue's format"
)]
pub(crate) struct Light {
    /// The endpoints with a light; none for a device with a single light.
    #[serde(default)]
    endpoints: Vec<String>,
    /// White light can be warmer and cooler.
    #[serde(default)]
    color_temp: Option<Temperature>,
    /// Light can be coloured.
    #[serde(default)]
    color: Option<Coloured>,
    /// What of `level_config` is shown; it works in any case.
    #[serde(default)]
    level_config: Vec<level::Field>,
    /// Bind and report on/off, level and colour: least and greatest time between reports of the level,
    /// seconds.
    #[serde(default)]
    report: Option<(u16, u16)>,
    /// Is off at level 1; 2 is sent instead.
    #[serde(default)]
    off_at_1: bool,
    /// Its command that sets a level and switches does not work: two commands are sent.
    #[serde(default)]
    separate_on_off: bool,
    /// Does not take the optional fields at the end of commands.
    #[serde(default)]
    short_commands: bool,
    /// Firmware later than this turns on when it is faded off while it is off.
    #[serde(default)]
    no_fade_when_off_after: Option<String>,
    /// Freezes while its colour changes slowly (IKEA); it is woken before another command.
    #[serde(default)]
    freezes: bool,
    /// Speaks the vendor's own cluster as well (Philips Hue).
    #[serde(default)]
    hue: bool,
    /// With a manufacturer code the numbers of attributes of genLevelCtrl mean something else.
    #[serde(default)]
    vendor_level: bool,
}

/// The colour temperatures of a light.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Temperature {
    /// The least and the greatest, mireds, as shown.
    range: (u16, u16),
    /// It has a colour temperature for when power comes back.
    #[serde(default = "yes")]
    startup: bool,
    /// It is set as a colour: the device does not take the command for it.
    #[serde(default)]
    via_color: bool,
}

/// The colours of a light.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Coloured {
    /// How colours are shown, the preferred way first; `hs` also says that the device takes them so.
    modes: Vec<Mode>,
    /// It takes hues in 65536 steps.
    #[serde(default)]
    enhanced_hue: bool,
    /// Devices with this cluster take hues in 254 steps nevertheless.
    #[serde(default)]
    plain_hue_with: Option<ClusterNumber>,
    /// It does not understand the red at x 0.701, y 0.299.
    #[serde(default)]
    red_fix: bool,
}

impl Coloured {
    fn takes_enhanced_hue(&self, device: Option<&DeviceInfo>) -> bool {
        let plain = self.plain_hue_with.is_some_and(|cluster| {
            let mut endpoints = device
                .into_iter()
                .flat_map(|device| device.endpoints.values());
            endpoints.any(|endpoint| endpoint.inputs.contains(&cluster.into()))
        });
        self.enhanced_hue && !plain
    }
}

/// A way to express a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    Xy,
    Hs,
}

fn yes() -> bool {
    true
}

/// The parts of a light that deal with keys independently of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Brightness,
    Color,
    BrightnessStep,
    BrightnessMove,
    TemperatureStep,
    TemperatureMove,
    TemperatureStartup,
    HueStep,
    HueMove,
    LevelConfig,
    Options,
    /// Can be read only.
    Mode,
    /// Says something about other keys.
    Beside,
}

/// What commands have to regard: of a device, or what all members of a group have in common.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent of each other")]
struct Traits {
    hue_saturation: bool,
    enhanced_hue: bool,
    red_fix: bool,
    off_at_1: bool,
    separate_on_off: bool,
    short_commands: bool,
    /// Of a group: some member has it.
    no_fade_when_off: bool,
}

impl Light {
    fn part(&self, key: &str) -> Option<Part> {
        let (temperature, colored) = (self.color_temp.as_ref(), self.color.is_some());
        let any = colored || temperature.is_some();
        let (part, there) = match key {
            "state" | "brightness" | "brightness_percent" | "on_time" | "off_wait_time" => {
                (Part::Brightness, true)
            }
            "transition" | "rate" => (Part::Beside, true),
            "level_config" => (Part::LevelConfig, true),
            "brightness_move" | "brightness_move_onoff" => (Part::BrightnessMove, true),
            "brightness_step" | "brightness_step_onoff" => (Part::BrightnessStep, true),
            "color" => (Part::Color, colored),
            "color_temp" | "color_temp_percent" => (Part::Color, temperature.is_some()),
            "color_mode" => (Part::Mode, any),
            "color_options" => (Part::Options, any),
            "color_temp_move" | "colortemp_move" => (Part::TemperatureMove, temperature.is_some()),
            "color_temp_step" => (Part::TemperatureStep, temperature.is_some()),
            "color_temp_startup" => (
                Part::TemperatureStartup,
                temperature.is_some_and(|temperature| temperature.startup),
            ),
            "hue_move" | "saturation_move" => (Part::HueMove, colored),
            "hue_step" | "saturation_step" => (Part::HueStep, colored),
            _ => return None,
        };
        there.then_some(part)
    }

    fn own_traits(&self, device: Option<&DeviceInfo>) -> Traits {
        let color = self.color.as_ref();
        Traits {
            hue_saturation: color.is_some_and(|color| color.modes.contains(&Mode::Hs)),
            enhanced_hue: color.is_some_and(|color| color.takes_enhanced_hue(device)),
            red_fix: color.is_some_and(|color| color.red_fix),
            off_at_1: self.off_at_1,
            separate_on_off: self.separate_on_off,
            short_commands: self.short_commands,
            no_fade_when_off: self
                .no_fade_when_off_after
                .as_deref()
                .and_then(firmware)
                .is_some_and(|limit| {
                    device
                        .and_then(|device| firmware(device.software_build_id.as_deref()?))
                        .is_some_and(|version| version > limit)
                }),
        }
    }

    /// The traits of the device, or those that all members of the group share.
    fn traits(&self, io: &dyn Io) -> Traits {
        let members = io.members();
        if members.is_empty() {
            return self.own_traits(io.device().as_ref());
        }
        let mut all = members.iter().map(|member| {
            let lights = member.definition.as_ref().and_then(|definition| {
                let mut capabilities = definition.data.capabilities.iter();
                capabilities.find_map(|capability| match capability {
                    Capability::Light(light) => Some(light.own_traits(Some(&member.device))),
                    _ => None,
                })
            });
            lights.unwrap_or_default()
        });
        let first = all.next().unwrap_or_default();
        all.fold(first, |common, next| Traits {
            hue_saturation: common.hue_saturation && next.hue_saturation,
            enhanced_hue: common.enhanced_hue && next.enhanced_hue,
            red_fix: common.red_fix && next.red_fix,
            off_at_1: common.off_at_1 && next.off_at_1,
            separate_on_off: common.separate_on_off && next.separate_on_off,
            short_commands: common.short_commands && next.short_commands,
            no_fade_when_off: common.no_fade_when_off || next.no_fade_when_off,
        })
    }

    /// The suffix of properties for messages of an endpoint, with its underscore.
    fn suffix(&self, data: &Data, endpoint: EndpointId) -> String {
        data.endpoint_name(endpoint)
            .filter(|name| self.endpoints.iter().any(|known| known == name))
            .map(|name| format!("_{name}"))
            .unwrap_or_default()
    }

    /// The endpoints of the lights: those named, else the default one.
    fn addressed(&self, data: &Data) -> Vec<Option<EndpointNumber>> {
        if self.endpoints.is_empty() {
            return vec![None];
        }
        self.endpoints
            .iter()
            .filter_map(|name| data.endpoint_named(name))
            .map(|endpoint| Some(EndpointNumber(endpoint.0)))
            .collect()
    }

    fn state(incoming: &Incoming<'_>, suffix: &str, out: &mut Decoded) {
        let Some(value) = incoming.attribute(on_off::ON_OFF, on_off::STATE_ATTRIBUTE) else {
            return;
        };
        let Some(state) = on_off::state_of(value) else {
            out.problem("not_a_number", "onOff is not a boolean");
            return;
        };
        out.put(&format!("state{suffix}"), state);
        if incoming.options.get("state_action") == Some(&Json::Bool(true)) {
            out.put("action", format!("{}{suffix}", state.to_lowercase()));
        }
    }
}

/// Firmware versions that can be compared: three numbers.
fn firmware(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.trim().split('.').map(|part| part.parse().ok());
    let known = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(known)
}

/// The colour temperatures that the device has at an endpoint, or that all members of the group have.
fn limits(io: &dyn Io, endpoint: EndpointId) -> Limits {
    let members = io.members();
    if members.is_empty() {
        return io
            .device()
            .map(|device| limits_of(&device, endpoint))
            .unwrap_or_default();
    }
    let all = members
        .iter()
        .map(|member| limits_of(&member.device, member.endpoint));
    all.fold(Limits::default(), |common, next| Limits {
        least: [common.least, next.least]
            .into_iter()
            .flatten()
            .reduce(f64::max),
        greatest: [common.greatest, next.greatest]
            .into_iter()
            .flatten()
            .reduce(f64::min),
    })
}

fn limits_of(device: &DeviceInfo, endpoint: EndpointId) -> Limits {
    let attributes = device
        .endpoints
        .get(&endpoint)
        .and_then(|endpoint| endpoint.attributes.get("lightingColorCtrl"));
    let known = |name: &str| attributes?.get(name)?.as_f64();
    Limits {
        least: known("colorTempPhysicalMin"),
        greatest: known("colorTempPhysicalMax"),
    }
}

/// The number of a record of a message.
fn value<'a>(incoming: &'a Incoming<'_>, cluster: ClusterId, attribute: u16) -> Option<&'a Value> {
    incoming.attribute(cluster, AttributeId(attribute))
}

impl Primitive for Light {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.extend([on_off::ON_OFF, LEVEL]);
        if self.color.is_some() || self.color_temp.is_some() {
            out.push(COLOR);
        }
        if self.hue {
            out.push(hue_state::CLUSTER);
        }
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let light = self.shown();
        if self.endpoints.is_empty() {
            out.push(light);
        } else {
            out.extend(
                self.endpoints
                    .iter()
                    .map(|endpoint| light.clone().on_endpoint(endpoint)),
            );
        }
    }

    fn options(&self, out: &mut Vec<Expose>) {
        if self.hue {
            out.extend(shown::hue_options());
        }
        out.push(shown::transition());
        if self.freezes {
            out.push(shown::unfreeze_support());
        }
        if !self.hue && (self.color.is_some() || self.color_temp.is_some()) {
            out.push(shown::color_sync());
        }
    }

    fn listening_options(&self, out: &mut Vec<Expose>) {
        out.push(on_off::state_action());
        if self.color.is_some() || self.color_temp.is_some() {
            out.push(shown::color_sync());
        }
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let suffix = self.suffix(incoming.data, incoming.endpoint());
        Self::state(incoming, &suffix, out);
        if !self.vendor_level || incoming.message.header.manufacturer.is_none() {
            level::decode(incoming, &suffix, out);
        }
        if self.color.is_some() || self.color_temp.is_some() {
            color::decode(incoming, &suffix, out);
        }
        if self.hue {
            hue::decode(incoming, &suffix, out);
        }
    }

    fn claims(&self, key: &str) -> bool {
        self.part(key).is_some()
    }

    fn part(&self, key: &str) -> usize {
        self.part(key).map_or(0, |part| part as usize)
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        let part = self.part(call.key)?;
        if part == Part::Mode {
            return None;
        }
        Some(Box::pin(async move {
            if self.speaks_natively(call) && matches!(part, Part::Brightness | Part::Color) {
                return hue::set_natively(self, call, part).await;
            }
            let thaws = self.freezes && freezing::supported(call);
            if thaws {
                freezing::wake(call, part).await?;
            }
            let done = self.run(call, part).await?;
            if thaws {
                freezing::note(call, part)?;
            }
            Ok(done)
        }))
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        let part = self.part(call.key)?;
        let readable = match part {
            Part::Brightness
            | Part::Color
            | Part::LevelConfig
            | Part::Mode
            | Part::TemperatureStartup
            | Part::Options => true,
            Part::Beside => self.hue && call.key == "transition",
            _ => false,
        };
        if !readable {
            return None;
        }
        Some(Box::pin(async move {
            let natively = matches!(part, Part::Brightness | Part::Color | Part::Beside);
            if self.hue && natively && hue::lists(call) {
                return hue::read(call).await;
            }
            match part {
                Part::Brightness => brightness::get(call).await,
                Part::Color => color::get(self, call).await,
                Part::LevelConfig => level::get(call).await,
                Part::Mode => wire::read(call, COLOR, &[wire::COLOR_MODE]).await,
                Part::TemperatureStartup => wire::read(call, COLOR, &[wire::STARTUP]).await,
                Part::Options => wire::read(call, COLOR, &[wire::COLOR_OPTIONS]).await,
                _ => Ok(()),
            }
        }))
    }

    fn configure(&self, _data: &Data, out: &mut Vec<Step>) {
        out.push(Step::Light(Box::new(self.clone())));
    }
}

impl Light {
    /// Sets by the commands of the standard.
    async fn run(&self, call: &Call<'_>, part: Part) -> Result<JsonMap, Failure> {
        match part {
            Part::Brightness => brightness::set(self, call).await,
            Part::Color => color::set(self, call).await,
            Part::BrightnessStep => steps::brightness_step(self, call).await,
            Part::BrightnessMove => steps::brightness_move(self, call).await,
            Part::TemperatureStep => steps::temperature_step(self, call).await,
            Part::TemperatureMove => steps::temperature_move(self, call).await,
            Part::TemperatureStartup => color::set_startup(self, call).await,
            Part::HueStep => steps::hue_step(self, call).await,
            Part::HueMove => steps::hue_move(self, call).await,
            Part::LevelConfig => level::set(call).await,
            Part::Options => color_options::set(call).await,
            Part::Mode | Part::Beside => Ok(JsonMap::new()),
        }
    }

    /// True when one command of the vendor's cluster carries everything: the owner wants it and the
    /// device has it.
    fn speaks_natively(&self, call: &Call<'_>) -> bool {
        self.hue
            && call.options.get("hue_native_control") == Some(&Json::Bool(true))
            && hue::lists(call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_of_three_numbers_are_compared() {
        assert!(firmware("2.3.093") > firmware("1.0.012"));
        assert_eq!(firmware("1.1.1.0-5.7.2.0"), None);
        assert_eq!(firmware(""), None);
        assert_eq!(firmware("1.0"), None);
    }
}
