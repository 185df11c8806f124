//! Requests that concern one device (§12.3).

use std::sync::Arc;

use devices::{Definition, Expose, ExposeKind, JsonMap};
use hub::{Command, CommandError, Entity, LogLevel};
use serde_json::{Value as Json, json};
use zigbee::IeeeAddress;

use super::super::{Core, CoreOutput, Save};
use super::{Answer, INVALID, flag, id_of};
use crate::data::Icon;

pub(super) fn known(core: &Core, id: &str) -> Result<IeeeAddress, String> {
    core.find_device(id)
        .ok_or_else(|| format!("Device '{id}' does not exist"))
}

/// `{from, to, homeassistant_rename?}` or `{last: true, to}`. The order on the wire is that of §12.6.
pub(super) fn rename(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let to = message["to"].as_str().ok_or(INVALID)?.trim().to_owned();
    let ieee = if flag(message, "last") {
        core.last_joined.ok_or("No device has joined since start")?
    } else {
        known(core, &id_of(message.get("from").ok_or(INVALID)?, "")?)?
    };
    let entity = Entity::Device(ieee);
    renamed(core, entity, &to, message)
}

/// Renames a device or group.
pub(super) fn renamed(
    core: &mut Core,
    entity: Entity,
    to: &str,
    message: &Json,
) -> Result<Answer, String> {
    let from = core.name(entity);
    let old_topic = core.names.get(entity).map(|named| Arc::clone(&named.topic));
    core.settings
        .rename(entity, to)
        .map_err(|error| error.to_string())?;
    if let Some(topic) = old_topic {
        core.clear(topic);
    }
    if flag(message, "homeassistant_rename") {
        core.discover_anew(entity);
    }
    core.settings_changed();
    match entity {
        Entity::Device(_) => core.dirty.devices = true,
        Entity::Group(_) => core.dirty.groups = true,
    }
    core.flush();
    core.publish_cached(entity);
    Ok(Answer::Now(json!({
        "from": &*from,
        "to": to,
        "homeassistant_rename": flag(message, "homeassistant_rename"),
    })))
}

/// A name, or `{id, block?, force?, keep_config?, clear_cache?}`.
pub(super) fn remove(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let id = id_of(message, "id")?;
    let device = known(core, &id)?;
    let entity = Entity::Device(device);
    let name = core.name(entity);
    let topic = core.names.get(entity).map(|named| Arc::clone(&named.topic));
    let [block, force, keep_config, clear_cache] =
        ["block", "force", "keep_config", "clear_cache"].map(|key| flag(message, key));
    let command = Command::Remove {
        device,
        force,
        block,
    };
    let data = json!({
        "id": message.get("id").unwrap_or(message),
        "block": block,
        "force": force,
        "keep_config": keep_config,
        "clear_cache": clear_cache,
    });
    Ok(Answer::Ask(
        command,
        Box::new(move |core, result| {
            if let Err(error) = result {
                return Err(format!(
                    "Failed to remove device '{name}' (block: {block}, force: {force}, \
                     keep config: {keep_config}, clear cache: {clear_cache}) ({error})"
                ));
            }
            if block {
                core.settings.block(device);
            }
            if !keep_config {
                core.settings.remove(entity);
            }
            if let Some(topic) = topic {
                core.clear(topic);
            }
            core.undiscover(entity);
            core.settings_changed();
            core.dirty.devices = true;
            core.dirty.groups = true;
            Ok(data)
        }),
    ))
}

/// `{id, options}`; `null` removes an option.
pub(super) fn options(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let id = id_of(message.get("id").ok_or(INVALID)?, "")?;
    let mut options = message["options"].as_object().ok_or(INVALID)?.clone();
    let ieee = known(core, &id)?;
    let icon = match options.get("icon").and_then(Json::as_str) {
        Some(text) => Icon::from_data_url(text)?,
        None => None,
    };
    if let Some(icon) = &icon {
        options.insert("icon".to_owned(), icon.path().into());
    }
    let entity = Entity::Device(ieee);
    let definition = core
        .hub
        .device(ieee)
        .and_then(|device| device.definition.as_ref());
    for option in definition.iter().flat_map(|found| found.options()) {
        if let Some(property) = &option.property
            && let Some(value) = options.get(property)
        {
            check_option(option, value).map_err(|rule| format!("{property} {rule}"))?;
        }
    }
    let change = core
        .settings
        .set_options(entity, &options)
        .map_err(|error| error.to_string())?;
    // Before the settings that name it.
    let icon = icon.map(|icon| CoreOutput::Save(Save::Icon(icon)));
    core.out.extend(icon);
    let definition = core
        .hub
        .device(ieee)
        .and_then(|device| device.definition.as_ref());
    let own: Vec<String> = match definition {
        Some(definition) => definition
            .describe()
            .get("options")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(|option| Some(option.get("property")?.as_str()?.to_owned()))
            .collect(),
        None => Vec::new(),
    };
    for option in change.unknown.iter().filter(|option| !own.contains(option)) {
        let text = format!("'{}' has no option '{option}'", core.name(entity));
        core.log(LogLevel::Warning, "z2m", text);
    }
    core.restart_required |= change.restart_required;
    core.settings_changed();
    core.dirty.devices = true;
    Ok(Answer::Now(json!({
        "id": message["id"],
        "from": change.from,
        "to": change.to,
        "restart_required": core.restart_required,
    })))
}

/// `{id}`: Zigbee2MQTT answers with JavaScript, ferrobee with a converter in Python, drafted as by
/// `ferrobee converter draft`.
pub(super) fn generate_external_definition(
    core: &mut Core,
    message: &Json,
) -> Result<Answer, String> {
    let ieee = known(core, &id_of(message, "id")?)?;
    let device = core.hub.device(ieee).ok_or(INVALID)?;
    let question = json!({
        "do": "draft",
        "device": core.device_entry(device),
        "form": Definition::draft(&device.info),
    });
    let data = JsonMap::from_iter([(
        "id".to_owned(),
        message.get("id").unwrap_or(message).clone(),
    )]);
    Ok(Answer::AskPython(question, data))
}

/// Whether an option of a model takes this value; the words are those of the bridge's own options.
fn check_option(option: &Expose, value: &Json) -> Result<(), String> {
    let one_of = |allowed: &[&Json]| {
        if allowed.contains(&value) {
            return Ok(());
        }
        let texts: Vec<_> = allowed.iter().map(ToString::to_string).collect();
        Err(format!("must be one of {}", texts.join(", ")))
    };
    let is_a = |holds: bool, name: &str| {
        if holds {
            Ok(())
        } else {
            Err(format!("must be {name}"))
        }
    };
    // `null` removes the option.
    if value.is_null() {
        return Ok(());
    }
    match option.kind {
        ExposeKind::Numeric => {
            let number = value
                .as_f64()
                .filter(|number| number.is_finite())
                .ok_or("must be number")?;
            let bound = |bound: &Option<Json>| bound.as_ref().and_then(Json::as_f64);
            if let Some(least) = bound(&option.value_min).filter(|least| number < *least) {
                return Err(format!("must be >= {least}"));
            }
            if let Some(most) = bound(&option.value_max).filter(|most| number > *most) {
                return Err(format!("must be <= {most}"));
            }
            Ok(())
        }
        ExposeKind::Binary => match (&option.value_on, &option.value_off) {
            (Some(on), Some(off)) => one_of(&[on, off]),
            _ => is_a(value.is_boolean(), "boolean"),
        },
        ExposeKind::Enum => match &option.values {
            Some(values) => one_of(&values.iter().collect::<Vec<_>>()),
            None => Ok(()),
        },
        ExposeKind::Text => is_a(value.is_string(), "string"),
        ExposeKind::List => is_a(value.is_array(), "array"),
        ExposeKind::Composite => is_a(value.is_object(), "object"),
        // Options are of none of the specific kinds.
        _ => Ok(()),
    }
}

/// `{id}`.
pub(super) fn interview(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let id = id_of(message, "id")?;
    let ieee = known(core, &id)?;
    let data = json!({"id": message.get("id").unwrap_or(message)});
    Ok(Answer::Ask(
        Command::Interview(ieee),
        Box::new(move |core, result| match result {
            Ok(_) => {
                core.dirty.devices = true;
                Ok(data)
            }
            Err(error) => {
                let name = core.name(Entity::Device(ieee));
                Err(format!("Interview of '{name}' ({ieee}) failed: {error}"))
            }
        }),
    ))
}

/// A name or `{id}`.
pub(super) fn configure(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let id = id_of(message, "id")?;
    let ieee = known(core, &id)?;
    let data = json!({"id": message.get("id").unwrap_or(message)});
    Ok(Answer::Ask(
        Command::Configure(ieee),
        Box::new(move |core, result| match result {
            Ok(_) => {
                core.dirty.devices = true;
                Ok(data)
            }
            Err(CommandError::NothingToConfigure | CommandError::Unsupported) => {
                let name = core.name(Entity::Device(ieee));
                Err(format!("Device '{name}' cannot be configured"))
            }
            Err(error) => Err(format!("Failed to configure ({error})")),
        }),
    ))
}
