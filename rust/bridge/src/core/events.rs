//! What happens in the network, and `bridge/event` (§11.8).

use hub::{Entity, Event, InterviewState, LogLevel};
use serde_json::{Value as Json, json};
use zigbee::IeeeAddress;

use super::{Core, CoreOutput, Qos, Radio, describe};
use crate::json;

impl Core {
    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::State { entity, message } => self.publish_entity(entity, message),
            Event::Up(network) => self.up(&network),
            Event::Down => self.down(),
            Event::PermitJoin { until } => {
                self.permit_join_until = until;
                self.dirty.info = true;
                let text = match until {
                    Some(_) => "The network is open for devices to join",
                    None => "The network is closed for new devices",
                };
                self.log(LogLevel::Info, "z2m", text.to_owned());
            }
            Event::Joined(ieee) => {
                self.last_joined = Some(ieee);
                self.register_all();
                self.device_event(ieee, "device_joined", "joined");
            }
            Event::Announced(ieee) => {
                self.device_event(ieee, "device_announce", "announced itself");
            }
            Event::Left(ieee) => {
                self.dirty.groups = true;
                self.clear_availability(Entity::Device(ieee));
                self.device_event(ieee, "device_leave", "left the network");
            }
            Event::Interview(ieee, state) => self.interview(ieee, state),
            Event::Availability { entity, available } => {
                self.tell_availability(entity, available);
            }
            Event::TimerDue(due) => self.out.push(CoreOutput::TimerDue(due)),
            Event::DevicesChanged => {
                self.forget_information();
                self.register_all();
                self.dirty.devices = true;
                self.dirty.groups = true;
                self.dirty.info = true;
            }
        }
    }

    fn up(&mut self, network: &adapters::NetworkInfo) {
        let text = format!(
            "Coordinator {} ({}) is up on channel {}",
            network.ieee, network.kind, network.channel
        );
        self.radio = Radio::Up;
        self.register_all();
        self.log(LogLevel::Info, "z2m", text);
        if network.formed {
            // If it was restored its counters are ahead of the backup, and the next restore has to go on
            // from there.
            self.backup_now();
        } else {
            self.backup_if_due();
        }
        if self.has_audience() {
            self.publish_state();
            self.dirty.info = true;
            self.dirty.devices = true;
        }
        self.greet();
        let wanted = self.settings.network().channel;
        if wanted != network.channel {
            self.change_channel(wanted);
        }
    }

    /// Moves the network to the channel of the configuration (config.md §2.4).
    fn change_channel(&mut self, channel: u8) {
        let text = format!("Moving the network to channel {channel}, as advanced.channel says");
        self.log(LogLevel::Info, "z2m", text);
        self.ask(
            hub::Command::ChangeChannel(channel),
            move |core, result| match result {
                Ok(_) => {
                    let text = format!("The network is on channel {channel} now");
                    core.log(LogLevel::Info, "z2m", text);
                    core.dirty.info = true;
                    core.backup_now();
                }
                Err(error) => core.error(format!(
                    "The network did not move to channel {channel}: {error}; it is tried again at \
                     the next start"
                )),
            },
        );
    }

    fn down(&mut self) {
        if self.radio == Radio::Up {
            self.radio = Radio::Down;
            self.publish_state();
            self.error("The coordinator is gone; trying to reach it again".to_owned());
        }
    }

    fn device_event(&mut self, ieee: IeeeAddress, kind: &str, happened: &str) {
        let name = self.name(Entity::Device(ieee));
        self.log(LogLevel::Info, "z2m", format!("Device '{name}' {happened}"));
        self.dirty.devices = true;
        self.dirty.info = true;
        let data = json!({"friendly_name": &*name, "ieee_address": ieee.to_string()});
        self.bridge_event(kind, &data);
    }

    fn interview(&mut self, ieee: IeeeAddress, state: InterviewState) {
        let name = self.name(Entity::Device(ieee));
        let status = match state {
            InterviewState::Pending => return,
            InterviewState::InProgress => "started",
            InterviewState::Successful => "successful",
            InterviewState::Failed => "failed",
        };
        let mut data = json!({
            "friendly_name": &*name,
            "ieee_address": ieee.to_string(),
            "status": status,
        });
        if state == InterviewState::Successful
            && let Some(map) = data.as_object_mut()
            && let Some(device) = self.hub.device(ieee)
        {
            let definition = describe::definition(device, self.options_of(Entity::Device(ieee)));
            map.insert("supported".to_owned(), describe::supported(device).into());
            if let Some(definition) = definition {
                map.insert("definition".to_owned(), definition);
            }
        }
        match state {
            InterviewState::Failed => {
                self.error(format!("Interview of '{name}' failed"));
            }
            _ => self.log(
                LogLevel::Info,
                "z2m",
                format!("Interview of '{name}': {status}"),
            ),
        }
        self.dirty.devices = true;
        self.dirty.info = true;
        self.bridge_event("device_interview", &data);
    }

    /// The list of devices always comes before the event.
    fn bridge_event(&mut self, kind: &str, data: &Json) {
        self.flush();
        if self.has_audience() {
            let topic = self.bridge_topic("event");
            let payload = json::render(&json!({"data": data, "type": kind}));
            self.publish(topic, payload, Qos::AtMostOnce, false);
        }
    }
}
