//! `configuration.yaml` and the files it names: read together, written each into its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use devices::JsonMap;
use serde_json::Value as Json;

use super::error::{DataError, Problem, Warning};
use super::yaml::{self, Change, Document};
use super::{files, json, schema};

/// The file's name.
pub(crate) const FILE: &str = "configuration.yaml";

/// Settings whose value may be in another file (shared/facts/config.md §5).
const REFERABLE: [[&str; 2]; 5] = [
    ["mqtt", "server"],
    ["mqtt", "user"],
    ["mqtt", "password"],
    ["advanced", "network_key"],
    ["frontend", "auth_token"],
];

/// The maps that may be in files of their own (§4).
const SPLITTABLE: [&str; 2] = ["devices", "groups"];

/// Where the parts of the settings come from.
pub(crate) struct Config {
    directory: PathBuf,
    /// Texts as they were when they were read, to name lines: by file name.
    documents: BTreeMap<String, Document>,
    /// Files in place of `devices` and `groups`.
    split: BTreeMap<&'static str, Vec<String>>,
    references: Vec<Reference>,
    /// What was read or written last, references resolved.
    base: JsonMap,
    /// Changes of the main file that are not in `base`: references from the environment.
    pending: Vec<Change>,
    /// True if there is no file yet.
    is_new: bool,
}

/// A setting whose value is in another file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Reference {
    path: [&'static str; 2],
    file: String,
    key: String,
}

impl Config {
    /// Reads `configuration.yaml`, or `fresh` if there is none, and what it refers to. `preset` are values
    /// that stand in place of the file's before references are resolved.
    pub(crate) fn read(
        directory: &Path,
        fresh: &str,
        preset: &[(Vec<&'static str>, Json)],
    ) -> Result<Self, DataError> {
        let mut config = Self {
            directory: directory.to_owned(),
            documents: BTreeMap::new(),
            split: BTreeMap::new(),
            references: Vec::new(),
            base: JsonMap::new(),
            pending: Vec::new(),
            is_new: false,
        };
        let path = directory.join(FILE);
        let bytes = files::read(&path)?;
        config.is_new = bytes.is_none();
        let main = parse(FILE, bytes.as_deref().unwrap_or(fresh.as_bytes()))?;
        let mut map = match main.to_json() {
            Json::Object(map) if !map.is_empty() => map,
            _ => {
                return Err(DataError::Invalid(vec![Problem {
                    file: FILE.to_owned(),
                    line: Some(1),
                    key: String::new(),
                    value: None,
                    rule: "must hold a block of keys such as `mqtt:`".to_owned(),
                    fix: "Restore it from a backup, or remove it to start anew".to_owned(),
                }]));
            }
        };
        config.documents.insert(FILE.to_owned(), main);
        for (path, value) in preset {
            if json::get(&map, path) != Some(value) {
                json::set(&mut map, path, value.clone());
                config.pending.push(Change {
                    path: path.iter().map(|key| (*key).to_owned()).collect(),
                    value: Some(value.clone()),
                });
            }
        }
        config.resolve_splits(&mut map)?;
        config.resolve_references(&mut map)?;
        config.base = map;
        Ok(config)
    }

    /// What was read or written last, references resolved.
    pub(crate) fn document(&self) -> &JsonMap {
        &self.base
    }

    /// The text of the main file as it was read.
    pub(crate) fn main_text(&self) -> &str {
        self.documents
            .get(FILE)
            .map_or("", |document| &document.text)
    }

    fn resolve_splits(&mut self, map: &mut JsonMap) -> Result<(), DataError> {
        for section in SPLITTABLE {
            let names: Vec<String> = match map.get(section) {
                Some(Json::String(name)) => vec![name.clone()],
                Some(Json::Array(list)) if !list.is_empty() && list.iter().all(Json::is_string) => {
                    list.iter()
                        .filter_map(Json::as_str)
                        .map(str::to_owned)
                        .collect()
                }
                _ => continue,
            };
            let mut all = JsonMap::new();
            for name in &names {
                let document = self.other(name)?;
                match document.to_json() {
                    Json::Object(part) => json::overlay(&mut all, &part),
                    Json::Null => {}
                    _ => {
                        return Err(DataError::Invalid(vec![Problem {
                            file: name.clone(),
                            line: Some(1),
                            key: String::new(),
                            value: None,
                            rule: format!("must hold a block of {section}"),
                            fix: format!("Write it like the block `{section}:` in {FILE}"),
                        }]));
                    }
                }
            }
            map.insert(section.to_owned(), Json::Object(all));
            self.split.insert(section, names);
        }
        Ok(())
    }

    fn resolve_references(&mut self, map: &mut JsonMap) -> Result<(), DataError> {
        let mut problems = Vec::new();
        for path in REFERABLE {
            let Some((file, key)) = json::get(map, &path)
                .and_then(Json::as_str)
                .and_then(reference)
            else {
                continue;
            };
            let dotted = path.join(".");
            let line = self.line(FILE, &path.map(str::to_owned));
            let problem = |rule: String, fix: String| Problem {
                file: FILE.to_owned(),
                line,
                key: dotted.clone(),
                value: None,
                rule,
                fix,
            };
            if !self.directory.join(&file).exists() {
                problems.push(problem(
                    format!("refers to the file {file}, which is not there"),
                    format!("Create {file} with a line `{key}: ...` in it"),
                ));
                continue;
            }
            let value = match self.other(&file)?.to_json() {
                Json::Object(secrets) => secrets.get(&key).cloned(),
                _ => None,
            };
            match value {
                Some(value) if !value.is_null() => {
                    json::set(map, &path, value);
                    self.references.push(Reference { path, file, key });
                }
                _ => problems.push(problem(
                    format!("refers to the key '{key}' of {file}, which is not there"),
                    format!("Add a line `{key}: ...` to {file}"),
                )),
            }
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(DataError::Invalid(problems))
        }
    }

    /// Another file of the directory; an empty document if it is not there.
    fn other(&mut self, name: &str) -> Result<&Document, DataError> {
        if !self.documents.contains_key(name) {
            let bytes = files::read(&self.directory.join(name))?.unwrap_or_default();
            let document = parse(name, &bytes)?;
            self.documents.insert(name.to_owned(), document);
        }
        // It was inserted if it was not there.
        Ok(self
            .documents
            .entry(name.to_owned())
            .or_insert_with(|| Document {
                text: String::new(),
                root: None,
            }))
    }

    fn line(&self, file: &str, path: &[String]) -> Option<usize> {
        if file == FILE && self.is_new {
            return None;
        }
        self.documents
            .get(file)
            .map(|document| document.line_of(path))
    }

    /// The file and line of a setting.
    fn locate(&self, path: &[String]) -> (String, Option<usize>) {
        if let Some(reference) = self.references.iter().find(|r| is_at(&r.path, path)) {
            let line = self.line(&reference.file, std::slice::from_ref(&reference.key));
            return (reference.file.clone(), line);
        }
        if let Some((names, below)) = path
            .split_first()
            .and_then(|(first, below)| Some((self.split.get(first.as_str())?, below)))
            && let Some(owner) = self.owner(names, below.first())
        {
            return (owner.to_owned(), self.line(owner, below));
        }
        (FILE.to_owned(), self.line(FILE, path))
    }

    /// The last of some files that has a key, as that is the one whose values count; else the first.
    fn owner<'a>(&self, names: &'a [String], key: Option<&String>) -> Option<&'a str> {
        let has = |name: &&String| {
            self.documents
                .get(*name)
                .and_then(|document| document.root.as_ref())
                .zip(key)
                .is_some_and(|(root, key)| root.entry(key).is_some())
        };
        let found = names.iter().rev().find(has).or_else(|| names.first());
        found.map(String::as_str)
    }

    /// Where a setting is written, or would be: file and line, for a person.
    pub(crate) fn place(&self, path: &[String]) -> String {
        let (file, line) = self.locate(path);
        let file = self.directory.join(file);
        line.map_or_else(
            || file.display().to_string(),
            |line| format!("{}, line {line}", file.display()),
        )
    }

    /// What is wrong with a document, for a person.
    pub(crate) fn problem(&self, violation: &schema::Violation, document: &JsonMap) -> Problem {
        let (file, line) = self.locate(&violation.path);
        Problem {
            file,
            line,
            key: violation.path.join("."),
            value: shown(document, violation),
            rule: violation.rule.clone(),
            fix: violation.fix.clone(),
        }
    }

    /// Writes what differs from what was read or written last into the files where it belongs. Other
    /// changes that a person made to the files meanwhile stay. `true` if any file changed.
    pub(crate) fn write(
        &mut self,
        document: &JsonMap,
        warnings: &mut Vec<Warning>,
    ) -> Result<bool, DataError> {
        let mut wanted = document.clone();
        for section in self.split.keys() {
            // Without its files' map a section would lose their names.
            if !wanted.get(*section).is_some_and(Json::is_object) {
                wanted.insert((*section).to_owned(), Json::Object(JsonMap::new()));
            }
        }
        let mut by_file: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        for change in yaml::changes(&self.base, &wanted) {
            self.assign(change, &mut by_file);
        }
        by_file
            .entry(FILE.to_owned())
            .or_default()
            .splice(0..0, self.pending.iter().cloned());
        // Secrets and parts first: the main file refers to them.
        let main = by_file.remove(FILE);
        let mut changed = false;
        for (name, changes) in by_file
            .into_iter()
            .chain(main.map(|changes| (FILE.to_owned(), changes)))
        {
            changed |= self.write_file(&name, &changes, warnings)?;
        }
        // A setting that was removed lost its reference.
        self.references
            .retain(|reference| json::get(&wanted, &reference.path).is_some());
        self.base = wanted;
        self.pending.clear();
        self.is_new = false;
        Ok(changed)
    }

    /// Finds the file that a change belongs to.
    fn assign(&self, change: Change, by_file: &mut BTreeMap<String, Vec<Change>>) {
        if let Some(reference) = self.references.iter().find(|r| r.path[..] == *change.path)
            && let Some(value) = change.value
        {
            by_file
                .entry(reference.file.clone())
                .or_default()
                .push(Change {
                    path: vec![reference.key.clone()],
                    value: Some(value),
                });
            return;
        }
        let Some((first, below)) = change.path.split_first() else {
            return;
        };
        let Some(names) = self.split.get(first.as_str()) else {
            by_file.entry(FILE.to_owned()).or_default().push(change);
            return;
        };
        if below.is_empty() {
            // The whole map: each of its entries.
            let empty = JsonMap::new();
            let object =
                |value: Option<&Json>| value.and_then(Json::as_object).unwrap_or(&empty).clone();
            let old = object(self.base.get(first));
            let new = object(change.value.as_ref());
            for mut inner in yaml::changes(&old, &new) {
                inner.path.insert(0, first.clone());
                self.assign(inner, by_file);
            }
            return;
        }
        let inner = Change {
            path: below.to_vec(),
            value: change.value,
        };
        if inner.value.is_none() {
            // Gone from every file that has it.
            for name in names {
                by_file.entry(name.clone()).or_default().push(inner.clone());
            }
        } else if let Some(owner) = self.owner(names, below.first()) {
            by_file.entry(owner.to_owned()).or_default().push(inner);
        }
    }

    fn write_file(
        &mut self,
        name: &str,
        changes: &[Change],
        warnings: &mut Vec<Warning>,
    ) -> Result<bool, DataError> {
        let path = self.directory.join(name);
        let bytes = files::read(&path)?;
        let is_there = bytes.is_some();
        let before = match bytes {
            // What a person wrote meanwhile counts.
            Some(bytes) => parse(name, &bytes)?,
            None => self.documents.get(name).cloned().unwrap_or(Document {
                text: String::new(),
                root: None,
            }),
        };
        let edited = yaml::apply(&before, changes);
        let is_same = edited.text == before.text;
        if is_same && (is_there || name != FILE) {
            return Ok(false);
        }
        if edited.rewritten && before.text.contains('#') {
            let kept = files::keep_copy(&path, "with-comments", before.text.as_bytes())?;
            warnings.push(Warning::new(
                name,
                format!(
                    "could not be changed in place; it was written anew without comments, the old text is in {}",
                    files::name(&kept)
                ),
            ));
        }
        if files::write(&path, edited.text.as_bytes())? == files::Written::InPlace {
            warnings.push(Warning::new(
                name,
                "is mounted by itself and was written in place; mount its directory instead, so that a power cut can not damage it",
            ));
        }
        let document = parse(name, edited.text.as_bytes())?;
        self.documents.insert(name.to_owned(), document);
        Ok(true)
    }
}

/// The document that the text of a `configuration.yaml` is, as it stands: nothing it refers to is read,
/// nothing is migrated or checked.
pub fn read_configuration(bytes: &[u8]) -> Result<JsonMap, DataError> {
    match parse(FILE, bytes)?.to_json() {
        Json::Object(map) => Ok(map),
        _ => Ok(JsonMap::new()),
    }
}

fn parse(name: &str, bytes: &[u8]) -> Result<Document, DataError> {
    Document::parse(bytes).map_err(|error| {
        DataError::Invalid(vec![Problem {
            file: name.to_owned(),
            line: Some(error.line),
            key: String::new(),
            value: None,
            rule: error.message,
            fix: error.fix,
        }])
    })
}

/// `!secret password` → `secret.yaml`, `password`.
fn reference(text: &str) -> Option<(String, String)> {
    let (file, key) = text.strip_prefix('!')?.rsplit_once(' ')?;
    if file.is_empty() || key.is_empty() {
        return None;
    }
    let is_named = [".yaml", ".yml"].iter().any(|end| file.ends_with(end));
    let file = if is_named {
        file.to_owned()
    } else {
        format!("{file}.yaml")
    };
    Some((file, key.to_owned()))
}

fn is_at(reference: &[&str], path: &[String]) -> bool {
    path.len() >= reference.len() && reference.iter().zip(path).all(|(a, b)| a == b)
}

/// The value that breaks a rule, if it is a scalar and no secret.
fn shown(document: &JsonMap, violation: &schema::Violation) -> Option<String> {
    let path: Vec<&str> = violation.path.iter().map(String::as_str).collect();
    if violation.secret || schema::is_secret(&path) {
        return None;
    }
    let below_a_list = || {
        let (index, list) = path.split_last()?;
        json::get(document, list)?.get(index.parse::<usize>().ok()?)
    };
    let value = json::get(document, &path).or_else(below_a_list)?;
    match value {
        Json::Object(_) | Json::Array(_) => None,
        Json::String(text) => {
            let is_address = text.contains("://") || path == ["mqtt", "server"];
            let text = if is_address {
                super::typed::without_credentials(text)
            } else {
                text.clone()
            };
            let short: String = text.chars().take(80).collect();
            Some(Json::String(short).to_string())
        }
        scalar => Some(scalar.to_string()),
    }
}
