//! The simulator in time: over a pipe in tokio's paused time, over TCP and a pseudo terminal for real.

#![expect(clippy::unwrap_used, reason = "a test that fails may say so this way")]

use std::time::Duration;

use serde_json::{Value as Json, json};
use simulator::{Simulator, StickConfig, Timing};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const PING: [u8; 5] = [0xfe, 0x00, 0x21, 0x01, 0x20];
const PONG: [u8; 7] = [0xfe, 0x02, 0x61, 0x01, 0x59, 0x06, 0x3d];
const RESET: [u8; 6] = [0xfe, 0x01, 0x41, 0x00, 0x01, 0x41];
const START: [u8; 7] = [0xfe, 0x02, 0x25, 0x40, 0x64, 0x00, 0x03];
/// Endpoint 1, Home Automation.
const REGISTER: [u8; 14] = [
    0xfe, 0x09, 0x24, 0x00, 0x01, 0x04, 0x01, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2c,
];
/// Broadcast, 60 s.
const PERMIT: [u8; 10] = [0xfe, 0x05, 0x25, 0x36, 0x0f, 0xfc, 0xff, 0x3c, 0x01, 0x27];

fn simulator() -> Simulator {
    Simulator::new(StickConfig {
        table_size: 8,
        ..StickConfig::default()
    })
    .unwrap()
}

async fn ping(stream: &mut (impl AsyncReadExt + AsyncWriteExt + Unpin)) {
    stream.write_all(&PING).await.unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, PONG);
}

/// Reads until the bytes have been seen.
async fn until(stream: &mut (impl AsyncReadExt + Unpin), wanted: &[u8]) {
    let mut seen = Vec::new();
    while !seen.windows(wanted.len()).any(|window| window == wanted) {
        seen.push(stream.read_u8().await.unwrap());
    }
}

fn control(simulator: &Simulator, command: &Json) -> Json {
    serde_json::from_str(&simulator.control_line(&command.to_string())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_script_plays_in_time_and_its_reports_reach_the_host() {
    let simulator = simulator();
    let (mut near, far) = tokio::io::duplex(4096);
    let serving = tokio::spawn({
        let simulator = simulator.clone();
        async move { simulator.serve(far).await }
    });
    ping(&mut near).await;
    let relay = "0x00158d0001000001";
    let script = [
        json!({"cmd": "add", "model": "LLKZMK11LM", "device": relay}),
        json!({"cmd": "join", "device": relay, "after_ms": 1000}),
        json!({"cmd": "act", "device": relay, "action": "load", "watts": 100.0, "after_ms": 2000}),
        json!({"cmd": "act", "device": relay, "action": "press", "after_ms": 1000}),
    ];
    let playing = tokio::spawn({
        let simulator = simulator.clone();
        async move { simulator.play(&script).await }
    });
    // The device waits until there is a network and until it may join.
    tokio::time::sleep(Duration::from_secs(10)).await;
    near.write_all(&START).await.unwrap();
    until(&mut near, &[0xfe, 0x01, 0x45, 0xc0, 0x09, 0x8d]).await;
    near.write_all(&REGISTER).await.unwrap();
    near.write_all(&PERMIT).await.unwrap();
    // The trust centre's indication, then the reports of state and power.
    until(&mut near, &[0x45, 0xca]).await;
    let joined = tokio::time::Instant::now();
    until(&mut near, &[0x0a, 0x00, 0x00, 0x10, 0x01]).await;
    until(&mut near, &[0x0a, 0x55, 0x00, 0x39, 0x00, 0x00, 0xc8, 0x42]).await;
    assert!(joined.elapsed() >= Duration::from_secs(3));
    playing.await.unwrap();
    drop(near);
    serving.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unplugged_stick_ends_its_connection_and_starts_anew_when_plugged() {
    let simulator = simulator();
    let (mut near, far) = tokio::io::duplex(4096);
    let serving = tokio::spawn({
        let simulator = simulator.clone();
        async move { simulator.serve(far).await }
    });
    ping(&mut near).await;
    assert_eq!(
        control(&simulator, &json!({"cmd": "unplug", "id": 7})),
        json!({"ok": true, "id": 7})
    );
    assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
    serving.await.unwrap().unwrap();
    assert!(!simulator.is_plugged());
    assert_eq!(
        control(&simulator, &json!({"cmd": "plug"})),
        json!({"ok": true})
    );
    let (mut near, far) = tokio::io::duplex(4096);
    tokio::spawn({
        let simulator = simulator.clone();
        async move { simulator.serve(far).await }
    });
    until(&mut near, &[0xfe, 0x06, 0x41, 0x80]).await;
}

#[tokio::test]
async fn a_new_connection_takes_the_place_of_the_old() {
    let simulator = simulator();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn({
        let simulator = simulator.clone();
        async move { simulator.serve_tcp(listener).await }
    });
    let mut first = TcpStream::connect(address).await.unwrap();
    ping(&mut first).await;
    let mut second = TcpStream::connect(address).await.unwrap();
    ping(&mut second).await;
    assert_eq!(first.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn the_memory_survives_in_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nv.json");
    let config = StickConfig {
        table_size: 8,
        timing: Timing::INSTANT,
        ..StickConfig::default()
    };
    let mut states = Vec::new();
    for _ in 0..2 {
        let simulator = Simulator::with_image(config.clone(), path.clone()).unwrap();
        let (mut near, far) = tokio::io::duplex(4096);
        let serving = tokio::spawn({
            let simulator = simulator.clone();
            async move { simulator.serve(far).await }
        });
        near.write_all(&START).await.unwrap();
        until(&mut near, &[0xfe, 0x01, 0x45, 0xc0, 0x09, 0x8d]).await;
        states.push(control(&simulator, &json!({"cmd": "state"}))["pan_id"].clone());
        drop(near);
        serving.await.unwrap().unwrap();
    }
    assert!(states.first().unwrap().is_u64());
    assert_eq!(states.first(), states.last());
    std::fs::write(&path, "{\"1/0/zz\": \"00\"}").unwrap();
    assert!(Simulator::with_image(config, path).is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_pseudo_terminal_is_a_serial_port() {
    use tokio_serial::SerialPortBuilderExt;
    let mut pty = simulator::Pty::open().unwrap();
    let path = pty.path().to_owned();
    let simulator = simulator();
    tokio::spawn({
        let simulator = simulator.clone();
        async move { simulator.serve(pty.stream()).await }
    });
    // A host that comes, goes and comes again.
    for _ in 0..2 {
        let mut port = tokio_serial::new(&path, 115_200)
            .open_native_async()
            .unwrap();
        ping(&mut port).await;
        port.write_all(&RESET).await.unwrap();
        // The whole reset indication: what is not read waits for the next who opens the port.
        let indication = [
            0xfe, 0x06, 0x41, 0x80, 0x00, 0x02, 0x01, 0x02, 0x07, 0x01, 0xc0,
        ];
        until(&mut port, &indication).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_load_keeps_its_window_and_its_order() {
    let simulator = Simulator::new(StickConfig {
        timing: Timing::INSTANT,
        ..StickConfig::default()
    })
    .unwrap();
    simulator.with(|stick, _| {
        stick.preform(&simulator::Network::default());
        stick.add_fleet(&simulator::plan("LLKZMK11LM:3", 0).unwrap());
    });
    let (mut near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn({
        let simulator = simulator.clone();
        async move { simulator.serve(far).await }
    });
    near.write_all(&START).await.unwrap();
    until(&mut near, &[0xfe, 0x01, 0x45, 0xc0, 0x09, 0x8d]).await;
    near.write_all(&REGISTER).await.unwrap();
    until(&mut near, &[0xfe, 0x01, 0x64, 0x00]).await;
    let load = control(
        &simulator,
        &json!({"cmd": "load", "count": 100, "window": 8}),
    );
    assert_eq!(load, json!({"ok": true, "emitted": 0, "left": 100}));
    for seen in 0..100_u16 {
        let value = f32::from(seen / 3 + 1).to_le_bytes();
        until(&mut near, &[&[0x0a, 0x55, 0x00, 0x39][..], &value].concat()).await;
        let progress = control(&simulator, &json!({"cmd": "progress"}));
        let emitted = progress["emitted"].as_u64().unwrap();
        assert!(emitted <= u64::from(seen) + 8, "{emitted} after {seen}");
        control(&simulator, &json!({"cmd": "credit"}));
    }
}

#[test]
fn control_lines_that_are_wrong_are_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let simulator = simulator();
    for (line, error) in [
        ("{", "EOF"),
        ("{}", "`cmd`"),
        (r#"{"cmd": "fly"}"#, "unknown command `fly`"),
        (r#"{"cmd": "join", "device": "0x1"}"#, "`device`"),
        (
            r#"{"cmd": "leave", "device": "0x00158d0001000001"}"#,
            "no simulated device",
        ),
        (
            r#"{"cmd": "add", "device": "0x00158d0001000001", "model": "X"}"#,
            "no simulated model `X`",
        ),
    ] {
        let answer: Json = serde_json::from_str(&simulator.control_line(line)).unwrap();
        assert_eq!(answer["ok"], false, "{line}");
        assert!(
            answer["error"].as_str().unwrap().contains(error),
            "{line}: {answer}"
        );
    }
}
