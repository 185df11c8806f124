//! Topic filters of MQTT.

/// True for what a broker takes as a topic filter.
pub(crate) fn is_filter(filter: &str) -> bool {
    let mut levels = filter.split('/').peekable();
    let mut fits = !filter.is_empty() && is_text(filter);
    while let Some(level) = levels.next() {
        fits &= match level {
            "+" => true,
            "#" => levels.peek().is_none(),
            other => !other.contains(['+', '#']),
        };
    }
    fits
}

/// True for what a broker takes as the topic of a message.
pub(crate) fn is_topic(topic: &str) -> bool {
    !topic.is_empty() && !topic.contains(['+', '#']) && is_text(topic)
}

fn is_text(text: &str) -> bool {
    u16::try_from(text.len()).is_ok() && !text.contains('\0')
}

/// True when all that `narrow`, a filter or a topic, stands for is what `wide` stands for.
pub(crate) fn covers(wide: &str, narrow: &str) -> bool {
    // Topics of the broker itself are only for those who name them.
    if narrow.starts_with('$') && wide.starts_with(['+', '#']) {
        return false;
    }
    let mut narrow = narrow.split('/');
    for level in wide.split('/') {
        match (level, narrow.next()) {
            // Also the level above it, which has ended then.
            ("#", _) => return true,
            (_, Some("#") | None) => return false,
            ("+", Some(_)) => {}
            (level, Some(other)) => {
                if level != other {
                    return false;
                }
            }
        }
    }
    narrow.next().is_none()
}

/// True when a topic may fit both filters.
pub(crate) fn overlaps(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('/'), other.split('/'));
    loop {
        match (one.next(), other.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some(level), Some(same)) if level == same || level == "+" || same == "+" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_told_from_what_is_none() {
        for filter in ["a", "a/b", "+", "#", "a/#", "+/b/+", "/", "a//b", "$SYS/#"] {
            assert!(is_filter(filter), "{filter}");
        }
        for other in ["", "a#", "#/a", "a/#/b", "a+", "+a/b", "a\0"] {
            assert!(!is_filter(other), "{other}");
        }
        assert!(!is_filter(&"a".repeat(65_536)));
        assert!(is_topic("a/b") && !is_topic("a/+") && !is_topic("#") && !is_topic(""));
    }

    #[test]
    fn a_filter_covers_its_topics_and_narrower_filters() {
        for (wide, narrow) in [
            ("a/b", "a/b"),
            ("a/#", "a/b/c"),
            ("a/#", "a"),
            ("a/#", "a/+"),
            ("a/#", "a/b/#"),
            ("a/#", "a/#"),
            ("#", "a"),
            ("#", "+/b"),
            ("+/b", "a/b"),
            ("+", "+"),
            ("$SYS/#", "$SYS/x"),
        ] {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("a/b", "a"),
            ("a", "a/b"),
            ("a/+", "a/b/c"),
            ("a/+", "a/#"),
            ("a/+", "a"),
            ("a/b", "a/+"),
            ("a/#", "ab"),
            ("a/#", "#"),
            ("#", "$SYS/x"),
            ("+/x", "$SYS/x"),
        ] {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn filters_overlap_when_a_topic_may_fit_both() {
        for (one, other) in [
            ("z/#", "z/+/set/#"),
            ("z/+/+", "z/+/set/#"),
            ("z/lamp/set", "z/+/set/#"),
            ("z/+", "z/#"),
            ("z", "z/#"),
            ("+/ask", "z/ask"),
        ] {
            assert!(
                overlaps(one, other) && overlaps(other, one),
                "{one} {other}"
            );
        }
        for (one, other) in [
            ("z/ask", "z/+/set/#"),
            ("z/+/told", "z/+/set/#"),
            ("z/+", "z/+/get/#"),
            ("a/b", "a/c"),
        ] {
            assert!(
                !overlaps(one, other) && !overlaps(other, one),
                "{one} {other}"
            );
        }
    }
}
