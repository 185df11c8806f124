//! `bridge/request/options`: settings of the bridge (§12.2).

use serde_json::{Value as Json, json};

use super::super::Core;
use super::{Answer, INVALID};

/// `{options: {…}}`.
pub(super) fn options(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let change = message["options"].as_object().ok_or(INVALID)?;
    // Else code would be a request away for whoever may make requests.
    let wanted = change
        .get("advanced")
        .and_then(|of| of.get("enable_external_js"));
    if wanted == Some(&Json::Bool(true)) && !core.settings.takes_code() {
        return Err(
            "advanced.enable_external_js is not switched on over MQTT, as it lets code run: write it \
             into configuration.yaml"
                .to_owned(),
        );
    }
    let restart = core
        .settings
        .change(change)
        .map_err(|error| error.to_string())?;
    core.restart_required |= restart;
    core.settings_changed();
    Ok(Answer::Now(
        json!({"restart_required": core.restart_required}),
    ))
}
