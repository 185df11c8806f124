//! Whose web page opens a websocket.
//!
//! Browsers let any page open a websocket to any host, and say in `Origin` whose page it is; other
//! programs say nothing. A page is let in when it came from the host that the request went to. Behind a
//! reverse proxy that is the host that the proxy was asked for, if it passes that on: pages can not set
//! these headers. Ports are not compared, as proxies often leave them out: a page from another port of
//! the same host comes in.

use hyper::header::{HOST, HeaderMap, ORIGIN};

use super::request::{list, text};

/// `Err` with the page's origin when it is somebody else's.
pub(super) fn check(headers: &HeaderMap, url: Option<&str>) -> Result<(), String> {
    let Some(origin) = headers.get(ORIGIN) else {
        return Ok(());
    };
    let origin = String::from_utf8_lossy(origin.as_bytes());
    let Some(page) = origin.split_once("://").and_then(|(_, rest)| host(rest)) else {
        return Err(shown(&origin));
    };
    // Set by Home Assistant, which has checked who is there.
    if headers.contains_key("x-ingress-path") {
        return Ok(());
    }
    let forwarded = list(headers, "forwarded")
        .flat_map(|element| element.split(';'))
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("host").then_some(value)
        });
    let configured = url.map(|url| url.split_once("://").map_or(url, |(_, rest)| rest));
    let known = text(headers, HOST)
        .into_iter()
        .chain(list(headers, "x-forwarded-host"))
        .chain(forwarded)
        .chain(configured)
        .filter_map(host)
        .any(|known| known == page);
    if known { Ok(()) } else { Err(shown(&origin)) }
}

/// The host of `host:port/path`, in lower case.
fn host(authority: &str) -> Option<String> {
    let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
    let authority = authority.get(..end)?;
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, rest)| rest);
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        None => authority.split(':').next()?,
    };
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// An origin for the log: whoever wrote it can write anything.
fn shown(origin: &str) -> String {
    let printable = origin.chars().filter(|c| !c.is_control());
    format!("'{}'", printable.take(100).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn admitted(lines: &[(&str, &str)], url: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            );
        }
        check(&headers, url).is_ok()
    }

    #[test]
    fn pages_of_ours_and_programs_come_in() {
        for lines in [
            &[("host", "hub:8080")][..],
            &[("host", "hub:8080"), ("origin", "http://hub:8080")],
            &[("host", "[::1]:8080"), ("origin", "http://[::1]:8080")],
            &[("host", "Hub"), ("origin", "https://hub")],
            // Reverse proxies: with Host, often without the port; with X-Forwarded-Host; with Forwarded.
            &[
                ("host", "home.example"),
                ("origin", "https://home.example:8443"),
            ],
            &[
                ("host", "127.0.0.1"),
                ("origin", "https://h.example"),
                ("x-forwarded-host", "x, h.example"),
            ],
            &[
                ("host", "127.0.0.1"),
                ("origin", "https://h.example"),
                ("forwarded", "for=1.2.3.4;host=\"h.example:1\""),
            ],
            &[
                ("host", "172.30.32.1"),
                ("origin", "http://ha:8123"),
                ("x-ingress-path", "/api/x"),
            ],
        ] {
            assert!(admitted(lines, None), "{lines:?}");
        }
        let proxied = [("host", "127.0.0.1"), ("origin", "https://h.example")];
        assert!(admitted(&proxied, Some("https://h.example/z2m/")));
        assert!(admitted(&proxied, Some("h.example")));
    }

    #[test]
    fn pages_of_others_do_not() {
        for lines in [
            &[("host", "hub:8080"), ("origin", "https://evil.example")][..],
            &[("host", "hub:8080"), ("origin", "null")],
            &[("host", "hub:8080"), ("origin", "")],
            &[("host", "hub:8080"), ("origin", "https://hub.evil.example")],
            &[("host", "hub:8080"), ("origin", "https://hub@evil.example")],
            &[("host", "hub:8080"), ("origin", "file://")],
            &[("origin", "https://evil.example")],
        ] {
            assert!(!admitted(lines, Some("https://h.example")), "{lines:?}");
        }
    }

    #[test]
    fn what_is_shown_is_one_short_line() {
        let text = shown(&format!("http://\u{1b}[31m\r\n{}", "x".repeat(1000)));
        assert!(text.chars().count() <= 102 && !text.contains(char::is_control));
    }
}
