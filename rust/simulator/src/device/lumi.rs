//! What Lumi's devices do by themselves: reports in their own structure, interlock, operation modes,
//! presses, rotation, lock events. Frames follow the captures and the vectors of the five devices.

use std::time::Duration;

use zigbee::zcl::{DataType, Status};

use super::clusters;
use super::model::{LUMI, Path};
use super::node::{Io, Node, Timer};
use super::rules::{Action, ActionError, Answer, Command, RuleSet};
use super::{octets, tag};

const BASIC: u16 = 0x0000;
const ON_OFF: u16 = clusters::ON_OFF;
const ANALOG_INPUT: u16 = 0x000c;
const BINARY_OUTPUT: u16 = 0x0010;
const MULTISTATE: u16 = 0x0012;
const DOOR_LOCK: u16 = 0x0101;
const LUMI_CLUSTER: u16 = 0xfcc0;
const HEARTBEAT: u32 = 1;

const fn at(endpoint: u8, cluster: u16, attribute: u16) -> Path {
    Path {
        endpoint,
        cluster,
        attribute,
    }
}

/// Lumi devices name their model once they have joined, before anybody asks.
fn name_yourself(node: &mut Node, io: &mut Io) {
    node.report(1, BASIC, &[0x0005, 0x0001], io);
}

/// The dual relay: two outputs, one meter, interlock.
#[derive(Debug, Default)]
pub(crate) struct Relay {
    watts: [f64; 2],
    energy_wh: f64,
    outages: u16,
    remembers: bool,
}

impl Relay {
    const INTERLOCK: Path = at(1, BINARY_OUTPUT, 0xff06);
    const POWER: Path = at(1, ANALOG_INPUT, 0x0055);
    const MEMORY: Path = at(1, BASIC, 0xfff0);
    const HEARTBEAT: Duration = Duration::from_secs(300);

    fn power(&self, node: &Node) -> f64 {
        self.watts
            .iter()
            .zip([1, 2])
            .filter(|(_, endpoint)| node.number(at(*endpoint, ON_OFF, 0)) > 0.0)
            .map(|(watts, _)| watts)
            .sum()
    }

    /// What follows from a relay having switched.
    fn settle(&self, node: &mut Node, endpoint: u8, io: &mut Io) {
        let on = |node: &Node, endpoint| node.number(at(endpoint, ON_OFF, 0)) > 0.0;
        let sister = 3 - endpoint.clamp(1, 2);
        if node.number(Self::INTERLOCK) > 0.0 && on(node, endpoint) && on(node, sister) {
            node.set(at(sister, ON_OFF, 0), &[0], io);
        }
        let power = self.power(node);
        node.set_number(Self::POWER, power, io);
    }

    fn heartbeat(&self, node: &mut Node, io: &mut Io) {
        let power = self.power(node);
        let on = |endpoint| f64::from(u8::from(node.number(at(endpoint, ON_OFF, 0)) > 0.0));
        let mut tags = Vec::new();
        tag(
            &mut tags,
            0x03,
            DataType::INT8,
            node.number(at(1, 0x0002, 0)),
        );
        tag(
            &mut tags,
            0x05,
            DataType::UINT16,
            f64::from(self.outages) + 1.0,
        );
        tag(&mut tags, 0x08, DataType::UINT16, f64::from(0x122f));
        tag(&mut tags, 0x09, DataType::UINT16, f64::from(0x1200));
        tag(&mut tags, 0x64, DataType::BOOL, on(1));
        tag(&mut tags, 0x65, DataType::BOOL, on(2));
        tag(&mut tags, 0x6e, DataType::UINT8, 0.0);
        tag(&mut tags, 0x6f, DataType::UINT8, 0.0);
        tag(&mut tags, 0x94, DataType::UINT8, 4.0);
        tag(&mut tags, 0x95, DataType::SINGLE, self.energy_wh / 1000.0);
        tag(&mut tags, 0x96, DataType::SINGLE, 2301.0);
        tag(&mut tags, 0x97, DataType::SINGLE, power / 230.1);
        tag(&mut tags, 0x98, DataType::SINGLE, power);
        tag(&mut tags, 0x9b, DataType::UINT16, 0.0);
        node.report_raw(
            at(1, BASIC, 0xff01),
            Some(LUMI),
            DataType::CHAR_STRING,
            &octets(&tags),
            io,
        );
    }
}

impl RuleSet for Relay {
    fn joined(&mut self, node: &mut Node, io: &mut Io) {
        name_yourself(node, io);
        node.later(io.now, Self::HEARTBEAT, Timer::Rules(HEARTBEAT));
    }

    fn command(&mut self, node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
        let answer = clusters::command(node, command, io);
        if command.cluster == ON_OFF {
            self.settle(node, command.endpoint, io);
        }
        answer
    }

    fn written(&mut self, node: &mut Node, path: Path, io: &mut Io) {
        if path == Self::INTERLOCK {
            self.settle(node, 1, io);
        }
        // The setting is a telegram whose last byte says whether the outputs come back as they
        // were; the shorter telegram for older firmware is taken and changes nothing.
        if path == Self::MEMORY
            && let Some(telegram) = node.get(path)
            && telegram.len() == 10
        {
            self.remembers = telegram.last() == Some(&1);
        } else if path == Self::MEMORY {
            let mut telegram = vec![0xaa, 0x80, 0x05, 0xd1, 0x47, 0x09, 0x01, 0x10, 0x00];
            if self.remembers {
                telegram = vec![0xaa, 0x80, 0x05, 0xd1, 0x47, 0x07, 0x01, 0x10, 0x01];
            }
            node.set(path, &octets(&telegram), io);
        }
    }

    fn timer(&mut self, node: &mut Node, number: u32, io: &mut Io) {
        if number == HEARTBEAT {
            let hours = Self::HEARTBEAT.as_secs_f64() / 3600.0;
            self.energy_wh += self.power(node) * hours;
            self.heartbeat(node, io);
            node.later(io.now, Self::HEARTBEAT, Timer::Rules(HEARTBEAT));
        }
    }

    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        let endpoint = match action.integer("endpoint") {
            None | Some(1) => 1,
            Some(2) => 2,
            Some(_) => return Some(Err(action.invalid("endpoint"))),
        };
        match action.name {
            "press" => {
                let on = node.number(at(endpoint, ON_OFF, 0)) > 0.0;
                node.set(at(endpoint, ON_OFF, 0), &[u8::from(!on)], io);
                self.settle(node, endpoint, io);
            }
            "load" => {
                let Some(watts) = action.number("watts") else {
                    return Some(Err(action.invalid("watts")));
                };
                if let Some(load) = self.watts.get_mut(usize::from(endpoint - 1)) {
                    *load = watts;
                }
                let power = self.power(node);
                node.set_number(Self::POWER, power, io);
            }
            "consume" => match action.number("kwh") {
                Some(energy) => self.energy_wh += energy * 1000.0,
                None => return Some(Err(action.invalid("kwh"))),
            },
            "heartbeat" => self.heartbeat(node, io),
            _ => return None,
        }
        Some(Ok(()))
    }

    fn powered(&mut self, node: &mut Node, io: &mut Io) {
        self.outages = self.outages.saturating_add(1);
        if !self.remembers {
            for endpoint in [1, 2] {
                node.set(at(endpoint, ON_OFF, 0), &[0], io);
            }
        }
        self.settle(node, 1, io);
        node.later(io.now, Self::HEARTBEAT, Timer::Rules(HEARTBEAT));
    }
}

/// An E1 wall switch with one or two buttons.
#[derive(Debug)]
pub(crate) struct Switch {
    buttons: u8,
    outages: u16,
}

impl Switch {
    const HEARTBEAT: Duration = Duration::from_secs(300);

    pub(crate) fn new(node: &Node) -> Self {
        Self {
            buttons: if node.has_endpoint(2) { 2 } else { 1 },
            outages: 0,
        }
    }

    fn heartbeat(&self, node: &mut Node, io: &mut Io) {
        let mut tags = Vec::new();
        tag(
            &mut tags,
            0x03,
            DataType::INT8,
            node.number(at(1, 0x0002, 0)),
        );
        tag(
            &mut tags,
            0x05,
            DataType::UINT16,
            f64::from(self.outages) + 1.0,
        );
        tag(&mut tags, 0x08, DataType::UINT16, f64::from(0x011c));
        tag(&mut tags, 0x09, DataType::UINT16, f64::from(0x1607));
        tag(&mut tags, 0x0a, DataType::UINT16, f64::from(node.parent.0));
        tag(&mut tags, 0x0c, DataType::UINT8, 1.0);
        for (endpoint, number) in (1..=self.buttons).zip([0x64, 0x65]) {
            let on = node.number(at(endpoint, ON_OFF, 0)) > 0.0;
            tag(&mut tags, number, DataType::BOOL, f64::from(u8::from(on)));
        }
        tag(&mut tags, 0x9a, DataType::UINT8, 8.0);
        let path = at(1, LUMI_CLUSTER, 0x00f7);
        node.report_raw(path, Some(LUMI), DataType::OCTET_STRING, &octets(&tags), io);
    }
}

impl RuleSet for Switch {
    fn joined(&mut self, node: &mut Node, io: &mut Io) {
        name_yourself(node, io);
        node.later(io.now, Self::HEARTBEAT, Timer::Rules(HEARTBEAT));
    }

    fn check_write(&self, _node: &Node, path: Path, bytes: &[u8]) -> Result<(), Status> {
        let setting = path.cluster == LUMI_CLUSTER && matches!(path.attribute, 0x0009 | 0x0200);
        if setting && bytes.first().is_some_and(|value| *value > 1) {
            return Err(Status::INVALID_VALUE);
        }
        Ok(())
    }

    fn timer(&mut self, node: &mut Node, number: u32, io: &mut Io) {
        if number == HEARTBEAT {
            self.heartbeat(node, io);
            node.later(io.now, Self::HEARTBEAT, Timer::Rules(HEARTBEAT));
        }
    }

    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        match action.name {
            "press" => {
                // Endpoints 41 and 42 stand for the buttons, 51 for both at once.
                let button = match (action.text("button"), self.buttons) {
                    (None | Some("left"), _) => 41,
                    (Some("right"), 2) => 42,
                    (Some("both"), 2) => 51,
                    _ => return Some(Err(action.invalid("button"))),
                };
                let count = action.integer("count").unwrap_or(1);
                let Ok(count) = u8::try_from(count) else {
                    return Some(Err(action.invalid("count")));
                };
                let outputs: &[u8] = match button {
                    41 => &[1],
                    42 => &[2],
                    _ => &[1, 2],
                };
                for output in outputs.iter().filter(|_| count == 1) {
                    let coupled = node.number(at(*output, LUMI_CLUSTER, 0x0200)) > 0.0;
                    if coupled {
                        let on = node.number(at(*output, ON_OFF, 0)) > 0.0;
                        node.set(at(*output, ON_OFF, 0), &[u8::from(!on)], io);
                    }
                }
                // Presses are reported in event mode only.
                if node.number(at(1, LUMI_CLUSTER, 0x0009)) > 0.0 {
                    let path = at(button, MULTISTATE, 0x0055);
                    node.report_raw(path, None, DataType::UINT16, &[count, 0], io);
                }
            }
            "heartbeat" => self.heartbeat(node, io),
            _ => return None,
        }
        Some(Ok(()))
    }

    fn powered(&mut self, node: &mut Node, io: &mut Io) {
        self.outages = self.outages.saturating_add(1);
        if node.number(at(1, LUMI_CLUSTER, 0x0201)) == 0.0 {
            for endpoint in 1..=self.buttons {
                node.set(at(endpoint, ON_OFF, 0), &[0], io);
            }
        }
        // The report by which an E1 switch says that it was reset.
        let reset = octets(&[0xaa, 0x10, 0x05, 0x41, 0x87, 0x01, 0x10, 0x00]);
        let path = at(1, BASIC, 0xfff0);
        node.report_raw(path, Some(LUMI), DataType::OCTET_STRING, &reset, io);
        node.later(io.now, Self::HEARTBEAT, Timer::Rules(HEARTBEAT));
    }
}

/// The H1 knob.
#[derive(Debug)]
pub(crate) struct Knob;

impl Knob {
    fn rotate(node: &mut Node, state: u8, degrees: f64, milliseconds: f64, io: &mut Io) {
        let pressed = state & 0x80 != 0;
        // The knob counts a full turn in twelve steps of 30 degrees per second at medium sensitivity.
        let seconds = (milliseconds / 1000.0).max(0.001);
        let percent = degrees / 3.6;
        let mut payload = Vec::new();
        let mut add = |attribute: u16, data_type: DataType, number: f64| {
            if let Some(bytes) = super::value::from_number(data_type, number) {
                payload.extend(attribute.to_le_bytes());
                payload.push(data_type.0);
                payload.extend(bytes);
            }
        };
        add(0x022e, DataType::SINGLE, degrees);
        add(0x0230, DataType::SINGLE, degrees / seconds);
        add(0x0231, DataType::UINT32, milliseconds);
        add(0x0232, DataType::SINGLE, percent);
        add(0x0233, DataType::SINGLE, percent / seconds);
        add(0x023a, DataType::UINT8, f64::from(state));
        let endpoint = if pressed { 72 } else { 71 };
        node.send_report(endpoint, LUMI_CLUSTER, Some(LUMI), &payload, io);
    }
}

impl RuleSet for Knob {
    fn joined(&mut self, node: &mut Node, io: &mut Io) {
        name_yourself(node, io);
    }

    fn check_write(&self, _node: &Node, path: Path, bytes: &[u8]) -> Result<(), Status> {
        let valid = match (path.cluster, path.attribute) {
            (LUMI_CLUSTER, 0x0009) => matches!(bytes, [0 | 1]),
            (LUMI_CLUSTER, 0x0234) => {
                matches!(bytes, [low, high] if matches!(u16::from_le_bytes([*low, *high]), 180 | 360 | 720))
            }
            _ => true,
        };
        if valid {
            Ok(())
        } else {
            Err(Status::INVALID_VALUE)
        }
    }

    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        match action.name {
            "press" => {
                let value: u16 = match (action.text("kind"), action.integer("count")) {
                    (Some("hold"), _) => 0,
                    (Some("release"), _) => 255,
                    (_, None | Some(1)) => 1,
                    (_, Some(2)) => 2,
                    _ => return Some(Err(action.invalid("count"))),
                };
                let path = at(1, MULTISTATE, 0x0055);
                node.report_raw(path, None, DataType::UINT16, &value.to_le_bytes(), io);
            }
            "turn" => {
                let Some(degrees) = action.number("degrees") else {
                    return Some(Err(action.invalid("degrees")));
                };
                let held = if action.number("pressed").is_some_and(|set| set > 0.0) {
                    0x80
                } else {
                    0
                };
                let time = action.number("milliseconds").unwrap_or(200.0);
                // Start, rotation, stop.
                Self::rotate(node, held | 1, degrees / 4.0, time / 4.0, io);
                Self::rotate(node, held | 2, degrees, time, io);
                Self::rotate(node, held | 3, degrees, time, io);
            }
            "heartbeat" => {
                let millivolts = action.number("millivolts").unwrap_or(2950.0);
                let mut tags = Vec::new();
                tag(&mut tags, 0x01, DataType::UINT16, millivolts);
                tag(&mut tags, 0x03, DataType::INT8, 25.0);
                tag(&mut tags, 0x04, DataType::UINT16, f64::from(0x43a8));
                tag(&mut tags, 0x05, DataType::UINT16, 22.0);
                tag(&mut tags, 0x08, DataType::UINT16, f64::from(0x0114));
                tag(&mut tags, 0x0a, DataType::UINT16, f64::from(node.parent.0));
                tag(&mut tags, 0x0c, DataType::UINT8, 1.0);
                tag(&mut tags, 0x64, DataType::BOOL, 0.0);
                let path = at(1, LUMI_CLUSTER, 0x00f7);
                node.report_raw(path, Some(LUMI), DataType::OCTET_STRING, &octets(&tags), io);
            }
            _ => return None,
        }
        Some(Ok(()))
    }
}

/// The door lock: events in attributes 0xFF10, 0xFF11, 0xFF01 and 0xFFF6 of closuresDoorLock.
#[derive(Debug)]
pub(crate) struct Lock;

impl Lock {
    fn event(node: &mut Node, attribute: u16, number: u32, io: &mut Io) {
        let path = at(1, DOOR_LOCK, attribute);
        node.report_raw(
            path,
            Some(LUMI),
            DataType::UINT32,
            &number.to_le_bytes(),
            io,
        );
    }
}

impl RuleSet for Lock {
    fn joined(&mut self, node: &mut Node, io: &mut Io) {
        name_yourself(node, io);
    }

    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        let user = action.integer("user").unwrap_or(1);
        let Ok(user) = u16::try_from(user).map(u32::from) else {
            return Some(Err(action.invalid("user")));
        };
        let repeat = action.integer("repeat").unwrap_or(1);
        let Ok(repeat) = u8::try_from(repeat).map(u32::from) else {
            return Some(Err(action.invalid("repeat")));
        };
        let kind: u32 = if action.text("by") == Some("admin") {
            1
        } else {
            2
        };
        match action.name {
            "finger_open" => Self::event(node, 0xff10, 0x0100_0000 | kind << 20 | user, io),
            "password_open" => Self::event(node, 0xff10, 0x0200_0000 | kind << 20 | user, io),
            "finger_not_match" => Self::event(node, 0xff11, repeat << 24 | 0x40, io),
            "password_not_match" => Self::event(node, 0xff11, repeat << 24 | 0x02, io),
            "ring_bell" => Self::event(node, 0xff11, repeat << 24, io),
            "finger_add" | "finger_delete" | "password_add" | "password_delete" => {
                let command: u32 = match action.name {
                    "finger_add" => 1,
                    "finger_delete" => 2,
                    "password_add" => 3,
                    _ => 4,
                };
                let mut tags = Vec::new();
                tag(
                    &mut tags,
                    0x01,
                    DataType::UINT32,
                    f64::from(command << 24 | user),
                );
                let path = at(1, DOOR_LOCK, 0xff01);
                node.report_raw(path, Some(LUMI), DataType::CHAR_STRING, &octets(&tags), io);
            }
            "state" => {
                // The code of bytes 4 and 5, such as 0111 for `locked`.
                let Some(code) = action.text("code").and_then(crate::hex::decode) else {
                    return Some(Err(action.invalid("code")));
                };
                let mut bytes = vec![0x08, 0x01, 0x02];
                bytes.extend(code);
                bytes.extend([0x05, 0x06]);
                let path = at(1, DOOR_LOCK, 0xfff6);
                node.report_raw(
                    path,
                    Some(LUMI),
                    DataType::OCTET_STRING,
                    &octets(&bytes),
                    io,
                );
            }
            _ => return None,
        }
        Some(Ok(()))
    }
}
