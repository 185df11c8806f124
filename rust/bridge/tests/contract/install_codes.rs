//! §12.2: install codes.

use adapters::{Reply, Request, RequestError};
use serde_json::json;
use zigbee::IeeeAddress;

use crate::house::House;

/// The example of the base device behaviour specification, 10.1.1.
const CODE: &str = "83FED3407A939723A5C639B26916D505";
const WITH_CRC: &str = "83FED3407A939723A5C639B26916D505C3B5";
const IEEE: &str = "000b57fffe1938a5";

/// What the coordinator was given: address and code.
fn given(house: &House) -> Vec<(IeeeAddress, String)> {
    let code = |request: &Request| match request {
        Request::InstallCode { ieee, code } => {
            let hex = code.iter().map(|byte| format!("{byte:02X}"));
            Some((*ieee, hex.collect()))
        }
        _ => None,
    };
    house.asked.iter().filter_map(code).collect()
}

#[test]
fn a_code_is_given_to_the_coordinator_and_echoed() {
    let ieee: IeeeAddress = format!("0x{IEEE}").parse().unwrap();
    let text = format!("Z:{}$I:{WITH_CRC}", IEEE.to_uppercase());
    for payload in [
        text.clone(),
        json!({"value": text, "transaction": "x"}).to_string(),
    ] {
        let mut house = House::new(&json!({}));
        let response = house.request("install_code/add", &payload);
        assert!(
            response.starts_with(&format!(r#"{{"data":{{"value":"{text}"}},"status":"ok""#)),
            "{response}"
        );
        assert_eq!(given(&house), [(ieee, WITH_CRC.to_owned())]);
    }
}

#[test]
fn a_code_without_crc_is_given_as_a_code_and_as_a_key() {
    let mut house = House::new(&json!({}));
    let response = house.request("install_code/add", format!("{IEEE}|{CODE}"));
    assert!(response.ends_with(r#""status":"ok"}"#), "{response}");
    let codes: Vec<_> = given(&house).into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, [WITH_CRC, CODE]);
}

#[test]
fn what_is_no_code_or_not_taken_says_why() {
    let mut house = House::new(&json!({}));
    for (payload, error) in [
        ("{}", "Invalid payload"),
        (r#"{"value":5}"#, "Invalid payload"),
        (
            "hello",
            "Unsupported install code, got 5 chars, expected 95 or 91 chars, or known format",
        ),
    ] {
        assert_eq!(
            house.request("install_code/add", payload),
            format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#)
        );
    }
    house.script = Some(Box::new(|request| match request {
        Request::InstallCode { .. } => Some(Err(RequestError::Unsupported("install codes"))),
        _ => None,
    }));
    assert_eq!(
        house.request("install_code/add", format!("{IEEE}|{WITH_CRC}")),
        r#"{"data":{},"error":"this coordinator does not support install codes","status":"error"}"#
    );
}

#[test]
fn nothing_of_a_code_is_in_the_log() {
    let all = json!({"advanced": {"log_level": "debug", "log_debug_to_mqtt_frontend": true}});
    for path in ["install_code/add", "Install_Code/Add"] {
        for (text, answer) in [
            (format!("{IEEE}|{CODE}"), Ok(Reply::Done)),
            (
                format!("{IEEE}|{WITH_CRC}"),
                Err(RequestError::NotConnected),
            ),
            (format!("{IEEE}|{CODE}00"), Ok(Reply::Done)),
            (format!("{IEEE}|{CODE}0"), Ok(Reply::Done)),
            (format!("no code {CODE}"), Ok(Reply::Done)),
        ] {
            let mut house = House::new(&all);
            house.script = Some(Box::new(move |_| Some(answer.clone())));
            house.mqtt(&format!("z/bridge/request/{path}"), &text);
            let mut lines = house.log_lines();
            assert!(!lines.is_empty());
            let published = house.lines();
            let response = published
                .iter()
                .find(|line| line.starts_with(&format!("z/bridge/response/{path} ")));
            assert!(response.is_some(), "{published:?}");
            let logging = |line: &String| line.starts_with("z/bridge/logging ");
            lines.extend(published.into_iter().filter(logging));
            for line in lines {
                assert!(!line.to_uppercase().contains("83FED3"), "{line}");
            }
        }
    }
}
