//! Requests that concern bindings (§12.3, §12.5).

use devices::{DeviceKind, JsonMap};
use hub::{BindCommand, Command, CommandReply, Entity};
use serde_json::{Value as Json, json};
use zigbee::zdo::BindTarget;
use zigbee::{ClusterId, EndpointId, GroupId, IeeeAddress};

use super::super::Core;
use super::{Answer, INVALID, endpoint, flag, id_of, reporting};

/// What is bound when a request names nothing; as far as both sides have it.
const CANDIDATES: [&str; 11] = [
    "genScenes",
    "genOnOff",
    "genLevelCtrl",
    "lightingColorCtrl",
    "closuresWindowCovering",
    "hvacThermostat",
    "msIlluminanceMeasurement",
    "msTemperatureMeasurement",
    "msRelativeHumidity",
    "msSoilMoisture",
    "msCO2",
];

/// The group that some remotes are bound to when they come from the shop.
const DEFAULT_BIND_GROUP: GroupId = GroupId(901);

/// `{from, from_endpoint?, to, to_endpoint?, clusters?}`.
pub(super) fn bind(core: &mut Core, message: &Json) -> Result<Answer, String> {
    change(core, message, "bind", |wanted| BindCommand::Bind {
        source: wanted.source,
        target: wanted.target,
        clusters: wanted.ids(),
    })
}

/// `{from, from_endpoint?, to, to_endpoint?, clusters?, skip_disable_reporting?}`.
pub(super) fn unbind(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let keep_reporting = flag(message, "skip_disable_reporting");
    change(core, message, "unbind", |wanted| BindCommand::Unbind {
        source: wanted.source,
        target: wanted.target,
        clusters: wanted.ids(),
        keep_reporting,
    })
}

fn change(
    core: &Core,
    message: &Json,
    what: &'static str,
    command: impl FnOnce(&Wanted) -> BindCommand,
) -> Result<Answer, String> {
    let wanted = Wanted::of(core, message)?;
    if wanted.clusters.is_empty() {
        return Err(format!("Nothing to {what}"));
    }
    let command = Command::Bind(command(&wanted));
    let mut data: JsonMap = ["from", "to", "to_endpoint"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), message.get(key)?.clone())))
        .collect();
    data.insert("from_endpoint".to_owned(), wanted.endpoint_key.clone());
    Ok(Answer::Ask(
        command,
        Box::new(move |core, result| {
            core.dirty.devices = true;
            let (done, failed) = match result {
                Ok(CommandReply::Bound { done, failed }) => (done, failed),
                Ok(_) => return Err(format!("Failed to {what}")),
                Err(error) => return Err(format!("Failed to {what} ({error})")),
            };
            if done.is_empty() {
                return Err(format!("Failed to {what}"));
            }
            data.insert("clusters".to_owned(), wanted.keys(&done));
            data.insert("failed".to_owned(), wanted.keys(&failed));
            Ok(Json::Object(data))
        }),
    ))
}

/// What a request wants bound or unbound.
struct Wanted {
    source: (IeeeAddress, EndpointId),
    /// The source's endpoint as the request spells it.
    endpoint_key: Json,
    target: BindTarget,
    /// Those of the clusters that can be bound, each as the request spells it.
    clusters: Vec<(ClusterId, Json)>,
}

impl Wanted {
    fn of(core: &Core, message: &Json) -> Result<Self, String> {
        let from = id_of(message.get("from").ok_or(INVALID)?, "")?;
        let to = id_of(message.get("to").ok_or(INVALID)?, "")?;
        let asked = candidates(message.get("clusters"))?;
        let source = core
            .find_device(&from)
            .ok_or_else(|| format!("Source device '{from}' does not exist"))?;
        let default_group = || {
            let is_default = to == "default_bind_group" || to == DEFAULT_BIND_GROUP.0.to_string();
            is_default.then_some(Entity::Group(DEFAULT_BIND_GROUP))
        };
        let target = core
            .find(&to)
            .or_else(default_group)
            .ok_or_else(|| format!("Target device or group '{to}' does not exist"))?;
        let chosen = endpoint::choose(core, source, message.get("from_endpoint"));
        let Some(source_endpoint) = chosen.id else {
            let name = core.name(Entity::Device(source));
            let endpoint = chosen.shown();
            return Err(format!(
                "Source device '{name}' does not have endpoint '{endpoint}'"
            ));
        };
        let target = match target {
            Entity::Group(group) => BindTarget::Group(group),
            Entity::Device(ieee) => {
                let chosen = endpoint::choose(core, ieee, message.get("to_endpoint"));
                let Some(id) = chosen.id else {
                    let name = core.name(Entity::Device(ieee));
                    let endpoint = chosen.shown();
                    return Err(format!(
                        "Target device '{name}' does not have endpoint '{endpoint}'"
                    ));
                };
                BindTarget::Endpoint(ieee, id)
            }
        };
        let source = (source, source_endpoint);
        Ok(Self {
            source,
            endpoint_key: chosen.key,
            target,
            clusters: asked
                .into_iter()
                .filter(|(cluster, _)| fits(core, source, target, *cluster))
                .collect(),
        })
    }

    fn ids(&self) -> Vec<ClusterId> {
        self.clusters.iter().map(|(id, _)| *id).collect()
    }

    /// The clusters as the request spells them.
    fn keys(&self, clusters: &[ClusterId]) -> Json {
        self.clusters
            .iter()
            .filter(|(id, _)| clusters.contains(id))
            .map(|(_, key)| key.clone())
            .collect()
    }
}

/// The clusters that a request names, or all that are commonly bound.
fn candidates(named: Option<&Json>) -> Result<Vec<(ClusterId, Json)>, String> {
    let keys: Vec<Json> = match named {
        None | Some(Json::Null) => CANDIDATES.iter().map(|name| Json::from(*name)).collect(),
        Some(Json::Array(keys)) => keys.clone(),
        Some(_) => return Err(INVALID.to_owned()),
    };
    let mut clusters: Vec<(ClusterId, Json)> = Vec::new();
    for key in keys {
        let id = reporting::cluster_of(&key)?;
        if !clusters.iter().any(|(known, _)| *known == id) {
            clusters.push((id, key));
        }
    }
    Ok(clusters)
}

/// True when messages of a cluster can go from the source to the target: one side has the client and the
/// other the server. A group or the coordinator takes everything.
fn fits(
    core: &Core,
    (source, endpoint): (IeeeAddress, EndpointId),
    target: BindTarget,
    cluster: ClusterId,
) -> bool {
    let sides = |ieee, endpoint| {
        let endpoint = core.hub.device(ieee)?.info.endpoints.get(&endpoint)?;
        Some((
            endpoint.inputs.contains(&cluster),
            endpoint.outputs.contains(&cluster),
        ))
    };
    let Some((input, output)) = sides(source, endpoint) else {
        return false;
    };
    let BindTarget::Endpoint(target, endpoint) = target else {
        return input || output;
    };
    let is_coordinator = core.coordinator() == Some(target)
        || core
            .hub
            .device(target)
            .is_some_and(|device| device.info.kind == DeviceKind::Coordinator);
    if is_coordinator {
        return input || output;
    }
    sides(target, endpoint).is_some_and(|(target_input, target_output)| {
        output && target_input || input && target_output
    })
}

/// `{target, ieee_list?}`: all bindings of a device, or those to the devices in the list.
pub(super) fn clear(core: &mut Core, message: &Json) -> Result<Answer, String> {
    let key = message.get("target").ok_or(INVALID)?;
    let device = core.find_device(&id_of(key, "")?).ok_or("Invalid target")?;
    let list = match message.get("ieee_list") {
        None | Some(Json::Null) => json!(["0xffffffffffffffff"]),
        Some(list) => list.clone(),
    };
    let targets = list
        .as_array()
        .ok_or(INVALID)?
        .iter()
        .map(|ieee| ieee.as_str()?.parse().ok())
        .collect::<Option<Vec<IeeeAddress>>>()
        .filter(|targets| !targets.is_empty())
        .ok_or(INVALID)?;
    let data = json!({"target": key, "ieee_list": list});
    Ok(Answer::Ask(
        Command::Bind(BindCommand::Clear { device, targets }),
        Box::new(move |core, result| {
            core.dirty.devices = true;
            match result {
                Ok(_) => Ok(data),
                Err(error) => Err(format!("Failed to clear binds ({error})")),
            }
        }),
    ))
}
