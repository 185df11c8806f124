use super::*;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::json;

fn line(value: &Json) -> String {
    value.to_string()
}

/// What is written for what a text says.
fn again(text: &str) -> Vec<Json> {
    let database = parse_database(text.as_bytes());
    let image = DatabaseImage::new(&database.devices, &database.groups);
    image
        .render(&database.foreign)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn old_files_are_read() {
    let text = line(&json!({
        "id": 3, "type": "Router", "ieeeAddr": "0x00158D0001234567", "nwkAddr": 1, "epList": [1],
        "endpoints": {"1": {
            "profId": 260, "epId": 1, "devId": 0, "inClusterList": [0], "outClusterList": [],
            "clusters": {"tunneling": {"attrs": {"a": 1}}, "piRetailTunnel": {"attributes": {"b": 2}}},
            "binds": [], "configuredReportings": [], "meta": {}}},
        "interviewCompleted": true, "meta": {"configured": 332_242_049},
        "useImplicitCheckin": true, "linkquality": 12,
    }));
    let database = parse_database(text.as_bytes());
    assert_eq!(database.warnings, []);
    let device = &database.devices[0];
    assert_eq!(device.interview, hub::InterviewState::Successful);
    assert_eq!(device.meta["configured"], json!(332_242_049));
    assert_eq!(device.last_seen, None);
    let endpoint = &device.info.endpoints[&zigbee::EndpointId(1)];
    assert_eq!(endpoint.attributes["seTunneling"]["a"], json!(1));
    assert_eq!(endpoint.attributes["retailTunnel"]["b"], json!(2));
    let written = &again(&text)[0];
    assert_eq!(written["useImplicitCheckin"], json!(true));
    assert_eq!(written["interviewState"], json!("SUCCESSFUL"));
    assert_eq!(written["ieeeAddr"], json!("0x00158d0001234567"));
}

#[test]
fn odd_values_stay_where_they_are() {
    let record = json!({
        "id": 3, "type": "EndDevice", "ieeeAddr": "0x00158d0001234567", "nwkAddr": 1,
        "appVersion": "1", "zclVersion": 300, "modelId": null, "lastSeen": null, "epList": [1],
        "endpoints": {"1": {
            "profId": 260, "epId": 1, "devId": 0, "inClusterList": [], "outClusterList": [],
            "clusters": {}, "meta": {}, "future": [1],
            "binds": [{"cluster": 6, "type": "endpoint", "deviceIeeeAddress": "0x1", "endpointID": 1}],
            "configuredReportings": [{"cluster": "genOnOff"}]},
            "odd": 5},
        "interviewCompleted": false, "interviewState": "FAILED", "meta": {},
        "scheduledOta": {"downgrade": true}, "gpSecurityKey": [1, 2],
    });
    assert_eq!(again(&line(&record)), [record]);
}

#[test]
fn lost_members_are_dropped_and_told() {
    let text = format!(
        "{}\n{}",
        json!({"id": 1, "type": "Router", "ieeeAddr": "0x00158d0001234567", "nwkAddr": 1, "endpoints": {"1": {}}}),
        json!({"id": 2, "type": "Group", "groupID": 5, "meta": {}, "members": [
            {"deviceIeeeAddr": "0x00158d0001234567", "endpointID": 1},
            {"deviceIeeeAddr": "0x00158d0001234567", "endpointID": 2},
            {"deviceIeeeAddr": "0x00158d0009999999", "endpointID": 1}]})
    );
    let database = parse_database(text.as_bytes());
    assert_eq!(database.groups[0].members.len(), 1);
    assert_eq!(database.warnings.len(), 1);
}

#[test]
fn records_are_written_in_the_order_of_their_numbers() {
    let text = "{\"id\":3,\"type\":\"New\"}\n{\"id\":2,\"type\":\"Group\",\"groupID\":1,\"members\":[],\"meta\":{}}\n{\"id\":1,\"type\":\"Old\"}\n";
    let ids: Vec<_> = again(text)
        .iter()
        .map(|record| record["id"].clone())
        .collect();
    assert_eq!(ids, [1, 2, 3]);
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        (0_u16..300).prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "[ -~]{0,8}".prop_map(Json::from),
        Just(json!("0x00158d0001234567")),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::from),
            btree_map(key(), inner, 0..4).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,4}",
        prop::sample::select(vec![
            "1",
            "242",
            "300",
            "profId",
            "epId",
            "devId",
            "inClusterList",
            "outClusterList",
            "clusters",
            "attributes",
            "attrs",
            "binds",
            "configuredReportings",
            "meta",
            "cluster",
            "type",
            "deviceIeeeAddress",
            "endpointID",
            "groupID",
            "attrId",
            "minRepIntval",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Records with any of the known keys, and any values.
fn any_record() -> impl Strategy<Value = Json> {
    let names = prop::sample::select(vec![
        "nwkAddr",
        "manufId",
        "manufName",
        "powerSource",
        "modelId",
        "epList",
        "endpoints",
        "appVersion",
        "stackVersion",
        "hwVersion",
        "dateCode",
        "swBuildId",
        "zclVersion",
        "interviewCompleted",
        "interviewState",
        "meta",
        "lastSeen",
        "checkinInterval",
        "gpSecurityKey",
        "groupID",
        "members",
        "more",
    ]);
    let kinds = prop::sample::select(vec!["Coordinator", "Router", "EndDevice", "Group", "Else"]);
    (0_u32..9, kinds, btree_map(names, any_json(), 0..12)).prop_map(|(id, kind, entries)| {
        let mut map: devices::JsonMap = entries
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        map.insert("id".into(), id.into());
        map.insert("type".into(), kind.into());
        map.insert("ieeeAddr".into(), format!("0x00158d000000000{id}").into());
        Json::Object(map)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn reading_never_panics(bytes in vec(any::<u8>(), 0..300)) {
        let _ = parse_database(&bytes);
    }

    /// What was written once is read and written the same, and no key is lost on the way.
    #[test]
    fn any_records_are_read_and_written_the_same(records in vec(any_record(), 0..4)) {
        let text = records.iter().map(line).collect::<Vec<_>>().join("\n");
        let first = parse_database(text.as_bytes());
        let written = DatabaseImage::new(&first.devices, &first.groups).render(&first.foreign);
        let second = parse_database(written.as_bytes());
        prop_assert!(second.unreadable.is_empty());
        prop_assert_eq!(first.devices.len(), second.devices.len());
        let twice = DatabaseImage::new(&second.devices, &second.groups).render(&second.foreign);
        prop_assert_eq!(&written, &twice);
        for after in written.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()) {
            let before = records.iter().find(|record| record["id"] == after["id"]).unwrap();
            for (key, value) in before.as_object().unwrap() {
                prop_assert!(after.get(key).is_some() || value.is_null(), "{key} of {before} in {after}");
            }
        }
    }
}
