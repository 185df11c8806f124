//! What people do to devices and what devices notice; what goes wrong in the air and on the wire.

use std::sync::Arc;
use std::time::Duration;

use devices::JsonMap;
use hub::Entity;
use serde_json::{Value as Json, json};
use simulator::{Action, ControlError, Model, ModelError, Outgoing, Stick, Target};
use zigbee::IeeeAddress;

use super::{House, HouseError};
use crate::saying::Oracle;

/// Sticks that come later have the addresses after this one.
const NEW_STICK: u64 = 0x0012_4b00_ffff_0000;

impl House {
    /// Carries out a command of the simulator ([`Stick::control`]), whose `device` may be a name, and
    /// those for the stick itself: `unplug`, `plug` and `forget`, which puts an empty stick in its place.
    pub fn control(&mut self, command: &Json) -> Result<Json, HouseError> {
        match command.get("cmd").and_then(Json::as_str) {
            Some("unplug") => {
                self.unplug();
                return Ok(json!({}));
            }
            Some("plug") => {
                self.plug();
                return Ok(json!({}));
            }
            Some("forget") => {
                self.unplug();
                self.sticks += 1;
                self.stick.replace(IeeeAddress(NEW_STICK + self.sticks));
                self.plug();
                return Ok(json!({}));
            }
            _ => {}
        }
        let named = command.get("device").and_then(Json::as_str);
        let address = named.and_then(|name| {
            self.devices
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, ieee)| ieee.to_string())
        });
        let mut command = command.clone();
        if let (Some(address), Some(map)) = (address, command.as_object_mut()) {
            map.insert("device".to_owned(), address.into());
        }
        Ok(self.stick.control(self.instant(), &command)?)
    }

    fn unplug(&mut self) {
        self.plugged = false;
        self.stick.unplugged();
        if let Some(bridge) = &mut self.bridge {
            bridge.lost(&mut self.around, "it was unplugged");
        }
    }

    fn plug(&mut self) {
        self.plugged = true;
        self.stick.reset(self.instant());
    }

    /// A person does something to a device (an action of [`Stick::control`]).
    pub fn act(&mut self, name: &str, action: &str, parameters: &Json) -> Result<(), HouseError> {
        let ieee = self.address(name)?;
        let action = Action {
            name: action,
            parameters,
        };
        let refused = |error: String| HouseError::Control(ControlError::Refused(error));
        self.stick
            .act(self.instant(), ieee, &action)
            .map_err(|error| refused(error.to_string()))?
            .map_err(|error| refused(error.to_string()))
    }

    /// A simulated model by its name: one that the simulator describes, else one of the catalogue,
    /// whose description follows from its definition.
    pub fn model(&self, name: &str) -> Result<Arc<Model>, HouseError> {
        let error = match Model::built_in(name) {
            Err(ModelError::Unknown(..)) => HouseError::NoModel(name.to_owned()),
            other => return Ok(other?),
        };
        let definition = self
            .converters
            .over(&self.catalogue)
            .all()
            .find(|definition| definition.model() == name)
            .ok_or(error)?;
        let description = crate::generic::describe(&definition)
            .ok_or_else(|| HouseError::NoModel(name.to_owned()))?;
        Ok(Model::from_json(&description)?)
    }

    /// A device notices something: it sends what makes a property of it have a value.
    pub fn report(&mut self, name: &str, key: &str, value: &Json) -> Result<(), HouseError> {
        let ieee = self.address(name)?;
        let bridge = self.bridge.as_ref().ok_or(HouseError::Dead)?;
        let hub = bridge.core.hub();
        let unsayable = || HouseError::Unsayable {
            name: name.to_owned(),
            key: key.to_owned(),
            value: value.clone(),
        };
        let device = hub.device(ieee).ok_or_else(unsayable)?;
        let definition = device.definition.as_ref().ok_or_else(unsayable)?;
        let nothing = JsonMap::new();
        let oracle = Oracle {
            definition,
            info: &device.info,
            options: &bridge.core.settings().options(Entity::Device(ieee)),
            state: hub.state(Entity::Device(ieee)).unwrap_or(&nothing),
        };
        let mut said = oracle.find(key, value).ok_or_else(unsayable)?;
        // So that it answers the same when it is asked, and reports the same when it does so by
        // itself: several attributes may hold the value.
        let held = oracle.hold(key, value);
        self.sequence = self.sequence.wrapping_add(1);
        said.frame.header.sequence = self.sequence;
        self.stick.timeout(self.instant());
        self.stick.with(ieee, |device, io| {
            for (endpoint, cluster, attribute, bytes) in held {
                let path = simulator::Path {
                    endpoint: endpoint.0,
                    cluster: cluster.0,
                    attribute: attribute.0,
                };
                if let Some(own) = device.node.attributes.get_mut(&path) {
                    own.bytes = bytes;
                }
            }
            io.outgoing.push(Outgoing {
                delay: Duration::ZERO,
                endpoint: said.endpoint.0,
                target: Target::Coordinator(1),
                cluster: said.cluster.0,
                payload: said.frame.emit(),
            });
        });
        Ok(())
    }

    /// Daily life: from now on the next of these commands of the simulator (`act`) is carried out each
    /// time that `every` has passed, over and over.
    pub fn live(&mut self, every: Duration, commands: &[Json]) -> Result<(), HouseError> {
        let commands = commands
            .iter()
            .map(|command| {
                let name = command.get("device").and_then(Json::as_str);
                let ieee = self.address(name.unwrap_or_default())?;
                Ok((ieee, Arc::new(command.clone())))
            })
            .collect::<Result<Vec<_>, HouseError>>()?;
        self.life.add(self.instant(), every, commands);
        Ok(())
    }

    /// The address of a device by the name that it was added with.
    pub fn address(&self, name: &str) -> Result<IeeeAddress, HouseError> {
        self.devices
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, ieee)| *ieee)
            .ok_or_else(|| HouseError::NoDevice(name.to_owned()))
    }

    /// The stick with everything around it.
    pub fn stick(&mut self) -> &mut Stick {
        &mut self.stick
    }
}
