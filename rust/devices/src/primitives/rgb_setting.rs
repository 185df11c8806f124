//! A colour in an attribute: red, green and blue in 24 bits.

use serde::Deserialize;
use zigbee::zcl::{Attribute, DataType, Value};

use super::Primitive;
use crate::definition::{At, Data};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET};
use crate::{JsonMap, LocalFuture};

/// The parts in the order of the bits, the lowest first.
const PARTS: [&str; 3] = ["r", "g", "b"];

/// A colour that is written and cannot be read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RgbSetting {
    /// Its name, also its property.
    name: String,
    at: At,
    #[serde(default)]
    description: Option<String>,
}

impl Primitive for RgbSetting {
    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Composite, &self.name, SET);
        expose.description.clone_from(&self.description);
        let parts = PARTS.map(|part| Expose::generic(ExposeKind::Numeric, part, SET));
        expose.features = parts.to_vec();
        out.push(expose);
    }

    fn claims(&self, key: &str) -> bool {
        self.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let mut bits = 0;
            for (index, part) in PARTS.iter().enumerate() {
                let given = call.value.get(part).and_then(serde_json::Value::as_u64);
                let part = given
                    .and_then(|part| u8::try_from(part).ok())
                    .ok_or_else(|| {
                        Failure::value(format!(
                            "{} needs r, g and b from 0 to 255, got {}",
                            self.name, call.value
                        ))
                    })?;
                bits |= u64::from(part) << (8 * index);
            }
            let attribute = Attribute {
                id: self.at.attribute(),
                data_type: DataType::UINT24,
                value: Value::Unsigned(bits),
            };
            call.write(self.at, vec![attribute]).await?;
            Ok(JsonMap::new())
        }))
    }
}
