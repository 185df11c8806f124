//! `coordinator_backup.json` (shared/facts/config.md §9).

use serde_json::Value as Json;

use super::json;

/// The file's name.
pub(crate) const FILE: &str = "coordinator_backup.json";

/// What a `coordinator_backup.json` is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Backup {
    /// Open Coordinator Backup, version 1.
    Open(Json),
    /// The NV dump of very old Zigbee2MQTT versions.
    Legacy,
    /// Something else; the text says what is missing.
    Damaged(String),
}

/// Reads a `coordinator_backup.json`. Whether its content makes sense to a coordinator is that
/// coordinator's to say; here it is only recognised.
pub(crate) fn parse(bytes: &[u8]) -> Backup {
    let value: Json = match serde_json::from_slice(bytes) {
        Ok(value) => value,
        // The error's text tells a place, not the content.
        Err(error) => return Backup::Damaged(format!("it is not JSON: {error}")),
    };
    if value.get("adapterType").is_some() && value.get("data").is_some_and(Json::is_object) {
        return Backup::Legacy;
    }
    let metadata = |key: &str| value.get("metadata").and_then(|metadata| metadata.get(key));
    if metadata("format").and_then(Json::as_str) != Some("zigpy/open-coordinator-backup") {
        return Backup::Damaged("it does not say that it is an open coordinator backup".into());
    }
    match metadata("version").and_then(json::whole) {
        Some(1) => {}
        _ => return Backup::Damaged("it is not of version 1 of the format".into()),
    }
    for (key, is_right) in [
        ("coordinator_ieee", Json::is_string as fn(&Json) -> bool),
        ("pan_id", Json::is_string),
        ("extended_pan_id", Json::is_string),
        ("channel", Json::is_number),
        ("network_key", Json::is_object),
        ("devices", Json::is_array),
    ] {
        if !value.get(key).is_some_and(is_right) {
            return Backup::Damaged(format!("its `{key}` is missing or of the wrong kind"));
        }
    }
    Backup::Open(value)
}

/// Writes a `coordinator_backup.json`: an indent of two spaces.
pub(crate) fn render(backup: &Json) -> String {
    json::pretty(backup, 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_backup_is_recognised() {
        assert!(matches!(parse(b"{"), Backup::Damaged(_)));
        assert!(matches!(parse(b"[]"), Backup::Damaged(_)));
        let open = json!({
            "metadata": {"format": "zigpy/open-coordinator-backup", "version": 1},
            "coordinator_ieee": "00", "pan_id": "1a62", "extended_pan_id": "00", "channel": 11,
            "network_key": {}, "devices": [],
        });
        assert_eq!(
            parse(open.to_string().as_bytes()),
            Backup::Open(open.clone())
        );
        let mut newer = open.clone();
        newer["metadata"]["version"] = json!(2);
        assert!(matches!(
            parse(newer.to_string().as_bytes()),
            Backup::Damaged(_)
        ));
        let mut partial = open;
        partial.as_object_mut().unwrap().remove("network_key");
        assert!(matches!(
            parse(partial.to_string().as_bytes()),
            Backup::Damaged(_)
        ));
        let legacy = json!({"adapterType": "zStack", "time": "x", "data": {"ZCD_NV_EXTADDR": {}}});
        assert_eq!(parse(legacy.to_string().as_bytes()), Backup::Legacy);
    }
}
