//! `configuration.yaml`: any text is read or refused.

#![no_main]

use bridge::data::read_configuration;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = read_configuration(bytes);
});
