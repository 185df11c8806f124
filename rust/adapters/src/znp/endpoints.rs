//! The coordinator's own endpoints.
//!
//! Devices look for some of them by number, so they are those that Zigbee2MQTT registers. They are lost
//! with every reset.

use tracing::Level;
use zigbee::{DeviceId, EndpointId, GroupId, NwkAddress, ProfileId, Writer, zdo};

use super::commands::{af, zdo as zdo_commands};
use super::core::Handle;
use super::requester::StickError;
use super::status;
use super::zdo::own_error;
use crate::RequestError;

struct Endpoint {
    id: u8,
    profile: u16,
    device: u16,
    inputs: &'static [u16],
    outputs: &'static [u16],
}

const fn plain(id: u8, profile: u16) -> Endpoint {
    Endpoint {
        id,
        profile,
        device: 0x0005,
        inputs: &[],
        outputs: &[],
    }
}

const HA: u16 = ProfileId::HOME_AUTOMATION.0;

const ENDPOINTS: [Endpoint; 15] = [
    plain(1, HA),
    plain(2, 0x0101),
    plain(3, HA),
    plain(4, 0x0107),
    plain(5, 0x0108),
    plain(6, 0x0109),
    plain(8, HA),
    plain(10, HA),
    // Alarm panels: in IAS ACE and Time, out IAS Zone and IAS WD.
    Endpoint {
        id: 11,
        profile: HA,
        device: 0x0400,
        inputs: &[0x0501, 0x000a],
        outputs: &[0x0500, 0x0502],
    },
    // Terncy.
    plain(0x6e, HA),
    // Touchlink.
    plain(12, ProfileId::LIGHT_LINK.0),
    // Devices look for an OTA server here.
    Endpoint {
        id: 13,
        profile: HA,
        device: 0x0005,
        inputs: &[0x0019],
        outputs: &[],
    },
    // Insta, Jung and Gira look for an OTA server here.
    plain(47, HA),
    // Shelly's own profile.
    plain(239, 0xc001),
    plain(242, ProfileId::GREEN_POWER.0),
];

/// Green Power: proxies send to this group.
const GREEN_POWER: (EndpointId, GroupId) = (EndpointId(242), GroupId(0x0b84));

/// The profile of one of our endpoints; MT does not tell a message's.
pub(super) fn profile(endpoint: EndpointId) -> Option<ProfileId> {
    ENDPOINTS
        .iter()
        .find(|known| known.id == endpoint.0)
        .map(|known| ProfileId(known.profile))
}

/// The endpoints' numbers.
pub(super) fn ids() -> Vec<EndpointId> {
    ENDPOINTS
        .iter()
        .map(|endpoint| EndpointId(endpoint.id))
        .collect()
}

impl Handle {
    /// Registers what is not registered yet.
    pub(super) async fn register_endpoints(&self) -> Result<(), StickError> {
        let request = zdo::Request::ActiveEndpoints {
            nwk: NwkAddress::COORDINATOR,
        };
        let mut answer = self.zdo_exchange(NwkAddress::COORDINATOR, &request).await;
        if matches!(
            answer,
            Err(RequestError::NoAnswer { .. } | RequestError::NoResponse(_))
        ) {
            answer = self.zdo_exchange(NwkAddress::COORDINATOR, &request).await;
        }
        let active = match answer {
            Ok(Some(zdo::Response::ActiveEndpoints { endpoints, .. })) => Some(endpoints),
            // Without an answer each is registered, and those that are there already refuse.
            Ok(_) | Err(RequestError::NoResponse(_) | RequestError::Zdo(_)) => None,
            Err(error) => return Err(own_error(zdo_commands::ACTIVE_EP_REQ.name, &error)),
        };
        for endpoint in &ENDPOINTS {
            let id = EndpointId(endpoint.id);
            if active.as_ref().is_some_and(|active| active.contains(&id)) {
                continue;
            }
            let mut writer = Writer::new();
            writer
                .u8(endpoint.id)
                .u16(endpoint.profile)
                .u16(DeviceId(endpoint.device).0)
                .u8(0)
                .u8(0);
            for list in [endpoint.inputs, endpoint.outputs] {
                writer.u8(u8::try_from(list.len()).unwrap_or_default());
                for cluster in list {
                    writer.u16(*cluster);
                }
            }
            match self.register(&writer.into_bytes()).await {
                Err(StickError::Refused { .. }) if active.is_none() => {}
                result => result?,
            }
        }
        self.join_green_power().await
    }

    async fn register(&self, data: &[u8]) -> Result<(), StickError> {
        match self.command(af::REGISTER, data).await {
            Err(StickError::NoAnswer { .. }) => {}
            result => return result,
        }
        // If only the answer was lost, the endpoint is there already.
        match self.command(af::REGISTER, data).await {
            Err(StickError::Refused { .. }) => Ok(()),
            result => result,
        }
    }

    async fn join_green_power(&self) -> Result<(), StickError> {
        let (endpoint, group) = GREEN_POWER;
        let mut writer = Writer::new();
        writer.u8(endpoint.0).u16(group.0);
        let find = writer.clone().into_bytes();
        if self.status(zdo_commands::EXT_FIND_GROUP, &find).await? == status::SUCCESS {
            return Ok(());
        }
        // No name.
        let add = writer.u8(0).clone().into_bytes();
        match self.status(zdo_commands::EXT_ADD_GROUP, &add).await? {
            status::SUCCESS => Ok(()),
            status => {
                self.log(
                    Level::WARN,
                    format!(
                        "Green Power devices will not be heard: {} refused with {}",
                        zdo_commands::EXT_ADD_GROUP.name,
                        status::name(status)
                    ),
                );
                Ok(())
            }
        }
    }
}
