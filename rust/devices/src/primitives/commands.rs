//! Commands of a remote as actions (shared/facts/mqtt-api.md §13).

mod meaning;

use serde::Deserialize;
use zigbee::library;
use zigbee::zcl::Direction;
use zigbee::{ClusterId, EndpointId};

use super::Primitive;
use super::simulated_brightness;
use crate::decode::{Command, Incoming};
use crate::definition::Data;
use crate::expose::Expose;
use crate::message::{Decoded, Memory};
use crate::timer::Expiry;

const IDENTIFY: ClusterId = ClusterId(0x0003);
const SCENES: ClusterId = ClusterId(0x0005);
const ON_OFF: ClusterId = ClusterId(0x0006);
const LEVEL: ClusterId = ClusterId(0x0008);
const COVER: ClusterId = ClusterId(0x0102);
const COLOR: ClusterId = ClusterId(0x0300);
const ALARM: ClusterId = ClusterId(0x0501);

/// Arm modes of the command `arm` (ZCL 8.3.2.4.1.2) and the further states of a panel (8.3.2.5.7).
pub(super) const ARM_MODES: [(u8, &str); 11] = [
    (0, "disarm"),
    (1, "arm_day_zones"),
    (2, "arm_night_zones"),
    (3, "arm_all_zones"),
    (4, "exit_delay"),
    (5, "entry_delay"),
    (6, "not_ready"),
    (7, "in_alarm"),
    (8, "arming_stay"),
    (9, "arming_night"),
    (10, "arming_away"),
];

/// A remote that sends commands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the catalogue's format"
)]
pub(crate) struct Commands {
    /// Commands, or families of them, that it sends.
    hears: Vec<Heard>,
    /// Values of `action` in the order in which they are exposed.
    exposed: Vec<String>,
    /// Endpoints whose names the actions get as suffix.
    #[serde(default)]
    endpoints: Vec<String>,
    /// The values in `exposed` have their suffixes.
    #[serde(default)]
    exposed_whole: bool,
    /// A repetition with the same transaction number is an action of its own.
    #[serde(default)]
    repeats_count: bool,
    /// The group that a command went to says nothing.
    #[serde(default)]
    without_group: bool,
    /// `action_transaction` beside arm modes: what an answer has to name.
    #[serde(default)]
    transaction: bool,
}

/// A command, or a family of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Heard {
    /// `on`, `off`, `off_with_effect`, `toggle`.
    OnOff,
    On,
    Off,
    OffWithEffect,
    Toggle,
    /// `move_to_level`, `move`, `step`, `stop`.
    Level,
    MoveToLevel,
    Move,
    Step,
    Stop,
    /// All of the cluster.
    Color,
    MoveColorTemperature,
    StepColorTemperature,
    MoveToColorTemperature,
    MoveToColor,
    MoveToHue,
    MoveToSaturation,
    MoveToHueAndSaturation,
    EnhancedMoveToHueAndSaturation,
    MoveHue,
    StepHue,
    StepSaturation,
    ColorLoopSet,
    StopMoveStep,
    /// All of the cluster.
    Scenes,
    Recall,
    Store,
    /// `open`, `close`, `stop`.
    Cover,
    Arm,
    Emergency,
    Panic,
    /// Any report of the cluster genIdentify.
    Identify,
}

impl Heard {
    /// What a command is called here, with its family.
    fn of(cluster: ClusterId, name: &str) -> Option<(Self, Option<Self>)> {
        Some(match (cluster, name) {
            (ON_OFF, "on") => (Self::On, Some(Self::OnOff)),
            (ON_OFF, "off") => (Self::Off, Some(Self::OnOff)),
            (ON_OFF, "offWithEffect") => (Self::OffWithEffect, Some(Self::OnOff)),
            (ON_OFF, "toggle") => (Self::Toggle, Some(Self::OnOff)),
            (LEVEL, "moveToLevel" | "moveToLevelWithOnOff") => {
                (Self::MoveToLevel, Some(Self::Level))
            }
            (LEVEL, "move" | "moveWithOnOff") => (Self::Move, Some(Self::Level)),
            (LEVEL, "step" | "stepWithOnOff") => (Self::Step, Some(Self::Level)),
            (LEVEL, "stop" | "stopWithOnOff") => (Self::Stop, Some(Self::Level)),
            (COLOR, "moveColorTemp") => (Self::MoveColorTemperature, Some(Self::Color)),
            (COLOR, "stepColorTemp") => (Self::StepColorTemperature, Some(Self::Color)),
            (COLOR, "moveToColorTemp") => (Self::MoveToColorTemperature, Some(Self::Color)),
            (COLOR, "moveToColor") => (Self::MoveToColor, Some(Self::Color)),
            (COLOR, "moveToHue") => (Self::MoveToHue, Some(Self::Color)),
            (COLOR, "moveToSaturation") => (Self::MoveToSaturation, Some(Self::Color)),
            (COLOR, "moveToHueAndSaturation") => (Self::MoveToHueAndSaturation, Some(Self::Color)),
            (COLOR, "enhancedMoveToHueAndSaturation") => {
                (Self::EnhancedMoveToHueAndSaturation, Some(Self::Color))
            }
            (COLOR, "moveHue") => (Self::MoveHue, Some(Self::Color)),
            (COLOR, "stepHue") => (Self::StepHue, Some(Self::Color)),
            (COLOR, "stepSaturation") => (Self::StepSaturation, Some(Self::Color)),
            (COLOR, "colorLoopSet") => (Self::ColorLoopSet, Some(Self::Color)),
            (COLOR, "stopMoveStep") => (Self::StopMoveStep, Some(Self::Color)),
            (SCENES, "recall") => (Self::Recall, Some(Self::Scenes)),
            (SCENES, "store") => (Self::Store, Some(Self::Scenes)),
            (SCENES, "add" | "remove" | "removeAll") => (Self::Scenes, None),
            (COVER, "upOpen" | "downClose" | "stop") => (Self::Cover, None),
            (ALARM, "arm") => (Self::Arm, None),
            (ALARM, "emergency") => (Self::Emergency, None),
            (ALARM, "panic") => (Self::Panic, None),
            _ => return None,
        })
    }

    fn cluster(self) -> ClusterId {
        match self {
            Self::OnOff | Self::On | Self::Off | Self::OffWithEffect | Self::Toggle => ON_OFF,
            Self::Level | Self::MoveToLevel | Self::Move | Self::Step | Self::Stop => LEVEL,
            Self::Scenes | Self::Recall | Self::Store => SCENES,
            Self::Cover => COVER,
            Self::Arm | Self::Emergency | Self::Panic => ALARM,
            Self::Identify => IDENTIFY,
            _ => COLOR,
        }
    }
}

impl Commands {
    fn simulates(&self) -> bool {
        self.hears.iter().any(|heard| heard.cluster() == LEVEL)
    }

    /// The command, if the remote is one that sends it.
    fn known(&self, command: Command<'_>) -> Option<&'static library::Command> {
        if command.direction != Direction::ToServer {
            return None;
        }
        let known = library::cluster(command.cluster)?.command(command.direction, command.id)?;
        let (heard, family) = Heard::of(command.cluster, known.name)?;
        let listens = self
            .hears
            .iter()
            .any(|wanted| *wanted == heard || Some(*wanted) == family);
        listens.then_some(known)
    }

    /// The suffix of an endpoint's actions.
    fn suffix(&self, data: &Data, endpoint: EndpointId) -> Option<String> {
        if self.endpoints.is_empty() {
            return None;
        }
        match data.endpoint_name(endpoint) {
            Some(name) => Some(name.to_owned()),
            // Without any names an endpoint is called by its number.
            None if data.endpoints.is_empty() => Some(endpoint.0.to_string()),
            None => None,
        }
    }

    fn identified(&self, incoming: &Incoming<'_>) -> bool {
        self.hears.contains(&Heard::Identify)
            && incoming.message.cluster == IDENTIFY
            && incoming.command().is_none()
    }
}

/// A name with an endpoint's suffix.
pub(super) fn suffixed(name: &str, suffix: Option<&str>) -> String {
    match suffix {
        Some(suffix) => format!("{name}_{suffix}"),
        None => name.to_owned(),
    }
}

impl Primitive for Commands {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.extend(self.hears.iter().map(|heard| heard.cluster()));
    }

    fn actions(&self, out: &mut Vec<String>) {
        if self.endpoints.is_empty() || self.exposed_whole {
            out.extend(self.exposed.iter().cloned());
            return;
        }
        for action in &self.exposed {
            out.extend(
                self.endpoints
                    .iter()
                    .map(|endpoint| suffixed(action, Some(endpoint))),
            );
        }
    }

    fn listening_options(&self, out: &mut Vec<Expose>) {
        if self.simulates() {
            out.push(simulated_brightness::option());
        }
    }

    fn hears(&self, command: Command<'_>) -> bool {
        self.known(command).is_some()
    }

    fn decode(&self, incoming: &Incoming<'_>, memory: &mut Memory, out: &mut Decoded) {
        let endpoint = incoming.endpoint();
        let suffix = self.suffix(incoming.data, endpoint);
        let suffix = suffix.as_deref();
        if self.identified(incoming) {
            out.put("action", suffixed("identify", suffix));
            return;
        }
        let Some(command) = incoming.command() else {
            return;
        };
        let Some(known) = self.known(command) else {
            return;
        };
        let sequence = incoming.message.header.sequence;
        if !self.repeats_count && memory.repeated(endpoint, sequence) {
            return;
        }
        let fields = known.decode(command.payload);
        let Some(action) = meaning::read(command.cluster, known.name, &fields) else {
            out.problem(
                "malformed_command",
                format!(
                    "no action is known for the command {} that came",
                    known.name
                ),
            );
            return;
        };
        if action.cut_off {
            out.problem(
                "malformed_command",
                format!("fields of the command {} are missing", known.name),
            );
        }
        out.put("action", suffixed(&action.name, suffix));
        out.payload.extend(action.beside);
        if self.transaction && known.name == "arm" {
            out.put("action_transaction", sequence);
        }
        if !self.without_group
            && let Some(group) = incoming.message.group
            && group.0 != 0
        {
            out.put("action_group", group.0);
        }
        if let Some(change) = action.change {
            change.apply(endpoint, suffix, incoming.options, memory, out);
        }
    }

    fn expired(&self, expiry: &Expiry<'_>, memory: &mut Memory, out: &mut Decoded) {
        if self.simulates()
            && let Some(endpoint) = simulated_brightness::endpoint_of(expiry.timer)
        {
            let suffix = self.suffix(expiry.data, endpoint);
            simulated_brightness::tick(endpoint, suffix.as_deref(), expiry.options, memory, out);
        }
    }
}
