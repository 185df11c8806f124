//! The web server over real sockets: who comes in, what is served, and what hostile clients achieve.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: a panic is how it fails"
)]

mod visitor;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bridge::data::Settings;
use bridge::web::{Event, Options, Outlet, Server};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hub::LogLevel;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio_tungstenite::tungstenite::Message;

use visitor::{LIMIT, Visitor, get, refused, upgrade};

/// A server, and what it tells.
struct Site {
    address: String,
    events: Receiver<Event>,
    log: Vec<(LogLevel, String)>,
    _server: Server,
}

impl Site {
    async fn new(frontend: Json, data: &Path) -> Self {
        let mut document = json!({
            "version": 5,
            "mqtt": {"server": "mqtt://h"},
            "frontend": {"enabled": true, "port": 0, "host": "127.0.0.1"},
        });
        for (key, value) in frontend.as_object().unwrap() {
            document["frontend"][key] = value.clone();
        }
        let settings = Settings::new(document.as_object().unwrap().clone()).unwrap();
        let (options, log) = Options::new(settings.frontend(), data);
        let (sender, mut events) = channel(16);
        let server = Server::start(options.unwrap(), sender);
        let Event::Listening(place) = timeout(LIMIT, events.recv()).await.unwrap().unwrap() else {
            panic!("it does not listen");
        };
        let address = place
            .split_once("://")
            .map_or(place.as_str(), |(_, rest)| rest);
        Self {
            address: address.split('/').next().unwrap().to_owned(),
            events,
            log,
            _server: server,
        }
    }

    async fn plain(frontend: Json) -> Self {
        Self::new(frontend, Path::new("nowhere")).await
    }

    async fn event(&mut self) -> Event {
        timeout(LIMIT, self.events.recv()).await.unwrap().unwrap()
    }

    /// The next client.
    async fn opened(&mut self) -> Arc<Outlet> {
        match self.event().await {
            Event::Opened(_, outlet) => outlet,
            other => panic!("{other:?}"),
        }
    }

    async fn said(&mut self) -> (String, String) {
        match self.event().await {
            Event::Message { topic, payload } => (topic, String::from_utf8(payload).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    /// The next complaint.
    async fn complaint(&mut self) -> String {
        loop {
            if let Event::Log(LogLevel::Warning, text) = self.event().await {
                return text;
            }
        }
    }

    async fn stream(&self) -> TcpStream {
        TcpStream::connect(&self.address).await.unwrap()
    }

    async fn get(&self, path: &str, headers: &str) -> visitor::Answer {
        get(self.stream().await, "GET", path, headers).await
    }

    async fn visitor(&self, path: &str) -> Visitor<TcpStream> {
        upgrade(self.stream().await, path, "").await.unwrap()
    }

    async fn refusal(&self, path: &str, headers: &str) -> u16 {
        refused(self.stream().await, path, headers).await
    }
}

#[tokio::test]
async fn a_client_gets_frames_and_is_heard() {
    let mut site = Site::plain(json!({})).await;
    let mut visitor = site.visitor("/api").await;
    let outlet = site.opened().await;
    outlet.push(Bytes::from_static(b"{\"payload\":1,\"topic\":\"a\"}"));
    assert_eq!(visitor.text().await, "{\"payload\":1,\"topic\":\"a\"}");

    visitor
        .say(r#"{"topic":"relay/set","payload":{"state":"ON"}}"#)
        .await;
    let (topic, payload) = site.said().await;
    assert_eq!((&*topic, &*payload), ("relay/set", r#"{"state":"ON"}"#));

    // Binary frames are ignored; a ping is answered.
    visitor
        .socket
        .send(Message::Binary(Bytes::from_static(b"x")))
        .await
        .unwrap();
    visitor
        .socket
        .send(Message::Ping(Bytes::from_static(b"p")))
        .await
        .unwrap();
    let pong = timeout(LIMIT, visitor.socket.next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(pong, Message::Pong(Bytes::from_static(b"p")));

    // When the bridge ends, everything is delivered before the connection ends.
    for _ in 0..100 {
        outlet.push(Bytes::from(vec![b'1'; 50_000]));
    }
    outlet.push(Bytes::from_static(b"\"last\""));
    outlet.end();
    for _ in 0..100 {
        assert_eq!(visitor.text().await.len(), 50_000);
    }
    assert_eq!(visitor.text().await, "\"last\"");
    assert_eq!(visitor.end().await, None);
    assert!(matches!(site.event().await, Event::Closed(_)));
}

#[tokio::test]
async fn garbage_ends_nothing() {
    let mut site = Site::plain(json!({})).await;
    let mut visitor = site.visitor("/api").await;
    site.opened().await;
    for garbage in [
        "garbage",
        "{",
        "[]",
        "null",
        "{\"topic\":3}",
        "{\"payload\":{}}",
        "",
    ] {
        visitor.say(garbage).await;
    }
    let deep = format!(
        "{{\"topic\":\"a\",\"payload\":{}1{}}}",
        "[".repeat(50_000),
        "]".repeat(50_000)
    );
    visitor.say(&deep).await;
    visitor.say(r#"{"topic":"still/there"}"#).await;
    assert!(
        site.complaint()
            .await
            .contains("no JSON object with a topic")
    );
    let said = site.said().await;
    let last = match said.0.as_str() {
        "a" => site.said().await,
        _ => said,
    };
    assert_eq!(last, ("still/there".to_owned(), String::new()));
}

#[tokio::test]
async fn without_the_right_token_the_upgrade_succeeds_and_4401_follows() {
    let mut site = Site::plain(json!({"auth_token": "gr33n & b+lue"})).await;
    for path in [
        "/api",
        "/api?token=",
        "/api?token=gr33n",
        "/api?token=x&token=gr33n",
    ] {
        let mut visitor = site.visitor(path).await;
        assert_eq!(
            visitor.end().await,
            Some((4401, "Unauthorized".to_owned())),
            "{path}"
        );
    }
    let complaint = site.complaint().await;
    assert!(
        complaint.contains("token") && !complaint.contains("gr33n"),
        "{complaint}"
    );
    let mut visitor = site.visitor("/api?x=1&token=gr33n+%26%20b%2blue").await;
    visitor.say(r#"{"topic":"hello"}"#).await;
    site.opened().await;
    assert_eq!(site.said().await.0, "hello");
}

#[tokio::test]
async fn everything_is_below_the_base_path() {
    let mut site = Site::plain(json!({"base_url": "/z2m"})).await;
    site.visitor("/z2m/api").await;
    site.opened().await;
    for path in ["/api", "/z2m/api/", "/z2mx/api", "/", "/z2m"] {
        assert_eq!(site.refusal(path, "").await, 400, "{path}");
    }
    let moved = site.get("/z2m?token=x", "").await;
    assert_eq!(moved.status, 301);
    assert_eq!(moved.header("location"), Some("/z2m/?token=x"));
    assert_eq!(site.get("/z2m/", "").await.status, 200);
    for path in [
        "/",
        "/index.html",
        "/z2mx",
        "/z2m/api",
        "/device_icons/a.png",
    ] {
        let answer = site.get(path, "").await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(
            answer.text().contains(&format!("Cannot GET {path}")),
            "{}",
            answer.text()
        );
    }
    let answer = site.get("/<script>", "").await;
    assert!(!answer.text().contains("<script>"));
}

#[tokio::test]
async fn bad_handshakes_are_refused() {
    let site = Site::plain(json!({})).await;
    for (headers, status) in [
        ("Sec-WebSocket-Version: 8\r\n", 400),
        (
            "Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n",
            400,
        ),
        ("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", 400),
    ] {
        let request = format!(
            "GET /api HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{headers}\r\n"
        );
        let mut stream = site.stream().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(
            visitor::answer(&mut stream).await.status,
            status,
            "{headers}"
        );
    }
    // No upgrade at all.
    assert_eq!(site.get("/api", "").await.status, 404);
    assert_eq!(
        site.get(
            "/api",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        )
        .await
        .status,
        404
    );
    let posted = get(site.stream().await, "POST", "/", "Content-Length: 0\r\n").await;
    assert_eq!(posted.status, 404);
}

#[tokio::test]
async fn pages_of_others_are_not_let_in_unless_they_know_the_token() {
    let mut site = Site::plain(json!({})).await;
    let evil = "Origin: https://evil.example\r\n";
    assert_eq!(site.refusal("/api", evil).await, 403);
    assert!(site.complaint().await.contains("https://evil.example"));
    let own = format!("Origin: http://{}\r\n", site.address);
    upgrade(site.stream().await, "/api", &own).await.unwrap();
    let proxied = format!("{evil}X-Forwarded-Host: evil.example\r\n");
    upgrade(site.stream().await, "/api", &proxied)
        .await
        .unwrap();

    let site = Site::plain(json!({"auth_token": "t"})).await;
    upgrade(site.stream().await, "/api?token=t", evil)
        .await
        .unwrap();
}

#[tokio::test]
async fn only_so_many_clients_come_in() {
    let mut site = Site::plain(json!({})).await;
    let mut visitors = Vec::new();
    for _ in 0..32 {
        visitors.push(site.visitor("/api").await);
        site.opened().await;
    }
    assert_eq!(site.refusal("/api", "").await, 503);
    assert!(site.complaint().await.contains("Too many"));
    drop(visitors.pop());
    assert!(matches!(site.event().await, Event::Closed(_)));
    // The place is free when the task that told so is over.
    let mut again = None;
    for _ in 0..100 {
        match upgrade(site.stream().await, "/api", "").await {
            Ok(visitor) => {
                again = Some(visitor);
                break;
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
    assert!(again.is_some());
}

#[tokio::test]
async fn only_so_many_connections_are_open() {
    let mut site = Site::plain(json!({})).await;
    let mut idle = Vec::new();
    for _ in 0..130 {
        idle.push(site.stream().await);
    }
    assert!(
        site.complaint()
            .await
            .contains("connections of web clients are open")
    );
    // The one after the last is closed at once.
    let last = idle.last_mut().unwrap();
    assert_eq!(
        timeout(LIMIT, last.read(&mut [0])).await.unwrap().unwrap(),
        0
    );
    idle.clear();
    let answer = loop {
        match visitor::try_get(&site.address, "/").await {
            Ok(answer) => break answer,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(answer.status, 200);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_say_what_he_wants_is_sent_away() {
    let site = Site::plain(json!({})).await;
    for beginning in ["", "GET / HTTP/1.1\r\nX: "] {
        let begun = tokio::time::Instant::now();
        let mut stream = site.stream().await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(
            begun.elapsed() <= Duration::from_secs(11),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_refused_cannot_stay() {
    let site = Site::plain(json!({"auth_token": "t"})).await;
    let mut visitor = site.visitor("/api").await;
    // It reads nothing and closes nothing.
    let begun = tokio::time::Instant::now();
    let mut rest = Vec::new();
    visitor
        .socket
        .get_mut()
        .read_to_end(&mut rest)
        .await
        .unwrap();
    assert!(
        begun.elapsed() <= Duration::from_secs(6),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let mut site = Site::plain(json!({})).await;
    let visitor = site.visitor("/api").await;
    let outlet = site.opened().await;
    let frame = Bytes::from(vec![b'1'; 1_000_000]);
    let mut pushed = 0;
    while outlet.push(frame.clone()) {
        pushed += 1;
        assert!(pushed < 1000, "it takes everything");
        tokio::task::yield_now().await;
    }
    assert!(matches!(site.event().await, Event::Closed(_)));
    drop(visitor);
}

#[tokio::test]
async fn what_is_too_long_ends_only_its_own_connection() {
    let mut site = Site::plain(json!({})).await;
    let mut other = site.visitor("/api").await;
    let other_outlet = site.opened().await;

    // A frame that says it has 2^62 bytes.
    let mut stream = site.visitor("/api").await;
    site.opened().await;
    let raw = stream.socket.get_mut();
    raw.write_all(&[0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4])
        .await
        .unwrap();
    assert!(matches!(site.event().await, Event::Closed(_)));

    // One in many parts.
    let mut stream = site.visitor("/api").await;
    site.opened().await;
    let raw = stream.socket.get_mut();
    let part = vec![b' '; 1024 * 1024];
    let mut head = vec![0x01, 0xff];
    for _ in 0..20 {
        head.extend((part.len() as u64).to_be_bytes());
        head.extend([0; 4]);
        if raw.write_all(&head).await.is_err() || raw.write_all(&part).await.is_err() {
            break;
        }
        head = vec![0x00, 0xff];
    }
    assert!(matches!(site.event().await, Event::Closed(_)));

    // Bytes that are no frame, no UTF-8, not masked.
    for bytes in [&[0xff; 16][..], b"\x81\x82\0\0\0\0\xff\xfe", b"\x81\x02hi"] {
        let mut stream = site.visitor("/api").await;
        site.opened().await;
        stream.socket.get_mut().write_all(bytes).await.unwrap();
        assert!(matches!(site.event().await, Event::Closed(_)), "{bytes:?}");
    }
    other_outlet.push(Bytes::from_static(b"1"));
    assert_eq!(other.text().await, "1");
}

#[tokio::test]
async fn bytes_that_are_no_http_end_only_their_own_connection() {
    let site = Site::plain(json!({})).await;
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(200_000));
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://\xff\xfe/ HTTP/1.1\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        long.as_bytes(),
    ] {
        let mut stream = site.stream().await;
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = timeout(LIMIT, stream.read_to_end(&mut answer))
            .await
            .unwrap();
    }
    assert_eq!(site.get("/", "").await.status, 200);
}

#[tokio::test]
async fn the_owners_web_interface_is_served() {
    let data = tempfile::tempdir().unwrap();
    let site = Site::new(json!({"base_url": "/z2m/"}), data.path()).await;
    // None is there yet: our own page, and nothing else.
    let answer = site.get("/z2m/", "").await;
    assert!(answer.text().contains("Installing a web interface"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(site.get("/z2m/main.js", "").await.status, 404);

    let root = data.path().join("frontend/zigbee2mqtt-windfront/dist");
    std::fs::create_dir_all(root.join("assets")).unwrap();
    for (name, content) in [
        ("index.html", "<html>windfront</html>"),
        ("assets/main.js", "let a = 1;"),
        ("assets/main.js.br", "brotli"),
        ("assets/main.js.gz", "gzip"),
    ] {
        std::fs::write(root.join(name), content).unwrap();
    }
    std::fs::write(data.path().join("secret.yaml"), "token: x").unwrap();
    let page = site.get("/z2m/", "").await;
    assert_eq!(page.text(), "<html>windfront</html>");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-store"));

    let js = "/z2m/assets/main.js?v=1";
    let plain = site.get(js, "").await;
    assert_eq!(plain.text(), "let a = 1;");
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("Accept-Encoding"));
    assert_eq!(
        plain.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
    for (accept, encoding, content) in [
        ("gzip, deflate, br", "br", "brotli"),
        ("gzip", "gzip", "gzip"),
    ] {
        let answer = site
            .get(js, &format!("Accept-Encoding: {accept}\r\n"))
            .await;
        assert_eq!(answer.header("content-encoding"), Some(encoding));
        assert_eq!(answer.text(), content);
    }

    let etag = plain.header("etag").unwrap();
    assert!(etag.starts_with("W/\""));
    let modified = plain.header("last-modified").unwrap();
    for condition in [
        format!("If-None-Match: \"x\", {etag}\r\n"),
        format!("If-Modified-Since: {modified}\r\n"),
    ] {
        let answer = site.get(js, &condition).await;
        assert_eq!(answer.status, 304, "{condition}");
        assert_eq!(answer.header("etag"), Some(etag));
        assert!(answer.body.is_empty());
    }
    assert_eq!(site.get(js, "If-None-Match: \"x\"\r\n").await.status, 200);

    let part = site.get(js, "Range: bytes=4-6\r\n").await;
    assert_eq!(part.status, 206);
    assert_eq!(part.text(), "a =");
    assert_eq!(part.header("content-range"), Some("bytes 4-6/10"));
    let beyond = site.get(js, "Range: bytes=10-\r\n").await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), Some("bytes */10"));
    let other = "Range: bytes=4-6\r\nIf-Range: \"other\"\r\n";
    assert_eq!(site.get(js, other).await.status, 200);

    let head = get(site.stream().await, "HEAD", js, "").await;
    assert_eq!(head.header("content-length"), Some("10"));
    assert!(head.body.is_empty());

    for path in [
        "/z2m/../secret.yaml",
        "/z2m/..%2f..%2f..%2f..%2fsecret.yaml",
        "/z2m/%2e%2e/%2e%2e/%2e%2e/secret.yaml",
        "/z2m/assets/..\\..\\index.html",
        "/z2m//etc/passwd",
        "/z2m/%00",
        "/z2m/%ff",
        "/z2m/assets",
        "/z2m/nothing.js",
        "/z2m/device_icons/../secret.yaml",
        "/z2m/device_icons/..%2fsecret.yaml",
    ] {
        assert_eq!(site.get(path, "").await.status, 404, "{path}");
    }
    // Icons come from the data directory, and run nothing.
    std::fs::create_dir(data.path().join("device_icons")).unwrap();
    std::fs::write(data.path().join("device_icons/a b.svg"), "<svg/>").unwrap();
    let icon = site.get("/z2m/device_icons/a%20b.svg", "").await;
    assert_eq!(icon.text(), "<svg/>");
    assert_eq!(icon.header("content-type"), Some("image/svg+xml"));
    assert!(
        icon.header("content-security-policy")
            .unwrap()
            .contains("sandbox")
    );
}

#[tokio::test]
async fn with_disable_ui_serving_there_is_only_the_websocket() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("device_icons")).unwrap();
    std::fs::write(data.path().join("device_icons/a.svg"), "<svg/>").unwrap();
    let frontend = json!({"disable_ui_serving": true, "auth_token": "t"});
    let mut site = Site::new(frontend, data.path()).await;
    for path in ["/", "/index.html", "/device_icons/a.svg"] {
        assert_eq!(site.get(path, "").await.status, 404, "{path}");
    }
    // Unlike in Zigbee2MQTT the token is looked at.
    let mut visitor = site.visitor("/api").await;
    assert_eq!(visitor.end().await.unwrap().0, 4401);
    site.complaint().await;
    site.visitor("/api?token=t").await;
    site.opened().await;
}

#[tokio::test]
async fn a_unix_socket_serves_the_same_and_takes_the_place_of_a_dead_one() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().join("web.sock");
    // Left behind by a process that is gone.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let mut site = Site::new(json!({"host": path.to_str().unwrap()}), data.path()).await;
    let stream = UnixStream::connect(&path).await.unwrap();
    assert_eq!(get(stream, "GET", "/", "").await.status, 200);
    let stream = UnixStream::connect(&path).await.unwrap();
    upgrade(stream, "/api", "").await.unwrap();
    site.opened().await;
}

#[tokio::test(start_paused = true)]
async fn a_port_that_somebody_has_is_told_and_is_no_end() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let document = json!({
        "version": 5,
        "mqtt": {"server": "mqtt://h"},
        "frontend": {
            "enabled": true, "host": "127.0.0.1", "port": taken.local_addr().unwrap().port(),
        },
    });
    let settings = Settings::new(document.as_object().unwrap().clone()).unwrap();
    let (options, _) = Options::new(settings.frontend(), Path::new("nowhere"));
    let (sender, mut events) = channel(4);
    let _server = Server::start(options.unwrap(), sender);
    let event = timeout(LIMIT, events.recv()).await.unwrap().unwrap();
    assert!(
        matches!(&event, Event::Log(LogLevel::Error, text) if text.contains("trying again")),
        "{event:?}"
    );
    drop(taken);
    let event = timeout(LIMIT, events.recv()).await.unwrap().unwrap();
    assert!(matches!(event, Event::Listening(_)), "{event:?}");
}

#[tokio::test]
async fn pages_and_socket_over_tls() {
    let data = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["hub.test".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let [cert_file, key_file] = ["cert.pem", "key.pem"].map(|name| data.path().join(name));
    std::fs::write(&cert_file, certificate.pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let frontend = json!({"ssl_cert": cert_file.to_str(), "ssl_key": key_file.to_str()});
    let mut site = Site::new(frontend, data.path()).await;
    assert!(site.log.is_empty());

    let mut roots = RootCertStore::empty();
    roots.add(certificate.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("hub.test").unwrap();
    let stream = connector
        .connect(name.clone(), site.stream().await)
        .await
        .unwrap();
    assert_eq!(get(stream, "GET", "/", "").await.status, 200);
    let stream = connector
        .connect(name.clone(), site.stream().await)
        .await
        .unwrap();
    let mut visitor = upgrade(stream, "/api", "").await.unwrap();
    let outlet = site.opened().await;
    let large = vec![b'1'; 3_000_000];
    outlet.push(Bytes::from(large.clone()));
    assert_eq!(visitor.text().await.len(), large.len());

    // Plain http to it ends that connection only.
    let mut plain = site.stream().await;
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(LIMIT, plain.read_to_end(&mut answer))
        .await
        .unwrap();
    let stream = connector.connect(name, site.stream().await).await.unwrap();
    assert_eq!(get(stream, "GET", "/", "").await.status, 200);
}

#[tokio::test]
async fn without_the_files_for_tls_it_is_plain_http_and_an_error_says_so() {
    let frontend = json!({"ssl_cert": "/nowhere/c.pem", "ssl_key": "/nowhere/k.pem"});
    let site = Site::plain(frontend).await;
    assert_eq!(site.log.len(), 1);
    assert!(site.log[0].0 == LogLevel::Error && site.log[0].1.contains("/nowhere/c.pem"));
    assert_eq!(site.get("/", "").await.status, 200);
}
