//! How long one message takes through the hub, from the coordinator's indication to the state that is
//! published. `cargo bench -p ferrobee-hub`

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a program for measuring"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use common::{World, ieee_of, info, known, message, nwk_of, unhex};
use divan::{AllocProfiler, Bencher, black_box};
use hub::{Device, Hub, Input, Registry, Settings};
use zigbee::{ClusterId, EndpointId};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// The relay's 0xff01 report, with its stray byte (tests/captures, cap-010).
const STRUCTURE: &str = "1c5f11030a01ff424403281d0521be2d08212f12092102156410016510006e20ff6f20ff94200495\
    39b81e153e9639d3f9114597390030683b9839000000009b2101009c20010a2138260c280000";

fn main() {
    divan::main();
}

/// A hundred relays that have published their states.
fn world() -> World {
    let devices: Vec<Device> = (0..100)
        .map(|index| {
            let mut device = known(info("lumi.relay.c2acn01/fw47", 1), u32::from(index));
            device.info.ieee = ieee_of(index);
            device.info.nwk = nwk_of(index);
            device
        })
        .collect();
    let mut world = World::with(devices, Registry::default(), Settings::default());
    for index in 0..100 {
        for (endpoint, cluster, zcl) in [
            (1, 0x0006, "18010a00001001"),
            (2, 0x0006, "18020a00001001"),
            (1, 0x000c, "18030a550039a4701242"),
            (1, 0x0000, STRUCTURE),
        ] {
            world.receive(index, endpoint, cluster, zcl);
        }
    }
    world
}

fn reports(bencher: Bencher<'_, '_>, endpoint: u8, cluster: u16, zcl: &str) {
    let mut world = world();
    let payload = unhex(zcl);
    let now = world.now();
    let hub: &mut Hub = &mut world.hub;
    let mut index = 0;
    bencher.bench_local(|| {
        index = (index + 7) % 100;
        let message = message(
            nwk_of(index),
            EndpointId(endpoint),
            ClusterId(cluster),
            payload.clone(),
        );
        black_box(hub.handle(now, Input::Adapter(message)))
    });
}

#[divan::bench]
fn on_off_report(bencher: Bencher<'_, '_>) {
    reports(bencher, 1, 0x0006, "18300a00001001");
}

#[divan::bench]
fn power_report(bencher: Bencher<'_, '_>) {
    reports(bencher, 1, 0x000c, "18300a550039a4701242");
}

#[divan::bench]
fn lumi_structure(bencher: Bencher<'_, '_>) {
    reports(bencher, 1, 0x0000, STRUCTURE);
}
