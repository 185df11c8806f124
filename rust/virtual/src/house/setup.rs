//! What is in the house: before it begins, and what joins later.

use std::sync::Arc;
use std::time::Duration;

use bridge::data::Settings;
use devices::JsonMap;
use hub::{InterviewState, LogLevel};
use serde_json::{Value as Json, json};
use zigbee::{EndpointId, GroupId, IeeeAddress, NwkAddress};

use super::config::SETTLING;
use super::time::millis;
use super::{House, HouseError, NewDevice};

/// What begins is quiet for so long after that.
const QUIET: Duration = Duration::from_secs(2);

impl House {
    /// Adds devices. Before the beginning they are simply there; later they join, are interviewed and
    /// get their name, which takes some seconds of virtual time.
    pub fn add(&mut self, new: &[NewDevice]) -> Result<Vec<IeeeAddress>, HouseError> {
        let mut added = Vec::new();
        for device in new {
            let place = u64::try_from(self.devices.len()).unwrap_or(u64::MAX);
            let ieee = device
                .ieee
                .unwrap_or(IeeeAddress(0x0015_8d00_0100_0000 + place));
            if self
                .devices
                .iter()
                .any(|(name, known)| *name == device.name || *known == ieee)
            {
                return Err(HouseError::Taken(device.name.clone()));
            }
            self.devices.push((device.name.clone(), ieee));
            added.push(ieee);
            if self.lives == 0 {
                self.options.insert(ieee, device.options.clone());
                let nwk = 0x1000_u16.saturating_add(u16::try_from(place).unwrap_or(u16::MAX));
                self.stick
                    .add_known(ieee, NwkAddress(nwk), Arc::clone(&device.model));
            } else {
                let fresh = simulator::Device::new(ieee, Arc::clone(&device.model));
                self.stick.add(fresh);
                self.join(&device.name, ieee)?;
                if !device.options.is_empty() {
                    let options = json!({"id": device.name, "options": device.options});
                    self.request("device/options", &options);
                    self.run(self.instant() + QUIET, false);
                }
            }
        }
        Ok(added)
    }

    /// Adds a group with the first endpoints of these devices. Before the beginning.
    pub fn add_group(&mut self, name: &str, members: &[&str]) -> Result<(), HouseError> {
        if self.lives > 0 {
            return Err(HouseError::Begun);
        }
        if self.groups.iter().any(|(known, _)| known == name) {
            return Err(HouseError::Taken(name.to_owned()));
        }
        let id = u16::try_from(self.groups.len()).unwrap_or(u16::MAX) + 1;
        let mut endpoints = Vec::new();
        for member in members {
            let ieee = self.address(member)?;
            let endpoint = self
                .stick
                .device(ieee)
                .and_then(|device| device.node.model.endpoints.first())
                .map_or(1, |endpoint| endpoint.id);
            self.stick.with(ieee, |device, _| {
                device.node.groups.insert((endpoint, id));
            });
            endpoints.push((ieee, EndpointId(endpoint)));
        }
        self.groups.push((name.to_owned(), endpoints));
        Ok(())
    }

    /// Begins: the bridge starts, configures the devices, and time is 0 when all is quiet. More than
    /// once does nothing.
    pub fn begin(&mut self) -> Result<(), HouseError> {
        if self.lives > 0 {
            return Ok(());
        }
        self.name_devices()?;
        let groups: Vec<_> = (1_u16..)
            .zip(&self.groups)
            .map(|(id, (_, members))| (GroupId(id), members.clone()))
            .collect();
        let database = simulator::database(&self.stick);
        self.around.disk.put_database(&database, &groups);
        let wall = self.origin;
        self.start();
        self.run(self.instant() + Duration::from_secs(1), false);
        let all = self.devices.clone();
        for (_, ieee) in &all {
            // Devices that sleep are awake when they are set up.
            self.stick.with(*ieee, |_, io| io.awake = SETTLING);
            let _ = self.stick.announce(self.instant(), *ieee, None);
        }
        self.until_ready(&all)?;
        self.run(self.instant() + QUIET, false);
        self.began = self.instant();
        self.origin = wall - millis(self.began);
        self.set_time(self.began);
        self.stick.clear_sent();
        self.around.log.clear();
        Ok(())
    }

    /// The names of the devices go into the configuration before there is a bridge that could be asked.
    fn name_devices(&mut self) -> Result<(), HouseError> {
        let names: JsonMap = self
            .devices
            .iter()
            .map(|(name, ieee)| {
                let mut own = self.options.get(ieee).cloned().unwrap_or_default();
                own.insert("friendly_name".to_owned(), name.as_str().into());
                (ieee.to_string(), own.into())
            })
            .collect();
        let groups: JsonMap = (1_u16..)
            .zip(&self.groups)
            .map(|(id, (name, _))| (id.to_string(), json!({"friendly_name": name})))
            .collect();
        let mut document = self.document.clone();
        document.insert("devices".to_owned(), names.into());
        document.insert("groups".to_owned(), groups.into());
        self.around.disk.settings = Settings::new(document).map_err(HouseError::Configuration)?;
        Ok(())
    }

    /// Has a device join, and waits until it is ready.
    fn join(&mut self, name: &str, ieee: IeeeAddress) -> Result<(), HouseError> {
        self.request("permit_join", &json!({"time": 254}));
        self.run(self.instant() + Duration::from_secs(1), false);
        self.stick
            .join(self.instant(), ieee)
            .map_err(|error| HouseError::Control(error.into()))?;
        self.until_ready(&[(name.to_owned(), ieee)])?;
        let rename = json!({"from": ieee.to_string(), "to": name});
        self.request("device/rename", &rename);
        self.request("permit_join", &json!({"time": 0}));
        self.run(self.instant() + QUIET, false);
        Ok(())
    }

    fn request(&mut self, path: &str, payload: &Json) {
        let topic = format!("{}/bridge/request/{path}", self.base);
        self.publish(&topic, payload.to_string().as_bytes(), false);
    }

    fn until_ready(&mut self, devices: &[(String, IeeeAddress)]) -> Result<(), HouseError> {
        let end = self.instant() + SETTLING;
        loop {
            let waiting: Vec<&str> = devices
                .iter()
                .filter(|(_, ieee)| !self.is_ready(*ieee))
                .map(|(name, _)| name.as_str())
                .collect();
            if waiting.is_empty() {
                return Ok(());
            }
            if self.instant() >= end {
                let log: Vec<&str> = self
                    .around
                    .log
                    .iter()
                    .rev()
                    .filter(|entry| entry.level <= LogLevel::Warning)
                    .take(5)
                    .map(|entry| entry.text.as_str())
                    .collect();
                return Err(HouseError::Settling {
                    names: waiting.join(", "),
                    log: log.join("; "),
                });
            }
            self.run(self.instant() + Duration::from_millis(100), false);
        }
    }

    /// True once a device is interviewed and, where there is something to configure, configured.
    fn is_ready(&self, ieee: IeeeAddress) -> bool {
        let Some(device) = self
            .bridge
            .as_ref()
            .and_then(|bridge| bridge.core.hub().device(ieee))
        else {
            return false;
        };
        let configured = device
            .definition
            .as_ref()
            .and_then(|definition| definition.configure_version())
            .is_none_or(|version| {
                device.meta.get("configured").and_then(Json::as_str) == Some(version)
            });
        device.interview == InterviewState::Successful && configured
    }
}
