//! What is wrong with a definition that can be read, before any device meets it.

use std::collections::BTreeMap;

use crate::definition::Data;
use crate::expose::{Expose, SET};
use crate::{Definition, DefinitionError, generic};

/// Says what is wrong with the data of a definition: the first thing that makes it none at all, or
/// everything that can't be meant.
pub fn check(text: &str) -> Vec<DefinitionError> {
    match Definition::from_json(text) {
        Ok(definition) => definition.problems(),
        Err(error) => vec![error],
    }
}

impl Definition {
    fn problems(&self) -> Vec<DefinitionError> {
        let mut out = Vec::new();
        let data = &self.data;
        matches(data, &mut out);
        endpoints(data, &mut out);
        properties(data, &mut out);
        keys(data, &mut out);
        out
    }
}

fn matches(data: &Data, out: &mut Vec<DefinitionError>) {
    if data.matches.is_empty() {
        let reason = "no device is matched: there is no model";
        out.push(DefinitionError::new("match", reason));
    }
    for (index, matched) in data.matches.iter().enumerate() {
        if matched.model.is_empty() {
            let reason = "the model is empty; devices have one";
            out.push(DefinitionError::new(
                format!("match[{index}].model"),
                reason,
            ));
        }
    }
    for (place, text) in [("model", &data.model), ("vendor", &data.vendor)] {
        if text.is_empty() {
            out.push(DefinitionError::new(place, "it is empty"));
        }
    }
    if data.capabilities.is_empty() {
        let reason = "it can do nothing: there is no capability";
        out.push(DefinitionError::new("capabilities", reason));
    }
}

fn endpoints(data: &Data, out: &mut Vec<DefinitionError>) {
    for (index, (name, number)) in data.endpoints.iter().enumerate() {
        let mut problem = |reason: String| {
            out.push(DefinitionError::new(format!("endpoints[{index}]"), reason));
        };
        if !(1..=240).contains(&number.0) {
            problem(format!("endpoint {} does not exist: 1 to 240 do", number.0));
        }
        let before = data.endpoints.iter().take(index);
        if before.into_iter().any(|(known, _)| known == name) {
            problem(format!("the name '{name}' comes twice"));
        }
    }
}

/// The properties of exposes, those inside of groups among them; not the keys inside of composites.
fn gather<'a>(exposes: &'a [Expose], out: &mut Vec<&'a Expose>) {
    for expose in exposes {
        if expose.property.is_some() {
            out.push(expose);
        } else {
            gather(&expose.features, out);
        }
    }
}

/// Properties that two capabilities show.
fn properties(data: &Data, out: &mut Vec<DefinitionError>) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (index, capability) in data.capabilities.iter().enumerate() {
        let mut exposes = Vec::new();
        capability.get().exposes(data, &mut exposes);
        let mut shown = Vec::new();
        gather(&exposes, &mut shown);
        for property in shown.iter().filter_map(|expose| expose.property.clone()) {
            // Two forms of a colour are one property of one light.
            let first = seen.insert(property.clone(), index);
            if let Some(first) = first.filter(|first| *first != index) {
                let reason =
                    format!("the property '{property}' is shown by capabilities[{first}] already");
                out.push(DefinitionError::new(
                    format!("capabilities[{index}]"),
                    reason,
                ));
            }
        }
    }
}

/// The key that sets what an expose shows: its property without the name of its endpoint.
fn key(expose: &Expose) -> Option<&str> {
    let property = expose.property.as_deref()?;
    let suffix = expose.endpoint.as_deref();
    let base = suffix.and_then(|name| property.strip_suffix(name)?.strip_suffix('_'));
    Some(base.unwrap_or(property))
}

/// Keys that somebody else takes, and keys that can't be set although the exposes say so.
fn keys(data: &Data, out: &mut Vec<DefinitionError>) {
    for (index, capability) in data.capabilities.iter().enumerate() {
        let place = format!("capabilities[{index}]");
        let mut exposes = Vec::new();
        capability.get().exposes(data, &mut exposes);
        let mut shown = Vec::new();
        gather(&exposes, &mut shown);
        let settable = shown
            .iter()
            .filter(|expose| expose.access.is_some_and(|access| access & SET != 0));
        let mut names: Vec<&str> = settable.filter_map(|expose| key(expose)).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            if generic::Generic::of(name).is_some() {
                let reason = format!("the key '{name}' has a meaning for every device");
                out.push(DefinitionError::new(&place, reason));
                continue;
            }
            let takes = |other: &crate::primitives::Capability| other.get().claims(name);
            let first = data.capabilities.iter().position(takes);
            let reason = match first {
                Some(first) if first == index => continue,
                Some(first) if first < index && takes(capability) => {
                    format!("the key '{name}' goes to capabilities[{first}], which comes first")
                }
                Some(_) => continue,
                None => format!("the key '{name}' is shown as one that can be set, but can't be"),
            };
            out.push(DefinitionError::new(&place, reason));
        }
    }
}
