//! Files of a web interface and images of devices, as answers to requests. Reads files: not for the
//! thread that the radio is on.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Response, StatusCode};

use super::request;

/// An answer.
pub(super) type Reply = Response<Full<Bytes>>;

/// A larger file is not served: it would be in memory as a whole.
const LARGEST: u64 = 32 * 1024 * 1024;
/// Ends of the names of compressed siblings, with their encoding; the best first.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gz", "gzip")];
/// A page that runs nothing and loads nothing.
const NOTHING: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// What of a request matters for files.
pub(super) struct Wanted {
    head: bool,
    encodings: Vec<&'static str>,
    none_match: Option<String>,
    modified_since: Option<SystemTime>,
    range: Option<String>,
    if_range: Option<String>,
}

impl Wanted {
    pub(super) fn new(method: &Method, headers: &HeaderMap) -> Self {
        let text = |name| request::text(headers, name).map(str::to_owned);
        Self {
            head: method == Method::HEAD,
            encodings: encodings(headers),
            none_match: text(IF_NONE_MATCH),
            modified_since: request::text(headers, IF_MODIFIED_SINCE)
                .and_then(|date| httpdate::parse_http_date(date).ok()),
            range: text(RANGE),
            if_range: text(IF_RANGE),
        }
    }

    /// True when the client has this version already.
    fn has(&self, etag: &str, modified: SystemTime) -> bool {
        match (&self.none_match, self.modified_since) {
            // Entity tags go before dates.
            (Some(tags), _) => {
                let strong = etag.trim_start_matches("W/");
                tags.split(',')
                    .map(str::trim)
                    .any(|tag| tag == "*" || tag.trim_start_matches("W/") == strong)
            }
            (None, Some(since)) => modified <= since,
            (None, None) => false,
        }
    }
}

/// Encodings that a client takes, of those we may have.
fn encodings(headers: &HeaderMap) -> Vec<&'static str> {
    let refused = |parameters: &str| {
        parameters.split(';').any(|parameter| {
            let quality = parameter.trim().strip_prefix("q=");
            quality.and_then(|q| q.parse::<f32>().ok()) == Some(0.0)
        })
    };
    let accepted: Vec<_> = request::list(headers, ACCEPT_ENCODING)
        .filter_map(|item| {
            let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
            (!refused(parameters)).then(|| name.trim().to_ascii_lowercase())
        })
        .collect();
    ENCODINGS
        .iter()
        .map(|(_, name)| *name)
        .filter(|name| {
            accepted
                .iter()
                .any(|accepted| accepted == name || accepted == "*")
        })
        .collect()
}

/// Where an installed web interface has its files: the folder itself, or `dist` in it as in packages.
pub(super) fn interface(folder: &Path) -> Option<PathBuf> {
    [folder.join("dist"), folder.to_owned()]
        .into_iter()
        .find(|folder| folder.join("index.html").is_file())
}

/// An image of a device. It may have come from anybody, and a picture can hold a script.
pub(super) fn icon(folder: &Path, name: &str, wanted: &Wanted) -> Option<Reply> {
    let mut reply = get(folder, &format!("/{name}"), wanted)?;
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox");
    reply.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    Some(reply)
}

/// A file below a folder; `None` when there is none that may be read.
pub(super) fn get(root: &Path, path: &str, wanted: &Wanted) -> Option<Reply> {
    let root = root.canonicalize().ok()?;
    let mut relative = relative(path)?;
    if path.ends_with('/') {
        relative.push("index.html");
    }
    let plain = Found::new(&root, &relative)?;
    let siblings: Vec<_> = ENCODINGS
        .iter()
        .filter_map(|(end, encoding)| {
            let mut name = relative.clone().into_os_string();
            name.push(format!(".{end}"));
            Some((*encoding, Found::new(&root, Path::new(&name))?))
        })
        .collect();
    let vary = !siblings.is_empty();
    let sibling = siblings
        .into_iter()
        .find(|(encoding, _)| wanted.encodings.contains(encoding));
    let (encoding, found) = match sibling {
        Some((encoding, found)) => (Some(encoding), found),
        None => (None, plain),
    };

    let etag = found.etag();
    let kind = media_type(&relative);
    let mut reply = if wanted.has(&etag, found.modified) {
        let mut reply = empty(StatusCode::NOT_MODIFIED);
        reply.headers_mut().remove(CONTENT_LENGTH);
        reply
    } else {
        let mut reply = found.read(wanted)?;
        put(&mut reply, CONTENT_TYPE, kind);
        if let Some(encoding) = encoding {
            put(&mut reply, CONTENT_ENCODING, encoding);
        }
        reply
    };
    put(&mut reply, ETAG, &etag);
    put(
        &mut reply,
        LAST_MODIFIED,
        &httpdate::fmt_http_date(found.modified),
    );
    put(&mut reply, ACCEPT_RANGES, "bytes");
    put(&mut reply, X_CONTENT_TYPE_OPTIONS, "nosniff");
    if vary {
        put(&mut reply, VARY, "Accept-Encoding");
    }
    let caching = if kind.starts_with("text/html") {
        "no-store"
    } else {
        "public, max-age=0"
    };
    put(&mut reply, CACHE_CONTROL, caching);
    Some(reply)
}

/// A path of a request as one below a folder; `None` when it leads elsewhere, or to what is hidden.
fn relative(path: &str) -> Option<PathBuf> {
    let mut relative = PathBuf::new();
    for level in path.split('/').filter(|level| !level.is_empty()) {
        if level.starts_with('.') || level.contains(['\\', '\0', ':']) {
            return None;
        }
        relative.push(level);
    }
    Some(relative)
}

/// A file that may be served.
struct Found {
    path: PathBuf,
    length: u64,
    /// In whole seconds, as dates in headers are.
    modified: SystemTime,
    stamp: u128,
}

impl Found {
    fn new(root: &Path, relative: &Path) -> Option<Self> {
        // A link may lead anywhere; and only plain files can be read without waiting for somebody.
        let path = root.join(relative).canonicalize().ok()?;
        let metadata = fs::metadata(&path).ok()?;
        if !path.starts_with(root) || !metadata.is_file() || metadata.len() > LARGEST {
            return None;
        }
        let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            path,
            length: metadata.len(),
            modified: UNIX_EPOCH + std::time::Duration::from_secs(since.as_secs()),
            stamp: since.as_millis(),
        })
    }

    fn etag(&self) -> String {
        format!("W/\"{:x}-{:x}\"", self.length, self.stamp)
    }

    /// The part of the file that is wanted.
    fn read(&self, wanted: &Wanted) -> Option<Reply> {
        let range = wanted.range.as_deref().filter(|_| {
            // A weak tag never says that the bytes are the same; a date does.
            wanted.if_range.as_deref().is_none_or(|condition| {
                httpdate::parse_http_date(condition).is_ok_and(|date| date == self.modified)
            })
        });
        // Of `Bytes` the first is not behind the last, and the last is in the file.
        let part = range.map_or(Part::Whole, |range| part(range, self.length));
        let (status, begin, length) = match part {
            Part::Whole => (StatusCode::OK, 0, self.length),
            Part::Bytes(first, last) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
            Part::Beyond => {
                let mut reply = empty(StatusCode::RANGE_NOT_SATISFIABLE);
                put(
                    &mut reply,
                    CONTENT_RANGE,
                    &format!("bytes */{}", self.length),
                );
                return Some(reply);
            }
        };
        let mut reply = if wanted.head {
            let mut reply = empty(status);
            reply.headers_mut().insert(CONTENT_LENGTH, length.into());
            reply
        } else {
            let content = bytes(&self.path, begin, length).ok()?;
            let mut reply = Response::new(Full::new(content));
            *reply.status_mut() = status;
            reply
        };
        if status == StatusCode::PARTIAL_CONTENT {
            let last = begin + length - 1;
            let range = format!("bytes {begin}-{last}/{}", self.length);
            put(&mut reply, CONTENT_RANGE, &range);
        }
        Some(reply)
    }
}

fn bytes(path: &Path, begin: u64, length: u64) -> io::Result<Bytes> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(begin))?;
    let mut content = Vec::new();
    file.take(length).read_to_end(&mut content)?;
    Ok(Bytes::from(content))
}

/// What of a file a range means.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// All of it: there are several ranges, or there is none.
    Whole,
    /// From the first of these bytes to the last.
    Bytes(u64, u64),
    /// The file has no such bytes.
    Beyond,
}

fn part(range: &str, length: u64) -> Part {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let ends = range.trim().strip_prefix("bytes=");
    let Some((first, last)) = ends.and_then(|ends| ends.split_once('-')) else {
        return Part::Whole;
    };
    let (first, last) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last),
        (Some(first), None) if last.is_empty() => (first, u64::MAX),
        // The last so many.
        (None, Some(count)) if first.is_empty() && count > 0 => {
            (length.saturating_sub(count), u64::MAX)
        }
        (None, Some(_)) if first.is_empty() => return Part::Beyond,
        _ => return Part::Whole,
    };
    match length.checked_sub(1) {
        Some(end) if first <= end => Part::Bytes(first, last.min(end)),
        _ => Part::Beyond,
    }
}

fn media_type(path: &Path) -> &'static str {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or("");
    match end.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        "txt" | "md" => "text/plain; charset=utf-8",
        "xml" => "text/xml; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "ico" => "image/x-icon",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        _ => "application/octet-stream",
    }
}

/// A page of our own.
pub(super) fn page(html: &'static str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from_static(html.as_bytes())));
    put(&mut reply, CONTENT_TYPE, "text/html; charset=utf-8");
    put(&mut reply, CACHE_CONTROL, "no-store");
    put(&mut reply, X_CONTENT_TYPE_OPTIONS, "nosniff");
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                  connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'";
    put(&mut reply, CONTENT_SECURITY_POLICY, policy);
    reply
}

/// A short text.
pub(super) fn text(status: StatusCode, text: &'static str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *reply.status_mut() = status;
    put(&mut reply, CONTENT_TYPE, "text/plain; charset=utf-8");
    reply
}

/// A text that was made for this request, of its own type.
pub(super) fn made(text: String, content_type: &'static str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(text)));
    put(&mut reply, CONTENT_TYPE, content_type);
    put(&mut reply, CACHE_CONTROL, "no-store");
    put(&mut reply, X_CONTENT_TYPE_OPTIONS, "nosniff");
    reply
}

/// 404, with a body as Zigbee2MQTT has it.
pub(super) fn not_found(method: &Method, path: &str) -> Reply {
    let mut escaped = String::new();
    for c in path.chars().take(500) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Error</title>\n</head>\n<body>\n<pre>Cannot {method} {escaped}</pre>\n\
         </body>\n</html>\n"
    );
    let mut reply = Response::new(Full::new(Bytes::from(html)));
    *reply.status_mut() = StatusCode::NOT_FOUND;
    put(&mut reply, CONTENT_TYPE, "text/html; charset=utf-8");
    put(&mut reply, CONTENT_SECURITY_POLICY, NOTHING);
    put(&mut reply, X_CONTENT_TYPE_OPTIONS, "nosniff");
    reply
}

fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}

fn put(reply: &mut Reply, name: HeaderName, value: &str) {
    // Everything put here is printable.
    if let Ok(value) = HeaderValue::try_from(value) {
        reply.headers_mut().insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_folder() {
        assert_eq!(relative("/a//b.js"), Some("a/b.js".into()));
        assert_eq!(relative("/"), Some(PathBuf::new()));
        for path in [
            "/../a",
            "/a/../../b",
            "/.env",
            "/a/.git/x",
            "/a\\..\\b",
            "/a\0b",
            "/c:/x",
        ] {
            assert_eq!(relative(path), None, "{path}");
        }
    }

    #[test]
    fn links_out_of_the_folder_and_what_is_no_file_are_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(directory.path().join("secret.yaml"), "key").unwrap();
        fs::write(root.join("a.txt"), "text").unwrap();
        std::os::unix::fs::symlink("../secret.yaml", root.join("link.txt")).unwrap();
        std::os::unix::fs::symlink("a.txt", root.join("inside.txt")).unwrap();
        let wanted = Wanted::new(&Method::GET, &HeaderMap::new());
        assert!(get(&root, "/a.txt", &wanted).is_some());
        assert!(get(&root, "/inside.txt", &wanted).is_some());
        for path in [
            "/link.txt",
            "/sub",
            "/sub/",
            "/a.txt/",
            "/nothing",
            "/a.txt\0",
        ] {
            assert!(get(&root, path, &wanted).is_none(), "{path}");
        }
    }

    #[test]
    fn ranges() {
        for (range, expected) in [
            ("bytes=0-3", Part::Bytes(0, 3)),
            ("bytes=4-", Part::Bytes(4, 9)),
            ("bytes=4-400", Part::Bytes(4, 9)),
            ("bytes=-3", Part::Bytes(7, 9)),
            ("bytes=-30", Part::Bytes(0, 9)),
            ("bytes=10-", Part::Beyond),
            ("bytes=-0", Part::Beyond),
            ("bytes=99999999999999999999999-", Part::Beyond),
            ("bytes=3-1", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=-", Part::Whole),
            ("items=0-1", Part::Whole),
            ("bytes=+1-2", Part::Whole),
        ] {
            assert_eq!(part(range, 10), expected, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Part::Beyond);
    }

    #[test]
    fn the_best_encoding_that_the_client_takes() {
        let of = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
            encodings(&headers)
        };
        assert_eq!(of("gzip, deflate, br"), ["br", "gzip"]);
        assert_eq!(of("br;q=0, GZIP;q=0.5"), ["gzip"]);
        assert_eq!(of("*"), ["br", "gzip"]);
        assert!(of("identity").is_empty());
    }
}
