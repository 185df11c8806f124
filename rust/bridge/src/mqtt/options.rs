//! What `mqtt.*` in the configuration says about the broker.

use std::time::Duration;

use crate::core::Publish;
use crate::data::Mqtt;

/// Where the broker is and how to greet it.
#[derive(Clone)]
pub struct Options {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Set for `mqtts://` and `wss://`.
    pub tls: Option<TlsOptions>,
    /// Set for `ws://` and `wss://`: where on the server the websocket is.
    pub path: Option<String>,
    /// User name.
    pub user: Option<String>,
    /// Password. Never shown.
    pub password: Option<String>,
    /// Client identifier.
    pub client_id: String,
    /// 5 for MQTT 5; anything else is 3.1.1.
    pub version: u8,
    /// A ping is sent when nothing else was for this long; zero means never.
    pub keepalive: Duration,
    /// What the broker publishes when we are gone without a word.
    pub will: Option<Publish>,
    /// Greater messages from the broker are skipped, in bytes.
    pub maximum_packet_size: usize,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls.is_some())
            .field("websocket", &self.path.is_some())
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// How to check the broker's certificate, and our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM file of certificate authorities; the system's without.
    pub ca: Option<String>,
    /// PEM files of our certificate and its key.
    pub identity: Option<(String, String)>,
    /// `mqtt.reject_unauthorized`.
    pub verify: bool,
    /// The name in the broker's certificate.
    pub server_name: String,
}

/// `mqtt.*` does not say where the broker is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// The address of the broker is none.
    #[error("mqtt.server {0}. {SERVER_FIX}")]
    Server(ServerError),
    /// One of a pair is missing.
    #[error("mqtt.{0} is set but mqtt.{1} is not; a client certificate needs both")]
    Identity(&'static str, &'static str),
}

/// What is wrong with `mqtt.server`. The address is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// The scheme is not one of ours.
    #[error("must begin with mqtt://, mqtts://, ws:// or wss://; '{0}://' is not supported")]
    Scheme(String),
    /// There is no scheme, or no host.
    #[error("is not an address")]
    Form,
    /// The port is not a number from 1 to 65535.
    #[error("must have a port from 1 to 65535")]
    Port,
}

impl From<ServerError> for OptionsError {
    fn from(error: ServerError) -> Self {
        Self::Server(error)
    }
}

/// What `mqtt.server` has to be.
pub(crate) const SERVER_FIX: &str = "Write mqtt://host:1883, or mqtts://host:8883 for TLS";

/// `mqtt.server` in its parts.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Server<'a> {
    /// True for `mqtts://` and `wss://`.
    pub(crate) is_secure: bool,
    /// The path of a websocket.
    path: Option<&'a str>,
    /// `user:password`, escaped.
    credentials: Option<&'a str>,
    host: String,
    port: Option<u16>,
}

impl<'a> Server<'a> {
    pub(crate) fn parse(server: &'a str) -> Result<Self, ServerError> {
        let (scheme, rest) = server.trim().split_once("://").ok_or(ServerError::Form)?;
        let (is_secure, is_websocket) = match scheme.to_ascii_lowercase().as_str() {
            "mqtt" | "tcp" => (false, false),
            "mqtts" | "ssl" | "tls" => (true, false),
            "ws" => (false, true),
            "wss" => (true, true),
            // Whatever stands there, it is no scheme, and may be a secret.
            other if !other.chars().all(|c| c.is_ascii_alphanumeric()) => {
                return Err(ServerError::Form);
            }
            other => return Err(ServerError::Scheme(other.to_owned())),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // The last `@`: a password may have one.
        let (credentials, address) = match authority.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, authority),
        };
        let (host, port) = split_port(address)?;
        if host.is_empty() {
            return Err(ServerError::Form);
        }
        Ok(Self {
            is_secure,
            path: is_websocket.then_some(path),
            credentials,
            host,
            port,
        })
    }
}

impl Options {
    /// From the configuration. `fallback_id` is the client id where the owner gave none.
    pub fn new(
        mqtt: &Mqtt,
        will: Option<Publish>,
        fallback_id: String,
    ) -> Result<Self, OptionsError> {
        let Server {
            is_secure: secure,
            path,
            credentials,
            host,
            port,
        } = Server::parse(&mqtt.server)?;
        let mut user = mqtt.user.clone();
        let mut password = mqtt
            .password
            .as_ref()
            .map(|password| password.reveal().to_owned());
        if let (Some(credentials), None) = (credentials, &user) {
            let (name, secret) = match credentials.split_once(':') {
                Some((name, secret)) => (name, Some(percent_decode(secret))),
                None => (credentials, None),
            };
            user = Some(percent_decode(name));
            password = secret.or(password);
        }
        let identity = match (&mqtt.cert, &mqtt.key) {
            (Some(cert), Some(key)) => Some((cert.clone(), key.clone())),
            (None, None) => None,
            (Some(_), None) => return Err(OptionsError::Identity("cert", "key")),
            (None, Some(_)) => return Err(OptionsError::Identity("key", "cert")),
        };
        let tls = secure.then(|| TlsOptions {
            ca: mqtt.ca.clone(),
            identity,
            verify: mqtt.reject_unauthorized,
            server_name: mqtt.server_name.clone().unwrap_or_else(|| host.clone()),
        });
        Ok(Self {
            host,
            port: port.unwrap_or(match (path.is_some(), secure) {
                (false, false) => 1883,
                (false, true) => 8883,
                (true, false) => 80,
                (true, true) => 443,
            }),
            tls,
            path: path.map(|path| match path.chars().next() {
                Some('/') => path.to_owned(),
                _ => format!("/{path}"),
            }),
            user,
            password,
            client_id: mqtt.client_id.clone().unwrap_or(fallback_id),
            version: mqtt.version,
            keepalive: Duration::from_secs(mqtt.keepalive.min(u64::from(u16::MAX))),
            will,
            maximum_packet_size: usize::try_from(mqtt.maximum_packet_size).unwrap_or(usize::MAX),
        })
    }

    /// `host:port` for messages.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

fn split_port(address: &str) -> Result<(String, Option<u16>), ServerError> {
    let (host, port) = match address
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        // An IPv6 address.
        Some((host, tail)) => (host, tail.strip_prefix(':')),
        None => match address.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        },
    };
    let port = match port.filter(|port| !port.is_empty()) {
        Some(text) => match text.parse() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(ServerError::Port),
        },
        None => None,
    };
    Ok((host.to_owned(), port))
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = tail
            .get(..2)
            .filter(|_| *first == b'%')
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let (byte, after) = match escaped {
            Some(byte) => (byte, tail.get(2..).unwrap_or_default()),
            None => (*first, tail),
        };
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::core::Qos;
    use crate::data::Settings;
    use serde_json::{Value as Json, json};

    fn options(mqtt: &Json) -> Result<Options, OptionsError> {
        let document = json!({ "mqtt": mqtt });
        let settings = Settings::new(document.as_object().unwrap().clone()).unwrap();
        let will = Publish {
            topic: Arc::from("z/bridge/state"),
            payload: Vec::new(),
            qos: Qos::AtLeastOnce,
            retain: true,
            expiry: None,
            common: None,
        };
        Options::new(settings.mqtt(), Some(will), "id".to_owned())
    }

    fn place(server: &str) -> (String, u16, bool) {
        let options = options(&json!({ "server": server })).unwrap();
        (options.host, options.port, options.tls.is_some())
    }

    #[test]
    fn addresses_are_understood() {
        assert_eq!(place("mqtt://localhost"), ("localhost".into(), 1883, false));
        assert_eq!(place("mqtt://h:1884/"), ("h".into(), 1884, false));
        assert_eq!(place("mqtts://h"), ("h".into(), 8883, true));
        assert_eq!(place("mqtt://[::1]:5"), ("::1".into(), 5, false));
        assert_eq!(place("mqtt://u:p@h"), ("h".into(), 1883, false));
    }

    #[test]
    fn websockets_have_ports_and_a_path() {
        for (server, port, path, secure) in [
            ("ws://h", 80, "/", false),
            ("ws://h:9001/mqtt", 9001, "/mqtt", false),
            ("wss://h/a/b?c=d", 443, "/a/b?c=d", true),
            ("WSS://me:x@h:8084?c", 8084, "/?c", true),
        ] {
            let options = options(&json!({ "server": server })).unwrap();
            assert_eq!((options.host.as_str(), options.port), ("h", port));
            assert_eq!(options.path.as_deref(), Some(path));
            assert_eq!(options.tls.is_some(), secure);
        }
        assert_eq!(
            options(&json!({"server": "mqtt://h/x"})).unwrap().path,
            None
        );
    }

    #[test]
    fn credentials_in_the_address_serve_when_there_are_no_others() {
        let both = options(&json!({"server": "mqtt://me:a%40b@h"})).unwrap();
        assert_eq!(both.user.as_deref(), Some("me"));
        assert_eq!(both.password.as_deref(), Some("a@b"));
        let own = options(&json!({"server": "mqtt://me:x@h", "user": "u", "password": "p"}));
        let own = own.unwrap();
        assert_eq!(own.user.as_deref(), Some("u"));
        assert_eq!(own.password.as_deref(), Some("p"));
        assert!(!format!("{own:?}").contains("\"p\""));
    }

    #[test]
    fn what_cannot_be_is_refused_with_the_fix() {
        for (server, part) in [
            ("http://h", "'http://' is not supported"),
            ("h:1883", "is not an address"),
            ("mqtt://", "is not an address"),
            ("mqtt://h:x", "must have a port"),
            ("mqtt://h:0", "must have a port"),
            // A password with a slash, and one without a scheme.
            ("mqtt://me:hu/sh@h", "must have a port"),
            ("me:hush@h://", "is not an address"),
        ] {
            let error = Server::parse(server).err().unwrap();
            let error = OptionsError::from(error).to_string();
            assert!(error.contains(part), "{error}");
            assert!(
                !error.contains("hu") && error.contains(SERVER_FIX),
                "{error}"
            );
        }
    }
}
