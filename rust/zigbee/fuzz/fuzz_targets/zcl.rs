//! A ZCL frame and, in a global frame, its foundation command.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zigbee::zcl::{Foundation, Frame, FrameType};

fuzz_target!(|bytes: &[u8]| {
    let Ok(frame) = Frame::parse(bytes) else {
        return;
    };
    assert_eq!(frame.emit(), bytes);
    if frame.header.frame_type != FrameType::Global {
        return;
    }
    if let Ok(parsed) = Foundation::parse(&frame) {
        assert_eq!(parsed.command.id(), frame.header.command);
        let emitted = parsed.command.emit();
        if parsed.violations.is_empty() {
            assert_eq!(emitted, frame.payload);
        }
    }
});
