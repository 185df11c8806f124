//! Reading what a request says.

use hyper::header::{AsHeaderName, HeaderMap};

/// The items of a header that is a list, from all of its lines.
pub(super) fn list(headers: &HeaderMap, name: impl AsHeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

/// The text of a header.
pub(super) fn text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// The value of `token` in a query.
pub(super) fn token(query: &str) -> Option<String> {
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("token="))
        .and_then(|value| decode(value, true))
}

/// Resolves `%41`, and in forms `+`. `None` when that is not UTF-8.
pub(super) fn decode(text: &str, form: bool) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        let digits = after.get(..2).and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            // `from_str_radix` takes a sign, too.
            let hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(digits, 16).ok().filter(|_| hex)
        });
        match (first, digits) {
            (b'%', Some(byte)) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', _) if form => out.push(b' '),
            _ => out.push(first),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_resolved_and_what_is_none_stays() {
        for (text, expected) in [
            ("/a%20b%2Fc", "/a b/c"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%+1", "%+1"),
            ("a+b", "a+b"),
            ("%c3%a4", "ä"),
            ("%25%34%31", "%41"),
        ] {
            assert_eq!(decode(text, false).as_deref(), Some(expected));
        }
        assert_eq!(decode("%ff", false), None);
    }

    #[test]
    fn the_token_is_found_in_the_query() {
        assert_eq!(token("token=a%26b+c&x=1").as_deref(), Some("a&b c"));
        assert_eq!(token("x=1&token=").as_deref(), Some(""));
        assert_eq!(token("xtoken=1&token"), None);
    }
}
