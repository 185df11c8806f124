//! §12.2: touchlink.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use adapters::{InterPanMessage, Reply, Request, RequestError};
use serde_json::{Value as Json, json};
use zigbee::{ClusterId, IeeeAddress};

use crate::house::{House, hex};

const BULB: IeeeAddress = IeeeAddress(0x0017_8801_0000_0001);
const CHANNELS: [u8; 16] = [
    11, 15, 20, 25, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23, 24, 26,
];
const MINUTE: Duration = Duration::from_secs(60);

/// What was asked of the radio, in short.
type Notes = Rc<RefCell<Vec<String>>>;

/// A bulb answers scans on one channel.
fn with_bulb(house: &mut House, at: Option<u8>) -> Notes {
    let notes = Notes::default();
    let out = Rc::clone(&notes);
    let mut tuned = None;
    house.script = Some(Box::new(move |request| match request {
        Request::InterPanChannel(channel) => {
            tuned = *channel;
            out.borrow_mut().push(match channel {
                Some(channel) => format!("channel {channel}"),
                None => "back".to_owned(),
            });
            Some(Ok(Reply::Done))
        }
        Request::InterPan(request) => {
            let to = request.destination.map(|ieee| ieee.to_string());
            let is_scan = request.payload.starts_with(&[0x11, 0, 0]);
            assert_eq!(request.cluster, ClusterId(0x1000));
            out.borrow_mut().push(format!(
                "{} {}",
                to.as_deref().unwrap_or("all"),
                hex(&request.payload)
            ));
            let mut heard = Vec::new();
            if is_scan && tuned.is_some() && tuned == at {
                let mut payload = vec![0x19, 0, 0x01];
                payload.extend(&request.payload[3..7]);
                let answer = InterPanMessage {
                    source: BULB,
                    cluster: ClusterId(0x1000),
                    link_quality: 200,
                    payload,
                };
                // A repetition, and an answer to somebody else's scan.
                let mut other = answer.clone();
                other.source = IeeeAddress(0x99);
                other.payload[3] ^= 0xff;
                heard = vec![answer.clone(), answer, other];
            }
            Some(Ok(Reply::InterPan(heard)))
        }
        _ => None,
    }));
    notes
}

/// The notes with the number of the transaction, which must be the same in all, as `T`.
fn without_transaction(notes: &Notes) -> Vec<String> {
    let notes = notes.borrow();
    let scan = notes.iter().find(|line| line.starts_with("all 110000"));
    let transaction = scan.unwrap()["all 110000".len()..][..8].to_owned();
    assert_ne!(transaction, "00000000");
    notes
        .iter()
        .map(|line| line.replace(&transaction, "T"))
        .collect()
}

#[test]
fn a_scan_looks_on_all_channels_and_goes_back() {
    let mut house = House::new(&json!({}));
    let notes = with_bulb(&mut house, Some(20));
    let response = house.request_within(MINUTE, "touchlink/scan", "");
    assert_eq!(
        response,
        json!({
            "data": {"found": [{"ieee_address": BULB.to_string(), "channel": 20}]},
            "status": "ok",
        })
    );
    let notes = notes.borrow();
    let channels: Vec<_> = notes.iter().filter(|line| line.starts_with("ch")).collect();
    assert_eq!(
        channels,
        CHANNELS
            .map(|c| format!("channel {c}"))
            .iter()
            .collect::<Vec<_>>()
    );
    let scans: Vec<_> = notes
        .iter()
        .filter(|line| line.starts_with("all "))
        .collect();
    assert_eq!(scans.len(), 16);
    for scan in scans {
        // Cluster command without default response, to the server; scan request: transaction,
        // "router", "link initiator".
        assert!(
            scan.starts_with("all 110000") && scan.ends_with("0412"),
            "{scan}"
        );
    }
    assert_eq!(notes.last().unwrap(), "back");
}

#[test]
fn identify_calls_the_device_and_has_it_show_itself() {
    let mut house = House::new(&json!({}));
    let notes = with_bulb(&mut house, Some(15));
    let request = json!({"ieee_address": BULB.to_string(), "channel": 15, "transaction": 1});
    let response = house.request_within(MINUTE, "touchlink/identify", request.to_string());
    assert_eq!(
        response,
        json!({
            "data": {"ieee_address": BULB.to_string(), "channel": 15},
            "status": "ok", "transaction": 1,
        })
    );
    assert_eq!(
        without_transaction(&notes),
        [
            "channel 15",
            "all 110000T0412",
            &format!("{BULB} 110006Tffff"),
            "back"
        ]
    );
}

#[test]
fn a_device_is_reset_after_it_has_shown_itself() {
    let reset = [
        "all 110000T0412".to_owned(),
        format!("{BULB} 110006Tffff"),
        format!("{BULB} 110007T"),
        "back".to_owned(),
    ];
    let mut house = House::new(&json!({}));
    let notes = with_bulb(&mut house, Some(25));
    let request = json!({"ieee_address": BULB.to_string(), "channel": 25});
    house.mqtt(
        "z/bridge/request/touchlink/factory_reset",
        request.to_string(),
    );
    house.wait(Duration::from_millis(1900));
    assert!(!notes.borrow().iter().any(|line| line.contains(" 110007")));
    house.wait(MINUTE);
    assert_eq!(
        house.last("z/bridge/response/touchlink/factory_reset"),
        json!({"data": request, "status": "ok"})
    );
    assert_eq!(without_transaction(&notes)[1..], reset);

    // Anything else: the first that is found.
    let mut house = House::new(&json!({}));
    let notes = with_bulb(&mut house, Some(11));
    let response = house.request_within(MINUTE, "touchlink/factory_reset", "");
    assert_eq!(response, json!({"data": {}, "status": "ok"}));
    assert_eq!(without_transaction(&notes)[1..], reset);
}

#[test]
fn nobody_there_is_an_error_and_the_radio_goes_back() {
    let failed = "Failed to factory reset device through Touchlink";
    let named = json!({"ieee_address": BULB.to_string(), "channel": 12}).to_string();
    for (path, payload, error) in [
        ("touchlink/factory_reset", "", failed.to_owned()),
        (
            "touchlink/factory_reset",
            &named,
            format!("{BULB} did not answer on channel 12"),
        ),
        (
            "touchlink/identify",
            &named,
            format!("{BULB} did not answer on channel 12"),
        ),
    ] {
        let mut house = House::new(&json!({}));
        let notes = with_bulb(&mut house, None);
        let response = house.request_within(MINUTE, path, payload);
        assert_eq!(
            response,
            json!({"data": {}, "error": error, "status": "error"}),
            "{path}"
        );
        assert_eq!(notes.borrow().last().unwrap(), "back");
    }
    let mut house = House::new(&json!({}));
    let _notes = with_bulb(&mut house, None);
    assert_eq!(
        house.request_within(MINUTE, "touchlink/scan", "")["data"],
        json!({"found": []})
    );
}

#[test]
fn a_radio_that_refuses_is_told_and_brought_back() {
    let mut house = House::new(&json!({}));
    let notes = Notes::default();
    let out = Rc::clone(&notes);
    house.script = Some(Box::new(move |request| match request {
        Request::InterPanChannel(Some(_)) => Some(Err(RequestError::Refused {
            command: "AF.interPanCtl",
            status: 1,
        })),
        Request::InterPanChannel(None) => {
            out.borrow_mut().push("back".to_owned());
            Some(Ok(Reply::Done))
        }
        _ => None,
    }));
    let response = house.request_within(MINUTE, "touchlink/scan", "");
    assert_eq!(
        response["error"],
        "the coordinator refused AF.interPanCtl with status 0x01"
    );
    assert_eq!(*notes.borrow(), ["back"]);
}

#[test]
fn one_operation_at_a_time() {
    let mut house = House::new(&json!({}));
    house.radio_answers = false;
    house.mqtt("z/bridge/request/touchlink/scan", "");
    for path in ["touchlink/factory_reset", "touchlink/scan"] {
        let response: Json = serde_json::from_str(&house.request(path, "")).unwrap();
        assert_eq!(response["error"], "Touchlink operation already in progress");
    }
}

#[test]
fn what_names_no_device_is_refused() {
    for (payload, error) in [
        ("{}", "Invalid payload"),
        ("x", "Invalid payload"),
        (
            r#"{"ieee_address":"0x0017880100000001"}"#,
            "Invalid payload",
        ),
        (
            r#"{"ieee_address":"bulb","channel":11}"#,
            "'bulb' is no IEEE address",
        ),
        (
            r#"{"ieee_address":"0x0017880100000001","channel":27}"#,
            "The channel must be 11 to 26",
        ),
    ] {
        let mut house = House::new(&json!({}));
        assert_eq!(
            house.request("touchlink/identify", payload),
            format!(r#"{{"data":{{}},"error":"{error}","status":"error"}}"#)
        );
        assert!(house.asked.is_empty());
    }
}
