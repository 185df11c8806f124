//! Requests that concern code (§12.2). Converters in Python are taken where the configuration says so;
//! nothing runs JavaScript: what is in the data directory is shown and can be removed.

use devices::{JsonMap, OriginKind};
use serde_json::{Value as Json, json};

use super::super::external::Kind;
use super::super::{Core, CoreOutput, RemovalId};
use super::{Answer, INVALID, Reply};

const JAVASCRIPT: [&str; 3] = [".mjs", ".js", ".cjs"];
/// How a converter's file ends.
const PYTHON: &str = ".py";
/// The folder of converters in Python.
const CONVERTERS: &str = "converters";
/// The most bytes of code that are taken.
const LARGEST: usize = 1024 * 1024;

/// `{name, code}`: a converter in Python, which is checked and then written. JavaScript is refused, with
/// the reason.
pub(super) fn save_converter(core: &mut Core, message: &Json) -> Result<Answer, String> {
    allowed(core)?;
    let (name, source) = (text(message, "name")?, text(message, "code")?);
    if is_javascript(name) {
        return Err(format!(
            "{name} contains invalid code: ferrobee does not run JavaScript; nothing was saved. A \
             converter in Python, with a name that ends in {PYTHON}, takes its place"
        ));
    }
    if !name.ends_with(PYTHON) {
        return Err(format!(
            "'{name}' is no name of a converter: it must end in {PYTHON}"
        ));
    }
    // A name is no path, and what begins otherwise is no converter of its own.
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    if name.starts_with(['_', '.', ' ']) || name.len() > 100 || !name.chars().all(is_plain) {
        return Err(format!(
            "'{name}' is no name of a converter: up to 100 letters, digits, '_', '-' and '.', the first \
             of them a letter or digit"
        ));
    }
    if source.len() > LARGEST {
        return Err(format!("{name} has more than {LARGEST} bytes"));
    }
    if !core.settings.takes_code() {
        return Err(
            "Code over MQTT is off: Python runs only where advanced.enable_external_js is true in \
             configuration.yaml itself"
                .to_owned(),
        );
    }
    let question = json!({"do": "save", "name": name, "code": source});
    Ok(Answer::AskPython(question, JsonMap::new()))
}

/// `{name, code}`: always refused, with the reason.
pub(super) fn save_extension(core: &mut Core, message: &Json) -> Result<Answer, String> {
    allowed(core)?;
    let (name, _) = (text(message, "name")?, text(message, "code")?);
    if !is_javascript(name) {
        return Err("JavaScript file must have '.mjs', '.js' or '.cjs' extension".to_owned());
    }
    Err(format!(
        "{name} contains invalid code: ferrobee does not run JavaScript; nothing was saved"
    ))
}

/// `{name}`.
pub(super) fn remove_converter(core: &mut Core, message: &Json) -> Result<Answer, String> {
    allowed(core)?;
    let name = text(message, "name")?;
    let mut sources = core.converters.sources.iter();
    if sources.any(|(origin, _)| is_own(origin, name)) {
        if !core.settings.takes_code() {
            return Err(
                "Code over MQTT is off: converters in Python are removed only where \
                 advanced.enable_external_js is true in configuration.yaml itself"
                    .to_owned(),
            );
        }
        return Ok(Answer::Remove(Kind::Converter, CONVERTERS, name.to_owned()));
    }
    remove(core, name, Kind::Converter)
}

/// `{name}`.
pub(super) fn remove_extension(core: &mut Core, message: &Json) -> Result<Answer, String> {
    allowed(core)?;
    remove(core, text(message, "name")?, Kind::Extension)
}

fn allowed(core: &Core) -> Result<(), String> {
    if core.view.external_code {
        Ok(())
    } else {
        Err("Code over MQTT is off: advanced.enable_external_js is false".to_owned())
    }
}

fn is_javascript(name: &str) -> bool {
    JAVASCRIPT.iter().any(|end| name.ends_with(end))
}

fn is_own(origin: &devices::Origin, name: &str) -> bool {
    origin.kind == OriginKind::User && origin.name == name
}

fn text<'a>(message: &'a Json, key: &str) -> Result<&'a str, String> {
    let text = message[key].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| INVALID.to_owned())
}

fn remove(core: &Core, name: &str, kind: Kind) -> Result<Answer, String> {
    // Only what was found there: a name is no path.
    if !core.external.has(kind, name) {
        return Err(format!("{name} ({}/{name}) doesn't exists", kind.folder()));
    }
    Ok(Answer::Remove(kind, kind.folder(), name.to_owned()))
}

impl Core {
    /// Has a file removed.
    pub(super) fn remove_external(&mut self, reply: Reply, kind: Kind, folder: &str, name: String) {
        let id = RemovalId(self.id());
        let path = format!("{folder}/{name}");
        self.removals.insert(id, (reply, kind, name));
        self.out.push(CoreOutput::Remove { id, path });
    }

    /// A file was removed, or not.
    pub(in crate::core) fn removed(&mut self, id: RemovalId, result: Result<(), String>) {
        let Some((reply, kind, name)) = self.removals.remove(&id) else {
            return;
        };
        if result.is_ok() {
            if kind == Kind::Converter {
                // What it did goes with the next set of converters; it is not shown any more.
                let sources = &mut self.converters.sources;
                sources.retain(|(origin, _)| !is_own(origin, &name));
            }
            self.external.remove(kind, &name);
            self.publish_external(kind);
        }
        self.respond(&reply, result.map(|()| json!({})));
    }
}
