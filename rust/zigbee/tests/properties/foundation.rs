//! Foundation commands and frames.

use proptest::collection::vec;
use proptest::prelude::*;
use zigbee::zcl::{
    Attribute, AttributeInformation, AttributeStatus, ConfigureReporting, DataType, Direction,
    Foundation, Frame, FrameType, Header, ReadRecord, ReadReportingRecord, ReportingDirection,
    ReportingStatus, Selector, Status, StructuredRead, StructuredStatus, StructuredWrite, Value,
};
use zigbee::{AttributeId, CommandId, ManufacturerCode};

use crate::values::typed;

fn id() -> impl Strategy<Value = AttributeId> {
    // Not the attributes whose strings may go on behind their end.
    any::<u16>()
        .prop_filter("plain", |id| !matches!(id, 0xff01 | 0x00f7))
        .prop_map(AttributeId)
}

fn command() -> impl Strategy<Value = CommandId> {
    any::<u8>().prop_map(CommandId)
}

fn status() -> impl Strategy<Value = Status> {
    any::<u8>().prop_map(Status)
}

fn failure() -> impl Strategy<Value = Status> {
    (1..=u8::MAX).prop_map(Status)
}

fn attribute() -> impl Strategy<Value = Attribute> {
    (id(), typed()).prop_map(|(id, (data_type, value))| Attribute {
        id,
        data_type,
        value,
    })
}

fn reporting() -> impl Strategy<Value = ReportingDirection> {
    let send =
        (typed(), any::<u16>(), any::<u16>()).prop_map(|((data_type, value), minimum, maximum)| {
            ReportingDirection::Send {
                data_type,
                minimum,
                maximum,
                change: data_type.is_analog().then_some(value),
            }
        });
    let receive = any::<u16>().prop_map(|timeout| ReportingDirection::Receive { timeout });
    prop_oneof![send, receive]
}

fn selector() -> impl Strategy<Value = Selector> {
    (0..16_u8, vec(any::<u16>(), 0..=15))
        .prop_map(|(operation, indexes)| Selector { operation, indexes })
}

fn read_record() -> impl Strategy<Value = ReadRecord> {
    (id(), proptest::result::maybe_ok(typed(), failure()))
        .prop_map(|(id, result)| ReadRecord { id, result })
}

fn read_reporting() -> impl Strategy<Value = ReadReportingRecord> {
    let good = (id(), reporting()).prop_map(|(id, result)| ReadReportingRecord {
        id,
        direction: match result {
            ReportingDirection::Send { .. } => 0,
            ReportingDirection::Receive { .. } => 1,
        },
        result: Ok(result),
    });
    let bad =
        (id(), any::<u8>(), failure()).prop_map(|(id, direction, status)| ReadReportingRecord {
            id,
            direction,
            result: Err(status),
        });
    prop_oneof![good, bad]
}

fn information(extended: bool) -> impl Strategy<Value = AttributeInformation> {
    (id(), any::<u8>(), any::<u8>()).prop_map(move |(id, data_type, access)| AttributeInformation {
        id,
        data_type: DataType(data_type),
        access: extended.then_some(access),
    })
}

fn reads() -> impl Strategy<Value = Foundation> {
    let attributes = || vec(attribute(), 0..5);
    prop_oneof![
        vec(id(), 0..8).prop_map(Foundation::Read),
        vec(read_record(), 0..5).prop_map(Foundation::ReadResponse),
        attributes().prop_map(Foundation::Write),
        attributes().prop_map(Foundation::WriteUndivided),
        attributes().prop_map(Foundation::WriteNoResponse),
        attributes().prop_map(Foundation::Report),
        prop_oneof![
            status().prop_map(|status| vec![AttributeStatus { status, id: None }]),
            vec((status(), id()), 1..5).prop_map(|records| {
                records
                    .into_iter()
                    .map(|(status, id)| AttributeStatus {
                        status,
                        id: Some(id),
                    })
                    .collect()
            })
        ]
        .prop_map(Foundation::WriteResponse),
        (command(), status())
            .prop_map(|(command, status)| Foundation::DefaultResponse { command, status }),
    ]
}

fn reportings() -> impl Strategy<Value = Foundation> {
    prop_oneof![
        vec(
            (id(), reporting()).prop_map(|(id, direction)| ConfigureReporting { id, direction }),
            0..5
        )
        .prop_map(Foundation::ConfigureReporting),
        prop_oneof![
            status().prop_map(|status| vec![ReportingStatus {
                status,
                direction: 0,
                id: None
            }]),
            vec((status(), any::<u8>(), id()), 1..5).prop_map(|records| {
                records
                    .into_iter()
                    .map(|(status, direction, id)| ReportingStatus {
                        status,
                        direction,
                        id: Some(id),
                    })
                    .collect()
            })
        ]
        .prop_map(Foundation::ConfigureReportingResponse),
        vec((any::<u8>(), id()), 0..5).prop_map(Foundation::ReadReporting),
        vec(read_reporting(), 0..5).prop_map(Foundation::ReadReportingResponse),
    ]
}

fn discoveries() -> impl Strategy<Value = Foundation> {
    let commands = || (any::<bool>(), vec(command(), 0..9));
    prop_oneof![
        (id(), any::<u8>())
            .prop_map(|(start, maximum)| Foundation::DiscoverAttributes { start, maximum }),
        (id(), any::<u8>())
            .prop_map(|(start, maximum)| Foundation::DiscoverAttributesExtended { start, maximum }),
        (any::<bool>(), vec(information(false), 0..5)).prop_map(|(complete, attributes)| {
            Foundation::DiscoverAttributesResponse {
                complete,
                attributes,
            }
        }),
        (any::<bool>(), vec(information(true), 0..5)).prop_map(|(complete, attributes)| {
            Foundation::DiscoverAttributesExtendedResponse {
                complete,
                attributes,
            }
        }),
        (command(), any::<u8>())
            .prop_map(|(start, maximum)| Foundation::DiscoverCommandsReceived { start, maximum }),
        (command(), any::<u8>())
            .prop_map(|(start, maximum)| Foundation::DiscoverCommandsGenerated { start, maximum }),
        commands().prop_map(|(complete, commands)| {
            Foundation::DiscoverCommandsReceivedResponse { complete, commands }
        }),
        commands().prop_map(|(complete, commands)| {
            Foundation::DiscoverCommandsGeneratedResponse { complete, commands }
        }),
        (0x17..=u8::MAX, vec(any::<u8>(), 0..9)).prop_map(|(command, payload)| {
            Foundation::Unknown {
                command: CommandId(command),
                payload,
            }
        }),
    ]
}

fn structured() -> impl Strategy<Value = Foundation> {
    prop_oneof![
        vec(
            (id(), selector()).prop_map(|(id, selector)| StructuredRead { id, selector }),
            0..5
        )
        .prop_map(Foundation::ReadStructured),
        vec(
            (id(), selector(), typed()).prop_map(|(id, selector, (data_type, value))| {
                StructuredWrite {
                    id,
                    selector,
                    data_type,
                    value,
                }
            }),
            0..5
        )
        .prop_map(Foundation::WriteStructured),
        prop_oneof![
            status().prop_map(|status| vec![StructuredStatus {
                status,
                target: None
            }]),
            vec((status(), id(), selector()), 1..5).prop_map(|records| {
                records
                    .into_iter()
                    .map(|(status, id, selector)| StructuredStatus {
                        status,
                        target: Some((id, selector)),
                    })
                    .collect()
            })
        ]
        .prop_map(Foundation::WriteStructuredResponse),
    ]
}

fn foundation() -> impl Strategy<Value = Foundation> {
    prop_oneof![reads(), reportings(), discoveries(), structured()]
}

fn header() -> impl Strategy<Value = Header> {
    (
        prop_oneof![
            Just(FrameType::Global),
            Just(FrameType::Cluster),
            (2..4_u8).prop_map(FrameType::Reserved)
        ],
        any::<bool>(),
        any::<bool>(),
        proptest::option::of(any::<u16>().prop_map(ManufacturerCode)),
        any::<u8>(),
        command(),
        0..8_u8,
    )
        .prop_map(
            |(frame_type, to_client, quiet, manufacturer, sequence, command, reserved)| Header {
                frame_type,
                direction: if to_client {
                    Direction::ToClient
                } else {
                    Direction::ToServer
                },
                disable_default_response: quiet,
                manufacturer,
                sequence,
                command,
                reserved,
            },
        )
}

proptest! {
    #[test]
    fn every_command_is_parsed_back(command in foundation()) {
        let payload = command.emit();
        let parsed = Foundation::parse_payload(command.id(), &payload);
        let parsed = parsed.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(parsed.violations, []);
        prop_assert!(parsed.trailing.is_empty());
        prop_assert_eq!(parsed.command, command);
    }

    #[test]
    fn every_frame_is_parsed_back(header in header(), payload in vec(any::<u8>(), 0..80)) {
        let frame = Frame { header, payload };
        prop_assert_eq!(Frame::parse(&frame.emit()), Ok(frame));
    }

    #[test]
    fn a_report_cut_anywhere_keeps_whole_records(
        records in vec(attribute(), 1..4),
        cut in any::<proptest::sample::Index>(),
    ) {
        let payload = Foundation::Report(records.clone()).emit();
        let cut = cut.index(payload.len() + 1);
        let Ok(parsed) = Foundation::parse_payload(CommandId(0x0a), &payload[..cut]) else {
            return Ok(());
        };
        let Foundation::Report(read) = parsed.command else {
            return Err(TestCaseError::fail("not a report"));
        };
        // The last one may be a string that was cut off; all before it are as they were sent.
        prop_assert!(read.len() <= records.len());
        let whole = read.len().saturating_sub(1);
        prop_assert_eq!(&read[..whole], &records[..whole]);
        if cut == payload.len() {
            prop_assert_eq!(read, records);
        }
    }
}

#[test]
fn an_unreadable_value_holds_the_rest_of_the_frame() {
    let payload = [0x01, 0x00, 0x77, 1, 2, 3];
    let parsed = Foundation::parse_payload(CommandId(0x0a), &payload);
    let Ok(parsed) = parsed else {
        panic!("{parsed:?}");
    };
    assert_eq!(
        parsed.command,
        Foundation::Report(vec![Attribute {
            id: AttributeId(1),
            data_type: DataType(0x77),
            value: Value::Raw(vec![1, 2, 3]),
        }])
    );
    assert_eq!(parsed.command.emit(), payload);
}
