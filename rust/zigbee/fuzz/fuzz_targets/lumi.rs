//! A Lumi structure: alone, and in a report that announces any length for it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zigbee::CommandId;
use zigbee::lumi::LumiStruct;
use zigbee::zcl::Foundation;

fuzz_target!(|bytes: &[u8]| {
    let structure = LumiStruct::parse(bytes);
    let read = structure.emit();
    assert!(bytes.starts_with(&read));
    assert!(!structure.problems.is_empty() || read == bytes);

    // The first byte is the string's length.
    let mut payload = vec![0x01, 0xff, 0x42];
    payload.extend_from_slice(bytes);
    if let Ok(parsed) = Foundation::parse_payload(CommandId(0x0a), &payload)
        && let Foundation::Report(attributes) = &parsed.command
    {
        for attribute in attributes {
            let _ = LumiStruct::of(attribute, &parsed.trailing);
        }
    }
});
