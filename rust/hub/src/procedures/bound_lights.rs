//! Lights that a remote changes without us: what it may have changed is read from those that are known
//! not to report (shared/facts/zigbee2mqtt-features.md, "Bound-light polling").

use std::time::Duration;

use adapters::ApsIndication;
use devices::{DeviceInfo, Io, Operation};
use zigbee::zcl::{Direction, Frame};
use zigbee::zdo::BindTarget;
use zigbee::{AttributeId, ClusterId, EndpointId, GroupId, IeeeAddress, ManufacturerCode};

use super::reporting::{self, COLOR, COLOR_TEMPERATURE, XY};
use super::{DeviceIo, Procedure};
use crate::core::Core;
use crate::executor::Shared;
use crate::timers::Timer;
use crate::{Entity, LogLevel};

const SCENES: ClusterId = ClusterId(0x0005);
const ON_OFF: ClusterId = ClusterId(0x0006);
const LEVEL: ClusterId = ClusterId(0x0008);
/// Philips' own cluster; its dimmer switches tell every press there.
const HUE: ClusterId = ClusterId(0xfc00);
const SIGNIFY: ManufacturerCode = ManufacturerCode(0x100b);

/// How long no more commands come until the light is asked.
const SETTLES: Duration = Duration::from_secs(1);

/// Makers of lights that do not report: Signify, Atmel, Gledopto, Müller Licht, Telink.
const SILENT: [ManufacturerCode; 5] = [
    SIGNIFY,
    ManufacturerCode(0x1014),
    ManufacturerCode(0x124f),
    ManufacturerCode(0x121b),
    ManufacturerCode(0x1141),
];
/// Another one, whose devices have no colours.
const BUSCH_JAEGER: ManufacturerCode = ManufacturerCode(0x112e);
/// The same for devices that have no code of their maker. The second is written with its NUL.
const SILENT_NAMES: [&str; 2] = ["GLEDOPTO", "Trust International B.V.\0"];

/// What is read of a light.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Level,
    OnOff,
    Color,
}

/// A light and what is read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Question {
    ieee: IeeeAddress,
    endpoint: EndpointId,
    kind: Kind,
}

impl Kind {
    fn cluster(self) -> ClusterId {
        match self {
            Self::Level => LEVEL,
            Self::OnOff => ON_OFF,
            Self::Color => COLOR,
        }
    }

    /// True for a device of a maker whose lights do not tell that they changed.
    fn is_silent_on(self, info: &DeviceInfo) -> bool {
        info.manufacturer_code.is_some_and(|code| {
            SILENT.contains(&code) || (self != Self::Color && code == BUSCH_JAEGER)
        }) || info
            .manufacturer_name
            .as_deref()
            .is_some_and(|name| SILENT_NAMES.contains(&name))
    }
}

/// What a remote's command may change.
fn changed(cluster: ClusterId, frame: &Frame) -> &'static [Kind] {
    let command = frame.header.command.0;
    match (cluster, frame.header.direction, frame.header.manufacturer) {
        (LEVEL, Direction::ToServer, None) => match command {
            // Move, step, stop.
            0x01..=0x03 => &[Kind::Level],
            // The same and move to level, with on/off.
            0x04..=0x07 => &[Kind::Level, Kind::OnOff],
            _ => &[],
        },
        // Off, on, toggle, off with effect.
        (ON_OFF, Direction::ToServer, None) if matches!(command, 0x00..=0x02 | 0x40) => {
            &[Kind::OnOff]
        }
        // Recall.
        (SCENES, Direction::ToServer, None) if command == 0x05 => {
            &[Kind::Level, Kind::OnOff, Kind::Color]
        }
        (HUE, _, Some(SIGNIFY)) if command == 0x00 => match frame.payload.first() {
            // On, off.
            Some(1 | 4) => &[Kind::OnOff],
            // Up, down.
            Some(2 | 3) => &[Kind::Level],
            _ => &[],
        },
        _ => &[],
    }
}

impl Core {
    /// A device sent a command: lights that heard it are asked in a moment.
    pub(crate) fn poll_after(
        &mut self,
        ieee: IeeeAddress,
        indication: &ApsIndication,
        frame: &Frame,
    ) {
        let kinds = changed(indication.cluster, frame);
        if kinds.is_empty() {
            return;
        }
        let mut targets: Vec<(IeeeAddress, EndpointId)> = Vec::new();
        let bound = self
            .records
            .get(ieee)
            .into_iter()
            .flat_map(|record| record.device.info.endpoints.values())
            .flat_map(|endpoint| &endpoint.bindings)
            .filter_map(|binding| match binding.target {
                BindTarget::Endpoint(target, endpoint) => Some((target, endpoint)),
                // Who is in the group is known by the address of the command.
                BindTarget::Group(_) => None,
            });
        let group = indication.group.filter(|group| *group != GroupId(0));
        let members = group.map(|group| self.endpoints_of(BindTarget::Group(group)));
        for target in bound.chain(members.into_iter().flatten()) {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
        for (ieee, endpoint) in targets {
            for kind in kinds {
                self.poll_later(Question {
                    ieee,
                    endpoint,
                    kind: *kind,
                });
            }
        }
    }

    fn poll_later(&mut self, question: Question) {
        let wanted = self.records.get(question.ieee).is_some_and(|record| {
            let info = &record.device.info;
            !record.options.disabled
                && question.kind.is_silent_on(info)
                && info
                    .endpoints
                    .get(&question.endpoint)
                    .is_some_and(|endpoint| endpoint.inputs.contains(&question.kind.cluster()))
        });
        if wanted {
            let at = self.after(SETTLES);
            let timer = self.timers.set(at, Timer::BoundLight(question));
            let before = self.polls.insert(question, timer);
            self.cancel(before);
        }
    }

    /// No more commands came for a moment.
    pub(crate) fn on_poll_due(&mut self, question: Question) {
        self.polls.remove(&question);
        self.procedures.push_back(Procedure::BoundLight(question));
    }
}

/// Reads; the answer is published like any message.
pub(crate) async fn ask(shared: Shared, question: Question) {
    let Question {
        ieee,
        endpoint,
        kind,
    } = question;
    let result = async {
        let attributes = match kind {
            Kind::Level | Kind::OnOff => vec![AttributeId(0x0000)],
            Kind::Color => {
                let capabilities = reporting::color_capabilities(&shared, ieee, endpoint).await?;
                let by_capability: [(u64, &[u16]); 2] =
                    [(XY, &[0x0003, 0x0004]), (COLOR_TEMPERATURE, &[0x0007])];
                by_capability
                    .into_iter()
                    .filter(|(bit, _)| capabilities & bit != 0)
                    .flat_map(|(_, attributes)| attributes)
                    .map(|attribute| AttributeId(*attribute))
                    .collect()
            }
        };
        if attributes.is_empty() {
            return Ok(());
        }
        let read = Operation::Read {
            endpoint,
            cluster: kind.cluster(),
            manufacturer: None,
            attributes,
        };
        let io = DeviceIo::impatient(shared.clone(), ieee);
        io.perform(read).await.map(drop)
    }
    .await;
    if let Err(error) = result {
        shared.with(|core| {
            core.log(
                LogLevel::Warning,
                Some(Entity::Device(ieee)),
                format!("Failed to read the state of '{{name}}/{endpoint}' after a remote's command ({error})"),
            );
        });
    }
}
