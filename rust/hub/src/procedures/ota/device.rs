//! What a device is told and asked.

use std::time::Duration;

use adapters::{ApsRequest, Destination, Request as AdapterRequest};
use devices::{Io, Operation, OperationReply};
use zigbee::ota::{FileVersion, ImageId, Request, response};
use zigbee::zcl::{Direction, Frame, FrameType, Header, Value};
use zigbee::{AttributeId, ClusterId, EndpointId, IeeeAddress, ProfileId};

use super::{OtaError, wait};
use crate::Firmware;
use crate::core::{Core, Purpose};
use crate::exchange::HOME_ENDPOINT;
use crate::executor::{Answer, Shared};
use crate::ota::{Asked, Candidate};
use crate::procedures::DeviceIo;

/// How long a device may take to ask for an image after it was told that there is one: some look for
/// the right endpoint of the coordinator first.
const ASKS_WITHIN: Duration = Duration::from_secs(60);

/// What a device says of its software.
pub(super) async fn firmware(shared: &Shared, ieee: IeeeAddress, version: FileVersion) -> Firmware {
    const BASIC: ClusterId = ClusterId(0x0000);
    const DATE_CODE: AttributeId = AttributeId(0x0006);
    const BUILD: AttributeId = AttributeId(0x4000);

    let mut firmware = Firmware {
        version,
        software_build_id: None,
        date_code: None,
    };
    let endpoint = shared.with(|core| {
        let endpoints = &core.records.get(ieee)?.device.info.endpoints;
        endpoints
            .iter()
            .find(|(_, endpoint)| endpoint.inputs.contains(&BASIC))
            .map(|(id, _)| *id)
    });
    let Some(endpoint) = endpoint else {
        return firmware;
    };
    let read = Operation::Read {
        endpoint,
        cluster: BASIC,
        manufacturer: None,
        attributes: vec![DATE_CODE, BUILD],
    };
    // A device that does not say it is updated all the same.
    if let Ok(OperationReply::Read(records)) = DeviceIo::impatient(shared.clone(), ieee)
        .perform(read)
        .await
    {
        for record in records {
            if let Ok((_, Value::Text(text))) = record.result {
                let text = String::from_utf8_lossy(&text)
                    .trim_end_matches('\0')
                    .to_owned();
                match record.id {
                    DATE_CODE => firmware.date_code = Some(text),
                    BUILD => firmware.software_build_id = Some(text),
                    _ => {}
                }
            }
        }
    }
    firmware
}

/// Tells a device that there may be an image, and waits until it asks.
pub(super) async fn invite(shared: &Shared, ieee: IeeeAddress) -> Result<Asked, OtaError> {
    let endpoint = shared
        .with(|core| ota_endpoint(core, ieee))
        .ok_or(OtaError::NoEndpoint(ieee))?;
    let mut sent = false;
    let until = shared.with(|core| core.after(ASKS_WITHIN));
    loop {
        let left = shared.with(|core| until.since(core.now.instant));
        let answer = wait(shared, ieee, left, true, |core, slot| {
            if !std::mem::replace(&mut sent, true) {
                notify(core, ieee, endpoint, Purpose::Slot(slot));
            }
        })
        .await?;
        let asked = shared.with(|core| core.desk(ieee)?.take());
        match (asked, answer) {
            (Some(asked), _) if matches!(asked.request, Request::QueryNextImage { .. }) => {
                return Ok(asked);
            }
            (_, Answer::Tick | Answer::Adapter(Err(_))) => return Err(OtaError::NoAnswer),
            _ => {}
        }
    }
}

pub(super) fn ota_endpoint(core: &Core, ieee: IeeeAddress) -> Option<EndpointId> {
    let endpoints = &core.records.get(ieee)?.device.info.endpoints;
    endpoints
        .iter()
        .find(|(_, endpoint)| endpoint.outputs.contains(&zigbee::ota::CLUSTER))
        .map(|(id, _)| *id)
}

pub(super) fn notify(core: &mut Core, ieee: IeeeAddress, endpoint: EndpointId, purpose: Purpose) {
    let now = core.now.instant;
    let Some(record) = core.records.get_mut(ieee) else {
        return;
    };
    let (command, payload) = response::image_notify(100);
    let frame = Frame {
        header: Header {
            frame_type: FrameType::Cluster,
            direction: Direction::ToClient,
            disable_default_response: true,
            manufacturer: None,
            sequence: record.queue.next_sequence(now),
            command,
            reserved: 0,
        },
        payload,
    };
    let request = AdapterRequest::Aps(ApsRequest {
        destination: Destination::Device(record.device.info.nwk, endpoint),
        source_endpoint: HOME_ENDPOINT,
        profile: ProfileId::HOME_AUTOMATION,
        cluster: zigbee::ota::CLUSTER,
        payload: frame.emit(),
        patience: None,
    });
    core.request(request, purpose);
}

pub(super) fn candidate(
    shared: &Shared,
    ieee: IeeeAddress,
    told: (ImageId, Option<u16>),
) -> Candidate {
    let (mut installed, hardware) = told;
    let (model_id, manufacturer_name, lumi) = shared
        .with(|core| {
            let device = &core.records.get(ieee)?.device;
            Some((
                device.info.model_id.clone(),
                device.info.manufacturer_name.clone(),
                device.meta.get("lumiFileVersion").cloned(),
            ))
        })
        .unwrap_or_default();
    // These three ask with a version that is not theirs, and report the right one elsewhere
    // (Zigbee2MQTT issue 16345).
    if matches!(
        model_id.as_deref(),
        Some("lumi.airrtc.agl001" | "lumi.curtain.acn003" | "lumi.curtain.agl001")
    ) && let Some(version) = lumi
        .and_then(|version| version.as_u64())
        .and_then(|version| u32::try_from(version).ok())
    {
        installed.version = FileVersion(version);
    }
    Candidate {
        installed,
        hardware,
        model_id,
        manufacturer_name,
    }
}

/// What the device said of itself when it asked.
pub(super) fn told(asked: &Asked) -> Option<(ImageId, Option<u16>)> {
    match asked.request {
        Request::QueryNextImage {
            installed,
            hardware,
        } => Some((installed, hardware)),
        _ => None,
    }
}
