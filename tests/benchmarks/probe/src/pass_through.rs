//! A bridge that understands nothing: the upper limit of what can be measured on a machine.
//!
//! It takes the number out of each report of the probe and publishes it. No device, no state, no
//! start-up dialogue with the stick.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::link::Frames;
use crate::load::{FIRST_ADDRESS, name};
use crate::mqtt;

pub(crate) fn run(port: &str, broker: &str) -> io::Result<()> {
    let port = port.strip_prefix("tcp://").unwrap_or(port);
    let mut stick = TcpStream::connect(port)?;
    stick.set_nodelay(true)?;
    let mut publisher = mqtt::subscribe(broker, "pass-through", "none")?.writer()?;
    publisher.write_all(&mqtt::publish(
        "zigbee2mqtt/bridge/state",
        br#"{"state":"online"}"#,
    ))?;
    let mut frames = Frames::default();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = stick.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        let mut packets = Vec::new();
        frames.each(buffer.get(..length).unwrap_or_default(), |frame| {
            // An AF_INCOMING_MSG: the sender's address, and the report's value (probe/src/load.rs).
            if let Some(&[low, high]) = frame.get(6..8).and_then(<[u8]>::first_chunk)
                && let Some(value) = frame.get(25..29).and_then(<[u8]>::first_chunk)
                && let Some(device) = u16::from_le_bytes([low, high]).checked_sub(FIRST_ADDRESS)
            {
                let topic = format!("zigbee2mqtt/{}", name(device.into()));
                let payload = format!(
                    r#"{{"linkquality":100,"power":{}}}"#,
                    f32::from_le_bytes(*value)
                );
                packets.extend(mqtt::publish(&topic, payload.as_bytes()));
            }
        });
        publisher.write_all(&packets)?;
    }
}
