//! The devices of the vectors as records of the registry.

use std::collections::BTreeMap;
use std::sync::Arc;

use devices::{Catalogue, DeviceInfo, DeviceKind, Endpoint, JsonMap};
use hub::{Device, InterviewState};
use serde_json::{Value as Json, json};
use zigbee::{
    ClusterId, DeviceId, EndpointId, IeeeAddress, ManufacturerCode, NwkAddress, ProfileId,
};

use super::{COORDINATOR, NWK, files};

pub(super) fn endpoints(record: &Json) -> BTreeMap<EndpointId, Endpoint> {
    let word = |json: &Json| u16::try_from(json.as_u64().unwrap()).unwrap();
    let clusters = |list: &Json| {
        list.as_array()
            .unwrap()
            .iter()
            .map(|id| ClusterId(word(id)))
            .collect()
    };
    record["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|endpoint| {
            let known = Endpoint {
                profile: ProfileId(word(&endpoint["profile"])),
                device: DeviceId(word(&endpoint["device"])),
                inputs: clusters(&endpoint["in"]),
                outputs: clusters(&endpoint["out"]),
                ..Endpoint::default()
            };
            (
                EndpointId(u8::try_from(endpoint["id"].as_u64().unwrap()).unwrap()),
                known,
            )
        })
        .collect()
}

pub(super) fn coordinator() -> Device {
    Device {
        info: DeviceInfo {
            ieee: COORDINATOR,
            nwk: NwkAddress::COORDINATOR,
            kind: DeviceKind::Coordinator,
            model_id: None,
            manufacturer_name: None,
            manufacturer_code: None,
            power_source: None,
            application_version: None,
            stack_version: None,
            hardware_version: None,
            zcl_version: None,
            date_code: None,
            software_build_id: None,
            endpoints: BTreeMap::new(),
        },
        interview: InterviewState::Successful,
        definition: None,
        last_seen: None,
        link_quality: None,
        meta: JsonMap::new(),
        checkin_interval: None,
        extra: JsonMap::new(),
        database_id: 1,
    }
}

pub(super) fn device(ieee: IeeeAddress, record: &Json, case: &Json) -> Device {
    let text = |key: &str| record[key].as_str().map(str::to_owned);
    let number = |key: &str| {
        record[key]
            .as_u64()
            .map(|number| u8::try_from(number).unwrap())
    };
    let setup = if case["setup"].is_object() {
        &case["setup"]
    } else {
        &record["configured"]
    };
    let mut endpoints = endpoints(record);
    if case["fresh"] != json!(true) {
        files::fill_caches(&mut endpoints, setup);
    }
    let info = DeviceInfo {
        ieee,
        nwk: NWK,
        kind: if record["type"] == "Router" {
            DeviceKind::Router
        } else {
            DeviceKind::EndDevice
        },
        model_id: text("modelID"),
        manufacturer_name: text("manufacturerName"),
        manufacturer_code: record["manufacturerID"]
            .as_u64()
            .map(|code| ManufacturerCode(u16::try_from(code).unwrap())),
        power_source: match number("power") {
            Some(1) => Some("Mains (single phase)".to_owned()),
            Some(3) => Some("Battery".to_owned()),
            _ => None,
        },
        application_version: number("appVersion"),
        stack_version: number("stackVersion"),
        hardware_version: number("hwVersion"),
        zcl_version: number("zclVersion"),
        date_code: text("dateCode"),
        software_build_id: text("swBuildId"),
        endpoints,
    };
    let mut meta = JsonMap::new();
    let catalogue: Arc<Catalogue> = Catalogue::builtin();
    if case["fresh"] != json!(true)
        && let Some(version) = catalogue
            .find(&info)
            .and_then(|definition| definition.configure_version().map(str::to_owned))
    {
        meta.insert("configured".to_owned(), json!(version));
    }
    Device {
        info,
        interview: InterviewState::Successful,
        definition: None,
        last_seen: None,
        link_quality: None,
        meta,
        checkin_interval: setup["checkin_interval_s"]
            .as_u64()
            .map(|seconds| u32::try_from(seconds).unwrap()),
        extra: JsonMap::new(),
        database_id: 2,
    }
}
