//! What is wrong with a definition, and where in it.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::definition::Data;
use crate::primitives::Capability;

/// Why a text is no definition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct DefinitionError {
    /// The place, such as `capabilities[2].sources[0].at.cluster`; empty for the whole.
    pub path: String,
    /// What is wrong there.
    pub reason: String,
}

impl DefinitionError {
    pub(crate) fn new(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            reason: reason.into(),
        }
    }

    fn of(error: serde_path_to_error::Error<serde_json::Error>, begin: &str) -> Self {
        let path = error.path().to_string();
        let path = match (begin, path.as_str()) {
            (_, ".") => begin.to_owned(),
            ("", path) => path.to_owned(),
            (begin, path) if path.starts_with('[') => format!("{begin}{path}"),
            (begin, path) => format!("{begin}.{path}"),
        };
        Self {
            path,
            reason: error.into_inner().to_string(),
        }
    }
}

/// Says where a text that could not be read as a definition is wrong. Slow: for texts that are wrong.
pub(crate) fn diagnose(text: &str, error: &serde_json::Error) -> DefinitionError {
    let json: Json = match serde_json::from_str(text) {
        Ok(json) => json,
        Err(error) => return DefinitionError::new("", error.to_string()),
    };
    // A capability is told from others by one of its keys, so that it is read from a copy, and paths
    // end there.
    let capabilities = json.get("capabilities").and_then(Json::as_array);
    for (index, capability) in capabilities.into_iter().flatten().enumerate() {
        if let Some(error) = capability_error(capability, &format!("capabilities[{index}]")) {
            return error;
        }
    }
    match serde_path_to_error::deserialize::<_, Data>(&json) {
        Err(error) => DefinitionError::of(error, ""),
        Ok(_) => DefinitionError::new("", error.to_string()),
    }
}

fn capability_error(json: &Json, path: &str) -> Option<DefinitionError> {
    let features = json.get("features").and_then(Json::as_array);
    if json["type"] == "combined"
        && let Some(error) = features.and_then(|features| {
            let mut features = features.iter().enumerate();
            features.find_map(|(at, feature)| {
                capability_error(feature, &format!("{path}.features[{at}]"))
            })
        })
    {
        return Some(error);
    }
    Capability::deserialize(json).err()?;
    let Some(kind) = json.get("type") else {
        return Some(DefinitionError::new(path, "missing field `type`"));
    };
    let mut parameters = json.clone();
    if let Some(parameters) = parameters.as_object_mut() {
        parameters.remove("type");
    }
    Capability::parse_as(kind, &parameters).map(|error| match error {
        Ok(error) => DefinitionError::of(error, path),
        Err(unknown) => DefinitionError::new(format!("{path}.type"), unknown.to_string()),
    })
}
