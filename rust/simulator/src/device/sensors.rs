//! Devices that follow the cluster library: contact sensor, plug, remote.

use std::time::Duration;

use zigbee::zcl::Direction;

use super::clusters::{self, IAS_ZONE, LEVEL, ON_OFF, POLL_CONTROL};
use super::model::Path;
use super::node::{Io, Node, Timer};
use super::rules::{Action, ActionError, Answer, Command, RuleSet};

const METERING: u16 = 0x0702;
const ELECTRICAL: u16 = 0x0b04;

const fn at(cluster: u16, attribute: u16) -> Path {
    Path {
        endpoint: 1,
        cluster,
        attribute,
    }
}

/// A door or window contact: an IAS zone.
#[derive(Debug)]
pub(crate) struct Contact;

impl Contact {
    const STATUS: Path = at(IAS_ZONE, 0x0002);

    fn notify(node: &mut Node, io: &mut Io) {
        let mut payload = node
            .get(Self::STATUS)
            .map(<[u8]>::to_vec)
            .unwrap_or_default();
        payload.push(0);
        payload.push(
            node.get(at(IAS_ZONE, 0x0011))
                .and_then(|id| id.first().copied())
                .unwrap_or(0xff),
        );
        payload.extend([0, 0]);
        node.send_command(1, IAS_ZONE, Direction::ToClient, 0x00, &payload, io);
    }
}

impl RuleSet for Contact {
    fn written(&mut self, node: &mut Node, path: Path, io: &mut Io) {
        // Once it knows whom to ask, the zone asks to be enrolled.
        if path == at(IAS_ZONE, 0x0010) && node.number(at(IAS_ZONE, 0)) == 0.0 {
            let mut payload = node
                .get(at(IAS_ZONE, 0x0001))
                .map(<[u8]>::to_vec)
                .unwrap_or_default();
            payload.extend(node.model.manufacturer_code.to_le_bytes());
            node.send_command(1, IAS_ZONE, Direction::ToClient, 0x01, &payload, io);
        }
    }

    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        let status = match action.name {
            "open" => 1,
            "close" => 0,
            _ => return None,
        };
        node.set(Self::STATUS, &[status, 0], io);
        Self::notify(node, io);
        Some(Ok(()))
    }
}

/// A plug that measures what it supplies.
#[derive(Debug, Default)]
pub(crate) struct Plug {
    watts: f64,
}

impl Plug {
    fn measure(&self, node: &mut Node, io: &mut Io) {
        let on = node.number(at(ON_OFF, 0)) > 0.0;
        let watts = if on { self.watts } else { 0.0 };
        let volts = node.number(at(ELECTRICAL, 0x0505)) / 10.0;
        node.set_number(at(ELECTRICAL, 0x050b), watts * 10.0, io);
        node.set_number(at(ELECTRICAL, 0x0508), watts / volts.max(1.0) * 1000.0, io);
        node.set_number(at(METERING, 0x0400), watts, io);
    }
}

impl RuleSet for Plug {
    fn command(&mut self, node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
        let answer = clusters::command(node, command, io);
        self.measure(node, io);
        answer
    }

    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        match action.name {
            "load" => {
                let Some(watts) = action.number("watts") else {
                    return Some(Err(action.invalid("watts")));
                };
                self.watts = watts;
                self.measure(node, io);
            }
            "consume" => {
                let Some(kilowatt_hours) = action.number("kwh") else {
                    return Some(Err(action.invalid("kwh")));
                };
                let total = node.number(at(METERING, 0)) + kilowatt_hours * 1000.0;
                node.set_number(at(METERING, 0), total, io);
            }
            "press" => {
                let on = node.number(at(ON_OFF, 0)) > 0.0;
                node.set(at(ON_OFF, 0), &[u8::from(!on)], io);
                self.measure(node, io);
            }
            _ => return None,
        }
        Some(Ok(()))
    }
}

/// A sleepy device that checks in, and a remote when told to press a button: it sends on/off and
/// level commands.
#[derive(Debug)]
pub(crate) struct Sleeper;

impl Sleeper {
    const CHECK_IN: u32 = 1;

    fn schedule(node: &mut Node, io: &Io) {
        // The interval is in quarters of a second.
        let quarters = node.number(at(POLL_CONTROL, 0)).max(0.0);
        if quarters > 0.0 {
            node.cancel(|timer| *timer == Timer::Rules(Self::CHECK_IN));
            let after = Duration::from_secs_f64(quarters / 4.0);
            node.later(io.now, after, Timer::Rules(Self::CHECK_IN));
        }
    }
}

impl RuleSet for Sleeper {
    fn joined(&mut self, node: &mut Node, io: &mut Io) {
        Self::schedule(node, io);
    }

    fn written(&mut self, node: &mut Node, path: Path, io: &mut Io) {
        if path == at(POLL_CONTROL, 0) {
            Self::schedule(node, io);
        }
    }

    fn timer(&mut self, node: &mut Node, number: u32, io: &mut Io) {
        if number == Self::CHECK_IN {
            node.send_command(1, POLL_CONTROL, Direction::ToClient, 0x00, &[], io);
            Self::schedule(node, io);
        }
    }

    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        if action.name == "check_in" {
            self.timer(node, Self::CHECK_IN, io);
            return Some(Ok(()));
        }
        let remote = node
            .model
            .endpoints
            .iter()
            .any(|endpoint| endpoint.outputs.contains(&ON_OFF));
        if action.name != "press" || !remote {
            return None;
        }
        let (cluster, command, payload): (u16, u8, &[u8]) = match action.text("button") {
            Some("on") => (ON_OFF, 0x01, &[]),
            Some("off") => (ON_OFF, 0x00, &[]),
            Some("toggle") => (ON_OFF, 0x02, &[]),
            Some("up") => (LEVEL, 0x06, &[0, 32, 5, 0]),
            Some("down") => (LEVEL, 0x02, &[1, 32, 5, 0]),
            Some("move_up") => (LEVEL, 0x05, &[0, 83]),
            Some("move_down") => (LEVEL, 0x01, &[1, 83]),
            Some("stop") => (LEVEL, 0x07, &[]),
            _ => return Some(Err(action.invalid("button"))),
        };
        node.send_command(1, cluster, Direction::ToServer, command, payload, io);
        Some(Ok(()))
    }
}
