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
    /// Set for `mqtts://`.
    pub tls: Option<TlsOptions>,
    /// User name.
    pub user: Option<String>,
    /// Password. Never shown.
    pub password: Option<String>,
    /// Client identifier.
    pub client_id: String,
    /// A ping is sent when nothing else was for this long; zero means never.
    pub keepalive: Duration,
    /// What the broker publishes when we are gone without a word.
    pub will: Publish,
    /// Greater messages from the broker are skipped, in bytes.
    pub maximum_packet_size: usize,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls.is_some())
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
    /// The scheme is not one of ours.
    #[error(
        "mqtt.server: '{0}://' is not supported; write mqtt://host:1883, or mqtts://host:8883 for TLS"
    )]
    Scheme(String),
    /// There is no scheme.
    #[error("mqtt.server: '{0}' is not an address; write mqtt://host:1883")]
    Form(String),
    /// The port is not a number from 1 to 65535.
    #[error("mqtt.server: '{0}' is not a port; write mqtt://host:1883")]
    Port(String),
    /// One of a pair is missing.
    #[error("mqtt.{0} is set but mqtt.{1} is not; a client certificate needs both")]
    Identity(&'static str, &'static str),
}

impl Options {
    /// From the configuration. `fallback_id` is the client id where the owner gave none.
    pub fn new(mqtt: &Mqtt, will: Publish, fallback_id: String) -> Result<Self, OptionsError> {
        let server = mqtt.server.trim();
        let (scheme, rest) = server
            .split_once("://")
            .ok_or_else(|| OptionsError::Form(server.to_owned()))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "mqtt" | "tcp" => false,
            "mqtts" | "ssl" | "tls" => true,
            other => return Err(OptionsError::Scheme(other.to_owned())),
        };
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        // The last `@`: a password may have one.
        let (credentials, address) = match authority.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials), address),
            None => (None, authority),
        };
        let (host, port) = split_port(address)?;
        if host.is_empty() {
            return Err(OptionsError::Form(format!("{scheme}://")));
        }
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
            port: port.unwrap_or(if secure { 8883 } else { 1883 }),
            tls,
            user,
            password,
            client_id: mqtt.client_id.clone().unwrap_or(fallback_id),
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

fn split_port(address: &str) -> Result<(String, Option<u16>), OptionsError> {
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
            _ => return Err(OptionsError::Port(text.to_owned())),
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
        };
        Options::new(settings.mqtt(), will, "id".to_owned())
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
            ("ws://h", "'ws://' is not supported"),
            ("h:1883", "is not an address"),
            ("mqtt://h:x", "'x' is not a port"),
            ("mqtt://h:0", "'0' is not a port"),
        ] {
            let error = options(&json!({ "server": server })).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        let half = options(&json!({"server": "mqtts://h", "cert": "/c.pem"}));
        assert_eq!(half.unwrap_err(), OptionsError::Identity("cert", "key"));
    }
}
