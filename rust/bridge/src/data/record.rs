//! Records of `database.db` (shared/facts/config.md §7.1 to §7.3).
//!
//! A key whose value is not of the kind it should be, and every key that nothing here knows, is kept in
//! `extra` and written back. What is odd within endpoints is kept in `extra.endpoints`, by endpoint:
//! unknown keys as they are, entries of `binds` and `configuredReportings` that can't be read as lists.

use std::collections::BTreeMap;

use devices::{Attributes, Binding, DeviceInfo, DeviceKind, Endpoint, JsonMap, Reporting};
use hub::{Device, Group, InterviewState};
use serde::Serialize;
use serde_json::Value as Json;
use zigbee::zdo::BindTarget;
use zigbee::{
    AttributeId, ClusterId, DeviceId, EndpointId, GroupId, IeeeAddress, ManufacturerCode,
    NwkAddress, ProfileId,
};

use super::json;

/// Takes a key out of a record if its value is what `read` wants; else it stays.
fn take<T>(map: &mut JsonMap, key: &str, read: impl FnOnce(&Json) -> Option<T>) -> Option<T> {
    let value = read(map.get(key)?)?;
    map.remove(key);
    Some(value)
}

fn text(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn number<T: TryFrom<i64>>(value: &Json) -> Option<T> {
    json::whole(value)?.try_into().ok()
}

fn object(value: &Json) -> Option<JsonMap> {
    value.as_object().cloned()
}

pub(super) fn read_device(id: u32, mut map: JsonMap) -> Result<Device, String> {
    for key in ["id", "epList"] {
        map.remove(key);
    }
    let ieee = take(&mut map, "ieeeAddr", |value| {
        super::settings::address(value.as_str()?)
    })
    .ok_or("its `ieeeAddr` is no address")?;
    let kind = take(&mut map, "type", text).and_then(|name| kind(&name));
    let nwk = take(&mut map, "nwkAddr", number).map(NwkAddress);
    let mut endpoints = BTreeMap::new();
    let mut odd_endpoints = JsonMap::new();
    if let Some(records) = take(&mut map, "endpoints", object) {
        for (key, record) in records {
            match (key.parse::<u8>(), record) {
                (Ok(endpoint), Json::Object(record)) => {
                    let (read, odd) = read_endpoint(record);
                    endpoints.insert(EndpointId(endpoint), read);
                    if !odd.is_empty() {
                        odd_endpoints.insert(key, Json::Object(odd));
                    }
                }
                (_, record) => {
                    odd_endpoints.insert(key, record);
                }
            }
        }
    }
    let completed = take(&mut map, "interviewCompleted", Json::as_bool).unwrap_or(false);
    let interview = take(&mut map, "interviewState", |value| {
        match value.as_str()? {
            // A device whose interview was under way when the program ended is interviewed again.
            "PENDING" | "IN_PROGRESS" => Some(InterviewState::Pending),
            "SUCCESSFUL" => Some(InterviewState::Successful),
            "FAILED" => Some(InterviewState::Failed),
            _ => None,
        }
    })
    .unwrap_or(if completed {
        InterviewState::Successful
    } else {
        InterviewState::Pending
    });
    map.remove("interviewState");
    let info = DeviceInfo {
        ieee,
        nwk: nwk.unwrap_or(NwkAddress(0xffff)),
        kind: kind.unwrap_or(DeviceKind::Unknown),
        model_id: take(&mut map, "modelId", text),
        manufacturer_name: take(&mut map, "manufName", text),
        manufacturer_code: take(&mut map, "manufId", number).map(ManufacturerCode),
        power_source: take(&mut map, "powerSource", text),
        application_version: take(&mut map, "appVersion", number),
        stack_version: take(&mut map, "stackVersion", number),
        hardware_version: take(&mut map, "hwVersion", number),
        zcl_version: take(&mut map, "zclVersion", number),
        date_code: take(&mut map, "dateCode", text),
        software_build_id: take(&mut map, "swBuildId", text),
        endpoints,
    };
    let meta = take(&mut map, "meta", object).unwrap_or_default();
    let last_seen = take(&mut map, "lastSeen", json::whole);
    let checkin_interval = take(&mut map, "checkinInterval", number);
    if !odd_endpoints.is_empty() {
        map.insert("endpoints".to_owned(), Json::Object(odd_endpoints));
    }
    Ok(Device {
        info,
        interview,
        last_seen,
        meta,
        checkin_interval,
        extra: map,
        database_id: id,
        definition: None,
        link_quality: None,
    })
}

fn kind(name: &str) -> Option<DeviceKind> {
    Some(match name {
        "Coordinator" => DeviceKind::Coordinator,
        "Router" => DeviceKind::Router,
        "EndDevice" => DeviceKind::EndDevice,
        "GreenPower" => DeviceKind::GreenPower,
        "Unknown" => DeviceKind::Unknown,
        _ => return None,
    })
}

fn kind_name(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Coordinator => "Coordinator",
        DeviceKind::Router => "Router",
        DeviceKind::EndDevice => "EndDevice",
        DeviceKind::GreenPower => "GreenPower",
        DeviceKind::Unknown => "Unknown",
    }
}

/// An endpoint, and what of its record could not be read.
fn read_endpoint(mut map: JsonMap) -> (Endpoint, JsonMap) {
    map.remove("epId");
    let clusters = |value: &Json| -> Option<Vec<ClusterId>> {
        value
            .as_array()?
            .iter()
            .map(|item| number(item).map(ClusterId))
            .collect()
    };
    let endpoint = Endpoint {
        profile: take(&mut map, "profId", number).map_or(ProfileId(0), ProfileId),
        device: take(&mut map, "devId", number).map_or(DeviceId(0), DeviceId),
        inputs: take(&mut map, "inClusterList", clusters).unwrap_or_default(),
        outputs: take(&mut map, "outClusterList", clusters).unwrap_or_default(),
        attributes: take(&mut map, "clusters", attributes).unwrap_or_default(),
        bindings: take_list(&mut map, "binds", binding),
        reportings: take_list(&mut map, "configuredReportings", reporting),
        meta: take(&mut map, "meta", object).unwrap_or_default(),
    };
    (endpoint, map)
}

/// Takes a list out of a record; items that `read` does not want stay in it.
fn take_list<T>(map: &mut JsonMap, key: &str, read: impl Fn(&Json) -> Option<T>) -> Vec<T> {
    let Some(list) = take(map, key, |value| value.as_array().cloned()) else {
        return Vec::new();
    };
    let mut odd = Vec::new();
    let mut good = Vec::new();
    for item in list {
        match read(&item) {
            Some(item) => good.push(item),
            None => odd.push(item),
        }
    }
    if !odd.is_empty() {
        map.insert(key.to_owned(), Json::Array(odd));
    }
    good
}

/// The attribute cache. Old files say `attrs`, and use names that clusters had before.
fn attributes(value: &Json) -> Option<Attributes> {
    let mut clusters = Attributes::new();
    for (name, cluster) in value.as_object()? {
        let name = match name.as_str() {
            "piRetailTunnel" => "retailTunnel",
            "tunneling" => "seTunneling",
            "haMeterIdentification" => "seMeterIdentification",
            name => name,
        };
        let values = cluster
            .get("attributes")
            .or_else(|| cluster.get("attrs"))
            .and_then(Json::as_object);
        clusters.entry(name.to_owned()).or_default().extend(
            values
                .into_iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
    }
    Some(clusters)
}

fn binding(value: &Json) -> Option<Binding> {
    let target = match value.get("type")?.as_str()? {
        "endpoint" => BindTarget::Endpoint(
            super::settings::address(value.get("deviceIeeeAddress")?.as_str()?)?,
            EndpointId(number(value.get("endpointID")?)?),
        ),
        "group" => BindTarget::Group(GroupId(number(value.get("groupID")?)?)),
        _ => return None,
    };
    Some(Binding {
        cluster: ClusterId(number(value.get("cluster")?)?),
        target,
    })
}

fn reporting(value: &Json) -> Option<Reporting> {
    let manufacturer = match value.get("manufacturerCode") {
        None | Some(Json::Null) => None,
        Some(code) => Some(ManufacturerCode(number(code)?)),
    };
    Some(Reporting {
        cluster: ClusterId(number(value.get("cluster")?)?),
        attribute: AttributeId(number(value.get("attrId")?)?),
        minimum: number(value.get("minRepIntval")?)?,
        maximum: number(value.get("maxRepIntval")?)?,
        change: value.get("repChange").filter(|v| !v.is_null()).cloned(),
        manufacturer,
    })
}

pub(super) fn read_group(id: u32, mut map: JsonMap) -> Result<Group, String> {
    map.remove("id");
    map.remove("type");
    let group = take(&mut map, "groupID", number)
        .map(GroupId)
        .ok_or("its `groupID` is no group number")?;
    let members = take_list(&mut map, "members", |member| {
        let ieee = super::settings::address(member.get("deviceIeeeAddr")?.as_str()?)?;
        Some((ieee, EndpointId(number(member.get("endpointID")?)?)))
    });
    Ok(Group {
        id: group,
        members,
        meta: take(&mut map, "meta", object).unwrap_or_default(),
        extra: map,
        database_id: id,
    })
}

/// The fields in the order in which Zigbee2MQTT writes them.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceRecord<'a> {
    id: u32,
    r#type: &'static str,
    ieee_addr: String,
    nwk_addr: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    manuf_id: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manuf_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    power_source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<&'a str>,
    ep_list: Vec<u8>,
    endpoints: Ordered<String, Entry<EndpointRecord<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_version: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_version: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hw_version: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sw_build_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    zcl_version: Option<u8>,
    interview_completed: bool,
    interview_state: &'static str,
    meta: &'a JsonMap,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    checkin_interval: Option<u32>,
    #[serde(flatten)]
    extra: JsonMap,
}

/// An object whose keys keep their order: that of endpoints' numbers, not of their numbers' texts.
struct Ordered<K, V>(Vec<(K, V)>);

impl<K: Serialize, V: Serialize> Serialize for Ordered<K, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// An entry of a map or list: ours, or one that was kept as it was.
#[derive(Serialize)]
#[serde(untagged)]
enum Entry<T> {
    Ours(T),
    Kept(Json),
}

/// A small object of ours.
type Pairs = Ordered<&'static str, Json>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EndpointRecord<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    prof_id: Option<u16>,
    ep_id: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev_id: Option<u16>,
    in_cluster_list: Vec<u16>,
    out_cluster_list: Vec<u16>,
    clusters: BTreeMap<&'a str, ClusterRecord<'a>>,
    binds: Vec<Entry<Pairs>>,
    configured_reportings: Vec<Entry<Pairs>>,
    meta: &'a JsonMap,
    #[serde(flatten)]
    extra: JsonMap,
}

#[derive(Serialize)]
struct ClusterRecord<'a> {
    attributes: &'a BTreeMap<String, Json>,
}

pub(super) fn write_device(device: &Device) -> String {
    let info = &device.info;
    let mut extra = device.extra.clone();
    let odd = match extra.remove("endpoints") {
        Some(Json::Object(odd)) => odd,
        _ => JsonMap::new(),
    };
    let completed = device.interview == InterviewState::Successful;
    let mut record = DeviceRecord {
        id: device.database_id,
        r#type: kind_name(info.kind),
        ieee_addr: info.ieee.to_string(),
        nwk_addr: info.nwk.0,
        manuf_id: info.manufacturer_code.map(|code| code.0),
        manuf_name: info.manufacturer_name.as_deref(),
        power_source: info.power_source.as_deref(),
        model_id: info.model_id.as_deref(),
        ep_list: info.endpoints.keys().map(|endpoint| endpoint.0).collect(),
        endpoints: endpoint_records(&info.endpoints, odd),
        app_version: info.application_version,
        stack_version: info.stack_version,
        hw_version: info.hardware_version,
        date_code: info.date_code.as_deref(),
        sw_build_id: info.software_build_id.as_deref(),
        zcl_version: info.zcl_version,
        interview_completed: completed,
        interview_state: match device.interview {
            InterviewState::Pending | InterviewState::InProgress => "PENDING",
            InterviewState::Successful => "SUCCESSFUL",
            InterviewState::Failed => "FAILED",
        },
        meta: &device.meta,
        last_seen: device.last_seen,
        checkin_interval: device.checkin_interval,
        extra: JsonMap::new(),
    };
    record.extra = without_known(extra, &record);
    json::compact(&record)
}

/// What of `extra` a record does not say itself: an odd value that was kept gives way to a good one.
fn without_known<T: Serialize>(mut extra: JsonMap, record: &T) -> JsonMap {
    if extra.is_empty() {
        return extra;
    }
    if let Ok(Json::Object(known)) = serde_json::to_value(record) {
        extra.retain(|key, _| !known.contains_key(key));
    }
    extra
}

fn endpoint_records(
    endpoints: &BTreeMap<EndpointId, Endpoint>,
    mut odd: JsonMap,
) -> Ordered<String, Entry<EndpointRecord<'_>>> {
    let mut records = Vec::new();
    for (id, endpoint) in endpoints {
        let key = id.0.to_string();
        let odd = match odd.remove(&key) {
            Some(Json::Object(odd)) => odd,
            _ => JsonMap::new(),
        };
        records.push((key, Entry::Ours(endpoint_record(*id, endpoint, odd))));
    }
    // What is no endpoint at all. An endpoint that is gone stays gone.
    let kept = odd
        .into_iter()
        .filter(|(key, value)| key.parse::<u8>().is_err() || !value.is_object());
    records.extend(kept.map(|(key, value)| (key, Entry::Kept(value))));
    Ordered(records)
}

fn endpoint_record(id: EndpointId, endpoint: &Endpoint, mut odd: JsonMap) -> EndpointRecord<'_> {
    // Before its simple descriptor is known, an endpoint has neither profile nor device type.
    let is_described = endpoint.profile.0 != 0
        || endpoint.device.0 != 0
        || !endpoint.inputs.is_empty()
        || !endpoint.outputs.is_empty();
    let binds = list(
        endpoint.bindings.iter().map(write_binding),
        odd.remove("binds"),
    );
    let configured_reportings = list(
        endpoint.reportings.iter().map(write_reporting),
        odd.remove("configuredReportings"),
    );
    let mut record = EndpointRecord {
        prof_id: is_described.then_some(endpoint.profile.0),
        ep_id: id.0,
        dev_id: is_described.then_some(endpoint.device.0),
        in_cluster_list: endpoint.inputs.iter().map(|cluster| cluster.0).collect(),
        out_cluster_list: endpoint.outputs.iter().map(|cluster| cluster.0).collect(),
        clusters: endpoint
            .attributes
            .iter()
            .map(|(name, attributes)| (name.as_str(), ClusterRecord { attributes }))
            .collect(),
        binds,
        configured_reportings,
        meta: &endpoint.meta,
        extra: JsonMap::new(),
    };
    record.extra = without_known(odd, &record);
    record
}

/// Our items, then those that were kept.
fn list(ours: impl Iterator<Item = Pairs>, kept: Option<Json>) -> Vec<Entry<Pairs>> {
    let kept = match kept {
        Some(Json::Array(kept)) => kept,
        _ => Vec::new(),
    };
    ours.map(Entry::Ours)
        .chain(kept.into_iter().map(Entry::Kept))
        .collect()
}

fn write_binding(binding: &Binding) -> Pairs {
    let mut pairs = vec![("cluster", binding.cluster.0.into())];
    match binding.target {
        BindTarget::Endpoint(ieee, endpoint) => pairs.extend([
            ("type", "endpoint".into()),
            ("deviceIeeeAddress", ieee.to_string().into()),
            ("endpointID", endpoint.0.into()),
        ]),
        BindTarget::Group(group) => {
            pairs.extend([("type", "group".into()), ("groupID", group.0.into())]);
        }
    }
    Ordered(pairs)
}

fn write_reporting(reporting: &Reporting) -> Pairs {
    let mut pairs: Vec<(_, Json)> = vec![
        ("cluster", reporting.cluster.0.into()),
        ("attrId", reporting.attribute.0.into()),
        ("minRepIntval", reporting.minimum.into()),
        ("maxRepIntval", reporting.maximum.into()),
    ];
    if let Some(change) = &reporting.change {
        pairs.push(("repChange", change.clone()));
    }
    if let Some(code) = reporting.manufacturer {
        pairs.push(("manufacturerCode", code.0.into()));
    }
    Ordered(pairs)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupRecord<'a> {
    id: u32,
    r#type: &'static str,
    #[serde(rename = "groupID")]
    group_id: u16,
    members: Vec<Entry<Pairs>>,
    meta: &'a JsonMap,
    #[serde(flatten)]
    extra: JsonMap,
}

pub(super) fn write_group(group: &Group) -> String {
    let mut extra = group.extra.clone();
    let members = list(
        group.members.iter().map(write_member),
        extra.remove("members"),
    );
    let mut record = GroupRecord {
        id: group.database_id,
        r#type: "Group",
        group_id: group.id.0,
        members,
        meta: &group.meta,
        extra: JsonMap::new(),
    };
    record.extra = without_known(extra, &record);
    json::compact(&record)
}

fn write_member((ieee, endpoint): &(IeeeAddress, EndpointId)) -> Pairs {
    Ordered(vec![
        ("deviceIeeeAddr", ieee.to_string().into()),
        ("endpointID", endpoint.0.into()),
    ])
}
