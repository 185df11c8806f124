//! How long the meaning of a report takes, and what it costs to find a definition.
//! `cargo bench -p ferrobee-devices`

use std::collections::BTreeMap;

use devices::{Catalogue, DeviceInfo, DeviceKind, JsonMap, Memory, Message, MessageKind};
use divan::{AllocProfiler, Bencher, black_box};
use zigbee::zcl::{Foundation, Frame};
use zigbee::{ClusterId, EndpointId, IeeeAddress, NwkAddress};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// On/off of the relay.
const ON_OFF: (u16, &[u8]) = (0x0006, &[0x18, 0x21, 0x0a, 0x00, 0x00, 0x10, 0x01]);

/// Power of the relay.
const POWER: (u16, &[u8]) = (
    0x000c,
    &[0x18, 0x39, 0x0a, 0x55, 0x00, 0x39, 0xb4, 0x72, 0x12, 0x42],
);

/// The relay's heartbeat (tests/captures, cap-010).
const HEARTBEAT: (u16, &[u8]) = (
    0x0000,
    &[
        28, 95, 17, 3, 10, 1, 255, 66, 68, 3, 40, 29, 5, 33, 190, 45, 8, 33, 47, 18, 9, 33, 2, 21,
        100, 16, 1, 101, 16, 0, 110, 32, 255, 111, 32, 255, 148, 32, 4, 149, 57, 184, 30, 21, 62,
        150, 57, 211, 249, 17, 69, 151, 57, 0, 48, 104, 59, 152, 57, 0, 0, 0, 0, 155, 33, 1, 0,
        156, 32, 1, 10, 33, 56, 38, 12, 40, 0, 0,
    ],
);

fn main() {
    divan::main();
}

fn relay() -> DeviceInfo {
    DeviceInfo {
        ieee: IeeeAddress(0x0015_8d00_0123_4567),
        nwk: NwkAddress(0x1234),
        kind: DeviceKind::Router,
        model_id: Some("lumi.relay.c2acn01".to_owned()),
        manufacturer_name: Some("LUMI".to_owned()),
        manufacturer_code: None,
        power_source: None,
        application_version: None,
        stack_version: None,
        hardware_version: None,
        zcl_version: None,
        date_code: None,
        software_build_id: None,
        endpoints: BTreeMap::new(),
    }
}

fn decode(bencher: Bencher<'_, '_>, (cluster, bytes): (u16, &[u8])) {
    let device = relay();
    let (Some(definition), Some(message)) =
        (Catalogue::builtin().find(&device), message(cluster, bytes))
    else {
        return;
    };
    let (options, state) = (JsonMap::new(), JsonMap::new());
    let mut memory = Memory::default();
    bencher.bench_local(|| {
        definition.decode(&device, &options, &state, &mut memory, black_box(&message))
    });
}

fn message(cluster: u16, bytes: &[u8]) -> Option<Message> {
    let frame = Frame::parse(bytes).ok()?;
    Some(Message {
        endpoint: EndpointId(1),
        group: None,
        cluster: ClusterId(cluster),
        kind: MessageKind::Foundation(Foundation::parse(&frame).ok()?),
        header: frame.header,
    })
}

#[divan::bench]
fn on_off(bencher: Bencher<'_, '_>) {
    decode(bencher, ON_OFF);
}

#[divan::bench]
fn power(bencher: Bencher<'_, '_>) {
    decode(bencher, POWER);
}

#[divan::bench]
fn heartbeat_of_nine_values(bencher: Bencher<'_, '_>) {
    decode(bencher, HEARTBEAT);
}

#[divan::bench]
fn making_the_catalogue() {
    black_box(Catalogue::builtin());
}

#[divan::bench]
fn first_look_up_of_a_model(bencher: Bencher<'_, '_>) {
    let device = relay();
    bencher
        .with_inputs(Catalogue::builtin)
        .bench_local_values(|catalogue| catalogue.find(&device));
}
