//! What holds for queues, sleepy devices, interviews, the coordinator's loss and publishing.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "tests may panic"
)]

mod answers;
mod availability;
#[path = "../common/mod.rs"]
mod common;
mod functions;
mod joining;
mod ota;
mod publishing;
mod queues;
mod secrets;
mod timers;

use std::time::Duration;

use common::*;
use hub::{Device, Event, InterviewState};
use zigbee::NwkAddress;

const SECOND: Duration = Duration::from_secs(1);
const RELAY: &str = "lumi.relay.c2acn01/fw47";
const KNOB: &str = "lumi.remote.rkba01/fcc0";
const SWITCH: &str = "lumi.switch.b1nc01";

fn relay(index: u16) -> Device {
    known(info(RELAY, index), u32::from(index) + 1)
}

/// A battery powered device that sleeps.
fn knob(index: u16) -> Device {
    Device {
        checkin_interval: Some(3600),
        ..known(info(KNOB, index), u32::from(index) + 1)
    }
}

fn join(world: &mut World, index: u16) {
    world.adapter(adapters::Event::Joined {
        nwk: nwk_of(index),
        ieee: ieee_of(index),
        parent: NwkAddress::COORDINATOR,
    });
}

fn announce(world: &mut World, index: u16, capabilities: u8) {
    world.adapter(adapters::Event::Announced {
        nwk: nwk_of(index),
        ieee: ieee_of(index),
        capabilities,
    });
}

fn interviews(world: &World) -> Vec<InterviewState> {
    world
        .events
        .iter()
        .filter_map(|(_, event)| match event {
            Event::Interview(_, state) => Some(*state),
            _ => None,
        })
        .collect()
}
