//! What a report costs on its way through the driver: frames alone, and the whole session.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

#[path = "../tests/support/mod.rs"]
mod support;

use adapters::Instant;
use adapters::Session as _;
use adapters::znp::commands::af;
use adapters::znp::frame::{Decoder, Frame};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use support::stick::{Chip, Stick};
use support::{Bench, config};

fn main() {
    divan::main();
}

/// Reports of a temperature, as a read delivers them: some hundred at once.
fn reports(count: usize) -> Vec<u8> {
    let data = [
        0, 0, 0x02, 0x04, 0x34, 0x12, 1, 1, 0, 99, 0, 0, 0, 0, 0, 0, 8, 0x18, 7, 0x0a, 0, 0, 0x29,
        0xc4, 0x09, 0x11, 0x22, 29,
    ];
    let header = af::INCOMING_MSG.header();
    let frame = Frame {
        header,
        data: &data,
    }
    .to_bytes()
    .unwrap();
    frame.repeat(count)
}

#[divan::bench(args = [1, 100, 1000])]
fn decode(bencher: Bencher<'_, '_>, count: usize) {
    let bytes = reports(count);
    let mut decoder = Decoder::new();
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        decoder.feed(Instant(0), black_box(&bytes));
        while let Some(frame) = decoder.next_frame() {
            black_box(frame.data.len());
        }
    });
}

#[divan::bench(args = [0, 30, 250])]
fn emit(bencher: Bencher<'_, '_>, length: usize) {
    let data = vec![0x55; length];
    let header = af::DATA_REQUEST.header();
    let mut out = Vec::new();
    bencher.bench_local(|| {
        out.clear();
        let frame = Frame {
            header,
            data: black_box(&data),
        };
        frame.emit(&mut out).unwrap();
        black_box(out.len())
    });
}

/// Bytes in, events out.
#[divan::bench(args = [1, 100, 1000])]
fn session(bencher: Bencher<'_, '_>, count: usize) {
    let bytes = reports(count);
    let mut bench = Bench::up(config(), Stick::formed(Chip::Cc2652));
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        bench.session.receive(bench.now, black_box(&bytes));
        while let Some(output) = bench.session.output() {
            black_box(output);
        }
    });
}
