//! Keys are in no `Debug` text.

use adapters::{NetworkParameters, Reply, Request, RequestId, SessionConfig};
use hub::{Command, CommandId, CommandReply, Input, Output};
use serde_json::{Value as Json, json};
use zigbee::{ExtendedPanId, IeeeAddress, PanId};

use crate::common::network;

const KEY: &str = "00112233445566778899aabbccddeeff";

fn backup() -> Json {
    json!({"network_key": {"key": KEY}})
}

fn key() -> [u8; 16] {
    std::array::from_fn(|index| u8::try_from(index * 0x11).unwrap())
}

#[test]
fn no_debug_text_of_the_contracts_shows_a_key() {
    let config = SessionConfig {
        network: NetworkParameters {
            pan_id: PanId(1),
            extended_pan_id: ExtendedPanId(1),
            channel: 11,
            network_key: key(),
        },
        backup: Some(backup().into()),
        may_form: false,
        concurrency: None,
        transmit_power: None,
        disable_led: false,
        has_lines: false,
    };
    let install = Request::InstallCode {
        ieee: IeeeAddress(1),
        code: key().to_vec().into(),
    };
    let admit = Command::InstallCode {
        device: IeeeAddress(1),
        code: key().to_vec().into(),
    };
    let reply = Reply::Backup(backup().into());
    let event = adapters::Event::Reply(RequestId(1), Ok(reply.clone()));
    let command_reply = CommandReply::Backup(backup().into());
    let texts = [
        format!("{config:?}"),
        format!("{install:?}"),
        format!("{reply:?}"),
        format!("{event:?}"),
        format!("{:?}", adapters::Output::Event(event.clone())),
        format!("{:?}", adapters::Output::Write(key().to_vec())),
        format!("{:?}", Input::Adapter(event)),
        format!("{:?}", Output::Adapter(RequestId(1), install)),
        format!("{command_reply:?}"),
        format!("{admit:?}"),
        format!("{:?}", Input::Command(CommandId(2), admit)),
        format!("{:?}", Output::Reply(CommandId(1), Ok(command_reply))),
    ];
    let bytes = format!("{:?}", key());
    let bytes = bytes.trim_matches(['[', ']']);
    for text in texts {
        assert!(!text.contains(KEY) && !text.contains(bytes), "{text}");
        // In lines of their own, too.
        assert!(!text.contains("34, 51"), "{text}");
    }
    let up = adapters::Event::Up(network());
    assert!(
        format!("{up:?}").contains("channel: 11"),
        "the rest is shown"
    );
}
