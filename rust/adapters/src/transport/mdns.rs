//! Coordinators that announce themselves on the local network (RFC 6762, 6763;
//! shared/facts/adapters/autodetect.md §1).

use std::io;
use std::time::Duration;

use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent};

use super::{BoxFuture, Connector, Link, TcpConnector};
use crate::detect::Kind;

/// How long answers are awaited.
const SCAN: Duration = Duration::from_secs(2);

/// Looks for a service each time and connects to who answers first.
#[derive(Debug)]
pub struct MdnsConnector {
    /// `_slzb-06._tcp.local.`
    service: String,
}

impl MdnsConnector {
    /// A connector for `slzb-06`, `_slzb-06._tcp` or `_slzb-06._tcp.local.`; `None` for what can be no
    /// service.
    pub fn new(service: &str) -> Option<Self> {
        let name = service.trim_end_matches(['/', '.']);
        let name = name.strip_suffix(".local").unwrap_or(name);
        let name = name.strip_suffix("._tcp").unwrap_or(name);
        let name = name.strip_prefix('_').unwrap_or(name);
        // RFC 6335, section 5.1. Some coordinators have longer names than its 15 letters.
        let letter = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let valid = !name.is_empty() && name.len() <= 60 && name.chars().all(letter);
        valid.then(|| Self {
            service: format!("_{name}._tcp.local."),
        })
    }

    async fn open(&self) -> io::Result<Link> {
        let address = tokio::time::timeout(SCAN, self.find())
            .await
            .unwrap_or_else(|_| {
                let text = format!("nobody on the network answers to {}", self.service);
                Err(io::Error::new(io::ErrorKind::NotFound, text))
            })?;
        TcpConnector::new(address).connect().await
    }

    async fn find(&self) -> io::Result<String> {
        let daemon = Daemon(ServiceDaemon::new().map_err(io::Error::other)?);
        let events = daemon.0.browse(&self.service).map_err(io::Error::other)?;
        while let Ok(event) = events.recv_async().await {
            if let ServiceEvent::ServiceResolved(service) = event
                && let Some(found) = address(&service)?
            {
                return Ok(found);
            }
        }
        Err(io::Error::other("the search ended early"))
    }
}

/// Ends its thread when the search is over.
struct Daemon(ServiceDaemon);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It fails only if the thread has ended already.
        let _ = self.0.shutdown();
    }
}

/// Where a service is; an error when its radio is one without a driver.
fn address(service: &ResolvedService) -> io::Result<Option<String>> {
    if let Some(radio) = service.get_property_val_str("radio_type") {
        let kind = match radio {
            "znp" => Some(Kind::ZStack),
            "ezsp" => Some(Kind::Ember),
            other => Kind::from_name(other),
        };
        if let Some(kind) = kind.filter(|kind| !kind.is_supported()) {
            return Err(io::Error::other(format!(
                "{} has a radio with {kind} firmware, which is not supported yet",
                service.get_fullname()
            )));
        }
    }
    // Without a scope an IPv6 address of the link leads nowhere.
    let addresses = service.get_addresses_v4();
    let mut addresses: Vec<_> = addresses.into_iter().collect();
    addresses.sort_unstable();
    let first = addresses.first();
    Ok(first.map(|address| format!("{address}:{}", service.get_port())))
}

impl Connector for MdnsConnector {
    fn connect(&mut self) -> BoxFuture<'_, io::Result<Link>> {
        Box::pin(self.open())
    }

    fn name(&self) -> String {
        format!("mdns://{}", self.service.trim_end_matches(".local."))
    }
}

#[cfg(test)]
mod tests {
    use mdns_sd::ServiceInfo;

    use super::*;

    #[test]
    fn a_service_is_named_in_short_or_in_full() {
        for name in ["slzb-06", "_slzb-06._tcp", "_slzb-06._tcp.local."] {
            let connector = MdnsConnector::new(name).unwrap();
            assert_eq!(connector.service, "_slzb-06._tcp.local.");
            assert_eq!(connector.name(), "mdns://_slzb-06._tcp");
        }
        for name in ["", "a b", "_x._udp", "-.-"] {
            assert!(MdnsConnector::new(name).is_none(), "{name}");
        }
    }

    fn resolved(radio: &str) -> ResolvedService {
        let properties = [("radio_type", radio)];
        ServiceInfo::new(
            "_slzb-06._tcp.local.",
            "stick",
            "stick.local.",
            "192.0.2.7",
            6638,
            &properties[..],
        )
        .unwrap()
        .as_resolved_service()
    }

    #[test]
    fn the_text_record_says_which_radio_it_is() {
        assert_eq!(
            address(&resolved("znp")).unwrap().as_deref(),
            Some("192.0.2.7:6638")
        );
        let error = address(&resolved("ezsp")).unwrap_err().to_string();
        assert!(error.contains("Silicon Labs"), "{error}");
    }
}
