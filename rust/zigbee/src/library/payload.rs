//! Command payloads by their parameter tables.

use super::{Command, Condition, Parameter, ParameterType};
use crate::zcl::{DataType, Value, Violation};
use crate::{ParseError, Reader, Writer};

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    /// A ZCL value.
    Value(Value),
    /// Values of one type.
    List(Vec<Value>),
    /// Records with named fields.
    Records(Vec<Vec<(&'static str, Argument)>>),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// A command's payload.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decoded {
    /// The fields that are there, in order.
    pub arguments: Vec<(&'static str, Argument)>,
    /// What was tolerated: [`Violation::TruncatedRecord`] when fields are missing at the end,
    /// [`Violation::StringTooLong`] when a string ends with the payload, [`Violation::TrailingBytes`]
    /// when there is more than the table has fields for.
    pub violations: Vec<Violation>,
    /// The bytes that no field took.
    pub trailing: Vec<u8>,
}

/// Why a payload could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A field has no value.
    #[error("parameter '{0}' is missing")]
    Missing(&'static str),
    /// A value doesn't go into the field's type.
    #[error("parameter '{0}' has a value that its type can't hold")]
    Unfit(&'static str),
    /// The command has no such field.
    #[error("parameter '{0}' is unknown")]
    Unknown(String),
}

impl Argument {
    /// The number of a numeric value.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Value(value) => value.as_u64(),
            _ => None,
        }
    }
}

impl Decoded {
    /// The field of a name.
    pub fn get(&self, name: &str) -> Option<&Argument> {
        find(&self.arguments, name)
    }

    /// The value of a field of a ZCL type.
    pub fn value(&self, name: &str) -> Option<&Value> {
        match self.get(name) {
            Some(Argument::Value(value)) => Some(value),
            _ => None,
        }
    }
}

impl Command {
    /// Reads a payload. Devices leave out fields at the end and add bytes: both are noted.
    pub fn decode(&self, payload: &[u8]) -> Decoded {
        let mut reader = Reader::new(payload);
        let mut decoded = Decoded::default();
        for parameter in self.parameters {
            let here = parameter
                .when
                .iter()
                .all(|condition| condition.holds(&decoded.arguments, Some(reader.rest().len())));
            if !here {
                continue;
            }
            let before = reader.clone();
            let parsed = parameter.parse(&mut reader, &decoded.arguments);
            let argument = if let Ok(argument) = parsed {
                argument
            } else if let Some(text) = parameter.cut_off_string(&before) {
                reader.take_rest();
                decoded.violations.push(Violation::StringTooLong);
                text
            } else {
                reader = before;
                decoded.violations.push(Violation::TruncatedRecord);
                break;
            };
            decoded.arguments.push((parameter.name, argument));
        }
        decoded.trailing = reader.take_rest().to_vec();
        if !decoded.trailing.is_empty() && decoded.violations.is_empty() {
            decoded.violations.push(Violation::TrailingBytes);
        }
        decoded
    }

    /// Makes a payload. Counts of lists may be left out; so may optional fields at the end.
    pub fn encode<N: AsRef<str>>(
        &self,
        arguments: &[(N, Argument)],
    ) -> Result<Vec<u8>, EncodeError> {
        for (name, _) in arguments {
            let name = name.as_ref();
            if !self
                .parameters
                .iter()
                .any(|parameter| parameter.name == name)
            {
                return Err(EncodeError::Unknown(name.to_owned()));
            }
        }
        let mut writer = Writer::new();
        for parameter in self.parameters {
            if !parameter
                .when
                .iter()
                .all(|condition| condition.holds(arguments, None))
            {
                continue;
            }
            if let Some(argument) = find(arguments, parameter.name) {
                parameter
                    .emit(argument, &mut writer)
                    .ok_or(EncodeError::Unfit(parameter.name))?;
            } else if let Some(count) = self.count_of(parameter.name, arguments) {
                let count = Argument::Value(Value::Unsigned(count));
                parameter
                    .emit(&count, &mut writer)
                    .ok_or(EncodeError::Unfit(parameter.name))?;
            } else if !parameter.is_optional() {
                return Err(EncodeError::Missing(parameter.name));
            }
        }
        Ok(writer.into_bytes())
    }

    /// The length of the list that a field counts.
    fn count_of<N: AsRef<str>>(&self, name: &str, arguments: &[(N, Argument)]) -> Option<u64> {
        let list = self
            .parameters
            .iter()
            .find(|parameter| parameter.count == Some(name))?;
        let length = match find(arguments, list.name)? {
            Argument::List(values) => values.len(),
            Argument::Records(records) => records.len(),
            Argument::Bytes(bytes) => bytes.len(),
            Argument::Value(_) => return None,
        };
        Some(length as u64)
    }
}

fn find<'a, N: AsRef<str>>(arguments: &'a [(N, Argument)], name: &str) -> Option<&'a Argument> {
    arguments
        .iter()
        .find(|(candidate, _)| candidate.as_ref() == name)
        .map(|(_, argument)| argument)
}

fn number<N: AsRef<str>>(arguments: &[(N, Argument)], name: &str) -> u64 {
    find(arguments, name)
        .and_then(Argument::as_u64)
        .unwrap_or_default()
}

impl Condition {
    fn holds<N: AsRef<str>>(&self, arguments: &[(N, Argument)], left: Option<usize>) -> bool {
        match *self {
            Self::BytesLeft(least) => left.is_none_or(|left| left >= least),
            Self::Equals(field, value) => number(arguments, field) == value,
            Self::Differs(field, value) => number(arguments, field) != value,
            Self::Above(field, value) => number(arguments, field) > value,
            Self::Has(field, mask) => number(arguments, field) & mask == mask,
            Self::Lacks(field, mask) => number(arguments, field) & mask != mask,
            Self::Bits {
                field,
                offset,
                size,
                value,
            } => {
                let mask = 1_u64.checked_shl(size.into()).unwrap_or(0).wrapping_sub(1);
                number(arguments, field)
                    .checked_shr(offset.into())
                    .unwrap_or(0)
                    & mask
                    == value
            }
        }
    }
}

impl Parameter {
    /// True when senders may leave the field out at the end of the payload.
    fn is_optional(&self) -> bool {
        self.when
            .iter()
            .any(|condition| matches!(condition, Condition::BytesLeft(_)))
    }

    fn parse(
        &self,
        reader: &mut Reader<'_>,
        arguments: &[(&'static str, Argument)],
    ) -> Result<Argument, ParseError> {
        let count = self.count.map(|name| number(arguments, name));
        Ok(match self.kind {
            ParameterType::Zcl(data_type) => Argument::Value(Value::parse(data_type, reader)?),
            ParameterType::Bytes => match count {
                // Green Power: 0xff is "no payload".
                Some(0xff) => Argument::Bytes(Vec::new()),
                Some(count) => Argument::Bytes(
                    reader
                        .take(usize::try_from(count).unwrap_or(usize::MAX))?
                        .to_vec(),
                ),
                None => Argument::Bytes(reader.take_rest().to_vec()),
            },
            ParameterType::List(data_type) => Argument::List(repeat(reader, count, |reader| {
                Value::parse(data_type, reader)
            })?),
            ParameterType::Zones => Argument::Records(repeat(reader, count, |reader| {
                Ok(vec![
                    ("zoneID", unsigned(reader, 1)?),
                    ("zoneStatus", unsigned(reader, 2)?),
                ])
            })?),
            ParameterType::Transitions => {
                let (count, mode) = (number(arguments, "numoftrans"), number(arguments, "mode"));
                Argument::Records(repeat(reader, Some(count), |reader| {
                    let mut record = vec![("transitionTime", unsigned(reader, 2)?)];
                    if mode & 0x01 != 0 {
                        record.push(("heatSetpoint", setpoint(reader)?));
                    }
                    if mode & 0x02 != 0 {
                        record.push(("coolSetpoint", setpoint(reader)?));
                    }
                    Ok(record)
                })?)
            }
            ParameterType::Datapoints => Argument::Records(repeat(reader, None, |reader| {
                let (dp, datatype) = (unsigned(reader, 1)?, unsigned(reader, 1)?);
                let length = u16::from_be_bytes(reader.array()?);
                let data = reader.take(length.into())?.to_vec();
                Ok(vec![
                    ("dp", dp),
                    ("datatype", datatype),
                    ("data", Argument::Bytes(data)),
                ])
            })?),
            ParameterType::ExtensionFieldSets => {
                Argument::Records(repeat(reader, None, parse_extension)?)
            }
        })
    }

    /// What is there of a string that announces more bytes than are left.
    fn cut_off_string(&self, reader: &Reader<'_>) -> Option<Argument> {
        let ParameterType::Zcl(data_type) = self.kind else {
            return None;
        };
        let mut reader = reader.clone();
        reader.take(data_type.length_width()?).ok()?;
        Value::Octets(reader.take_rest().to_vec())
            .convert(data_type)
            .map(Argument::Value)
    }

    /// `None`: the argument doesn't fit.
    fn emit(&self, argument: &Argument, writer: &mut Writer) -> Option<()> {
        match (self.kind, argument) {
            (ParameterType::Zcl(data_type), Argument::Value(value)) => {
                emit_as(value, data_type, writer)
            }
            (ParameterType::Zcl(data_type), Argument::Bytes(bytes)) => {
                emit_as(&Value::Octets(bytes.clone()), data_type, writer)
            }
            (ParameterType::Bytes, _) => {
                writer.bytes(argument.as_bytes()?);
                Some(())
            }
            (ParameterType::List(data_type), Argument::List(values)) => values
                .iter()
                .try_for_each(|value| emit_as(value, data_type, writer)),
            (ParameterType::List(DataType::UINT8), Argument::Bytes(bytes)) => {
                writer.bytes(bytes);
                Some(())
            }
            (ParameterType::Zones, Argument::Records(records)) => {
                records.iter().try_for_each(|record| {
                    emit_field(record, "zoneID", DataType::UINT8, writer)?;
                    emit_field(record, "zoneStatus", DataType::UINT16, writer)
                })
            }
            (ParameterType::Transitions, Argument::Records(records)) => {
                records.iter().try_for_each(|record| {
                    emit_field(record, "transitionTime", DataType::UINT16, writer)?;
                    for setpoint in ["heatSetpoint", "coolSetpoint"] {
                        if find(record, setpoint).is_some() {
                            emit_field(record, setpoint, DataType::INT16, writer)?;
                        }
                    }
                    Some(())
                })
            }
            (ParameterType::Datapoints, Argument::Records(records)) => {
                records.iter().try_for_each(|record| {
                    emit_field(record, "dp", DataType::UINT8, writer)?;
                    emit_field(record, "datatype", DataType::UINT8, writer)?;
                    let data = find(record, "data")?.as_bytes()?;
                    let length = u16::try_from(data.len()).ok()?;
                    writer.bytes(&length.to_be_bytes()).bytes(data);
                    Some(())
                })
            }
            (ParameterType::ExtensionFieldSets, Argument::Records(records)) => records
                .iter()
                .try_for_each(|record| emit_extension(record, writer)),
            _ => None,
        }
    }
}

impl Argument {
    fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Value(value) => value.as_bytes(),
            _ => None,
        }
    }
}

/// Reads so many elements, or as many as the payload has.
fn repeat<T>(
    reader: &mut Reader<'_>,
    count: Option<u64>,
    mut parse: impl FnMut(&mut Reader<'_>) -> Result<T, ParseError>,
) -> Result<Vec<T>, ParseError> {
    let mut elements = Vec::new();
    // Every element takes at least a byte, so that false counts end with the payload.
    while match count {
        Some(count) => (elements.len() as u64) < count,
        None => !reader.is_empty(),
    } {
        elements.push(parse(reader)?);
    }
    Ok(elements)
}

fn unsigned(reader: &mut Reader<'_>, width: usize) -> Result<Argument, ParseError> {
    Ok(Argument::Value(Value::Unsigned(reader.uint(width)?)))
}

fn setpoint(reader: &mut Reader<'_>) -> Result<Argument, ParseError> {
    Value::parse(DataType::INT16, reader).map(Argument::Value)
}

fn emit_as(value: &Value, data_type: DataType, writer: &mut Writer) -> Option<()> {
    if value.fits(data_type) {
        value.emit(data_type, writer);
    } else {
        value.convert(data_type)?.emit(data_type, writer);
    }
    Some(())
}

fn emit_field(
    record: &[(&'static str, Argument)],
    name: &str,
    data_type: DataType,
    writer: &mut Writer,
) -> Option<()> {
    match find(record, name)? {
        Argument::Value(value) => emit_as(value, data_type, writer),
        _ => None,
    }
}

/// The attributes that a cluster stores in scenes, in the order of the extension field set
/// (ZCL 3.7.2.3.2: on/off, level, window covering, color).
fn scene_fields(cluster: u64) -> &'static [DataType] {
    const U8: DataType = DataType::UINT8;
    const U16: DataType = DataType::UINT16;
    match cluster {
        0x0006 | 0x0008 => &[U8],
        0x0102 => &[U8, U8],
        0x0300 => &[U16, U16, U16, U8, U8, U8, U16, U16],
        _ => &[],
    }
}

fn parse_extension(reader: &mut Reader<'_>) -> Result<Vec<(&'static str, Argument)>, ParseError> {
    let cluster = reader.uint(2)?;
    let length = reader.u8()?;
    let bytes = reader.take(length.into())?;
    let mut fields = Reader::new(bytes);
    let mut values = Vec::new();
    for data_type in scene_fields(cluster) {
        if fields.is_empty() {
            break;
        }
        match Value::parse(*data_type, &mut fields) {
            Ok(value) => values.push(value),
            Err(_) => break,
        }
    }
    // Fields of other clusters, and of lengths that don't fall on a boundary, stay bytes.
    let fields = if fields.is_empty() && !bytes.is_empty() {
        Argument::List(values)
    } else {
        Argument::Bytes(bytes.to_vec())
    };
    Ok(vec![
        ("clstId", Argument::Value(Value::Unsigned(cluster))),
        ("len", Argument::Value(Value::Unsigned(length.into()))),
        ("extField", fields),
    ])
}

fn emit_extension(record: &[(&'static str, Argument)], writer: &mut Writer) -> Option<()> {
    let cluster = find(record, "clstId")?.as_u64()?;
    let mut fields = Writer::new();
    match find(record, "extField")? {
        Argument::Bytes(bytes) => {
            fields.bytes(bytes);
        }
        Argument::List(values) => {
            let types = scene_fields(cluster);
            if values.len() > types.len() {
                return None;
            }
            for (value, data_type) in values.iter().zip(types) {
                emit_as(value, *data_type, &mut fields)?;
            }
        }
        _ => return None,
    }
    let fields = fields.into_bytes();
    let length = u8::try_from(fields.len()).ok()?;
    writer.uint(cluster, 2).u8(length).bytes(&fields);
    Some(())
}
