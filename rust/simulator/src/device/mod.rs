//! Simulated devices: a [`Node`] built from a [`Model`], and [`RuleSet`]s for what models do by themselves.

mod clusters;
mod lumi;
mod model;
mod node;
mod obliging;
mod ota;
mod report;
mod rules;
mod sensors;
mod value;
mod zcl;
mod zdo;

use std::sync::Arc;

use serde_json::Value as Json;
use zigbee::IeeeAddress;
use zigbee::zcl::DataType;

pub use model::{Attribute, Endpoint, Model, ModelError, Path};
pub(crate) use node::Timer;
pub use node::{Binding, BindingTarget, Io, Node, Outgoing, Target};
pub use ota::image as ota_image;
pub use rules::{Action, ActionError, Answer, Command, RuleSet};
pub use zcl::Incoming;
pub(crate) use zdo::{Neighbor, Surroundings, logical, lqi_response};

/// A device: its state and its rules.
#[derive(Debug)]
pub struct Device {
    /// Its state.
    pub node: Node,
    pub(crate) rules: Box<dyn RuleSet>,
}

impl Device {
    /// A device fresh from the factory.
    pub fn new(ieee: IeeeAddress, model: Arc<Model>) -> Self {
        let node = Node::new(ieee, model);
        let rules = rules::build(node.model.rules, &node);
        Self { node, rules }
    }

    /// A device with rules of one's own.
    pub fn with_rules(ieee: IeeeAddress, model: Arc<Model>, rules: Box<dyn RuleSet>) -> Self {
        Self {
            node: Node::new(ieee, model),
            rules,
        }
    }

    /// The device has come onto a network.
    pub(crate) fn joined(&mut self, io: &mut Io) {
        self.rules.joined(&mut self.node, io);
    }

    /// Does what is due.
    pub(crate) fn timeout(&mut self, io: &mut Io) {
        while let Some(entry) = self.node.timers.first_entry() {
            if entry.key().0 > io.now {
                break;
            }
            match entry.remove() {
                Timer::Set(path, bytes) => {
                    self.node.set(path, &bytes, io);
                }
                Timer::Ota => self.node.ota_due(io),
                Timer::Rules(number) => self.rules.timer(&mut self.node, number, io),
            }
        }
        self.node.reporting_due(io);
    }

    /// A person does something to the device.
    ///
    /// Every model that looks for software knows `ota` (what its client has and does), `ota_query` (it
    /// asks) and `ota_continue` (after `stop_at`).
    ///
    /// Every model knows `set` (an attribute takes a value, as if measured), `report` (send a report
    /// of attributes now), `frame` (send a captured ZCL frame as it is) and `power_cut`; the rest
    /// depends on the model.
    pub(crate) fn act(&mut self, action: &Action<'_>, io: &mut Io) -> Result<(), ActionError> {
        if let Some(result) = self.rules.act(&mut self.node, action, io) {
            return result;
        }
        if let Some(result) = self.ota_act(action, io) {
            return result;
        }
        let node = &mut self.node;
        let number = |parameter: &'static str| -> Result<u16, ActionError> {
            action
                .integer(parameter)
                .and_then(|number| u16::try_from(number).ok())
                .ok_or_else(|| action.invalid(parameter))
        };
        let endpoint = match action.parameters.get("endpoint") {
            None => 1,
            Some(_) => u8::try_from(number("endpoint")?).map_err(|_| action.invalid("endpoint"))?,
        };
        match action.name {
            "set" => {
                let path = Path {
                    endpoint,
                    cluster: number("cluster")?,
                    attribute: number("attribute")?,
                };
                let data_type = node
                    .attributes
                    .get(&path)
                    .map(|attribute| attribute.data_type)
                    .ok_or_else(|| action.invalid("attribute"))?;
                let bytes = action
                    .parameters
                    .get("value")
                    .and_then(|value| value::from_json(data_type, value))
                    .ok_or_else(|| action.invalid("value"))?;
                node.set(path, &bytes, io);
            }
            "report" => {
                let cluster = number("cluster")?;
                let attributes: Vec<u16> = action
                    .parameters
                    .get("attributes")
                    .and_then(Json::as_array)
                    .map(|list| {
                        list.iter()
                            .filter_map(|id| u16::try_from(id.as_u64()?).ok())
                            .collect()
                    })
                    .ok_or_else(|| action.invalid("attributes"))?;
                node.report(endpoint, cluster, &attributes, io);
            }
            "frame" => {
                let payload = action
                    .text("zcl")
                    .and_then(crate::hex::decode)
                    .ok_or_else(|| action.invalid("zcl"))?;
                let to = u8::try_from(action.integer("destination").unwrap_or(1))
                    .map_err(|_| action.invalid("destination"))?;
                let target = match (action.integer("group"), action.number("broadcast")) {
                    (Some(group), _) => {
                        Target::Group(u16::try_from(group).map_err(|_| action.invalid("group"))?)
                    }
                    (None, Some(set)) if set > 0.0 => Target::Broadcast(to),
                    _ => Target::Coordinator(to),
                };
                let cluster = number("cluster")?;
                io.send(endpoint, cluster, target, &payload);
            }
            "power_cut" => {
                node.timers.clear();
                let model = Arc::clone(&node.model);
                for (path, original) in &model.attributes {
                    if original.volatile
                        && let Some(attribute) = node.attributes.get_mut(path)
                    {
                        attribute.bytes.clone_from(&original.bytes);
                    }
                }
                self.rules.powered(&mut self.node, io);
            }
            _ => {
                return Err(ActionError::Unknown {
                    model: node.model.name.clone(),
                    action: action.name.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// A number as the bytes of a type, saturated to its range; `None` for types that hold no number.
pub fn number(data_type: DataType, number: f64) -> Option<Vec<u8>> {
    value::from_number(data_type, number)
}

/// An octet string's bytes: its length and itself, cut at 254.
pub(crate) fn octets(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.get(..254).unwrap_or(bytes);
    let mut value = Vec::with_capacity(bytes.len() + 1);
    // At most 254.
    value.push(u8::try_from(bytes.len()).unwrap_or(0));
    value.extend_from_slice(bytes);
    value
}

/// A tag of Lumi's structure: number, type, value.
pub(crate) fn tag(out: &mut Vec<u8>, tag: u8, data_type: DataType, number: f64) {
    if let Some(bytes) = value::from_number(data_type, number) {
        out.push(tag);
        out.push(data_type.0);
        out.extend(bytes);
    }
}
