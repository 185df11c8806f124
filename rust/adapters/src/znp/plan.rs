//! What to do with a stick: resume its network, form one, restore one, or refuse.

use tracing::Level;

use super::core::Handle;
use super::firmware::{Firmware, Generation};
use super::nv::item;
use super::requester::StickError;
use super::startup::StartError;
use super::structs::{KeyInfo, Nib};
use crate::backup::Backup;
use crate::{Failure, NetworkParameters};

/// The flag's value on a stick that has a network.
pub(super) const CONFIGURED: u8 = 0x55;

/// What the stick's memory says about its network.
pub(super) struct StickNetwork {
    nib: Nib,
    active: Option<[u8; 16]>,
    alternate: Option<[u8; 16]>,
    preconfigured: Option<[u8; 16]>,
}

/// What is to be done.
pub(super) enum Plan {
    /// The stick runs our network.
    Resume,
    /// The stick is empty, and there is nothing to lose.
    Form,
    /// The stick is empty, but the network was saved.
    Restore(Box<Backup>),
}

impl Handle {
    /// `None`: the stick has no network.
    pub(super) async fn read_network(
        &self,
        firmware: &Firmware,
    ) -> Result<Option<StickNetwork>, StickError> {
        let flag = match firmware.generation {
            Generation::Home12 => item::CONFIGURED_V12,
            _ => item::CONFIGURED_V3,
        };
        let flag = self.nv_read(flag).await?;
        let Some(nib) = self.nv_read(item::NIB).await?.and_then(Nib::parse) else {
            return Ok(None);
        };
        let configured = flag.as_deref().and_then(<[u8]>::first) == Some(&CONFIGURED);
        let (preconfigured, active, alternate) = if firmware.is_v3() {
            let key = |bytes: Option<Vec<u8>>| {
                bytes
                    .and_then(|bytes| KeyInfo::parse(&bytes))
                    .map(|info| info.key)
            };
            (
                self.nv_read(item::PRECFGKEY)
                    .await?
                    .and_then(|key| key_of(&key)),
                key(self.nv_read(item::ACTIVE_KEY).await?),
                key(self.nv_read(item::ALTERNATE_KEY).await?),
            )
        } else {
            let key = self.nv_read_secured(0x62).await?;
            let key = key_of(&key);
            (key, key, key)
        };
        let network = StickNetwork {
            nib,
            active,
            alternate,
            preconfigured,
        };
        // What is in no network is empty, whatever the flag says. A network without the flag was made by
        // no host that claims its networks; unless it is ours, it does not count.
        let wanted = self.with(|core| core.config.network.clone());
        let ours = configured || network.differences(&wanted).is_empty();
        Ok((ours && network.nib.is_settled()).then_some(network))
    }

    /// Decides what to do with the stick.
    pub(super) fn plan(
        &self,
        firmware: &Firmware,
        stick: Option<&StickNetwork>,
    ) -> Result<Plan, StartError> {
        let (wanted, backup, may_form) = self.with(|core| {
            (
                core.config.network.clone(),
                core.config.backup.clone(),
                core.config.may_form,
            )
        });
        let Some(stick) = stick else {
            return plan_for_empty(firmware, &wanted, backup.as_deref(), may_form);
        };
        let differences = stick.differences(&wanted);
        if differences.is_empty() {
            if stick.nib.extended_pan_id() != wanted.extended_pan_id {
                self.log(
                    Level::WARN,
                    "The coordinator stores the extended PAN id with its bytes reversed, as old \
                     releases did; it is accepted",
                );
            }
            if firmware.is_v3() && stick.preconfigured != Some(wanted.network_key) {
                self.log(
                    Level::DEBUG,
                    "The coordinator's preconfigured key is not the network key; only the active \
                     key matters",
                );
            }
            return Ok(Plan::Resume);
        }
        // Never overwrite a network, whoever's it is: only its owner can decide.
        Err(Failure::Mismatch(format!(
            "The coordinator runs another network than the configuration says: {}. Either set \
             advanced.pan_id, advanced.ext_pan_id and advanced.network_key to the coordinator's \
             network, or, to give up the network on the coordinator, erase its memory (flash it \
             with erase) and start again{}.",
            differences.join("; "),
            if backup.is_some() {
                ", which restores coordinator_backup.json"
            } else {
                ""
            },
        ))
        .into())
    }
}

impl StickNetwork {
    /// What is different from the configuration, without showing a key.
    fn differences(&self, wanted: &NetworkParameters) -> Vec<String> {
        let mut differences = Vec::new();
        let (pan_id, extended) = (self.nib.pan_id(), self.nib.extended_pan_id());
        if pan_id != wanted.pan_id {
            differences.push(format!(
                "PAN id (coordinator {pan_id}, configuration {})",
                wanted.pan_id
            ));
        }
        if extended != wanted.extended_pan_id
            && extended.0.swap_bytes() != wanted.extended_pan_id.0
            && wanted.extended_pan_id.0 != DEFAULT_EXTENDED_PAN_ID
        {
            differences.push(format!(
                "extended PAN id (coordinator {extended}, configuration {})",
                wanted.extended_pan_id
            ));
        }
        let key = Some(wanted.network_key);
        if self.active != key
            || self
                .alternate
                .is_some_and(|alternate| Some(alternate) != key)
        {
            differences.push("network key".to_owned());
        }
        differences
    }
}

/// The configuration's way to say "the coordinator's own address".
pub(super) const DEFAULT_EXTENDED_PAN_ID: u64 = 0xdddd_dddd_dddd_dddd;

fn plan_for_empty(
    firmware: &Firmware,
    wanted: &NetworkParameters,
    backup: Option<&serde_json::Value>,
    may_form: bool,
) -> Result<Plan, StartError> {
    let unusable = match backup.map(Backup::from_json) {
        None => None,
        Some(Err(error)) => Some(error.to_string()),
        Some(Ok(backup)) => {
            // The default stands for the address of the stick that formed the network, which is gone.
            let is_extended_pan = backup.extended_pan_id == wanted.extended_pan_id
                || wanted.extended_pan_id.0 == DEFAULT_EXTENDED_PAN_ID;
            if backup.pan_id != wanted.pan_id
                || !is_extended_pan
                || backup.network_key != wanted.network_key
            {
                Some("coordinator_backup.json is of another network".to_owned())
            } else if firmware.generation == Generation::V3x0 {
                return Ok(Plan::Restore(Box::new(backup)));
            } else {
                Some(
                    "coordinator_backup.json can only be restored onto a coordinator with \
                     Z-Stack 3.x.0"
                        .to_owned(),
                )
            }
        }
    };
    if may_form {
        return Ok(Plan::Form);
    }
    Err(Failure::Mismatch(format!(
        "The coordinator has no network, but the data directory has devices{}. Forming a new network \
         would lose them all. Either plug in the coordinator that they know, or give a \
         coordinator_backup.json of their network; to start anew, move database.db and \
         coordinator_backup.json away.",
        unusable.map(|reason| format!(", and {reason}")).unwrap_or_default()
    ))
    .into())
}

fn key_of(bytes: &[u8]) -> Option<[u8; 16]> {
    bytes.get(..16)?.try_into().ok()
}
