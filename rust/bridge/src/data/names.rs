//! Rules for friendly names (shared/facts/mqtt-api.md §4).

/// Why a name can not be used. The texts are those that clients know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Another device or group has it.
    #[error("friendly_name '{0}' is already in use")]
    Taken(String),
    /// It is empty.
    #[error("friendly_name must be at least 1 char long")]
    Empty,
    /// It begins or ends with a slash.
    #[error("friendly_name is not allowed to end or start with /")]
    Slash,
    /// It contains a control character.
    #[error("friendly_name is not allowed to contain control char")]
    Control,
    /// It ends like an endpoint.
    #[error("Friendly name cannot end with a \"/DIGIT\" ('{0}')")]
    Digit(String),
    /// It contains a wildcard.
    #[error("MQTT wildcard (+ and #) not allowed in friendly_name ('{0}')")]
    Wildcard(String),
    /// There is no such device or group in the settings.
    #[error("there is no such device or group")]
    Unknown,
}

/// Checks everything but uniqueness.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.starts_with('/') || name.ends_with('/') {
        return Err(NameError::Slash);
    }
    if name.chars().any(is_control) {
        return Err(NameError::Control);
    }
    if let Some((_, tail)) = name.rsplit_once('/')
        && tail.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(NameError::Digit(name.to_owned()));
    }
    if name.contains(['+', '#']) {
        return Err(NameError::Wildcard(name.to_owned()));
    }
    Ok(())
}

/// C0, DEL to 0x9F, and the code points that Unicode says are no characters.
fn is_control(c: char) -> bool {
    let code = u32::from(c);
    code < 0x20
        || (0x7f..=0x9f).contains(&code)
        || (0xfdd0..=0xfdef).contains(&code)
        || code & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_allowed() {
        for name in ["lamp", "living room/lamp", "büro", "lamp1", "a/b2", "1"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_that_would_break_topics_are_refused() {
        for (name, text) in [
            ("", "friendly_name must be at least 1 char long"),
            ("/a", "friendly_name is not allowed to end or start with /"),
            ("a/", "friendly_name is not allowed to end or start with /"),
            (
                "a\u{1}",
                "friendly_name is not allowed to contain control char",
            ),
            (
                "a\u{fffe}",
                "friendly_name is not allowed to contain control char",
            ),
            (
                "a/12",
                "Friendly name cannot end with a \"/DIGIT\" ('a/12')",
            ),
            (
                "a+",
                "MQTT wildcard (+ and #) not allowed in friendly_name ('a+')",
            ),
        ] {
            assert_eq!(
                check_name(name).map_err(|e| e.to_string()),
                Err(text.into())
            );
        }
    }
}
