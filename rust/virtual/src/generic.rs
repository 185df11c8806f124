//! Simulated devices of models that the simulator has no description of: what a device has to be so
//! that a definition understands it follows from the definition.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use devices::expose::{GET, SET};
use devices::{
    Definition, DeviceInfo, DeviceKind, Endpoint, Expose, Io, JsonMap, LocalFuture, Operation,
    OperationError, OperationReply, Payload, SetRequest,
};
use serde_json::{Value as Json, json};
use zigbee::library;
use zigbee::zcl::{DataType, ReportingDirection};
use zigbee::{
    AttributeId, ClusterId, DeviceId, EndpointId, IeeeAddress, ManufacturerCode, NwkAddress,
    ProfileId,
};

/// An attribute that a definition deals with.
type Known = (EndpointId, ClusterId, AttributeId, Option<ManufacturerCode>);

/// The description of a device that the definition is for, as the simulator takes it.
pub(crate) fn describe(definition: &Definition) -> Option<Json> {
    let (model_id, manufacturer, inputs) = definition.identity()?;
    let info = info(definition);
    let seen = observe(definition, &info);
    let battery = definition
        .exposes()
        .iter()
        .any(|expose| expose.property.as_deref() == Some("battery"));
    let mut endpoints: BTreeSet<EndpointId> = info.endpoints.keys().copied().collect();
    endpoints.extend(seen.keys().map(|(endpoint, ..)| *endpoint));
    let mut clusters: BTreeSet<ClusterId> = definition.clusters().chain(inputs).collect();
    clusters.extend(seen.keys().map(|(_, cluster, ..)| *cluster));
    clusters.extend([0x0000, 0x0003].map(ClusterId));
    if !battery {
        clusters.extend([0x0004, 0x0005].map(ClusterId));
    }
    let numbers: Vec<u16> = clusters.iter().map(|cluster| cluster.0).collect();
    let endpoints: Vec<Json> = endpoints
        .into_iter()
        .map(|id| {
            json!({
                "id": id.0,
                "device": 0x0051,
                "in": numbers,
                "out": numbers,
                "attributes": attributes(id, &clusters, &seen),
            })
        })
        .collect();
    let mut model = json!({
        "name": definition.model(),
        "model_id": model_id,
        "manufacturer": manufacturer.unwrap_or(definition.vendor()),
        "manufacturer_code": 0x1234,
        "router": !battery,
        "power_source": if battery { 3 } else { 1 },
        "zcl_version": 8, "app_version": 1, "stack_version": 2, "hw_version": 1,
        "date_code": "20260101", "sw_build": "1.0.0",
        "rules": "obliging",
        "endpoints": endpoints,
    });
    if battery && let Some(map) = model.as_object_mut() {
        map.insert("poll_ms".to_owned(), 5000.into());
        map.insert("awake_ms".to_owned(), 5000.into());
    }
    Some(model)
}

/// The lines for the attributes of an endpoint: the cluster library's, and those that were seen.
fn attributes(
    endpoint: EndpointId,
    clusters: &BTreeSet<ClusterId>,
    seen: &BTreeMap<Known, Option<DataType>>,
) -> Vec<String> {
    let mut lines: BTreeMap<(ClusterId, AttributeId), String> = BTreeMap::new();
    let mut add = |cluster: ClusterId, attribute: AttributeId, code: Option<u16>, data_type| {
        let Some(kind) = type_name(data_type) else {
            return;
        };
        let flags = code.map_or("w".to_owned(), |code| format!("w={code:x}"));
        let value = default(cluster, attribute, data_type);
        let line = format!(
            "{:04x}/{:04x} {flags} {kind} {value}",
            cluster.0, attribute.0
        );
        lines.insert((cluster, attribute), line);
    };
    for id in clusters {
        // genBasic is the simulator's own.
        let Some(cluster) = library::cluster(*id).filter(|_| id.0 != 0) else {
            continue;
        };
        for attribute in cluster.attributes() {
            if attribute.manufacturer.is_none() {
                let code = cluster.manufacturer.map(|code| code.0);
                add(*id, attribute.id, code, attribute.data_type);
            }
        }
    }
    for ((at, cluster, attribute, manufacturer), data_type) in seen {
        let known = library::cluster(*cluster)
            .and_then(|cluster| cluster.attribute(*attribute, *manufacturer))
            .map(|attribute| attribute.data_type);
        if *at == endpoint
            && cluster.0 != 0
            && let Some(data_type) = data_type.or(known)
        {
            let code = manufacturer.map(|code| code.0);
            add(*cluster, *attribute, code, data_type);
        }
    }
    lines.into_values().collect()
}

/// The simulator's name of a type.
fn type_name(data_type: DataType) -> Option<&'static str> {
    Some(match data_type {
        DataType::BOOL => "bool",
        DataType::UINT8 => "u8",
        DataType::UINT16 => "u16",
        DataType::UINT24 => "u24",
        DataType::UINT32 => "u32",
        DataType::UINT48 => "u48",
        DataType::INT8 => "i8",
        DataType::INT16 => "i16",
        DataType::INT24 => "i24",
        DataType::INT32 => "i32",
        DataType::ENUM8 => "e8",
        DataType::ENUM16 => "e16",
        DataType::BITMAP8 => "b8",
        DataType::BITMAP16 => "b16",
        DataType::BITMAP32 => "b32",
        DataType::SINGLE => "f32",
        DataType::CHAR_STRING => "text",
        DataType::OCTET_STRING => "oct",
        DataType::IEEE_ADDRESS => "ieee",
        _ => return None,
    })
}

/// What an attribute is when the device is new.
fn default(cluster: ClusterId, attribute: AttributeId, data_type: DataType) -> &'static str {
    match (cluster.0, attribute.0) {
        // Battery: 3 V, full.
        (0x0001, 0x0020) => "30",
        (0x0001, 0x0021) => "200",
        (0x0008, 0x0000) => "254",
        // Room temperature, and setpoints for it.
        (0x0402, 0x0000) | (0x0201, 0x0000 | 0x0011 | 0x0012) => "2000",
        (0x0201, 0x001c) => "4",
        // What a colour light can do, and its range of white.
        (0x0300, 0x400a) => "0x1f",
        (0x0300, 0x0003) => "24939",
        (0x0300, 0x0004) => "24701",
        (0x0300, 0x0007) => "370",
        (0x0300, 0x0008 | 0x4001) => "2",
        (0x0300, 0x400b) => "153",
        (0x0300, 0x400c) => "500",
        (0x0500, 0x0001) => "21",
        // A lock is locked; multipliers and divisors change nothing, but that meters count Wh.
        (0x0101, 0x0000) | (0x0b04, 0x0600..=0x0607) | (0x0702, 0x0301) => "1",
        (0x0702, 0x0302) => "1000",
        _ if data_type == DataType::IEEE_ADDRESS => "0x0000000000000000",
        _ if matches!(data_type, DataType::CHAR_STRING | DataType::OCTET_STRING) => "",
        _ => "0",
    }
}

/// A device that the definition is for, before anything is known of its endpoints.
fn info(definition: &Definition) -> DeviceInfo {
    let (model, manufacturer, inputs) = definition.identity().unwrap_or_default();
    let clusters: Vec<ClusterId> = definition.clusters().chain(inputs).collect();
    let mut ids: Vec<EndpointId> = definition.endpoint_names().map(|(_, id)| id).collect();
    ids.push(EndpointId(1));
    DeviceInfo {
        ieee: IeeeAddress(1),
        nwk: NwkAddress(1),
        kind: DeviceKind::Router,
        model_id: Some(model.to_owned()),
        manufacturer_name: manufacturer.map(str::to_owned),
        manufacturer_code: None,
        power_source: None,
        application_version: None,
        stack_version: None,
        hardware_version: None,
        zcl_version: None,
        date_code: None,
        software_build_id: None,
        endpoints: ids
            .into_iter()
            .map(|id| {
                let endpoint = Endpoint {
                    profile: ProfileId::HOME_AUTOMATION,
                    device: DeviceId(0x0051),
                    inputs: clusters.clone(),
                    outputs: clusters.clone(),
                    ..Endpoint::default()
                };
                (id, endpoint)
            })
            .collect(),
    }
}

/// Which attributes a definition uses when it configures, sets and reads a device.
fn observe(definition: &Definition, info: &DeviceInfo) -> BTreeMap<Known, Option<DataType>> {
    let observer = Observer {
        info,
        seen: Mutex::default(),
    };
    finish(async {
        // Nobody is there who could refuse.
        let _ = definition.configure(&observer).await;
    });
    let mut exposes = Vec::new();
    flatten(definition.exposes(), &mut exposes);
    for expose in exposes {
        let (Some(property), Some(access)) = (&expose.property, expose.access) else {
            continue;
        };
        let request = |value| SetRequest {
            payload: Payload::one(property.clone(), value),
            endpoint: None,
            options: JsonMap::new().into(),
        };
        if access & SET != 0 {
            let values = expose.values.iter().flatten().chain(&expose.value_on);
            for value in values.chain(&expose.value_min).take(3) {
                finish(async {
                    definition.set(&observer, request(value.clone())).await;
                });
            }
        }
        if access & GET != 0 {
            finish(async {
                definition.get(&observer, request("".into())).await;
            });
        }
    }
    observer
        .seen
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
}

fn flatten<'a>(exposes: &'a [Expose], out: &mut Vec<&'a Expose>) {
    for expose in exposes {
        out.push(expose);
        flatten(&expose.features, out);
    }
}

/// Runs what never really waits.
fn finish(work: impl Future<Output = ()>) {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    // Everything that it asks for is there at once; what waits all the same is left.
    let _: Poll<()> = work.as_mut().poll(&mut context);
}

/// A device that agrees to everything and notes what it was asked for.
struct Observer<'a> {
    info: &'a DeviceInfo,
    seen: Mutex<BTreeMap<Known, Option<DataType>>>,
}

impl Observer<'_> {
    fn note(&self, known: Known, data_type: Option<DataType>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = seen.entry(known).or_default();
        *entry = entry.or(data_type);
    }

    fn observe(&self, operation: &Operation) {
        match operation {
            Operation::Read {
                endpoint,
                cluster,
                manufacturer,
                attributes,
            } => {
                for attribute in attributes {
                    self.note((*endpoint, *cluster, *attribute, *manufacturer), None);
                }
            }
            Operation::Write {
                endpoint,
                cluster,
                manufacturer,
                attributes,
                ..
            } => {
                for attribute in attributes {
                    let known = (*endpoint, *cluster, attribute.id, *manufacturer);
                    self.note(known, Some(attribute.data_type));
                }
            }
            Operation::ConfigureReporting {
                endpoint,
                cluster,
                manufacturer,
                records,
            } => {
                for record in records {
                    let data_type = match &record.direction {
                        ReportingDirection::Send { data_type, .. } => Some(*data_type),
                        ReportingDirection::Receive { .. } => None,
                    };
                    let known = (*endpoint, *cluster, record.id, *manufacturer);
                    self.note(known, data_type);
                }
            }
            Operation::From(_, operation) => self.observe(operation),
            _ => {}
        }
    }
}

impl Io for Observer<'_> {
    fn perform(
        &self,
        operation: Operation,
    ) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        self.observe(&operation);
        let reply = match operation {
            Operation::Read { .. } => OperationReply::Read(Vec::new()),
            Operation::ReadReporting { .. } => OperationReply::Reporting(Vec::new()),
            _ => OperationReply::Done,
        };
        Box::pin(std::future::ready(Ok(reply)))
    }

    fn device(&self) -> Option<DeviceInfo> {
        Some(self.info.clone())
    }

    fn state(&self, _: &str) -> Option<Json> {
        None
    }

    fn publish(&self, _: JsonMap) {}
}
