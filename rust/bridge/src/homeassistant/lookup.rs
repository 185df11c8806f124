//! Fields of discovery messages that go by the name of the expose (§7): `lookup.json`.

use std::collections::HashMap;

use devices::JsonMap;
use serde::Deserialize;

/// The tables: kind of expose, then its name.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    tables: HashMap<String, HashMap<String, JsonMap>>,
}

#[derive(Deserialize)]
struct Row {
    names: Vec<String>,
    #[serde(flatten)]
    fields: JsonMap,
}

/// Marks fields whose label stays although Home Assistant has a name for the class.
pub(super) const KEEP_NAME: &str = "keep_name";

impl Lookup {
    /// The tables that are built in.
    pub(crate) fn builtin() -> Self {
        // A test reads them; without them only classes and icons would be missing.
        let rows: HashMap<String, Vec<Row>> =
            serde_json::from_str(include_str!("lookup.json")).unwrap_or_default();
        let tables = rows
            .into_iter()
            .map(|(kind, rows)| {
                let names = rows.into_iter().flat_map(|row| {
                    let fields = row.fields;
                    row.names
                        .into_iter()
                        .map(move |name| (name, fields.clone()))
                });
                (kind, names.collect())
            })
            .collect();
        Self { tables }
    }

    /// The fields for an expose; none for most.
    pub(super) fn fields(&self, kind: &str, name: &str) -> Option<&JsonMap> {
        self.tables.get(kind)?.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_tables_is_there_once() {
        let lookup = Lookup::builtin();
        for (kind, names) in [
            ("switch", 8),
            ("binary", 71),
            ("numeric", 154),
            ("enum", 45),
            ("text", 6),
        ] {
            assert_eq!(lookup.tables[kind].len(), names, "{kind}");
        }
    }
}
