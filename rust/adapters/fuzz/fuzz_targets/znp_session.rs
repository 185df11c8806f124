//! A stick that says anything at any time: no panic, and the session always says when it wants to be
//! called next, or that it has ended.
#![no_main]

use adapters::znp::ZnpSession;
use adapters::znp::frame::{Frame, Header};
use adapters::{
    Instant, NetworkParameters, Output, Request, RequestId, Session, SessionConfig,
};
use libfuzzer_sys::fuzz_target;
use zigbee::{ExtendedPanId, NwkAddress, PanId};

fuzz_target!(|data: &[u8]| {
    let mut session = ZnpSession::new(SessionConfig {
        network: NetworkParameters {
            pan_id: PanId(0x1a62),
            extended_pan_id: ExtendedPanId(1),
            channel: 15,
            network_key: [1; 16],
        },
        backup: None,
        may_form: true,
        concurrency: None,
        transmit_power: Some(1),
        disable_led: true,
        has_lines: true,
    });
    let mut now = Instant(1);
    let mut failed = false;
    session.timeout(now);
    for (id, step) in (0..).zip(data.chunks(40)) {
        let [kind, rest @ ..] = step else { break };
        match kind % 5 {
            0 => session.receive(now, rest),
            // What was asked is answered, with any data.
            1 | 2 => {
                let mut bytes = Vec::new();
                while let Some(output) = session.output() {
                    failed |= matches!(output, Output::Fail(_));
                    if let Output::Write(request) = output
                        && let [0xfe, _, cmd0, cmd1, ..] = request[..]
                    {
                        let header = Header::from_bytes(cmd0 | 0x40, cmd1);
                        let _ = Frame { header, data: rest }.emit(&mut bytes);
                    }
                }
                session.receive(now, &bytes);
            }
            3 => {
                if let [cmd0, cmd1, data @ ..] = rest {
                    let header = Header::from_bytes(*cmd0, *cmd1);
                    let bytes = Frame { header, data }.to_bytes().unwrap_or_default();
                    session.receive(now, &bytes);
                }
                session.request(now, RequestId(id), Request::DiscoverRoute(NwkAddress(1)));
            }
            _ => {
                if let Some(deadline) = session.deadline() {
                    now = now.max(deadline);
                    session.timeout(now);
                }
            }
        }
        while let Some(output) = session.output() {
            failed |= matches!(output, Output::Fail(_));
        }
        assert_eq!(session.deadline().is_none(), failed);
    }
});
