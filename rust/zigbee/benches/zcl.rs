//! How long reading and writing ZCL takes, and how much of it allocates.
//! `cargo bench -p ferrobee-zigbee`

use divan::{AllocProfiler, Bencher, black_box};
use zigbee::library;
use zigbee::lumi::LumiStruct;
use zigbee::zcl::{Direction, Foundation, Frame};
use zigbee::{AttributeId, ClusterId, CommandId, ManufacturerCode};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// A temperature.
const MEASUREMENT: &[u8] = &[0x18, 0x05, 0x0a, 0x00, 0x00, 0x29, 0x66, 0x08];

/// The relay's on/off with its manufacturer attribute.
const TWO_ATTRIBUTES: &[u8] = &[
    0x18, 0x2a, 0x0a, 0x00, 0x00, 0x10, 0x01, 0x00, 0xf0, 0x23, 0x00, 0x87, 0xe9, 0x03,
];

/// The relay's 0xff01 report, with its stray byte (tests/captures, cap-010).
const STRUCTURE: &[u8] = &[
    28, 95, 17, 3, 10, 1, 255, 66, 68, 3, 40, 29, 5, 33, 190, 45, 8, 33, 47, 18, 9, 33, 2, 21, 100,
    16, 1, 101, 16, 0, 110, 32, 255, 111, 32, 255, 148, 32, 4, 149, 57, 184, 30, 21, 62, 150, 57,
    211, 249, 17, 69, 151, 57, 0, 48, 104, 59, 152, 57, 0, 0, 0, 0, 155, 33, 1, 0, 156, 32, 1, 10,
    33, 56, 38, 12, 40, 0, 0,
];

fn main() {
    divan::main();
}

fn parse(bencher: Bencher, bytes: &[u8]) {
    bencher.bench(|| {
        Frame::parse(black_box(bytes))
            .ok()
            .and_then(|frame| Foundation::parse(&frame).ok())
    });
}

#[divan::bench]
fn parse_measurement(bencher: Bencher) {
    parse(bencher, MEASUREMENT);
}

#[divan::bench]
fn parse_two_attributes(bencher: Bencher) {
    parse(bencher, TWO_ATTRIBUTES);
}

#[divan::bench]
fn parse_lumi_structure(bencher: Bencher) {
    bencher.bench(|| {
        let frame = Frame::parse(black_box(STRUCTURE)).ok()?;
        let parsed = Foundation::parse(&frame).ok()?;
        match &parsed.command {
            Foundation::Report(attributes) => LumiStruct::of(attributes.first()?, &parsed.trailing),
            _ => None,
        }
    });
}

#[divan::bench]
fn emit_read() -> Vec<u8> {
    Foundation::Read(black_box(vec![AttributeId(0), AttributeId(4)])).emit()
}

#[divan::bench]
fn find_attribute() -> Option<&'static str> {
    let cluster = library::cluster(black_box(ClusterId(0x0006)))?;
    let attribute = cluster.attribute(
        black_box(AttributeId(0x0000)),
        black_box(Some(ManufacturerCode(0x115f))),
    )?;
    Some(attribute.name)
}

#[divan::bench]
fn find_attribute_by_name() -> Option<AttributeId> {
    let cluster = library::cluster_by_name(black_box("genOnOff"))?;
    Some(cluster.attribute_by_name(black_box("onOff"))?.id)
}

#[divan::bench]
fn decode_command(bencher: Bencher) {
    let command = library::cluster(ClusterId(0x0500))
        .and_then(|cluster| cluster.command(Direction::ToClient, CommandId(0)));
    bencher.bench(|| {
        command.map(|command| command.decode(black_box(&[0x01, 0x00, 0x00, 0x05, 0x00, 0x00])))
    });
}
