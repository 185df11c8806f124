//! Where a definition comes from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who wrote a definition. The order is that of precedence: the first that fits a device wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OriginKind {
    /// The owner of the house, in a file of the data directory.
    User,
    /// An installed package.
    Package,
    /// This program's catalogue.
    Builtin,
    /// Nobody: it follows from what the device says of itself.
    Generic,
}

/// Where a definition comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// Who wrote it.
    pub kind: OriginKind,
    /// The file's or the package's name.
    pub name: String,
    /// The file, as its author would look for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Says that the code is another one than before: a package's version, a digest of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Origin {
    pub(crate) fn builtin(name: &str) -> Self {
        Self {
            kind: OriginKind::Builtin,
            name: name.to_owned(),
            file: None,
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }
    }

    pub(crate) fn generic() -> Self {
        Self {
            kind: OriginKind::Generic,
            name: "interview".to_owned(),
            file: None,
            version: None,
        }
    }

    /// `source` of the `definition` object (mqtt-api.md §11.4): Zigbee2MQTT's words.
    pub fn source(&self) -> &'static str {
        match self.kind {
            OriginKind::User | OriginKind::Package => "external",
            OriginKind::Builtin => "native",
            OriginKind::Generic => "generated",
        }
    }

    /// True for the same file or package, whatever its version.
    pub fn same_place(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file.as_ref().unwrap_or(&self.name))
    }
}
