//! What the configuration says about the web server (`frontend.*`, shared/facts/config.md §2.5).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hub::LogLevel;
use subtle::ConstantTimeEq;
use tokio_rustls::rustls::ServerConfig;

use super::tls;
use crate::data::{Frontend, Secret};

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// All addresses of the host.
    All(u16),
    /// This host name or address.
    Host(String, u16),
    /// A unix socket.
    Socket(PathBuf),
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    pub(super) address: Address,
    /// The path before everything, without a slash at its end: empty for `/`.
    pub(super) base: String,
    token: Option<Secret>,
    /// `frontend.url`: as browsers see it.
    pub(super) url: Option<String>,
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// False: only the websocket.
    pub(super) pages: bool,
    /// Where the owner puts a web interface.
    pub(super) interface: PathBuf,
    /// Images of devices.
    pub(super) icons: PathBuf,
}

impl Options {
    /// What the settings want, and lines for the log. `None` when nothing is to be served.
    pub fn new(settings: &Frontend, data: &Path) -> (Option<Self>, Vec<(LogLevel, String)>) {
        let mut log = Vec::new();
        if !settings.enabled {
            return (None, log);
        }
        let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let address = match some(&settings.host) {
            None => Address::All(settings.port),
            Some(path) if path.starts_with('/') => Address::Socket(path.into()),
            Some(host) => Address::Host(host, settings.port),
        };
        let tls = match (some(&settings.ssl_cert), some(&settings.ssl_key)) {
            (None, None) => None,
            (Some(cert), Some(key)) => match tls::config(&cert, &key) {
                Ok(config) => Some(Arc::new(config)),
                Err(tls::TlsError::Missing(what)) => {
                    log.push((
                        LogLevel::Error,
                        format!("{what} does not exist: the web interface is served without TLS"),
                    ));
                    None
                }
                // Whoever wants encryption must not get less because of a damaged file.
                Err(error @ tls::TlsError::Unusable(_)) => {
                    let text = format!("The web interface is not served: {error}");
                    log.push((LogLevel::Error, text));
                    return (None, log);
                }
            },
            _ => {
                let text = "frontend.ssl_cert and frontend.ssl_key are needed both: the web \
                            interface is served without TLS";
                log.push((LogLevel::Error, text.to_owned()));
                None
            }
        };
        let token = settings.auth_token.clone();
        let options = Self {
            address,
            base: settings.base_url.trim_end_matches('/').to_owned(),
            token: token.filter(|token| !token.reveal().is_empty()),
            url: some(&settings.url),
            tls,
            pages: settings.disable_ui_serving != Some(true),
            interface: data.join("frontend").join(&settings.package),
            icons: data.join("device_icons"),
        };
        (Some(options), log)
    }

    /// True when clients have to know a token.
    pub(super) fn wants_token(&self) -> bool {
        self.token.is_some()
    }

    /// True when a client that gave this token may come in. Takes the same time whatever is wrong with it.
    pub(super) fn admits(&self, token: Option<&str>) -> bool {
        match (&self.token, token) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(ours), Some(theirs)) => {
                bool::from(ours.reveal().as_bytes().ct_eq(theirs.as_bytes()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Settings;
    use serde_json::{Value as Json, json};

    fn options(frontend: &Json) -> (Option<Options>, Vec<(LogLevel, String)>) {
        let document = json!({
            "version": 5, "mqtt": {"server": "mqtt://h"}, "frontend": frontend,
        });
        let settings = Settings::new(document.as_object().unwrap().clone()).unwrap();
        Options::new(settings.frontend(), Path::new("data"))
    }

    fn enabled(extra: &Json) -> Options {
        let mut frontend = extra.clone();
        frontend["enabled"] = json!(true);
        options(&frontend).0.unwrap()
    }

    #[test]
    fn it_is_off_by_default() {
        assert!(options(&json!({})).0.is_none());
        assert!(options(&json!({"port": 1234})).0.is_none());
    }

    #[test]
    fn where_it_listens() {
        assert_eq!(enabled(&json!({})).address, Address::All(8080));
        assert_eq!(
            enabled(&json!({"host": "127.0.0.1", "port": 80})).address,
            Address::Host("127.0.0.1".to_owned(), 80)
        );
        assert_eq!(
            enabled(&json!({"host": "/run/f.sock", "port": 80})).address,
            Address::Socket("/run/f.sock".into())
        );
    }

    #[test]
    fn the_base_path_has_no_slash_at_its_end() {
        for (given, base) in [("/", ""), ("/z2m", "/z2m"), ("/a/b/", "/a/b")] {
            assert_eq!(enabled(&json!({"base_url": given})).base, base);
        }
    }

    #[test]
    fn only_the_right_token_comes_in_and_it_is_not_shown() {
        let open = enabled(&json!({"auth_token": ""}));
        assert!(open.admits(None) && open.admits(Some("x")));
        let closed = enabled(&json!({"auth_token": "gr33n"}));
        assert!(closed.admits(Some("gr33n")));
        for wrong in [None, Some(""), Some("gr33"), Some("gr33n "), Some("GR33N")] {
            assert!(!closed.admits(wrong), "{wrong:?}");
        }
        assert!(!format!("{closed:?}").contains("gr33n"));
    }

    #[test]
    fn without_both_files_there_is_no_tls_and_with_bad_ones_no_server() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("cert.pem");
        std::fs::write(&file, "nothing").unwrap();
        let there = file.to_str().unwrap();
        for (frontend, served) in [
            (json!({"ssl_cert": there}), true),
            (
                json!({"ssl_cert": there, "ssl_key": "/nowhere/key.pem"}),
                true,
            ),
            (json!({"ssl_cert": there, "ssl_key": there}), false),
        ] {
            let mut frontend = frontend.clone();
            frontend["enabled"] = json!(true);
            let (options, log) = options(&frontend);
            assert_eq!(log.len(), 1, "{log:?}");
            assert_eq!(log[0].0, LogLevel::Error);
            assert_eq!(options.is_some(), served);
            assert!(options.is_none_or(|options| options.tls.is_none()));
        }
    }
}
