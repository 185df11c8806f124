//! Values of every type.

use proptest::collection::vec;
use proptest::prelude::*;
use zigbee::zcl::{DataType, Date, TimeOfDay, Value};
use zigbee::{IeeeAddress, Reader, Writer};

const SCALARS: &[DataType] = &[
    DataType::DATA8,
    DataType::DATA16,
    DataType::DATA24,
    DataType::DATA32,
    DataType::DATA40,
    DataType::DATA48,
    DataType::DATA56,
    DataType::DATA64,
    DataType::BOOL,
    DataType::BITMAP8,
    DataType::BITMAP16,
    DataType::BITMAP24,
    DataType::BITMAP32,
    DataType::BITMAP40,
    DataType::BITMAP48,
    DataType::BITMAP56,
    DataType::BITMAP64,
    DataType::UINT8,
    DataType::UINT16,
    DataType::UINT24,
    DataType::UINT32,
    DataType::UINT40,
    DataType::UINT48,
    DataType::UINT56,
    DataType::UINT64,
    DataType::INT8,
    DataType::INT16,
    DataType::INT24,
    DataType::INT32,
    DataType::INT40,
    DataType::INT48,
    DataType::INT56,
    DataType::INT64,
    DataType::ENUM8,
    DataType::ENUM16,
    DataType::SEMI,
    DataType::SINGLE,
    DataType::DOUBLE,
    DataType::OCTET_STRING,
    DataType::CHAR_STRING,
    DataType::LONG_OCTET_STRING,
    DataType::LONG_CHAR_STRING,
    DataType::TIME_OF_DAY,
    DataType::DATE,
    DataType::UTC_TIME,
    DataType::CLUSTER_ID,
    DataType::ATTRIBUTE_ID,
    DataType::BACNET_OID,
    DataType::IEEE_ADDRESS,
    DataType::KEY128,
];

/// A value of a type that is no collection.
fn scalar(data_type: DataType) -> BoxedStrategy<Value> {
    let width = data_type.width().unwrap_or_default();
    match data_type {
        DataType::NO_DATA | DataType::UNKNOWN => Just(Value::NoData).boxed(),
        DataType::BOOL => prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (2..=0xff_u64).prop_map(Value::Unsigned)
        ]
        .boxed(),
        DataType::SEMI => any::<u16>().prop_map(Value::Semi).boxed(),
        // Without NaN, which is equal to nothing; that its bits survive is tested with bytes.
        DataType::SINGLE => (proptest::num::f32::NORMAL
            | proptest::num::f32::ZERO
            | proptest::num::f32::SUBNORMAL
            | proptest::num::f32::INFINITE)
            .prop_map(Value::Single)
            .boxed(),
        DataType::DOUBLE => (proptest::num::f64::NORMAL
            | proptest::num::f64::ZERO
            | proptest::num::f64::SUBNORMAL
            | proptest::num::f64::INFINITE)
            .prop_map(Value::Double)
            .boxed(),
        DataType::OCTET_STRING | DataType::LONG_OCTET_STRING => prop_oneof![
            4 => vec(any::<u8>(), 0..40).prop_map(Value::Octets),
            1 => Just(Value::Invalid)
        ]
        .boxed(),
        DataType::CHAR_STRING | DataType::LONG_CHAR_STRING => prop_oneof![
            4 => vec(any::<u8>(), 0..40).prop_map(Value::Text),
            1 => Just(Value::Invalid)
        ]
        .boxed(),
        DataType::TIME_OF_DAY => any::<[u8; 4]>()
            .prop_map(|[hours, minutes, seconds, hundredths]| {
                Value::TimeOfDay(TimeOfDay {
                    hours,
                    minutes,
                    seconds,
                    hundredths,
                })
            })
            .boxed(),
        DataType::DATE => any::<[u8; 4]>()
            .prop_map(|[year, month, day_of_month, day_of_week]| {
                Value::Date(Date {
                    year,
                    month,
                    day_of_month,
                    day_of_week,
                })
            })
            .boxed(),
        DataType::IEEE_ADDRESS => any::<u64>()
            .prop_map(|address| Value::Ieee(IeeeAddress(address)))
            .boxed(),
        DataType::KEY128 => any::<[u8; 16]>().prop_map(Value::Key).boxed(),
        DataType(0x28..=0x2f) => any::<i64>()
            .prop_map(move |value| Value::Signed(value >> (64 - 8 * width)))
            .boxed(),
        _ => any::<u64>()
            .prop_map(move |value| Value::Unsigned(value >> (64 - 8 * width)))
            .boxed(),
    }
}

fn typed_scalar() -> impl Strategy<Value = (DataType, Value)> {
    proptest::sample::select(SCALARS)
        .prop_flat_map(|data_type| (Just(data_type), scalar(data_type)))
}

/// A value of any type with its type, collections within collections included.
pub(crate) fn typed() -> impl Strategy<Value = (DataType, Value)> {
    let leaf = prop_oneof![
        8 => typed_scalar().boxed(),
        1 => Just((DataType::NO_DATA, Value::NoData)).boxed(),
        1 => Just((DataType::UNKNOWN, Value::NoData)).boxed(),
        1 => Just((DataType::STRUCTURE, Value::Structure(None))).boxed(),
    ];
    let list = proptest::sample::select(SCALARS).prop_flat_map(|element| {
        proptest::option::weighted(0.9, vec(scalar(element), 0..6))
            .prop_map(move |values| Value::List { element, values })
    });
    let list = (
        proptest::sample::select(&[DataType::ARRAY, DataType::SET, DataType::BAG][..]),
        list,
    );
    let leaf = prop_oneof![4 => leaf, 1 => list];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4)
                .prop_map(|fields| (DataType::STRUCTURE, Value::Structure(Some(fields)))),
            // A list of structures.
            vec(vec(inner, 0..3), 0..3).prop_map(|structures| {
                let values = structures
                    .into_iter()
                    .map(|fields| Value::Structure(Some(fields)))
                    .collect();
                (
                    DataType::ARRAY,
                    Value::List {
                        element: DataType::STRUCTURE,
                        values: Some(values),
                    },
                )
            }),
        ]
    })
}

/// The bytes that a value has reserved.
pub(crate) fn footprint(value: &Value) -> usize {
    match value {
        Value::Octets(bytes) | Value::Text(bytes) | Value::Raw(bytes) => bytes.capacity(),
        Value::List {
            values: Some(values),
            ..
        } => values.capacity() * size_of::<Value>() + values.iter().map(footprint).sum::<usize>(),
        Value::Structure(Some(fields)) => {
            fields.capacity() * size_of::<(DataType, Value)>()
                + fields
                    .iter()
                    .map(|(_, value)| footprint(value))
                    .sum::<usize>()
        }
        _ => 0,
    }
}

proptest! {
    #[test]
    fn what_is_emitted_is_parsed_back((data_type, value) in typed()) {
        prop_assert!(value.fits(data_type));
        let mut writer = Writer::new();
        value.emit(data_type, &mut writer);
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(Value::parse(data_type, &mut reader), Ok(value));
        prop_assert!(reader.is_empty());
    }

    #[test]
    fn any_bytes_parse_to_what_emits_them(
        data_type in any::<u8>().prop_map(DataType),
        bytes in vec(any::<u8>(), 0..64),
    ) {
        let mut reader = Reader::new(&bytes);
        if let Ok(value) = Value::parse(data_type, &mut reader) {
            prop_assert!(value.fits(data_type), "{:?}", value);
            let mut writer = Writer::new();
            value.emit(data_type, &mut writer);
            prop_assert_eq!(writer.into_bytes(), &bytes[..reader.offset()]);
            prop_assert!(footprint(&value) <= 128 * bytes.len());
        }
    }

    #[test]
    fn a_conversion_fits_its_type(
        (_, value) in typed(),
        data_type in any::<u8>().prop_map(DataType),
    ) {
        if let Some(converted) = value.convert(data_type) {
            prop_assert!(converted.fits(data_type));
        }
    }

    #[test]
    fn json_never_panics_and_gives_back_what_fits((data_type, value) in typed()) {
        let json = zigbee::json::from_value(data_type, &value);
        if let Some(back) = zigbee::json::to_value(data_type, &json) {
            prop_assert!(back.fits(data_type), "{:?}", back);
        }
        // Integers and booleans come back as they were.
        if value.as_integer().is_some_and(|integer| data_type != DataType::BOOL || integer < 2) {
            prop_assert_eq!(zigbee::json::to_value(data_type, &json), Some(value));
        }
    }

    #[test]
    fn a_value_is_emitted_in_the_width_of_any_type(
        (_, value) in typed(),
        data_type in any::<u8>().prop_map(DataType),
    ) {
        let mut writer = Writer::new();
        value.emit(data_type, &mut writer);
        if let Some(width) = data_type.width() {
            prop_assert_eq!(writer.into_bytes().len(), width);
        }
    }
}
