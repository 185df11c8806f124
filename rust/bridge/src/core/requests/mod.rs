//! `bridge/request/...` and its responses (§12).
//!
//! [`REQUESTS`] lists every request; a new one is a function in one of the modules below and a line
//! in the table.

mod action;
mod bind;
mod device;
mod endpoint;
mod external;
mod general;
mod global;
mod group;
mod install_code;
mod network;
mod ota;
mod reporting;
mod settings;

pub(super) use action::ACTIONS;
pub(crate) use install_code::disguise;

use devices::JsonMap;
use hub::{CommandError, CommandId, CommandReply, LogLevel};
use serde_json::{Value as Json, json};

use super::external::Kind;
use super::{ArchiveId, AskId, Core, CoreOutput, Qos};
use crate::json;

/// A request that waits for the hub.
pub(super) type Pending = Box<dyn FnOnce(&mut Core, Result<CommandReply, CommandError>) + Send>;

/// What a request leads to.
pub(super) enum Answer {
    /// The `data` of the response.
    Now(Json),
    /// The hub is asked; its reply makes the response.
    Ask(hub::Command, Finish),
    /// Everything is saved, and the runtime makes an archive of the data directory.
    Archive,
    /// The runtime removes a file, which stands in this folder.
    Remove(Kind, &'static str, String),
    /// Python is asked; what it answers is the `data` of the response, beside what is given here.
    AskPython(Json, JsonMap),
}

/// A request that waits for Python.
pub(super) struct Asked {
    reply: Reply,
    /// What the response's `data` has besides the answer.
    data: JsonMap,
}

/// Makes the response's `data` of the hub's reply.
pub(super) type Finish =
    Box<dyn FnOnce(&mut Core, Result<CommandReply, CommandError>) -> Result<Json, String> + Send>;

/// A request's function: the message as JSON to an answer or the text of the error.
type Run = fn(&mut Core, &Json) -> Result<Answer, String>;

/// Every request by its path below `bridge/request/`, in lower case.
pub(super) const REQUESTS: &[(&str, Run)] = &[
    ("action", action::action),
    ("backup", general::backup),
    ("converter/remove", external::remove_converter),
    ("converter/save", external::save_converter),
    ("coordinator_check", general::coordinator_check),
    ("device/bind", bind::bind),
    ("device/binds/clear", bind::clear),
    ("device/configure", device::configure),
    ("device/configure_reporting", reporting::configure),
    (
        "device/generate_external_definition",
        device::generate_external_definition,
    ),
    ("device/interview", device::interview),
    ("device/options", device::options),
    ("device/ota_update/check", ota::check),
    ("device/ota_update/check/downgrade", ota::check_downgrade),
    ("device/ota_update/schedule", ota::schedule),
    (
        "device/ota_update/schedule/downgrade",
        ota::schedule_downgrade,
    ),
    ("device/ota_update/unschedule", ota::unschedule),
    ("device/ota_update/update", ota::update),
    ("device/ota_update/update/abort", ota::abort),
    ("device/ota_update/update/downgrade", ota::update_downgrade),
    ("device/remove", device::remove),
    ("device/rename", device::rename),
    ("device/reporting/configure", reporting::configure),
    ("device/reporting/read", reporting::read),
    ("device/unbind", bind::unbind),
    ("extension/remove", external::remove_extension),
    ("extension/save", external::save_extension),
    ("group/add", group::add),
    ("group/members/add", group::add_member),
    ("group/members/remove", group::remove_member),
    ("group/members/remove_all", group::remove_from_all),
    ("group/options", group::options),
    ("group/remove", group::remove),
    ("group/rename", group::rename),
    ("health_check", general::health_check),
    ("install_code/add", network::add_install_code),
    ("networkmap", network::map),
    ("options", settings::options),
    ("permit_join", general::permit_join),
    ("restart", general::restart),
    ("touchlink/factory_reset", network::touchlink_reset),
    ("touchlink/identify", network::touchlink_identify),
    ("touchlink/scan", network::touchlink_scan),
];

/// Requests whose responses hold keys: the log, which is read by many, gets their size only.
const SECRET: [&str; 2] = ["backup", "install_code/add"];

/// The paths of all requests below `bridge/request/`.
pub fn request_paths() -> impl Iterator<Item = &'static str> {
    REQUESTS.iter().map(|(path, _)| *path)
}

/// The text of the error for a message that lacks what it needs.
const INVALID: &str = "Invalid payload";

/// Where a response goes.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    /// The request's topic, for the log.
    topic: String,
    /// The path in the caller's spelling.
    path: String,
    /// What the caller tells his requests apart by.
    transaction: Option<Json>,
}

impl Core {
    /// A message on `bridge/request/<path>`. An unknown path gets no response, but a
    /// line in the log.
    pub(super) fn request(&mut self, topic: &str, path: &str, payload: &[u8]) {
        let wanted = path.to_ascii_lowercase();
        let Some((_, run)) = REQUESTS.iter().find(|(path, _)| *path == wanted) else {
            let paths: Vec<_> = request_paths().collect();
            let text = format!(
                "'{topic}' is no request of ferrobee; it has {}",
                paths.join(", ")
            );
            self.log(LogLevel::Warning, "z2m", text);
            return;
        };
        let mut reply = Reply {
            topic: topic.to_owned(),
            path: match wanted.strip_prefix("device/ota_update/") {
                // What concerns software is answered in lower case and without this end (§12.7).
                Some(_) => wanted
                    .strip_suffix("/downgrade")
                    .unwrap_or(&wanted)
                    .to_owned(),
                None => path.to_owned(),
            },
            transaction: None,
        };
        let message = match read(payload) {
            Ok(message) => message,
            Err(error) => {
                self.respond(&reply, Err(error));
                return;
            }
        };
        reply.transaction = message.get("transaction").cloned();
        match run(self, &message) {
            Ok(Answer::Now(data)) => self.respond(&reply, Ok(data)),
            Ok(Answer::Ask(command, finish)) => self.ask(command, move |core, result| {
                let result = finish(core, result);
                core.respond(&reply, result);
            }),
            Ok(Answer::Archive) => self.archive(reply),
            Ok(Answer::Remove(kind, folder, name)) => {
                self.remove_external(reply, kind, folder, name);
            }
            Ok(Answer::AskPython(question, data)) => {
                let id = AskId(self.id());
                self.asked.insert(id, Asked { reply, data });
                self.out.push(CoreOutput::Ask(id, question));
            }
            Err(error) => self.respond(&reply, Err(error)),
        }
    }

    fn respond(&mut self, reply: &Reply, result: Result<Json, String>) {
        let mut response = JsonMap::new();
        match result {
            Ok(data) => {
                // An action may give nothing at all.
                if !data.is_null() {
                    response.insert("data".to_owned(), data);
                }
                response.insert("status".to_owned(), json!("ok"));
            }
            Err(error) => {
                let text = format!("Request '{}' failed with error: '{error}'", reply.topic);
                self.log(LogLevel::Error, "z2m", text);
                response.insert("data".to_owned(), json!({}));
                response.insert("status".to_owned(), json!("error"));
                response.insert("error".to_owned(), json!(error));
            }
        }
        if let Some(transaction) = &reply.transaction {
            response.insert("transaction".to_owned(), transaction.clone());
        }
        // What the request changed is on the retained topics before the response (§12.6).
        self.flush();
        let topic = self.bridge_topic(&format!("response/{}", reply.path));
        let payload = json::render_object(&response);
        if SECRET
            .iter()
            .any(|path| reply.path.eq_ignore_ascii_case(path))
        {
            self.publish_secret(topic, payload);
        } else {
            self.publish(topic, payload, Qos::AtMostOnce, false);
        }
    }

    /// Gives the hub a command and `then` its reply.
    pub(super) fn ask(
        &mut self,
        command: hub::Command,
        then: impl FnOnce(&mut Core, Result<CommandReply, CommandError>) + Send + 'static,
    ) {
        let id = CommandId(self.id());
        self.pending.insert(id, Box::new(then));
        self.feed(hub::Input::Command(id, command));
    }

    /// The hub replied.
    pub(super) fn command_reply(
        &mut self,
        id: CommandId,
        result: Result<CommandReply, CommandError>,
    ) {
        match (self.pending.remove(&id), result) {
            (Some(then), result) => then(self, result),
            // A `set` or `get`: nobody waits, but a failure as a whole would otherwise be silent.
            (None, Err(error)) => self.error(error.to_string()),
            (None, Ok(_)) => {}
        }
    }

    /// Has everything saved and then archived.
    fn archive(&mut self, reply: Reply) {
        self.ask(hub::Command::Backup, move |core, result| {
            // Without a coordinator that can give one the archive has the last backup there is.
            if let Ok(CommandReply::Backup(content)) = result {
                core.backup_made(content.0);
            }
            core.save_all();
            let id = ArchiveId(core.id());
            core.archives.insert(id, reply);
            core.out.push(CoreOutput::Archive(id));
        });
    }

    /// Python has answered, or could not.
    pub(super) fn answered(&mut self, id: AskId, result: Result<Json, String>) {
        if let Some(Asked { reply, mut data }) = self.asked.remove(&id) {
            let result = result.map(|answer| {
                if let Json::Object(answer) = answer {
                    data.extend(answer);
                }
                Json::Object(data)
            });
            self.respond(&reply, result);
        }
    }

    /// The runtime made (or failed to make) an archive.
    pub(super) fn archived(&mut self, id: ArchiveId, result: Result<String, String>) {
        if let Some(reply) = self.archives.remove(&id) {
            self.respond(&reply, result.map(|zip| json!({ "zip": zip })));
        }
    }
}

/// Reads a request: JSON, else the text itself. What begins like JSON and is none is an error
/// (§14, 8).
fn read(payload: &[u8]) -> Result<Json, String> {
    match serde_json::from_slice(payload) {
        Ok(value) => Ok(value),
        Err(error) => {
            let first = payload.iter().find(|byte| !byte.is_ascii_whitespace());
            if matches!(first, Some(b'{' | b'[' | b'"')) {
                return Err(format!("Invalid JSON: {error}"));
            }
            match std::str::from_utf8(payload) {
                Ok(text) => Ok(Json::String(text.to_owned())),
                Err(_) => Err("Invalid payload: neither JSON nor text".to_owned()),
            }
        }
    }
}

/// The id in a request that may be just the id: text, a number, or the value of `key`.
fn id_of(message: &Json, key: &str) -> Result<String, String> {
    let id = match message {
        Json::Object(map) => map.get(key).ok_or(INVALID)?,
        other => other,
    };
    match id {
        Json::String(text) if !text.is_empty() => Ok(text.clone()),
        Json::Number(number) => Ok(number.to_string()),
        _ => Err(INVALID.to_owned()),
    }
}

fn flag(message: &Json, key: &str) -> bool {
    message.get(key).and_then(Json::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_in_lower_case() {
        assert!(REQUESTS.is_sorted_by_key(|(path, _)| *path));
        for (path, _) in REQUESTS {
            assert_eq!(*path, path.to_ascii_lowercase());
        }
    }

    #[test]
    fn requests_are_json_or_else_text() {
        assert_eq!(read(b"12"), Ok(json!(12)));
        assert_eq!(read(b"my lamp"), Ok(json!("my lamp")));
        assert_eq!(read(b""), Ok(json!("")));
        assert!(
            read(b" {\"id\":")
                .unwrap_err()
                .starts_with("Invalid JSON: ")
        );
        assert!(read(b"\xff").is_err());
    }
}
