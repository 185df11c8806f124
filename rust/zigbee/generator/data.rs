//! The data files' form.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    #[serde(default)]
    pub(crate) clusters: Vec<Cluster>,
    #[serde(default)]
    pub(crate) extensions: Vec<Extension>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cluster {
    pub(crate) id: Hex,
    pub(crate) name: String,
    pub(crate) manufacturer: Option<Hex>,
    #[serde(default = "yes")]
    pub(crate) known: bool,
    #[serde(default)]
    pub(crate) custom: bool,
    #[serde(default)]
    pub(crate) attributes: Vec<Attribute>,
    #[serde(default)]
    pub(crate) to_server: Vec<Command>,
    #[serde(default)]
    pub(crate) to_client: Vec<Command>,
}

/// What a manufacturer adds to a cluster of another file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Extension {
    pub(crate) cluster: String,
    pub(crate) manufacturer: Option<Hex>,
    #[serde(default)]
    pub(crate) attributes: Vec<Attribute>,
    #[serde(default)]
    pub(crate) to_server: Vec<Command>,
    #[serde(default)]
    pub(crate) to_client: Vec<Command>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attribute {
    pub(crate) id: Hex,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) data_type: String,
    pub(crate) access: String,
    pub(crate) manufacturer: Option<Hex>,
    #[serde(default)]
    pub(crate) mandatory: bool,
    pub(crate) side: Option<Side>,
    #[serde(default = "yes")]
    pub(crate) known: bool,
    pub(crate) min: Option<i128>,
    pub(crate) max: Option<i128>,
    pub(crate) default: Option<i128>,
    #[serde(default)]
    pub(crate) special: Vec<i128>,
    pub(crate) length: Option<(u16, u16)>,
    /// For readers of the data file.
    #[serde(rename = "comment")]
    pub(crate) _comment: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Client,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Command {
    pub(crate) id: Hex,
    pub(crate) name: String,
    pub(crate) manufacturer: Option<Hex>,
    pub(crate) response: Option<Hex>,
    #[serde(default)]
    pub(crate) mandatory: bool,
    #[serde(default)]
    pub(crate) parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) count: Option<String>,
    #[serde(default)]
    pub(crate) when: Vec<String>,
    pub(crate) min: Option<i128>,
    pub(crate) max: Option<i128>,
    pub(crate) default: Option<i128>,
    #[serde(default)]
    pub(crate) special: Vec<i128>,
    pub(crate) length: Option<(u16, u16)>,
}

/// A number written as "0x" and hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Hex(pub(crate) u16);

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.strip_prefix("0x")
            .and_then(|digits| u16::from_str_radix(digits, 16).ok())
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no hexadecimal number")))
    }
}

fn yes() -> bool {
    true
}

impl Cluster {
    pub(crate) fn extend(&mut self, extension: Extension) {
        let manufacturer = extension.manufacturer;
        self.attributes
            .extend(extension.attributes.into_iter().map(|mut attribute| {
                attribute.manufacturer = attribute.manufacturer.or(manufacturer);
                attribute
            }));
        for (commands, added) in [
            (&mut self.to_server, extension.to_server),
            (&mut self.to_client, extension.to_client),
        ] {
            commands.extend(added.into_iter().map(|mut command| {
                command.manufacturer = command.manufacturer.or(manufacturer);
                command
            }));
        }
    }

    /// Sorts, and refuses what would make a look-up ambiguous.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        for attribute in &mut self.attributes {
            // Who doesn't know the cluster doesn't know its attributes.
            attribute.known &= self.known;
        }
        self.attributes
            .sort_by_key(|attribute| (attribute.id, attribute.manufacturer));
        unique(
            &self.name,
            self.attributes
                .iter()
                .map(|attribute| (attribute.id, attribute.manufacturer)),
        )?;
        unique(
            &self.name,
            self.attributes.iter().map(|attribute| &attribute.name),
        )?;
        for commands in [&mut self.to_server, &mut self.to_client] {
            commands.sort_by_key(|command| (command.id, command.manufacturer));
            unique(
                &self.name,
                commands
                    .iter()
                    .map(|command| (command.id, command.manufacturer)),
            )?;
            unique(&self.name, commands.iter().map(|command| &command.name))?;
        }
        Ok(())
    }
}

fn unique<T: std::hash::Hash + Eq + std::fmt::Debug>(
    cluster: &str,
    keys: impl Iterator<Item = T>,
) -> Result<(), String> {
    let mut seen = HashSet::new();
    for key in keys {
        let text = format!("{cluster}: {key:?} is there twice");
        if !seen.insert(key) {
            return Err(text);
        }
    }
    Ok(())
}
