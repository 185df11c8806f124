//! What Lumi's devices do by themselves: reports in their own structure, interlock, operation modes,
//! presses, rotation, lock events. Frames follow the captures and the vectors of the five devices.

mod knob;
mod lock;
mod relay;
mod switch;

use super::clusters;
use super::model::Path;
use super::node::{Io, Node};

pub(crate) use knob::Knob;
pub(crate) use lock::Lock;
pub(crate) use relay::Relay;
pub(crate) use switch::Switch;

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
