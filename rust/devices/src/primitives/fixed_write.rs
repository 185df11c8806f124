//! A key that writes a fixed value: nothing is published, and what is set does not matter.

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::ClusterId;
use zigbee::zcl::Attribute;

use super::Primitive;
use crate::definition::{At, Data, TypeName};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, SET};
use crate::{JsonMap, LocalFuture, configure};

/// Writes a fixed value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FixedWrite {
    name: String,
    at: At,
    data_type: TypeName,
    value: i64,
    /// The values that are shown.
    values: Vec<Json>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    category: Option<String>,
}

impl Primitive for FixedWrite {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(self.at.cluster());
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Enum, &self.name, SET);
        expose.description.clone_from(&self.description);
        expose.category.clone_from(&self.category);
        expose.values = Some(self.values.clone());
        out.push(expose);
    }

    fn claims(&self, key: &str) -> bool {
        self.name == key
    }

    fn set<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<JsonMap, Failure>>> {
        Some(Box::pin(async move {
            let data_type = self.data_type.data_type();
            let attribute = Attribute {
                id: self.at.attribute(),
                data_type,
                value: configure::value(data_type, self.value),
            };
            call.write(self.at, vec![attribute]).await?;
            Ok(JsonMap::new())
        }))
    }
}
