//! An OTA image in whatever wrapper, and every request of the OTA cluster.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zigbee::CommandId;
use zigbee::ota::{Image, MAGIC, Request};

fuzz_target!(|bytes: &[u8]| {
    for before in [&[][..], &MAGIC[..]] {
        let file = [before, bytes].concat();
        if let Ok(image) = Image::parse(file.clone()) {
            assert!(file.windows(image.bytes().len()).any(|part| part == image.bytes()));
            let mut taken = Vec::new();
            while let Some(block) = image.block(taken.len() as u32, 64) {
                taken.extend_from_slice(block);
            }
            assert_eq!(taken, image.bytes());
        }
    }
    if let Some((command, payload)) = bytes.split_first() {
        let _ = Request::parse(CommandId(*command), payload);
    }
});
