//! The dual relay LLKZMK11LM.

use std::time::Duration;

use zigbee::zcl::DataType;

use super::{ANALOG_INPUT, BASIC, BINARY_OUTPUT, HEARTBEAT, ON_OFF, at, name_yourself};
use crate::device::clusters;
use crate::device::model::{LUMI, Path};
use crate::device::node::{Io, Node, Timer};
use crate::device::rules::{Action, ActionError, Answer, Command, RuleSet};
use crate::device::{octets, tag};

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
            .fold(0.0, |sum, (watts, _)| sum + watts)
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
