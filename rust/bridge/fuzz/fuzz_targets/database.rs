//! `database.db`: any bytes are read; what was read is written and read again the same.

#![no_main]

use bridge::data::{DatabaseImage, parse_database};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let first = parse_database(bytes);
    let written = DatabaseImage::new(&first.devices, &first.groups).render(&first.foreign);
    let second = parse_database(written.as_bytes());
    assert!(second.unreadable.is_empty());
    let twice = DatabaseImage::new(&second.devices, &second.groups).render(&second.foreign);
    assert_eq!(written, twice);
});
