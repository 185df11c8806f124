//! A stick driven by hand: requests as bytes, answers as text.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "each test file is a crate of its own and uses a part of this"
)]

use adapters::Instant;
use adapters::znp::frame::{Frame, Header, Subsystem, Type};
use simulator::{Action, Firmware, Model, Network, Path, Stick, StickConfig, Timing};
use zigbee::{IeeeAddress, NwkAddress};

pub const RELAY: IeeeAddress = IeeeAddress(0x0015_8d00_0100_0001);

pub const KNOB: IeeeAddress = IeeeAddress(0x0015_8d00_0100_0002);

pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

pub fn bytes(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    (0..digits.len() / 2)
        .map(|at| u8::from_str_radix(digits.get(at * 2..at * 2 + 2).unwrap(), 16).unwrap())
        .collect()
}

pub fn stick(firmware: Firmware, timing: Timing) -> Stick {
    Stick::new(StickConfig {
        firmware,
        timing,
        table_size: 8,
        ..StickConfig::default()
    })
    .unwrap()
}

/// A synchronous request.
pub fn request(subsystem: u8, id: u8, data: &[u8]) -> Vec<u8> {
    let header = Header {
        kind: Type::Sreq,
        subsystem: Subsystem(subsystem),
        id,
    };
    Frame { header, data }.to_bytes().unwrap()
}

/// Sends bytes and gives everything that comes back at once, as hexadecimal text.
pub fn ask(stick: &mut Stick, now: Instant, sent: &[u8]) -> String {
    stick.receive(now, sent);
    hex(&stick.output().unwrap_or_default())
}

/// A stick on a network with devices, all known and the endpoint 1 registered.
pub fn running(devices: &[(IeeeAddress, u16, &str)]) -> Stick {
    let mut stick = stick(Firmware::Stack3x0, Timing::QUICK);
    stick.preform(&Network::default());
    for (ieee, nwk, model) in devices {
        stick.add_known(*ieee, NwkAddress(*nwk), Model::built_in(model).unwrap());
    }
    stick.receive(Instant(0), &request(0x05, 0x40, &[100, 0]));
    stick.timeout(Instant(1_000_000));
    let register = [1, 4, 1, 5, 0, 0, 0, 0, 0];
    stick.receive(Instant(1_000_000), &request(0x04, 0x00, &register));
    let told = hex(&stick.output().unwrap());
    assert!(told.contains("fe0145c0098d"), "{told}");
    stick
}

/// An AF data request from endpoint 1 with transaction 7.
pub fn data_request(nwk: u16, endpoint: u8, cluster: u16, zcl: &[u8]) -> Vec<u8> {
    let mut data = nwk.to_le_bytes().to_vec();
    data.extend([endpoint, 1]);
    data.extend(cluster.to_le_bytes());
    data.extend([7, 0, 30, u8::try_from(zcl.len()).unwrap()]);
    data.extend(zcl);
    request(0x04, 0x01, &data)
}

/// Runs the stick until nothing is due before `until`, and gives the ZCL frames that arrived as
/// `endpoint/cluster:frame`, and confirmations as `confirm:STATUS`.
pub fn run(stick: &mut Stick, until: Instant) -> Vec<String> {
    while let Some(at) = stick.deadline().filter(|at| *at <= until) {
        stick.timeout(at);
    }
    stick.timeout(until);
    let mut decoder = adapters::znp::frame::Decoder::new();
    decoder.feed(until, &stick.output().unwrap_or_default());
    let mut seen = Vec::new();
    while let Some(frame) = decoder.next_frame() {
        match (frame.header.subsystem, frame.header.id) {
            (Subsystem::AF, 0x80) => {
                seen.push(format!("confirm:{:02x}", frame.data.first().unwrap()));
            }
            (Subsystem::AF, 0x81) => {
                let data = frame.data;
                let length = usize::from(*data.get(16).unwrap());
                let cluster = u16::from_le_bytes(data.get(2..4).unwrap().try_into().unwrap());
                seen.push(format!(
                    "{}/{cluster:04x}:{}",
                    data.get(6).unwrap(),
                    hex(data.get(17..17 + length).unwrap())
                ));
            }
            _ => {}
        }
    }
    seen
}

pub fn act(
    stick: &mut Stick,
    now: Instant,
    ieee: IeeeAddress,
    name: &str,
    parameters: &serde_json::Value,
) {
    let action = Action { name, parameters };
    stick.act(now, ieee, &action).unwrap().unwrap();
}

pub fn number(stick: &Stick, ieee: IeeeAddress, endpoint: u8, cluster: u16, attribute: u16) -> f64 {
    let path = Path {
        endpoint,
        cluster,
        attribute,
    };
    stick.device(ieee).unwrap().node.number(path)
}

pub const fn at(seconds: u64) -> Instant {
    Instant(seconds * 1_000_000)
}
