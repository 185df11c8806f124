//! What can be asked of the hub.

use adapters::Request;
use devices::{DeviceKind, JsonMap, Payload, SetRequest};

use crate::core::Core;
use crate::procedures::Procedure;
use crate::publish::Cause;
use crate::{Command, CommandError, CommandId, CommandReply, Entity};

impl Core {
    /// Carries out a command or starts what carries it out.
    #[expect(clippy::too_many_lines, reason = "an arm for each command")]
    pub(crate) fn on_command(&mut self, id: CommandId, command: Command) {
        match command {
            Command::Set {
                entity,
                endpoint,
                payload,
            } => self.on_values(id, entity, endpoint, payload, true),
            Command::Get {
                entity,
                endpoint,
                payload,
            } => self.on_values(id, entity, endpoint, payload, false),
            Command::PermitJoin { seconds, via } => match self.permit_via(via) {
                Some(via) => {
                    let request = Request::PermitJoin {
                        seconds: seconds.min(254),
                        via,
                    };
                    self.procedures.push_back(Procedure::PermitJoin {
                        command: id,
                        seconds: seconds.min(254),
                        request,
                    });
                }
                None => self.reply(id, Err(CommandError::UnknownDevice)),
            },
            Command::Interview(ieee) => match self.records.get(ieee) {
                Some(record) if record.device.info.kind != DeviceKind::Coordinator => {
                    self.start_interview(ieee, Some(id));
                }
                _ => self.reply(id, Err(CommandError::UnknownDevice)),
            },
            Command::Configure(ieee) => self.on_configure_command(id, ieee),
            Command::Remove {
                device,
                force,
                block,
            } => match self.records.get(device) {
                Some(record) if record.device.info.kind != DeviceKind::Coordinator => {
                    self.procedures.push_back(Procedure::Remove {
                        command: id,
                        ieee: device,
                        force,
                        block,
                    });
                }
                _ => self.reply(id, Err(CommandError::UnknownDevice)),
            },
            Command::Perform { device, operations } => match self.records.get(device) {
                Some(_) => self.procedures.push_back(Procedure::Exchanges {
                    command: id,
                    ieee: device,
                    operations,
                }),
                None => self.reply(id, Err(CommandError::UnknownDevice)),
            },
            Command::Ota { device, command } => self.on_ota_command(id, device, command),
            Command::Bind(command) => {
                self.procedures.push_back(Procedure::Bind { id, command });
            }
            Command::Group(command) => {
                self.procedures.push_back(Procedure::Group { id, command });
            }
            Command::SetOptions(entity, options) => {
                self.set_options(entity, options);
                self.reply(id, Ok(CommandReply::Done));
            }
            Command::SetSettings(settings) => {
                let watched_else = self.settings.availability != settings.availability;
                self.settings = settings;
                if watched_else {
                    self.review_devices();
                }
                self.reply(id, Ok(CommandReply::Done));
            }
            Command::Backup => self.procedures.push_back(Procedure::Backup { command: id }),
            Command::ScanNetwork { routes } => self.on_scan_command(id, routes),
            Command::InstallCode { device, code } => {
                self.procedures.push_back(Procedure::InstallCode {
                    command: id,
                    device,
                    code,
                });
            }
            Command::Touchlink(operation) => {
                self.procedures.push_back(Procedure::Touchlink {
                    command: id,
                    operation,
                });
            }
            Command::Raw(message) => {
                let command = id;
                self.procedures
                    .push_back(Procedure::Raw { command, message });
            }
            Command::ChangeChannel(channel) => {
                self.procedures.push_back(Procedure::ChangeChannel {
                    command: id,
                    channel,
                });
            }
            Command::Durable(changes) => self.on_durable_command(id, changes),
            Command::ListenToTimers => {
                self.durable.open();
                self.reply(id, Ok(CommandReply::Done));
            }
            Command::SetDefinitions(catalogue) => {
                self.set_definitions(catalogue);
                self.reply(id, Ok(CommandReply::Done));
            }
            Command::ResetTraffic => {
                self.gone.clear();
                for record in self.records.devices_mut() {
                    record.traffic = crate::Traffic::default();
                }
                self.reply(id, Ok(CommandReply::Done));
            }
            Command::PublishCached => {
                self.publish_cached();
                self.reply(id, Ok(CommandReply::Done));
            }
            Command::PublishState(entity) => {
                self.publish_state(entity);
                self.reply(id, Ok(CommandReply::Done));
            }
        }
    }

    fn on_values(
        &mut self,
        command: CommandId,
        entity: Entity,
        endpoint: Option<String>,
        payload: Payload,
        set: bool,
    ) {
        let ieee = match entity {
            Entity::Device(ieee) => ieee,
            Entity::Group(group) => {
                let Some(record) = self.records.group(group) else {
                    self.reply(command, Err(CommandError::UnknownDevice));
                    return;
                };
                let request = SetRequest {
                    payload,
                    endpoint,
                    options: record.options.raw.clone(),
                };
                self.procedures.push_back(Procedure::GroupValues {
                    command,
                    group,
                    set,
                    request,
                });
                return;
            }
        };
        let Some(record) = self.records.get(ieee) else {
            self.reply(command, Err(CommandError::UnknownDevice));
            return;
        };
        let Some(definition) = record.device.definition.clone() else {
            self.reply(command, Err(CommandError::Unsupported));
            return;
        };
        let request = SetRequest {
            payload,
            endpoint,
            options: record.options.raw.clone(),
        };
        self.procedures.push_back(Procedure::Values {
            command,
            ieee,
            definition,
            set,
            request,
        });
    }

    /// Publishes the cached state of a device or group, if there is one and it is published at all.
    fn publish_state(&mut self, entity: Entity) {
        let cached = match entity {
            Entity::Device(ieee) => self.records.get(ieee).map(|record| &record.state),
            Entity::Group(group) => self.records.group(group).map(|record| &record.state),
        };
        if !self.settings.cache_state || cached.is_none_or(JsonMap::is_empty) {
            return;
        }
        match entity {
            Entity::Device(ieee) => self.publish(ieee, JsonMap::new(), Cause::Cached),
            Entity::Group(group) => self.publish_group(group, &JsonMap::new()),
        }
    }

    /// Publishes all cached states.
    fn publish_cached(&mut self) {
        let devices = self.records.devices().iter();
        let groups = self.records.groups().iter();
        let entities: Vec<_> = devices
            .map(|record| Entity::Device(record.ieee()))
            .chain(groups.map(|record| Entity::Group(record.group.id)))
            .collect();
        for entity in entities {
            self.publish_state(entity);
        }
    }
}
