//! What a definition does once with a new device.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of tests"
)]

mod support;

use devices::{
    Definition, DeviceInfo, Io, JsonMap, LocalFuture, Operation, OperationError, OperationReply,
};
use serde_json::{Value as Json, json};
use zigbee::zcl::{ConfigureReporting, DataType, ReportingDirection, Value};
use zigbee::{AttributeId, ClusterId, EndpointId};

/// Notes what it is asked and says yes to everything.
#[derive(Default)]
struct Notes(support::Held<Vec<Operation>>);

impl Io for Notes {
    fn perform(
        &self,
        operation: Operation,
    ) -> LocalFuture<'_, Result<OperationReply, OperationError>> {
        self.0.borrow_mut().push(operation);
        Box::pin(async { Ok(OperationReply::Done) })
    }

    fn device(&self) -> Option<DeviceInfo> {
        None
    }

    fn state(&self, _property: &str) -> Option<Json> {
        None
    }

    fn publish(&self, _state: JsonMap) {}
}

#[test]
fn a_capability_binds_and_reports_what_it_needs() {
    let temperature = json!({
        "match": [{"model": "test"}],
        "model": "T1", "vendor": "Test", "description": "Temperature",
        "capabilities": [{
            "type": "numeric", "name": "temperature", "unit": "°C",
            "sources": [{"at": {"cluster": "0x0402", "attribute": "0x0000"}, "divide": 100}],
            "read": {"at": {"cluster": "0x0402", "attribute": "0x0000"}},
            "report": {"data_type": "int16", "minimum": 10, "maximum": 3600, "change": 100}
        }],
        "configure": [{"report": {
            "endpoint": 2, "at": {"cluster": "0x0006", "attribute": "0x0000"},
            "data_type": "bool", "minimum": 0, "maximum": 3600
        }}]
    });
    let definition = Definition::from_json(&temperature.to_string()).unwrap();
    assert_eq!(definition.configure_version(), Some("0.0.0"));
    let notes = Notes::default();
    assert_eq!(support::run(definition.configure(&notes)), Ok(()));
    let report = |data_type, minimum, change| ConfigureReporting {
        id: AttributeId(0x0000),
        direction: ReportingDirection::Send {
            data_type,
            minimum,
            maximum: 3600,
            change,
        },
    };
    assert_eq!(
        *notes.0.borrow(),
        [
            Operation::ConfigureReporting {
                endpoint: EndpointId(2),
                cluster: ClusterId(0x0006),
                manufacturer: None,
                records: vec![report(DataType::BOOL, 0, None)],
            },
            Operation::Bind {
                endpoint: EndpointId(1),
                cluster: ClusterId(0x0402),
                target: None,
            },
            Operation::ConfigureReporting {
                endpoint: EndpointId(1),
                cluster: ClusterId(0x0402),
                manufacturer: None,
                records: vec![report(DataType::INT16, 10, Some(Value::Signed(100)))],
            },
        ]
    );
}

#[test]
fn a_definition_with_unknown_words_is_refused_and_says_where() {
    for (text, word) in [
        (
            r#"{"match": [], "model": "x", "vendor": "y", "description": "z",
             "capabilities": [{"type": "teleport"}]}"#,
            "teleport",
        ),
        (
            r#"{"match": [], "model": "x", "vendor": "y", "description": "z",
             "capabilities": [{"type": "on_off", "endpoint": "l1"}]}"#,
            "endpoint",
        ),
        (
            r#"{"match": [], "vendor": "y", "description": "z", "capabilities": []}"#,
            "model",
        ),
    ] {
        let error = Definition::from_json(text).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
