//! A ZDO message: the cluster, then the payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zigbee::ClusterId;
use zigbee::zdo::{Request, Response};

fuzz_target!(|bytes: &[u8]| {
    let Some((cluster, payload)) = bytes.split_first_chunk() else {
        return;
    };
    let cluster = ClusterId(u16::from_le_bytes(*cluster));
    if let Some(Ok(request)) = Request::parse(cluster, payload) {
        assert_eq!(Request::parse(cluster, &request.emit()), Some(Ok(request)));
    }
    if let Some(Ok(Ok(response))) = Response::parse(cluster, payload) {
        let again = Response::parse(cluster, &response.emit());
        assert_eq!(again, Some(Ok(Ok(response))));
    }
});
