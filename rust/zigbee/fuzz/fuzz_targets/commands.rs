//! A cluster command's payload: cluster, direction, command, then the payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zigbee::zcl::Direction;
use zigbee::{ClusterId, CommandId, library};

fuzz_target!(|bytes: &[u8]| {
    let Some((&[low, high, direction, command], payload)) = bytes.split_first_chunk() else {
        return;
    };
    let direction = if direction & 1 == 0 {
        Direction::ToServer
    } else {
        Direction::ToClient
    };
    let Some(command) = library::cluster(ClusterId(u16::from_le_bytes([low, high])))
        .and_then(|cluster| cluster.command(direction, CommandId(command)))
    else {
        return;
    };
    let decoded = command.decode(payload);
    let encoded = command.encode(&decoded.arguments);
    if decoded.violations.is_empty() {
        assert_eq!(encoded.as_deref(), Ok(payload));
    }
});
