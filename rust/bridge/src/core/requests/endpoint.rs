//! Endpoints as requests name them: by the definition's name, by number, or `default`.

use devices::DeviceKind;
use serde_json::Value as Json;
use zigbee::{EndpointId, IeeeAddress};

use super::super::Core;

/// An endpoint of a request: what it was called, and which it is.
pub(super) struct Chosen {
    /// As the request spells it; `default` where it says nothing.
    pub(super) key: Json,
    /// Which it is, if the device has it.
    pub(super) id: Option<EndpointId>,
}

/// The endpoint of a device that a request names.
pub(super) fn choose(core: &Core, ieee: IeeeAddress, key: Option<&Json>) -> Chosen {
    let key = match key {
        None | Some(Json::Null) => Json::from("default"),
        Some(key) => key.clone(),
    };
    let id = match &key {
        Json::String(text) => by_text(core, ieee, text),
        Json::Number(number) => by_text(core, ieee, &number.to_string()),
        _ => None,
    };
    Chosen { key, id }
}

impl Chosen {
    /// The key as error texts show it.
    pub(super) fn shown(&self) -> String {
        match &self.key {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

fn by_text(core: &Core, ieee: IeeeAddress, text: &str) -> Option<EndpointId> {
    let device = core.hub.device(ieee)?;
    let named = device.definition.as_ref().and_then(|definition| {
        let mut names = definition.endpoint_names();
        names.find(|(name, _)| *name == text).map(|(_, id)| id)
    });
    if named.is_some() {
        return named;
    }
    let home = || core.hub.network()?.endpoints.first().copied();
    let is_coordinator = device.info.kind == DeviceKind::Coordinator;
    if text.is_empty() || text == "default" {
        let first = device.info.endpoints.keys().next().copied();
        return first.or_else(|| is_coordinator.then(home).flatten());
    }
    let id = EndpointId(text.parse().ok()?);
    let has = device.info.endpoints.contains_key(&id)
        || is_coordinator
            && core
                .hub
                .network()
                .is_some_and(|network| network.endpoints.contains(&id));
    has.then_some(id)
}
