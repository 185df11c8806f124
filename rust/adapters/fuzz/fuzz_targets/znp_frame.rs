//! Any bytes in any pieces: no panic, and less than one frame is kept back.
#![no_main]

use adapters::Instant;
use adapters::znp::frame::{Decoder, Frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut whole = Decoder::new();
    whole.feed(Instant(0), data);
    let mut expected = Vec::new();
    while let Some(frame) = whole.next_frame() {
        let again = frame.to_bytes().expect("a frame that was read can be written");
        expected.push(again);
    }
    let mut pieces = Decoder::new();
    let mut found = Vec::new();
    for piece in data.chunks(usize::from(data.first().copied().unwrap_or(1)).max(1)) {
        pieces.feed(Instant(0), piece);
        while let Some(Frame { header, data }) = pieces.next_frame() {
            found.push(Frame { header, data }.to_bytes().expect("as above"));
        }
    }
    assert_eq!(expected, found);
    assert_eq!(whole.discarded(), pieces.discarded());
});
