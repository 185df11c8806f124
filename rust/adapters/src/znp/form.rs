//! Making a new network.

use std::time::Duration;

use zigbee::{ExtendedPanId, Writer};

use super::commands::{app_cnf, sapi, zdo};
use super::core::Handle;
use super::firmware::{Firmware, Generation};
use super::nv::item;
use super::plan::{CONFIGURED, DEFAULT_EXTENDED_PAN_ID};
use super::requester::{Priority, StickError};
use super::startup::StartError;
use super::structs::Nib;
use crate::{Failure, NetworkParameters};

/// How long the stick may take to find a free network and start.
const FORM_TIME: Duration = Duration::from_secs(100);
/// How long it may take to answer the request to do so.
const COMMISSION_TIME: Duration = Duration::from_secs(40);
/// How often the network information base is looked at until it is settled: at once, then with growing
/// pauses, 30 s in all.
const SETTLE_PAUSES: [u64; 8] = [50, 200, 750, 1000, 3000, 5000, 10_000, 10_000];
/// Commissioning mode "network formation".
const FORMATION: u8 = 4;
/// The trust centre link key that every device knows, in an entry for any address: FF, key, counters.
const DEFAULT_LINK_KEY: [u8; 32] =
    *b"\xff\xff\xff\xff\xff\xff\xff\xffZigBeeAlliance09\0\0\0\0\0\0\0\0";

impl Handle {
    /// Forms a network and checks that it is the one that was asked for.
    pub(super) async fn form(
        &self,
        firmware: &Firmware,
        parameters: &NetworkParameters,
    ) -> Result<(), StartError> {
        let mut parameters = parameters.clone();
        if parameters.extended_pan_id.0 == DEFAULT_EXTENDED_PAN_ID {
            parameters.extended_pan_id = ExtendedPanId(self.device_info().await?.0.0);
        }
        self.clear_stick().await?;
        self.write_parameters(firmware, &parameters, true).await?;
        self.commission(firmware, &parameters).await?;
        let nib = self.settled_nib().await?;
        if nib.pan_id() != parameters.pan_id {
            return Err(Failure::Mismatch(format!(
                "A network with PAN id {} is already near: the coordinator chose {}. Set \
                 advanced.pan_id to another value.",
                parameters.pan_id,
                nib.pan_id()
            ))
            .into());
        }
        self.write_configured_flag(firmware).await?;
        Ok(())
    }

    /// Makes the stick forget its network.
    pub(super) async fn clear_stick(&self) -> Result<(), StickError> {
        self.nv_delete(item::NIB).await?;
        // Configuration and network state.
        self.nv_write(item::STARTUP_OPTION, &[3]).await?;
        self.soft_reset().await?;
        self.nv_write(item::STARTUP_OPTION, &[0]).await
    }

    /// Writes what the stick forms a network from.
    pub(super) async fn write_parameters(
        &self,
        firmware: &Firmware,
        parameters: &NetworkParameters,
        distribute_key: bool,
    ) -> Result<(), StickError> {
        let extended = parameters.extended_pan_id.0.to_le_bytes();
        let channels = 1_u32 << parameters.channel.min(31);
        self.nv_write(item::STARTUP_OPTION, &[0]).await?;
        self.nv_write(item::LOGICAL_TYPE, &[0]).await?;
        self.nv_write(item::ZDO_DIRECT_CB, &[1]).await?;
        self.nv_write(item::CHANLIST, &channels.to_le_bytes())
            .await?;
        self.nv_write(item::PANID, &parameters.pan_id.0.to_le_bytes())
            .await?;
        self.nv_write(item::EXTENDED_PAN_ID, &extended).await?;
        self.nv_write(item::APS_USE_EXT_PANID, &extended).await?;
        self.nv_write(item::PRECFGKEYS_ENABLE, &[u8::from(distribute_key)])
            .await?;
        if firmware.is_v3() {
            self.nv_write(item::PRECFGKEY, &parameters.network_key)
                .await
        } else {
            let mut writer = Writer::new();
            writer.u8(0x62).u8(16).bytes(&parameters.network_key);
            self.command(sapi::WRITE_CONFIGURATION, &writer.into_bytes())
                .await?;
            self.nv_write_blindly(item::TCLK_SEED, &DEFAULT_LINK_KEY)
                .await
        }
    }

    /// Starts the network from the written parameters.
    pub(super) async fn commission(
        &self,
        firmware: &Firmware,
        parameters: &NetworkParameters,
    ) -> Result<(), StartError> {
        if !firmware.is_v3() {
            return self.start_coordinator(FORM_TIME).await;
        }
        for (primary, mask) in [(1, 1_u32 << parameters.channel.min(31)), (0, 0)] {
            let mut writer = Writer::new();
            writer.u8(primary).u32(mask);
            self.command(app_cnf::BDB_SET_CHANNEL, &writer.into_bytes())
                .await?;
        }
        let running = self.expect(zdo::STATE_CHANGE_IND, |data| {
            data.first() == Some(&super::startup::RUNNING)
        });
        self.request_with(
            app_cnf::BDB_START_COMMISSIONING,
            &[FORMATION],
            Priority::Ordinary,
            COMMISSION_TIME,
        )
        .await?;
        self.await_running(running, FORM_TIME, app_cnf::BDB_START_COMMISSIONING.name)
            .await
            .map_err(|error| {
                match error {
                StartError::Stick(StickError::NoAnswer { .. }) => Failure::Mismatch(
                    "The coordinator could not form the network: most likely one with the same PAN \
                     id or extended PAN id is near. Set advanced.pan_id and advanced.ext_pan_id to \
                     other values."
                        .into(),
                )
                .into(),
                other => other,
            }
            })
    }

    /// Waits until the network information base says that there is a network.
    pub(super) async fn settled_nib(&self) -> Result<Nib, StartError> {
        for pause in SETTLE_PAUSES {
            if let Some(nib) = self.nv_read(item::NIB).await?.and_then(Nib::parse)
                && nib.is_settled()
            {
                return Ok(nib);
            }
            self.sleep(Duration::from_millis(pause)).await;
        }
        Err(Failure::Link("The coordinator started, but is in no network".into()).into())
    }

    /// Marks the stick's network as one that must not be overwritten.
    pub(super) async fn write_configured_flag(
        &self,
        firmware: &Firmware,
    ) -> Result<(), StickError> {
        let flag = match firmware.generation {
            Generation::Home12 => item::CONFIGURED_V12,
            _ => item::CONFIGURED_V3,
        };
        self.nv_write(flag, &[CONFIGURED]).await
    }
}
