//! Cluster commands as the cluster library has them.

use std::time::Duration;

use zigbee::wire::{Reader, Writer};
use zigbee::zcl::Status;

use super::model::Path;
use super::node::{Io, Node, Timer};
use super::rules::{Answer, Command};

pub(crate) const IDENTIFY: u16 = 0x0003;
pub(crate) const GROUPS: u16 = 0x0004;
pub(crate) const SCENES: u16 = 0x0005;
pub(crate) const ON_OFF: u16 = 0x0006;
pub(crate) const LEVEL: u16 = 0x0008;
pub(crate) const COLOR: u16 = 0x0300;
pub(crate) const POLL_CONTROL: u16 = 0x0020;
pub(crate) const IAS_ZONE: u16 = 0x0500;

const DONE: Option<Answer> = Some(Answer::Status(Status::SUCCESS));
const MALFORMED: Option<Answer> = Some(Answer::Status(Status::MALFORMED_COMMAND));

/// Carries out a command of a cluster that the device serves. `None`: not known here.
pub(crate) fn command(node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
    if !command.to_server {
        // What comes back to the device's own commands needs nothing more.
        return DONE;
    }
    match command.cluster {
        IDENTIFY => identify(node, command, io),
        GROUPS => groups(node, command),
        SCENES => scenes(command),
        ON_OFF => on_off(node, command, io),
        LEVEL => level(node, command, io),
        COLOR => color(node, command, io),
        POLL_CONTROL => poll_control(command, io),
        IAS_ZONE if command.id == 0 => enrolled(node, command, io),
        IAS_ZONE if command.id == 1 || command.id == 2 => DONE,
        _ => None,
    }
}

const fn path(command: &Command<'_>, attribute: u16) -> Path {
    Path {
        endpoint: command.endpoint,
        cluster: command.cluster,
        attribute,
    }
}

const fn other(command: &Command<'_>, cluster: u16, attribute: u16) -> Path {
    Path {
        endpoint: command.endpoint,
        cluster,
        attribute,
    }
}

fn identify(node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
    let time = path(command, 0);
    match command.id {
        0x00 => {
            let Ok(seconds) = Reader::new(command.payload).u16() else {
                return MALFORMED;
            };
            node.set_number(time, f64::from(seconds), io);
            node.cancel(|timer| matches!(timer, Timer::Set(set, _) if *set == time));
            node.later(
                io.now,
                Duration::from_secs(u64::from(seconds)),
                Timer::Set(time, vec![0, 0]),
            );
            DONE
        }
        0x01 if node.number(time) > 0.0 => {
            let left = node.get(time).map(<[u8]>::to_vec).unwrap_or_default();
            Some(Answer::Cluster(0x00, left))
        }
        0x01 | 0x40 => DONE,
        _ => None,
    }
}

fn groups(node: &mut Node, command: &Command<'_>) -> Option<Answer> {
    let mut reader = Reader::new(command.payload);
    let endpoint = command.endpoint;
    let group = reader.u16();
    match (command.id, group) {
        (0x00, Ok(group)) => {
            node.groups.insert((endpoint, group));
            let mut answer = vec![Status::SUCCESS.0];
            answer.extend(group.to_le_bytes());
            Some(Answer::Cluster(0x00, answer))
        }
        (0x01, Ok(group)) => {
            let member = node.groups.contains(&(endpoint, group));
            let status = if member {
                Status::SUCCESS
            } else {
                Status::NOT_FOUND
            };
            let mut answer = vec![status.0];
            answer.extend(group.to_le_bytes());
            answer.push(0);
            Some(Answer::Cluster(0x01, answer))
        }
        (0x02, _) => {
            let asked = command.payload.get(1..).unwrap_or_default();
            let asked: Vec<u16> = asked
                .as_chunks::<2>()
                .0
                .iter()
                .map(|pair| u16::from_le_bytes(*pair))
                .collect();
            let members: Vec<u16> = node
                .groups
                .iter()
                .filter(|(at, group)| {
                    *at == endpoint && (asked.is_empty() || asked.contains(group))
                })
                .map(|(_, group)| *group)
                .collect();
            let mut answer = Writer::new();
            answer
                .u8(0xff)
                .u8(u8::try_from(members.len()).unwrap_or(u8::MAX));
            for group in members {
                answer.u16(group);
            }
            Some(Answer::Cluster(0x02, answer.into_bytes()))
        }
        (0x03, Ok(group)) => {
            let member = node.groups.remove(&(endpoint, group));
            let status = if member {
                Status::SUCCESS
            } else {
                Status::NOT_FOUND
            };
            let mut answer = vec![status.0];
            answer.extend(group.to_le_bytes());
            Some(Answer::Cluster(0x03, answer))
        }
        (0x04, _) => {
            node.groups.retain(|(at, _)| *at != endpoint);
            DONE
        }
        (0x05, Ok(group)) => {
            if node.number(other(command, IDENTIFY, 0)) > 0.0 {
                node.groups.insert((endpoint, group));
            }
            DONE
        }
        (0x00 | 0x01 | 0x03 | 0x05, Err(_)) => MALFORMED,
        _ => None,
    }
}

/// Scenes are accepted and not kept: nothing here recalls them.
fn scenes(command: &Command<'_>) -> Option<Answer> {
    let echo = command.payload.get(..3);
    match (command.id, echo) {
        // Add, remove, store, enhanced add.
        (id @ (0x00 | 0x02 | 0x04 | 0x40), Some(echo)) => {
            let mut answer = vec![Status::SUCCESS.0];
            answer.extend_from_slice(echo);
            Some(Answer::Cluster(id, answer))
        }
        // Remove all.
        (0x03, _) => {
            let mut answer = vec![Status::SUCCESS.0];
            answer.extend_from_slice(command.payload.get(..2).unwrap_or_default());
            Some(Answer::Cluster(0x03, answer))
        }
        (0x05, _) => DONE,
        _ => None,
    }
}

pub(crate) fn on_off(node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
    let state = path(command, 0);
    let on = node.number(state) > 0.0;
    let (wanted, off_after) = match command.id {
        0x00 | 0x40 => (false, None),
        0x01 | 0x41 => (true, None),
        0x02 => (!on, None),
        0x42 => {
            let mut reader = Reader::new(command.payload);
            let (Ok(flags), Ok(on_time)) = (reader.u8(), reader.u16()) else {
                return MALFORMED;
            };
            // Bit 0: only when it is on already.
            if flags & 1 != 0 && !on {
                return DONE;
            }
            (true, (on_time != 0 && on_time != 0xffff).then_some(on_time))
        }
        _ => return None,
    };
    node.cancel(|timer| matches!(timer, Timer::Set(set, _) if *set == state));
    node.set(state, &[u8::from(wanted)], io);
    if let Some(tenths) = off_after {
        node.later(
            io.now,
            Duration::from_millis(u64::from(tenths) * 100),
            Timer::Set(state, vec![0]),
        );
    }
    DONE
}

/// Moves an attribute to a value: at once, or when the transition (in tenths of a second) is over.
fn transition(node: &mut Node, path: Path, target: f64, tenths: u16, io: &mut Io) {
    node.cancel(|timer| matches!(timer, Timer::Set(set, _) if *set == path));
    let data_type = node
        .attributes
        .get(&path)
        .map(|attribute| attribute.data_type);
    let Some(bytes) = data_type.and_then(|data_type| super::value::from_number(data_type, target))
    else {
        return;
    };
    if tenths == 0 || tenths == 0xffff {
        node.set(path, &bytes, io);
    } else {
        let after = Duration::from_millis(u64::from(tenths) * 100);
        node.later(io.now, after, Timer::Set(path, bytes));
    }
}

fn level(node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
    let current = path(command, 0);
    let state = other(command, ON_OFF, 0);
    let with_on_off = command.id >= 4;
    let mut reader = Reader::new(command.payload);
    let now = node.number(current);
    let (target, tenths) = match command.id & 3 {
        0 => match (reader.u8(), reader.u16()) {
            (Ok(level), tenths) => (f64::from(level), tenths.unwrap_or(0)),
            _ => return MALFORMED,
        },
        1 => match reader.u8() {
            // A move ends at an end of the range; when, nobody here waits for.
            Ok(0) => (254.0, 10),
            Ok(_) => (1.0, 10),
            Err(_) => return MALFORMED,
        },
        2 => match (reader.u8(), reader.u8(), reader.u16()) {
            (Ok(0), Ok(step), tenths) => (now + f64::from(step), tenths.unwrap_or(0)),
            (Ok(_), Ok(step), tenths) => (now - f64::from(step), tenths.unwrap_or(0)),
            _ => return MALFORMED,
        },
        _ => {
            node.cancel(|timer| matches!(timer, Timer::Set(set, _) if *set == current));
            return if command.id <= 7 { DONE } else { None };
        }
    };
    if command.id > 7 {
        return None;
    }
    let least = if with_on_off { 0.0 } else { 1.0 };
    let target = target.clamp(least, 254.0);
    if with_on_off {
        node.set(state, &[u8::from(target > 0.0)], io);
    } else if node.number(state) == 0.0 {
        // Without "with on/off" an off bulb ignores the command.
        return DONE;
    }
    if target > 0.0 {
        transition(node, current, target, tenths, io);
    }
    DONE
}

fn color(node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
    let temperature = path(command, 7);
    let mode = path(command, 8);
    let enhanced = path(command, 0x4001);
    let mut reader = Reader::new(command.payload);
    let mut set_mode = |node: &mut Node, value: u8| {
        node.set(mode, &[value], io);
        node.set(enhanced, &[value], io);
    };
    match command.id {
        0x07 => {
            let (Ok(x), Ok(y)) = (reader.u16(), reader.u16()) else {
                return MALFORMED;
            };
            let tenths = reader.u16().unwrap_or(0);
            set_mode(node, 1);
            transition(node, path(command, 3), f64::from(x), tenths, io);
            transition(node, path(command, 4), f64::from(y), tenths, io);
            DONE
        }
        0x0a => {
            let Ok(mireds) = reader.u16() else {
                return MALFORMED;
            };
            let least = node.number(path(command, 0x400b));
            let most = node.number(path(command, 0x400c));
            let tenths = reader.u16().unwrap_or(0);
            set_mode(node, 2);
            transition(
                node,
                temperature,
                f64::from(mireds).clamp(least, most),
                tenths,
                io,
            );
            DONE
        }
        0x4b | 0x47 => DONE,
        0x4c => {
            let (Ok(direction), Ok(step), Ok(tenths)) = (reader.u8(), reader.u16(), reader.u16())
            else {
                return MALFORMED;
            };
            let least = node.number(path(command, 0x400b));
            let most = node.number(path(command, 0x400c));
            let now = node.number(temperature);
            let step = f64::from(step);
            let target = if direction == 1 {
                now + step
            } else {
                now - step
            };
            set_mode(node, 2);
            transition(node, temperature, target.clamp(least, most), tenths, io);
            DONE
        }
        _ => None,
    }
}

/// The answer to a check-in, and the end of fast polling.
fn poll_control(command: &Command<'_>, io: &mut Io) -> Option<Answer> {
    let mut reader = Reader::new(command.payload);
    match command.id {
        0x00 => {
            let (Ok(fast), Ok(quarters)) = (reader.u8(), reader.u16()) else {
                return MALFORMED;
            };
            if fast != 0 {
                io.awake = Duration::from_millis(u64::from(quarters) * 250);
            }
            DONE
        }
        0x01 => DONE,
        _ => None,
    }
}

/// The answer to a zone's enrol request, or an enrolment that nobody asked for.
fn enrolled(node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
    let mut reader = Reader::new(command.payload);
    let (Ok(code), Ok(zone)) = (reader.u8(), reader.u8()) else {
        return MALFORMED;
    };
    if code == 0 {
        node.set(path(command, 0x0000), &[1], io);
        node.set(path(command, 0x0011), &[zone], io);
    }
    DONE
}
