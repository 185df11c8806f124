//! What a device does besides holding attributes: the seam behind which models differ.

use serde_json::Value as Json;
use zigbee::zcl::Status;

use super::clusters;
use super::model::{Path, Rules};
use super::node::{Io, Node, Target};
use super::{lumi, obliging, sensors};

/// A cluster command for a device.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// The endpoint it is for.
    pub endpoint: u8,
    /// The cluster.
    pub cluster: u16,
    /// The command.
    pub id: u8,
    /// True when it goes from client to server.
    pub to_server: bool,
    /// Who sent it.
    pub from: Target,
    /// Its payload.
    pub payload: &'a [u8],
}

/// How a device answers a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Not at all.
    Nothing,
    /// With a default response, if one is wanted.
    Status(Status),
    /// With a foundation command.
    Global(u8, Vec<u8>),
    /// With a command of the cluster.
    Cluster(u8, Vec<u8>),
}

/// Why a device does not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The model has no such action.
    #[error("{model} has no action `{action}`")]
    Unknown {
        /// The model.
        model: String,
        /// The action.
        action: String,
    },
    /// A parameter is missing or wrong.
    #[error("action `{action}`: `{parameter}` is missing or invalid")]
    Parameter {
        /// The action.
        action: String,
        /// The parameter.
        parameter: &'static str,
    },
}

/// Something a person does to a device, with parameters.
#[derive(Debug, Clone, Copy)]
pub struct Action<'a> {
    /// Such as `press`, `turn`, `open`.
    pub name: &'a str,
    /// An object.
    pub parameters: &'a Json,
}

impl Action<'_> {
    /// A number among the parameters.
    pub fn number(&self, parameter: &str) -> Option<f64> {
        let value = self.parameters.get(parameter)?;
        value
            .as_f64()
            .or_else(|| value.as_bool().map(|set| f64::from(u8::from(set))))
    }

    /// A whole number among the parameters.
    pub fn integer(&self, parameter: &str) -> Option<u64> {
        self.parameters.get(parameter)?.as_u64()
    }

    /// A text among the parameters.
    pub fn text(&self, parameter: &str) -> Option<&str> {
        self.parameters.get(parameter)?.as_str()
    }

    /// The error for a parameter that is missing or wrong.
    pub fn invalid(&self, parameter: &'static str) -> ActionError {
        ActionError::Parameter {
            action: self.name.to_owned(),
            parameter,
        }
    }
}

/// The rules of a model. Every method has the behaviour of the cluster library as its default.
pub trait RuleSet: std::fmt::Debug + Send {
    /// The device came onto a network for the first time.
    fn joined(&mut self, node: &mut Node, io: &mut Io) {
        let _ = (node, io);
    }

    /// A cluster command arrived; `None`: it is not known.
    fn command(&mut self, node: &mut Node, command: &Command<'_>, io: &mut Io) -> Option<Answer> {
        clusters::command(node, command, io)
    }

    /// May this value be written?
    fn check_write(&self, node: &Node, path: Path, bytes: &[u8]) -> Result<(), Status> {
        let _ = (node, path, bytes);
        Ok(())
    }

    /// An attribute was written from outside.
    fn written(&mut self, node: &mut Node, path: Path, io: &mut Io) {
        let _ = (node, path, io);
    }

    /// A timer that the rules started has run out.
    fn timer(&mut self, node: &mut Node, number: u32, io: &mut Io) {
        let _ = (node, number, io);
    }

    /// A person does something; `None`: the model does not know it.
    fn act(
        &mut self,
        node: &mut Node,
        action: &Action<'_>,
        io: &mut Io,
    ) -> Option<Result<(), ActionError>> {
        let _ = (node, action, io);
        None
    }

    /// The power comes back after a cut (volatile attributes have fallen back already).
    fn powered(&mut self, node: &mut Node, io: &mut Io) {
        let _ = (node, io);
    }
}

/// A device that does what the cluster library says and no more.
#[derive(Debug)]
struct Standard;

impl RuleSet for Standard {}

/// The rules that a model names.
pub(crate) fn build(rules: Rules, node: &Node) -> Box<dyn RuleSet> {
    match rules {
        Rules::Standard => Box::new(Standard),
        Rules::LumiRelay => Box::new(lumi::Relay::default()),
        Rules::LumiSwitch => Box::new(lumi::Switch::new(node)),
        Rules::LumiKnob => Box::new(lumi::Knob),
        Rules::LumiLock => Box::new(lumi::Lock),
        Rules::ContactSensor => Box::new(sensors::Contact),
        Rules::Plug => Box::new(sensors::Plug::default()),
        Rules::Sleeper => Box::new(sensors::Sleeper),
        Rules::Obliging => Box::new(obliging::Obliging),
    }
}
