//! Definitions of the owner and of packages: the whole set, as it is told each time something changed.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Catalogue, Definition, DefinitionError, Origin};

/// A file (or package) with definitions, and what runs its functions.
#[derive(Debug)]
pub struct Converter {
    /// Whose it is.
    pub origin: Arc<Origin>,
    /// Its definitions.
    pub definitions: Vec<Arc<Definition>>,
    /// The program that runs its functions, with its arguments.
    pub worker: Option<Vec<String>>,
}

/// A set of converters. What can't be used is told beside what is.
#[derive(Debug, Clone, Default)]
pub struct ConverterSet {
    /// Those in use. Of one that can't be used now, what was in use before.
    pub converters: Vec<Arc<Converter>>,
    /// Those that can't be used, and why.
    pub errors: Vec<(Arc<Origin>, String)>,
    /// The texts of the owner's files as they are now, also of those that can't be used.
    pub sources: Vec<(Arc<Origin>, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry<'a> {
    origin: Origin,
    #[serde(borrow, default)]
    definitions: Vec<&'a RawValue>,
    #[serde(default)]
    worker: Option<Vec<String>>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    source: Option<String>,
}

impl Converter {
    fn read(entry: &Entry<'_>, before: Option<&Self>) -> Result<Self, String> {
        let origin = match before {
            Some(before) if *before.origin == entry.origin => Arc::clone(&before.origin),
            _ => Arc::new(entry.origin.clone()),
        };
        let mut definitions = Vec::new();
        for (index, text) in entry.definitions.iter().enumerate() {
            let definition = Definition::from_origin(text.get(), Arc::clone(&origin))
                .map_err(|error| format!("definitions[{index}].{error}"))?;
            // What did not change stays the same one, so that nobody takes it for another.
            let known = before.into_iter().flat_map(|before| &before.definitions);
            let same = known
                .filter(|known| Arc::ptr_eq(known.origin(), &origin))
                .find(|known| known.has_data_of(&definition));
            definitions.push(same.map_or_else(|| Arc::new(definition), Arc::clone));
        }
        let worker = entry.worker.clone();
        if worker.as_ref().is_none_or(Vec::is_empty)
            && definitions
                .iter()
                .any(|definition| definition.calls_functions())
        {
            return Err("it has functions, but no program that runs them is named".to_owned());
        }
        Ok(Self {
            origin,
            definitions,
            worker,
        })
    }
}

impl ConverterSet {
    /// Reads a set: a list of `{"origin", "definitions", "worker"}`, or `{"origin", "error"}` for one
    /// that does not load; each with the `source` of its file where somebody may want to see it. One with an error stays what it was in `before`, whole or not at all.
    pub fn read(text: &str, before: &Self) -> Result<Self, DefinitionError> {
        let entries: Vec<Entry<'_>> = serde_json::from_str(text)
            .map_err(|error| DefinitionError::new("", error.to_string()))?;
        let mut set = Self::default();
        for entry in entries {
            let known = before.converters.iter();
            let before = known
                .filter(|known| known.origin.same_place(&entry.origin))
                .min_by_key(|known| *known.origin != entry.origin);
            let read = match &entry.error {
                Some(error) => Err(error.clone()),
                None => Converter::read(&entry, before.map(Arc::as_ref)),
            };
            match read {
                Ok(converter) => set.converters.push(Arc::new(converter)),
                Err(error) => {
                    set.errors.push((Arc::new(entry.origin.clone()), error));
                    set.converters.extend(before.cloned());
                }
            }
            if let Some(source) = entry.source {
                set.sources.push((Arc::new(entry.origin), source));
            }
        }
        Ok(set)
    }

    /// A catalogue with the set above what is built in.
    pub fn over(&self, catalogue: &Catalogue) -> Catalogue {
        let all = self.converters.iter();
        catalogue.with(all.flat_map(|converter| converter.definitions.iter().cloned()))
    }

    /// How many files and packages there are, those that can't be used included.
    pub fn files(&self) -> usize {
        let unused = self.errors.iter();
        let unused = unused.filter(|(origin, _)| self.of(origin).is_none());
        self.converters.len() + unused.count()
    }

    /// The converter of an origin.
    pub fn of(&self, origin: &Origin) -> Option<&Arc<Converter>> {
        self.converters
            .iter()
            .find(|converter| converter.origin.same_place(origin))
    }
}
