//! Directing a simulator with JSON: one command, one answer. The same commands make up scripts.

use std::sync::Arc;
use std::time::Duration;

use adapters::Instant;
use serde_json::{Value as Json, json};
use zigbee::zcl::DataType;
use zigbee::{IeeeAddress, NwkAddress};

use crate::device::{Action, Device, Model, Path, ota_image};
use crate::load::Load;
use crate::simulator::Simulator;
use crate::stick::{Delivery, JoinError, LinkFaults, SerialFaults, Stick};

/// Why a command was refused.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No such command.
    #[error("unknown command `{0}`")]
    Unknown(String),
    /// A parameter is missing or wrong.
    #[error("`{0}` is missing or invalid")]
    Parameter(&'static str),
    /// The stick or the device refuses.
    #[error("{0}")]
    Refused(String),
    /// A device may not join now, but may later.
    #[error(transparent)]
    Join(#[from] JoinError),
}

fn refused(error: impl std::fmt::Display) -> ControlError {
    ControlError::Refused(error.to_string())
}

/// The parameters of a command.
struct Parameters<'a>(&'a Json);

impl Parameters<'_> {
    fn text(&self, name: &'static str) -> Result<&str, ControlError> {
        self.0
            .get(name)
            .and_then(Json::as_str)
            .ok_or(ControlError::Parameter(name))
    }

    fn device(&self) -> Result<IeeeAddress, ControlError> {
        self.text("device")?
            .parse()
            .map_err(|_| ControlError::Parameter("device"))
    }

    fn number<T: TryFrom<u64>>(&self, name: &'static str) -> Result<Option<T>, ControlError> {
        match self.0.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => value
                .as_u64()
                .and_then(|number| T::try_from(number).ok())
                .map(Some)
                .ok_or(ControlError::Parameter(name)),
        }
    }

    fn required<T: TryFrom<u64>>(&self, name: &'static str) -> Result<T, ControlError> {
        self.number(name)?.ok_or(ControlError::Parameter(name))
    }

    fn flag(&self, name: &'static str) -> bool {
        self.0.get(name).and_then(Json::as_bool).unwrap_or(false)
    }

    fn path(&self) -> Result<Path, ControlError> {
        Ok(Path {
            endpoint: self.number("endpoint")?.unwrap_or(1),
            cluster: self.required("cluster")?,
            attribute: self.required("attribute")?,
        })
    }
}

impl Stick {
    /// Carries out a command and gives its result.
    ///
    /// A command is an object with `cmd`; `device` is an address (`0x00158d0001ab0001`).
    ///
    /// | `cmd` | parameters | does |
    /// |---|---|---|
    /// | `add` | `model`, `device`; `join` or `known` with `nwk`; `lqi`; or the `channel` of another network that it is on | adds a device |
    /// | `join`, `leave`, `announce`, `remove` | `device` | what a person does with it; `announce` may give a new `nwk` |
    /// | `act` | `device`, `action`, and the action's parameters | `press`, `turn`, `open`, `load`, `set`, `report`, `frame`, ... |
    /// | `reach` | `device`, `reachable` | takes a device out of range, or brings it back |
    /// | `fault` | `device` (or all), `lose`, `duplicate`, `corrupt` (of 1000), `delay_ms` | damage in the air |
    /// | `fail` | `device`, `statuses` | the next deliveries fail with these statuses |
    /// | `serial` | `lose`, `corrupt` (of 1000), `mute` | damage on the line |
    /// | `reset` | | the stick restarts |
    /// | `replace` | `device`, its address | another stick, fresh from the factory, takes its place |
    /// | `sent` | `device`, `clear` | what the host sent into the air |
    /// | `devices`, `state`, `read`, `ota` | | what there is; `read` gives an attribute of a `device`, `ota` how its update stands |
    /// | `ota_image` | `manufacturer`, `type`, `version`, `size` | gives an image in hexadecimal that such devices take |
    ///
    /// | model | `action` with its parameters |
    /// |---|---|
    /// | all | `set` (`endpoint`, `cluster`, `attribute`, `value`), `report` (`attributes`), `frame` (`zcl` in hexadecimal; `group`, `broadcast`), `power_cut` |
    /// | all that look for software | `ota` (`manufacturer`, `type`, `version`, `hardware`, `block`, `page`, `pause_ms`, `stop_at`), `ota_query`, `ota_continue` |
    /// | LLKZMK11LM | `press` (`endpoint`), `load` (`endpoint`, `watts`), `consume` (`kwh`), `heartbeat` |
    /// | QBKG40LM, QBKG41LM | `press` (`button`: left, right, both; `count`), `heartbeat` |
    /// | ZNXNKG02LM | `press` (`count`, or `kind`: hold, release), `turn` (`degrees`, `milliseconds`, `pressed`), `heartbeat` (`millivolts`) |
    /// | ZNMS11LM | `finger_open`, `password_open` (`user`, `by`: user, admin), `finger_not_match`, `password_not_match`, `ring_bell` (`repeat`), `finger_add`, `finger_delete`, `password_add`, `password_delete` (`user`), `state` (`code`, such as 0111) |
    /// | CONTACT | `open`, `close` |
    /// | PLUG | `press`, `load` (`watts`), `consume` (`kwh`) |
    /// | REMOTE | `press` (`button`: on, off, toggle, up, down, `move_up`, `move_down`, stop), `check_in` |
    pub fn control(&mut self, now: Instant, command: &Json) -> Result<Json, ControlError> {
        let parameters = Parameters(command);
        let name = parameters.text("cmd")?;
        match name {
            "add" => self.control_add(now, &parameters),
            "join" => {
                let device = parameters.device()?;
                self.join(now, device)?;
                Ok(json!({}))
            }
            "leave" => {
                let device = parameters.device()?;
                self.leave(now, device).map_err(refused)?;
                Ok(json!({}))
            }
            "announce" => {
                let device = parameters.device()?;
                let nwk = parameters.number("nwk")?.map(NwkAddress);
                self.announce(now, device, nwk).map_err(refused)?;
                Ok(json!({}))
            }
            "remove" => {
                let device = parameters.device()?;
                self.remove(device).map_err(refused)?;
                Ok(json!({}))
            }
            "act" => {
                let device = parameters.device()?;
                let action = Action {
                    name: parameters.text("action")?,
                    parameters: command,
                };
                self.act(now, device, &action)
                    .map_err(refused)?
                    .map_err(refused)?;
                Ok(json!({}))
            }
            "reach" => {
                let device = parameters.device()?;
                let reachable = parameters.flag("reachable");
                self.set_reachable(device, reachable).map_err(refused)?;
                Ok(json!({}))
            }
            "fault" | "fail" | "serial" => self.control_fault(name, &parameters),
            "reset" => {
                self.reset(now);
                Ok(json!({}))
            }
            "replace" => {
                self.replace(parameters.device()?);
                Ok(json!({}))
            }
            "sent" | "devices" | "state" | "read" | "ota" => {
                self.control_look(now, name, &parameters)
            }
            "ota_image" => {
                let size: u64 = parameters.required("size")?;
                let image = ota_image(
                    parameters.required("manufacturer")?,
                    parameters.required("type")?,
                    parameters.required("version")?,
                    usize::try_from(size).unwrap_or(usize::MAX),
                );
                Ok(json!({"image": crate::hex::encode(&image)}))
            }
            other => Err(ControlError::Unknown(other.to_owned())),
        }
    }

    fn control_add(
        &mut self,
        now: Instant,
        parameters: &Parameters<'_>,
    ) -> Result<Json, ControlError> {
        let ieee = parameters.device()?;
        let model = match parameters.0.get("model") {
            Some(Json::String(name)) => Model::built_in(name),
            Some(description) => Model::from_json(description),
            None => return Err(ControlError::Parameter("model")),
        }
        .map_err(refused)?;
        let nwk = parameters.number("nwk")?;
        let link_quality = parameters.number("lqi")?;
        let channel = parameters.number("channel")?;
        if parameters.flag("known") {
            let nwk = nwk.ok_or(ControlError::Parameter("nwk"))?;
            self.add_known(ieee, NwkAddress(nwk), Arc::clone(&model));
        } else {
            let mut device = Device::new(ieee, model);
            if let Some(nwk) = nwk {
                device.node.nwk = NwkAddress(nwk);
            }
            if let Some(link_quality) = link_quality {
                device.node.link_quality = link_quality;
            }
            match channel {
                Some(channel) => self.add_elsewhere(device, channel),
                None => self.add(device),
            }
        }
        if parameters.flag("join") {
            self.join(now, ieee)?;
        }
        Ok(json!({}))
    }

    fn control_fault(
        &mut self,
        name: &str,
        parameters: &Parameters<'_>,
    ) -> Result<Json, ControlError> {
        match name {
            "fault" => {
                let device = match parameters.0.get("device") {
                    None => None,
                    Some(_) => Some(parameters.device()?),
                };
                let faults = LinkFaults {
                    lose_permille: parameters.number("lose")?.unwrap_or(0),
                    duplicate_permille: parameters.number("duplicate")?.unwrap_or(0),
                    corrupt_permille: parameters.number("corrupt")?.unwrap_or(0),
                    delay: Duration::from_millis(parameters.number("delay_ms")?.unwrap_or(0)),
                };
                self.set_link_faults(device, faults).map_err(refused)?;
            }
            "fail" => {
                let device = parameters.device()?;
                let statuses: Vec<u8> = parameters
                    .0
                    .get("statuses")
                    .and_then(Json::as_array)
                    .and_then(|list| {
                        list.iter()
                            .map(|status| u8::try_from(status.as_u64()?).ok())
                            .collect()
                    })
                    .ok_or(ControlError::Parameter("statuses"))?;
                self.fail_next(device, &statuses).map_err(refused)?;
            }
            _ => {
                let faults = SerialFaults {
                    lose_permille: parameters.number("lose")?.unwrap_or(0),
                    corrupt_permille: parameters.number("corrupt")?.unwrap_or(0),
                    mute: parameters.flag("mute"),
                };
                self.set_serial_faults(faults);
            }
        }
        Ok(json!({}))
    }

    fn control_look(
        &mut self,
        now: Instant,
        name: &str,
        parameters: &Parameters<'_>,
    ) -> Result<Json, ControlError> {
        match name {
            "sent" => {
                let device = match parameters.0.get("device") {
                    None => None,
                    Some(_) => Some(parameters.device()?),
                };
                let clear = parameters.flag("clear");
                let sent: Vec<Json> = self
                    .sent()
                    .filter(|sent| device.is_none() || sent.device == device)
                    .map(|sent| {
                        json!({
                            "at_us": sent.at.0,
                            "device": sent.device.map(|ieee| ieee.to_string()),
                            "address": sent.address,
                            "group": sent.group,
                            "endpoint": sent.endpoint,
                            "cluster": sent.cluster,
                            "payload": crate::hex::encode(&sent.payload),
                            "failed": match sent.delivery {
                                Delivery::Sent => None,
                                Delivery::Failed(status) => Some(status),
                            },
                        })
                    })
                    .collect();
                if clear {
                    self.clear_sent();
                }
                Ok(json!({"sent": sent}))
            }
            "devices" => {
                let devices: Vec<Json> = self
                    .devices()
                    .map(|device| {
                        let node = &device.node;
                        json!({
                            "device": node.ieee.to_string(),
                            "nwk": node.nwk.0,
                            "model": node.model.name,
                            "joined": node.joined,
                            "shown_elsewhere": self.shown_elsewhere(node.ieee),
                            "reachable": node.reachable,
                            "bindings": node.bindings.len(),
                        })
                    })
                    .collect();
                Ok(json!({"devices": devices}))
            }
            "ota" => self
                .device(parameters.device()?)
                .and_then(Device::software)
                .ok_or(ControlError::Parameter("device")),
            "state" => {
                let network = self.network();
                Ok(json!({
                    "now_us": now.0,
                    "ieee": self.ieee().to_string(),
                    "permit_join": self.permits_joining(),
                    "pan_id": network.as_ref().map(|network| network.pan_id),
                    "channel": network.as_ref().map(|network| network.channel),
                    "away": self.away(),
                    "frame_counter": self.frame_counter(),
                }))
            }
            _ => {
                let path = parameters.path()?;
                let device = self
                    .device(parameters.device()?)
                    .ok_or(ControlError::Parameter("device"))?;
                let value = device
                    .node
                    .get(path)
                    .ok_or(ControlError::Parameter("attribute"))?;
                Ok(json!({
                    "value": crate::hex::encode(value),
                    "number": device.node.number(path),
                }))
            }
        }
    }
}

impl Simulator {
    /// Carries out a command and gives its result: [`Stick::control`]'s, and these:
    ///
    /// | `cmd` | parameters | does |
    /// |---|---|---|
    /// | `unplug`, `plug` | | the stick goes, comes |
    /// | `load` | `count`, `window`, `devices`, `endpoint`, `cluster`, `attribute`, `type` | many numbered reports |
    /// | `credit` | `count` | a window's reports were seen |
    /// | `progress` | | how far the load is |
    pub fn control(&self, command: &Json) -> Result<Json, ControlError> {
        let parameters = Parameters(command);
        match parameters.text("cmd")? {
            "unplug" => self.unplug(),
            "plug" => self.plug(),
            name @ ("load" | "credit" | "progress") => {
                return self.control_load(name, &parameters);
            }
            _ => return self.with(|stick, now| stick.control(now, command)),
        }
        Ok(json!({}))
    }

    /// Carries out one line of JSON and gives the line that answers it.
    pub fn control_line(&self, line: &str) -> String {
        let command: Json = match serde_json::from_str(line) {
            Ok(command) => command,
            Err(error) => return json!({"ok": false, "error": error.to_string()}).to_string(),
        };
        let mut answer = match self.control(&command) {
            Ok(result) => result,
            Err(error) => json!({"error": error.to_string()}),
        };
        if let Some(object) = answer.as_object_mut() {
            let ok = !object.contains_key("error");
            object.insert("ok".to_owned(), ok.into());
            if let Some(id) = command.get("id") {
                object.insert("id".to_owned(), id.clone());
            }
        }
        answer.to_string()
    }

    fn control_load(&self, name: &str, parameters: &Parameters<'_>) -> Result<Json, ControlError> {
        match name {
            "load" => {
                let path = Path {
                    endpoint: parameters.number("endpoint")?.unwrap_or(1),
                    cluster: parameters.number("cluster")?.unwrap_or(0x000c),
                    attribute: parameters.number("attribute")?.unwrap_or(0x0055),
                };
                let data_type = DataType(parameters.number("type")?.unwrap_or(DataType::SINGLE.0));
                let count = parameters.required("count")?;
                let window = parameters.number("window")?;
                let limit = parameters.number::<usize>("devices")?.unwrap_or(usize::MAX);
                self.with_running(|running, _| {
                    let devices = running
                        .stick
                        .devices()
                        .filter(|device| device.node.joined)
                        .map(|device| device.node.ieee)
                        .take(limit)
                        .collect();
                    running.load = Some(Load::new(devices, path, data_type, count, window));
                });
            }
            "credit" => {
                let count = parameters.number("count")?.unwrap_or(1);
                self.with_running(|running, _| {
                    if let Some(load) = &mut running.load {
                        load.credit(count);
                    }
                });
            }
            _ => {}
        }
        let (emitted, left) =
            self.with_running(|running, _| running.load.as_ref().map_or((0, 0), Load::progress));
        Ok(json!({"emitted": emitted, "left": left}))
    }

    /// Carries out a script: commands with `after_ms`, the time since the one before. A device that
    /// may not join yet tries again until it may; other refusals are logged and passed over.
    pub async fn play(&self, script: &[Json]) {
        for command in script {
            let after = command.get("after_ms").and_then(Json::as_u64).unwrap_or(0);
            tokio::time::sleep(Duration::from_millis(after)).await;
            loop {
                match self.control(command) {
                    Err(ControlError::Join(JoinError::Closed | JoinError::NoNetwork)) => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    Err(error) => {
                        tracing::warn!(%error, %command, "the simulator refuses");
                        break;
                    }
                    Ok(_) => break,
                }
            }
        }
    }
}
