//! The network map: who hears whom, as data and as drawings (§12.8).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use devices::{DeviceKind, JsonMap};
use hub::{Entity, Hub, Surroundings};
use serde_json::{Value as Json, json};
use zigbee::zdo::{Neighbor, Route};
use zigbee::{IeeeAddress, NwkAddress};

use super::{Core, describe};

/// Relationships above this are of neighbours that are none any more.
const LAST_RELATIONSHIP: u8 = 3;

/// A node of the map.
#[derive(Debug)]
struct Node {
    ieee: IeeeAddress,
    nwk: NwkAddress,
    kind: DeviceKind,
    name: String,
    model_id: Option<String>,
    manufacturer: Option<String>,
    /// What it did not tell; `None`: it was not asked.
    failed: Option<Vec<&'static str>>,
    last_seen: Option<i64>,
    definition: Option<Definition>,
}

#[derive(Debug)]
struct Definition {
    model: String,
    vendor: String,
    description: String,
    supports: String,
}

/// What a router said of one of its neighbours.
#[derive(Debug)]
struct Link {
    source: IeeeAddress,
    target: IeeeAddress,
    target_nwk: NwkAddress,
    neighbor: Neighbor,
    /// The router's routes through this neighbour.
    routes: Vec<Route>,
}

/// The network as it was found.
#[derive(Debug)]
pub(super) struct Map {
    nodes: Vec<Node>,
    links: Vec<Link>,
    /// Milliseconds since 1970.
    now: i64,
}

impl Core {
    /// Makes a map of what the coordinator and the routers said.
    pub(super) fn map(&self, found: &[Surroundings], with_routes: bool) -> Map {
        let asked: BTreeMap<_, _> = found.iter().map(|said| (said.device, said)).collect();
        let mut nodes = Vec::new();
        for device in self.hub.devices() {
            let info = &device.info;
            let entity = Entity::Device(info.ieee);
            let disabled = self
                .options_of(entity)
                .and_then(|options| options.get("disabled"))
                .and_then(Json::as_bool);
            if info.kind == DeviceKind::GreenPower || disabled == Some(true) {
                continue;
            }
            let failed = asked.get(&info.ieee).map(|said| {
                let mut failed = Vec::new();
                if said.neighbors.is_none() {
                    failed.push("lqi");
                }
                if with_routes && said.routes.is_none() {
                    failed.push("routingTable");
                }
                failed
            });
            let is_coordinator = info.kind == DeviceKind::Coordinator;
            nodes.push(Node {
                ieee: info.ieee,
                nwk: info.nwk,
                kind: info.kind,
                name: if is_coordinator {
                    "Coordinator".to_owned()
                } else {
                    self.name(entity).to_string()
                },
                model_id: info.model_id.clone(),
                manufacturer: info.manufacturer_name.clone(),
                failed,
                last_seen: device.last_seen,
                definition: describe::definition(device, None)
                    .filter(|_| !is_coordinator)
                    .map(|definition| Definition::new(&definition)),
            });
        }
        Map {
            nodes,
            links: links(&self.hub, found),
            now: self.now.unix_ms,
        }
    }

    /// The map as text for Graphviz, in the colours of `map_options`.
    pub(super) fn graphviz(&self, map: &Map) -> String {
        let config = self.settings.effective();
        let colors = config
            .get("map_options")
            .and_then(|options| options.pointer("/graphviz/colors"));
        map.graphviz(colors.unwrap_or(&Json::Null))
    }
}

fn links(hub: &Hub, found: &[Surroundings]) -> Vec<Link> {
    let addresses: BTreeMap<NwkAddress, IeeeAddress> = hub
        .devices()
        .map(|device| (device.info.nwk, device.info.ieee))
        .collect();
    let mut links = Vec::new();
    for said in found {
        let Some(target) = hub.device(said.device) else {
            continue;
        };
        for neighbor in said.neighbors.iter().flatten() {
            if neighbor.relationship > LAST_RELATIONSHIP {
                continue;
            }
            // Some devices do not know the addresses of their children.
            let source = match neighbor.ieee {
                IeeeAddress(0) => addresses.get(&neighbor.nwk).copied(),
                _ => None,
            };
            let routes = said.routes.iter().flatten();
            let routes = routes.filter(|route| route.next_hop == neighbor.nwk);
            links.push(Link {
                source: source.unwrap_or(neighbor.ieee),
                target: said.device,
                target_nwk: target.info.nwk,
                routes: routes.cloned().collect(),
                neighbor: neighbor.clone(),
            });
        }
    }
    links
}

impl Definition {
    fn new(definition: &Json) -> Self {
        let text = |key: &str| definition[key].as_str().unwrap_or_default().to_owned();
        let mut names = Vec::new();
        let mut seen = BTreeSet::new();
        for expose in definition["exposes"].as_array().into_iter().flatten() {
            let name = if let Some(name) = expose["name"].as_str() {
                name.to_owned()
            } else {
                let features = expose["features"].as_array().into_iter().flatten();
                let features: Vec<_> = features
                    .filter_map(|feature| feature["name"].as_str())
                    .collect();
                let kind = expose["type"].as_str().unwrap_or_default();
                format!("{kind} ({})", features.join(", "))
            };
            if seen.insert(name.clone()) {
                names.push(name);
            }
        }
        Self {
            model: text("model"),
            vendor: text("vendor"),
            description: text("description"),
            supports: names.join(", "),
        }
    }
}

impl Node {
    fn raw(&self) -> Json {
        let mut node = JsonMap::new();
        let mut put = |key: &str, value: Json| node.insert(key.to_owned(), value);
        put("ieeeAddr", json!(self.ieee.to_string()));
        put("friendlyName", json!(self.name));
        put("type", json!(describe::kind_name(self.kind)));
        put("networkAddress", json!(self.nwk.0));
        if let Some(text) = &self.manufacturer {
            put("manufacturerName", json!(text));
        }
        if let Some(text) = &self.model_id {
            put("modelID", json!(text));
        }
        if let Some(failed) = &self.failed {
            put("failed", json!(failed));
        }
        if let Some(at) = self.last_seen {
            put("lastSeen", json!(at));
        }
        if let Some(definition) = &self.definition {
            let definition = json!({
                "model": definition.model,
                "vendor": definition.vendor,
                "description": definition.description,
                "supports": definition.supports,
            });
            put("definition", definition);
        }
        Json::Object(node)
    }

    /// The lines of its box.
    fn lines(&self, now: i64) -> Vec<String> {
        let failed = match self.failed.as_deref() {
            None | Some([]) => String::new(),
            Some(failed) => format!(" failed: {}", failed.join(",")),
        };
        let mut lines = vec![
            self.name.clone(),
            format!("{} ({}){failed}", self.ieee, hex(self.nwk)),
        ];
        let is_coordinator = self.kind == DeviceKind::Coordinator;
        if !is_coordinator {
            lines.push(match (&self.definition, &self.model_id) {
                (Some(of), _) => format!("{} {} ({})", of.vendor, of.description, of.model),
                (None, Some(model)) => {
                    let maker = self.manufacturer.as_deref().unwrap_or_default();
                    format!("{maker} {model}").trim().to_owned()
                }
                (None, None) => "unknown model".to_owned(),
            });
        }
        lines.push(match self.last_seen {
            _ if is_coordinator => ago(0),
            Some(at) => ago(now.saturating_sub(at)),
            None => "unknown".to_owned(),
        });
        lines
    }
}

impl Link {
    fn raw(&self) -> Json {
        let neighbor = &self.neighbor;
        let (source, target) = (self.source.to_string(), self.target.to_string());
        let routes: Vec<_> = self.routes.iter().map(route).collect();
        json!({
            "source": {"ieeeAddr": source, "networkAddress": neighbor.nwk.0},
            "target": {"ieeeAddr": target, "networkAddress": self.target_nwk.0},
            "deviceType": neighbor.device_type,
            "rxOnWhenIdle": neighbor.rx_on_when_idle,
            "relationship": neighbor.relationship,
            "permitJoining": neighbor.permit_joining,
            "depth": neighbor.depth,
            "lqi": neighbor.lqi,
            "routes": routes,
            // By their old names, which clients still read.
            "linkquality": neighbor.lqi,
            "sourceIeeeAddr": source,
            "targetIeeeAddr": target,
            "sourceNwkAddr": neighbor.nwk.0,
        })
    }
}

fn route(route: &Route) -> Json {
    let status = match route.status {
        0 => "ACTIVE",
        1 => "DISCOVERY_UNDERWAY",
        2 => "DISCOVERY_FAILED",
        3 => "INACTIVE",
        4 => "VALIDATION_UNDERWAY",
        _ => "UNKNOWN",
    };
    json!({
        "destinationAddress": route.destination.0,
        "nextHopAddress": route.next_hop.0,
        "status": status,
        "memoryConstrained": u8::from(route.memory_constrained),
        "manyToOne": u8::from(route.many_to_one),
        "routeRecordRequired": u8::from(route.route_record_required),
        "reserved1": 0,
    })
}

impl Map {
    /// Nodes and links as data.
    pub(super) fn raw(&self) -> Json {
        json!({
            "nodes": self.nodes.iter().map(Node::raw).collect::<Vec<_>>(),
            "links": self.links.iter().map(Link::raw).collect::<Vec<_>>(),
        })
    }

    /// A graph for Graphviz: boxes of lines, coloured by the kind of device; thick edges carry routes.
    fn graphviz(&self, colors: &Json) -> String {
        let color = |part: &str, of: &str| {
            let color = colors.get(part).and_then(|colors| colors.get(of));
            quoted(color.and_then(Json::as_str).unwrap_or_default())
        };
        let mut text = "digraph G {\nnode[shape=record];\n".to_owned();
        for node in &self.nodes {
            let (style, of) = match node.kind {
                DeviceKind::Coordinator => ("bold, filled", "coordinator"),
                DeviceKind::Router => ("rounded, filled", "router"),
                _ => ("rounded, dashed, filled", "enddevice"),
            };
            let lines: Vec<_> = node
                .lines(self.now)
                .iter()
                .map(|line| field(line))
                .collect();
            // Writing into a string does not fail.
            let _ = writeln!(
                text,
                "  \"{}\" [style=\"{style}\", fillcolor={}, fontcolor={}, label=\"{{{}}}\"];",
                node.ieee,
                color("fill", of),
                color("font", of),
                lines.join("|")
            );
            for link in self.links.iter().filter(|link| link.source == node.ieee) {
                let idle = link.routes.is_empty();
                let width = match (node.kind, idle) {
                    (DeviceKind::EndDevice, _) => "1",
                    (_, true) => "0.5",
                    (_, false) => "2",
                };
                let (weight, line) = if idle { (0, "inactive") } else { (1, "active") };
                let targets: Vec<_> = link
                    .routes
                    .iter()
                    .map(|route| hex(route.destination))
                    .collect();
                let routes = match targets.as_slice() {
                    [] => String::new(),
                    targets => format!(" (routes: {})", targets.join(",")),
                };
                let _ = writeln!(
                    text,
                    "  \"{}\" -> \"{}\" [penwidth={width}, weight={weight}, color={}, label=\"{}{routes}\"]",
                    node.ieee,
                    link.target,
                    color("line", line),
                    link.neighbor.lqi,
                );
            }
        }
        text.push('}');
        text
    }

    /// A drawing for `PlantUML`: cards of lines, and arrows.
    pub(super) fn plantuml(&self) -> String {
        let mut text = "@startuml\n".to_owned();
        let mut nodes: Vec<_> = self.nodes.iter().collect();
        nodes.sort_by_key(|node| node.name.to_lowercase());
        for node in nodes {
            let lines: Vec<_> = node.lines(self.now).iter().map(|line| card(line)).collect();
            let _ = writeln!(text, "card {} [\n{}\n]\n", node.ieee, lines.join("\n---\n"));
        }
        for link in &self.links {
            let lqi = link.neighbor.lqi;
            let _ = writeln!(text, "{} --> {}: {lqi}", link.source, link.target);
        }
        text.push_str("\n@enduml");
        text
    }
}

fn hex(nwk: NwkAddress) -> String {
    format!("0x{:04x}", nwk.0)
}

/// Text without line breaks and other control characters.
fn printable(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.replace('\0', "").chars().map(plain).collect()
}

/// A quoted string of the DOT language.
fn quoted(text: &str) -> String {
    let text = printable(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

/// A field of a record's label, without the quotes around the label: characters that divide records
/// are shown as they are.
fn field(text: &str) -> String {
    let mut out = String::new();
    for c in printable(text).chars() {
        if matches!(c, '\\' | '"' | '{' | '}' | '|' | '<' | '>') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A line of a card; what would end the card or the drawing does not begin the line.
fn card(text: &str) -> String {
    let text = printable(text);
    if text.starts_with([']', '@', '-', '=', '\'', '!', '~']) {
        format!("~{text}")
    } else {
        text
    }
}

/// How long ago something was, in its two largest units.
fn ago(milliseconds: i64) -> String {
    const UNITS: [(&str, i64); 7] = [
        ("year", 31_557_600),
        ("month", 2_629_800),
        ("week", 604_800),
        ("day", 86_400),
        ("hour", 3600),
        ("minute", 60),
        ("second", 1),
    ];
    let mut left = milliseconds.max(0).saturating_add(500) / 1000;
    let mut parts = Vec::new();
    for (name, seconds) in UNITS {
        let count = left / seconds;
        if count > 0 && parts.len() < 2 {
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{count} {name}{plural}"));
            left %= seconds;
        }
    }
    if parts.is_empty() {
        parts.push("0 seconds".to_owned());
    }
    format!("{} ago", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_their_two_largest_units() {
        for (milliseconds, text) in [
            (-5, "0 seconds ago"),
            (0, "0 seconds ago"),
            (1_400, "1 second ago"),
            (61_000, "1 minute, 1 second ago"),
            (90_061_000, "1 day, 1 hour ago"),
            (i64::MAX, "292271023 years, 2 weeks ago"),
        ] {
            assert_eq!(ago(milliseconds), text);
        }
    }
}
