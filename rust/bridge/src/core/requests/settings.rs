//! `bridge/request/options`: settings of the bridge (§12.2).

use serde_json::{Value as Json, json};

use super::super::Core;
use super::{Answer, INVALID};

/// `{options: {…}}`.
pub(super) fn options(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let change = message["options"].as_object().ok_or(INVALID)?;
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
