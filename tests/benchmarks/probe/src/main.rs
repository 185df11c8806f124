//! The benchmark's two ends in one process, with one clock: a simulated stick that reports as fast
//! as it is told to, and the MQTT subscriber that checks what comes out.
//!
//! `ferrobee-probe DEVICES (tcp|pty) BROKER` prints one line of JSON with the serial port, then
//! answers each line of JSON on standard input with one: `{"command":"online"}`,
//! `{"command":"reports","count":N,"window":N}`, `{"command":"paced","count":N,"rate":N}`,
//! `{"command":"set","count":N}`.
//!
//! `ferrobee-probe pass-through tcp://HOST:PORT BROKER` is the other program of the benchmark.

mod link;
mod load;
mod mqtt;
mod paced;
mod pass_through;
mod stick;

use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde_json::{Value as Json, json};

use link::Link;
use load::Load;
use mqtt::Reader;
use stick::Stick;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, port, broker] = arguments.as_slice()
        && mode == "pass-through"
    {
        return pass_through::run(port, broker);
    }
    let [devices, kind, broker] = arguments.as_slice() else {
        return Err(io::Error::other(
            "usage: ferrobee-probe DEVICES (tcp|pty) BROKER",
        ));
    };
    let devices: usize = devices.parse().map_err(io::Error::other)?;
    let mut reader = mqtt::subscribe(broker, "ferrobee-probe", "zigbee2mqtt/#")?;
    let link = Link::open(kind, Stick::new(devices)?)?;
    say(&json!({"serial": link.serial}))?;
    let mut next = 0;
    for line in io::stdin().lock().lines() {
        let command: Json = serde_json::from_str(&line?)?;
        let answer = carry_out(&command, &link, &mut reader, devices, &mut next);
        say(&answer.unwrap_or_else(|error| json!({"error": error.to_string()})))?;
    }
    Ok(())
}

fn carry_out(
    command: &Json,
    link: &Link,
    reader: &mut Reader,
    devices: usize,
    next: &mut usize,
) -> io::Result<Json> {
    let number = |key: &str| {
        command[key]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
            .ok_or_else(|| io::Error::other(format!("{key} must be a number")))
    };
    match command["command"].as_str() {
        Some("online") => online(reader),
        Some("reports") => {
            let (count, window) = (number("count")?, number("window")?);
            Load {
                link,
                reader,
                devices,
                next,
            }
            .run(count, window)
        }
        Some("paced") => {
            let (count, rate) = (number("count")?, number("rate")?);
            let first = *next;
            *next += count;
            paced::run(link, reader, devices, first, count, rate)
        }
        Some("set") => load::set(link, reader, devices, number("count")?),
        _ => Err(io::Error::other("unknown command")),
    }
}

/// Waits until the bridge says that it is online.
fn online(reader: &mut Reader) -> io::Result<Json> {
    reader.set_timeout(Duration::from_secs(60))?;
    loop {
        let message = reader.next()?;
        if message.topic == b"zigbee2mqtt/bridge/state"
            && message.payload == b"{\"state\":\"online\"}"
        {
            return Ok(json!({"monotonic": monotonic()}));
        }
    }
}

/// Seconds on the clock that all processes of a machine share.
fn monotonic() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    #[expect(
        clippy::cast_precision_loss,
        reason = "seconds since the machine started"
    )]
    let seconds = now.tv_sec as f64 + now.tv_nsec as f64 / 1e9;
    seconds
}

fn say(answer: &Json) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{answer}")?;
    out.flush()
}
