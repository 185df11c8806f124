//! No bytes make a parser panic, invent anything or reserve much memory.

use proptest::collection::vec;
use proptest::prelude::*;
use zigbee::lumi::{LumiStruct, Problem};
use zigbee::zcl::{Foundation, Frame};
use zigbee::{ClusterId, CommandId, zdo};

use crate::values::footprint;

/// Bytes in which types, counts and lengths mean something now and then.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let telling = proptest::sample::select(vec![
        0x00, 0x01, 0x02, 0x08, 0x10, 0x18, 0x20, 0x21, 0x23, 0x27, 0x29, 0x39, 0x3a, 0x41, 0x42,
        0x43, 0x48, 0x4c, 0x50, 0x51, 0xe0, 0xf0, 0xf1, 0xf7, 0xff,
    ]);
    prop_oneof![
        vec(any::<u8>(), 0..128),
        vec(prop_oneof![telling, 0..6_u8], 0..64),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_frame_is_emitted_as_it_came(bytes in bytes()) {
        if let Ok(frame) = Frame::parse(&bytes) {
            prop_assert_eq!(frame.emit(), bytes);
        }
    }

    #[test]
    fn a_foundation_command_without_violation_is_emitted_as_it_came(
        command in 0..0x18_u8,
        payload in bytes(),
    ) {
        if let Ok(parsed) = Foundation::parse_payload(CommandId(command), &payload) {
            prop_assert_eq!(parsed.command.id(), CommandId(command));
            let emitted = parsed.command.emit();
            if parsed.violations.is_empty() {
                prop_assert!(parsed.trailing.is_empty());
                prop_assert_eq!(&emitted, &payload);
            }
            if let Foundation::Report(records) = &parsed.command {
                let reserved: usize =
                    records.iter().map(|record| footprint(&record.value)).sum();
                prop_assert!(reserved <= 128 * payload.len());
            }
        }
    }

    #[test]
    fn zdo_messages_never_panic(cluster in 0..0x40_u16, answer in any::<bool>(), payload in bytes()) {
        let cluster = ClusterId(if answer { cluster | 0x8000 } else { cluster });
        if let Some(Ok(request)) = zdo::Request::parse(cluster, &payload) {
            prop_assert_eq!(request.cluster(), cluster);
        }
        if let Some(Ok(Ok(response))) = zdo::Response::parse(cluster, &payload) {
            prop_assert_eq!(response.cluster(), cluster);
        }
    }

    #[test]
    fn a_lumi_structure_invents_nothing(payload in bytes()) {
        let structure = LumiStruct::parse(&payload);
        let read = structure.emit();
        prop_assert!(payload.starts_with(&read));
        prop_assert!(structure.problems.len() <= 1);
        match structure.problems.first() {
            None => prop_assert_eq!(read, payload),
            Some(
                Problem::UnknownType { offset, .. }
                | Problem::Truncated { offset, .. }
                | Problem::Malformed { offset, .. }
                | Problem::Stray { offset, .. },
            ) => prop_assert_eq!(*offset, read.len()),
        }
    }
}
