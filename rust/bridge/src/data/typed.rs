//! The settings as types. Names, units and defaults are those of `schema.json`.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use devices::JsonMap;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

/// A text that is never shown: `Debug` says only whether it is there.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"***\"")
    }
}

/// `mqtt.*`.
#[derive(Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct Mqtt {
    pub base_topic: String,
    /// May hold a user name and password: `Debug` hides them.
    pub server: String,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub client_id: Option<String>,
    pub ca: Option<String>,
    pub key: Option<String>,
    pub cert: Option<String>,
    /// Seconds.
    #[serde(deserialize_with = "whole")]
    pub keepalive: u64,
    pub reject_unauthorized: bool,
    pub server_name: Option<String>,
    /// 3 and 4 are MQTT 3.1.1, 5 is MQTT 5.
    #[serde(deserialize_with = "version_or_default")]
    pub version: u8,
    pub include_device_information: bool,
    pub force_disable_retain: bool,
    /// Bytes.
    #[serde(deserialize_with = "whole")]
    pub maximum_packet_size: u64,
}

impl fmt::Debug for Mqtt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mqtt")
            .field("base_topic", &self.base_topic)
            .field("server", &without_credentials(&self.server))
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// `serial.*`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct Serial {
    pub port: Option<String>,
    pub adapter: Option<String>,
    pub baudrate: Option<u32>,
    pub rtscts: Option<bool>,
    pub disable_led: bool,
}

/// `advanced.*` without the network, which [`super::Settings::network`] gives.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
#[allow(
    clippy::struct_excessive_bools,
    reason = "they are the configuration's own"
)]
pub struct Advanced {
    pub transmit_power: Option<i8>,
    pub adapter_concurrent: Option<u8>,
    /// Milliseconds.
    pub adapter_delay: Option<u16>,
    pub cache_state: bool,
    pub cache_state_persistent: bool,
    pub cache_state_send_on_startup: bool,
    pub last_seen: LastSeen,
    pub elapsed: bool,
    pub output: Output,
    pub enable_external_js: bool,
    pub timestamp_format: String,
    pub log_level: LogLevel,
    pub log_output: Vec<String>,
    pub log_directory: Option<String>,
    pub log_file: String,
    pub log_rotation: bool,
    pub log_console_json: bool,
    pub log_symlink_current: bool,
    pub log_directories_to_keep: u32,
    pub log_namespaced_levels: BTreeMap<String, LogLevel>,
    pub log_debug_to_mqtt_frontend: bool,
    pub log_debug_namespace_ignore: String,
    pub log_syslog: Option<Syslog>,
}

/// `advanced.log_syslog`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct Syslog {
    pub host: String,
    pub port: u16,
    pub protocol: SyslogProtocol,
    pub path: String,
    pub pid: String,
    pub localhost: String,
    #[serde(rename = "type")]
    pub form: SyslogForm,
    pub app_name: String,
    pub eol: Option<String>,
}

impl Syslog {
    /// What ends a line: on a stream something has to.
    pub fn line_end(&self) -> &str {
        match (&self.eol, self.protocol) {
            (Some(eol), _) => eol,
            (None, SyslogProtocol::Tcp4 | SyslogProtocol::Tls4) => "\n",
            (None, SyslogProtocol::Udp4 | SyslogProtocol::Unix) => "",
        }
    }
}

impl Default for Syslog {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: 514,
            protocol: SyslogProtocol::Udp4,
            path: "/dev/log".to_owned(),
            pid: std::process::id().to_string(),
            localhost: "localhost".to_owned(),
            form: SyslogForm::Rfc5424,
            app_name: "Zigbee2MQTT".to_owned(),
            eol: None,
        }
    }
}

/// `advanced.log_syslog.protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names are the configuration's own")]
pub enum SyslogProtocol {
    Udp4,
    Tcp4,
    Tls4,
    #[serde(alias = "unix-connect")]
    Unix,
}

/// `advanced.log_syslog.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "the names are the configuration's own")]
pub enum SyslogForm {
    #[serde(rename = "BSD")]
    Bsd,
    #[serde(rename = "5424")]
    Rfc5424,
}

/// `advanced.last_seen`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[allow(missing_docs, reason = "the names are the configuration's own")]
pub enum LastSeen {
    #[serde(rename = "disable")]
    Disable,
    #[serde(rename = "ISO_8601")]
    Iso8601,
    #[serde(rename = "ISO_8601_local")]
    Iso8601Local,
    #[serde(rename = "epoch")]
    Epoch,
}

/// `advanced.output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the configuration's own")]
pub enum Output {
    Json,
    Attribute,
    AttributeAndJson,
}

/// `advanced.log_level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names are the configuration's own")]
pub enum LogLevel {
    Error,
    Warning,
    Info,
    Debug,
}

impl LogLevel {
    /// Its name in the configuration and on MQTT.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// `homeassistant.*`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct HomeAssistant {
    pub enabled: bool,
    pub discovery_topic: String,
    pub status_topic: String,
    pub legacy_action_sensor: bool,
    pub experimental_event_entities: bool,
}

/// `availability.*`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct Availability {
    pub enabled: bool,
    pub active: ActiveAvailability,
    pub passive: PassiveAvailability,
}

impl Availability {
    /// What the hub wants to know.
    pub(crate) fn hub(&self) -> hub::AvailabilitySettings {
        // The schema bounds them below; what no duration can hold is as good as never.
        let time = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        hub::AvailabilitySettings {
            enabled: self.enabled,
            active_timeout: time(self.active.timeout * 60.0),
            max_jitter: time(self.active.max_jitter / 1000.0),
            backoff: self.active.backoff,
            pause_on_backoff_gt: self.active.pause_on_backoff_gt,
            passive_timeout: time(self.passive.timeout * 60.0),
        }
    }
}

/// `availability.active.*`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct ActiveAvailability {
    /// Minutes.
    pub timeout: f64,
    /// Milliseconds.
    pub max_jitter: f64,
    pub backoff: bool,
    pub pause_on_backoff_gt: f64,
}

/// `availability.passive.*`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct PassiveAvailability {
    /// Minutes.
    pub timeout: f64,
}

/// `frontend.*`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct Frontend {
    pub enabled: bool,
    pub package: String,
    pub port: u16,
    pub host: Option<String>,
    pub auth_token: Option<Secret>,
    pub base_url: String,
    pub url: Option<String>,
    pub ssl_cert: Option<String>,
    pub ssl_key: Option<String>,
    #[serde(default)]
    pub notification_filter: Vec<String>,
    pub disable_ui_serving: Option<bool>,
}

/// `ota.*`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct Ota {
    /// Minutes.
    pub update_check_interval: f64,
    pub disable_automatic_update_check: bool,
    pub zigbee_ota_override_index_location: Option<String>,
    /// Milliseconds.
    pub image_block_request_timeout: f64,
    /// Milliseconds.
    pub image_block_response_delay: f64,
    /// Bytes.
    pub default_maximum_data_size: f64,
}

impl Ota {
    /// What the hub wants to know.
    pub(crate) fn hub(&self) -> hub::OtaSettings {
        // The schema bounds them below; what no duration can hold is as good as never.
        let milliseconds =
            |time: f64| Duration::try_from_secs_f64(time / 1000.0).unwrap_or(Duration::MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float cast saturates, and the schema allows 10 to 100"
        )]
        let data_size = self.default_maximum_data_size as u8;
        hub::OtaSettings {
            check_interval: milliseconds(self.update_check_interval * 60_000.0),
            no_automatic_check: self.disable_automatic_update_check,
            override_index: self.zigbee_ota_override_index_location.clone(),
            pacing: hub::OtaPacing {
                block_timeout: milliseconds(self.image_block_request_timeout),
                response_delay: milliseconds(self.image_block_response_delay),
                data_size,
            },
        }
    }
}

/// `health.*`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[allow(missing_docs, reason = "described in schema.json")]
pub struct Health {
    /// Minutes.
    pub interval: f64,
    pub reset_on_check: bool,
}

/// All typed sections, read from the effective settings.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Typed {
    pub(crate) mqtt: Mqtt,
    pub(crate) serial: Serial,
    pub(crate) advanced: Advanced,
    pub(crate) homeassistant: HomeAssistant,
    pub(crate) availability: Availability,
    pub(crate) frontend: Frontend,
    pub(crate) ota: Ota,
    pub(crate) health: Health,
}

impl Typed {
    /// From settings with defaults. Succeeds on everything that the schema allows.
    pub(crate) fn from_effective(effective: &JsonMap) -> Result<Self, serde_json::Error> {
        Self::deserialize(&Json::Object(effective.clone()))
    }
}

fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and a fraction of a second or byte means nothing"
    )]
    f64::deserialize(deserializer).map(|number| number as u64)
}

fn version_or_default<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    Ok(Option::<u8>::deserialize(deserializer)?.unwrap_or(4))
}

/// `mqtt://user:password@host` without what stands before the last `@`: a password may contain `@` and
/// `/`.
pub(crate) fn without_credentials(address: &str) -> String {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('@') => (scheme, rest),
        _ => ("", address),
    };
    match rest.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => host.to_owned(),
        Some((_, host)) => format!("{scheme}://{host}"),
        None => address.to_owned(),
    }
}
