//! Requests that would run code in Zigbee2MQTT (§12.2). Here nothing runs JavaScript: what is in the
//! data directory is shown and can be removed.

use serde_json::{Value as Json, json};

use super::super::external::Kind;
use super::super::{Core, CoreOutput, RemovalId};
use super::{Answer, INVALID, Reply};

const EXTENSIONS: [&str; 3] = [".mjs", ".js", ".cjs"];

pub(super) fn save_converter(core: &mut Core, message: &Json) -> Result<Answer, String> {
    save(core, message)
}

pub(super) fn save_extension(core: &mut Core, message: &Json) -> Result<Answer, String> {
    save(core, message)
}

pub(super) fn remove_converter(core: &mut Core, message: &Json) -> Result<Answer, String> {
    remove(core, message, Kind::Converter)
}

pub(super) fn remove_extension(core: &mut Core, message: &Json) -> Result<Answer, String> {
    remove(core, message, Kind::Extension)
}

fn allowed(core: &Core) -> Result<(), String> {
    if core.view.external_code {
        Ok(())
    } else {
        Err("Code over MQTT is off: advanced.enable_external_js is false".to_owned())
    }
}

fn text<'a>(message: &'a Json, key: &str) -> Result<&'a str, String> {
    let text = message[key].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| INVALID.to_owned())
}

/// `{name, code}`: always refused, with the reason.
fn save(core: &Core, message: &Json) -> Result<Answer, String> {
    allowed(core)?;
    let (name, _) = (text(message, "name")?, text(message, "code")?);
    if !EXTENSIONS.iter().any(|extension| name.ends_with(extension)) {
        return Err("JavaScript file must have '.mjs', '.js' or '.cjs' extension".to_owned());
    }
    Err(format!(
        "{name} contains invalid code: ferrobee does not run JavaScript; nothing was saved"
    ))
}

/// `{name}`.
fn remove(core: &mut Core, message: &Json, kind: Kind) -> Result<Answer, String> {
    allowed(core)?;
    let name = text(message, "name")?.to_owned();
    // Only what was found there: a name is no path.
    if !core.external.has(kind, &name) {
        return Err(format!("{name} ({}/{name}) doesn't exists", kind.folder()));
    }
    Ok(Answer::Remove(kind, name))
}

impl Core {
    /// Has a file removed.
    pub(super) fn remove_external(&mut self, reply: Reply, kind: Kind, name: String) {
        let id = RemovalId(self.id());
        let path = format!("{}/{name}", kind.folder());
        self.removals.insert(id, (reply, kind, name));
        self.out.push(CoreOutput::Remove { id, path });
    }

    /// A file was removed, or not.
    pub(in crate::core) fn removed(&mut self, id: RemovalId, result: Result<(), String>) {
        let Some((reply, kind, name)) = self.removals.remove(&id) else {
            return;
        };
        if result.is_ok() {
            self.external.remove(kind, &name);
            self.publish_external(kind);
        }
        self.respond(&reply, result.map(|()| json!({})));
    }
}
