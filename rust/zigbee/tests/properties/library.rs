//! Payloads of every command of the library.

use proptest::collection::vec;
use proptest::prelude::*;
use zigbee::library::{self, Command};
use zigbee::zcl::{Direction, Violation};

fn commands() -> Vec<&'static Command> {
    let mut commands = Vec::new();
    for cluster in library::clusters() {
        for direction in [Direction::ToServer, Direction::ToClient] {
            commands.extend(cluster.commands(direction));
        }
    }
    commands
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    // Each case tries every command on the same bytes.
    #[test]
    fn a_payload_that_fits_a_command_is_encoded_back(
        payload in prop_oneof![
            vec(any::<u8>(), 0..40),
            // Small numbers make counts and conditions meet.
            vec(0..4_u8, 0..24),
        ],
    ) {
        for command in commands() {
            let decoded = command.decode(&payload);
            let encoded = command.encode(&decoded.arguments);
            if decoded.violations.is_empty() {
                prop_assert_eq!(encoded.as_deref(), Ok(&payload[..]), "{}", command.name);
            } else if decoded.violations.contains(&Violation::StringTooLong) {
                // The length that was announced is not kept.
            } else if let Ok(mut encoded) = encoded {
                encoded.extend(&decoded.trailing);
                prop_assert_eq!(&encoded[..], &payload[..], "{}", command.name);
            }
        }
    }
}
