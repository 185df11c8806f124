//! Structures of tagged values in attributes, as capabilities see them.

use zigbee::lumi::{LumiStruct, Problem};
use zigbee::zcl::{DataType, Value};

/// A type that is none of ZCL's: four bytes of unknown meaning.
const RAW: DataType = DataType(0x5f);
const RAW_LENGTH: usize = 4;

/// The values of a structure by tag or number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Structure(Vec<(u8, Value)>);

impl Structure {
    /// Reads a structure as far as it can be read, and says why no further.
    pub(crate) fn parse(mut bytes: &[u8]) -> (Self, Option<Problem>) {
        let mut values = Vec::new();
        loop {
            let parsed = LumiStruct::parse(bytes);
            values.extend(
                parsed
                    .fields
                    .into_iter()
                    .map(|field| (field.tag, field.value)),
            );
            let problem = parsed.problems.into_iter().next();
            // The structure goes on behind tag, type and the raw bytes.
            let behind = match problem {
                Some(Problem::UnknownType {
                    offset,
                    data_type: RAW,
                    ..
                }) => bytes.get(offset + 2 + RAW_LENGTH..),
                _ => None,
            };
            match behind {
                Some(behind) => bytes = behind,
                None => return (Self(values), problem),
            }
        }
    }

    /// A structure of numbered members, as in attribute 0xff02.
    pub(crate) fn members(values: &[(DataType, Value)]) -> Self {
        Self(
            (0..=u8::MAX)
                .zip(values)
                .map(|(index, (_, value))| (index, value.clone()))
                .collect(),
        )
    }

    /// All tags with their values, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &Value)> {
        self.0.iter().map(|(tag, value)| (*tag, value))
    }

    /// The value of a tag; of one that comes twice the last counts.
    pub(crate) fn get(&self, tag: u8) -> Option<&Value> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| *known == tag)
            .map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Structures of tests/captures with what another tool made of them.
    #[test]
    fn captured_structures_are_read_as_other_tools_read_them() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/captures/captures.jsonl"
        );
        let mut checked = 0;
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let capture: serde_json::Value = serde_json::from_str(line).unwrap();
            let records = |text: &str| text.to_lowercase().find("01ff42").or(text.find("f70041"));
            let hex = if let Some(text) = capture["struct_hex"].as_str() {
                text.to_lowercase()
            } else if let Some(text) = ["zcl_hex", "attr_records_hex"]
                .iter()
                .find_map(|key| capture[*key].as_str())
                && let Some(at) = records(text)
            {
                text.to_lowercase().split_off(at + 8)
            } else {
                continue;
            };
            let decoded = ["own_decode", "decoded"]
                .iter()
                .find_map(|key| capture[*key].as_object());
            let Some(decoded) = decoded else { continue };
            let tags = decoded
                .get("65281")
                .or(decoded.get("247"))
                .and_then(serde_json::Value::as_object)
                .unwrap_or(decoded);
            let (structure, _) = Structure::parse(&crate::number::bytes(&hex).unwrap());
            for (tag, expected) in tags {
                let (Ok(tag), Some(expected)) = (tag.parse::<u8>(), expected.as_f64()) else {
                    continue;
                };
                let got = structure.get(tag).and_then(crate::number::of);
                assert_eq!(got, Some(expected), "{} tag {tag}", capture["id"]);
            }
            checked += 1;
        }
        println!("{checked} captured structures");
        assert!(checked >= 30, "{checked} captured structures");
    }

    #[test]
    fn raw_bytes_are_passed_over() {
        let bytes = crate::number::bytes("0328249a5f01020304651001").unwrap();
        let (structure, problem) = Structure::parse(&bytes);
        assert_eq!(problem, None);
        assert_eq!(structure.get(0x65), Some(&Value::Bool(true)));
        let (structure, problem) = Structure::parse(&bytes[..7]);
        assert!(problem.is_some());
        assert_eq!(structure.get(3), Some(&Value::Signed(36)));
    }
}
