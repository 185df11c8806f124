//! The whole bridge between a simulated stick on TCP and a broker of the test's own, in real time.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

mod broker;

use std::future::Future;
use std::path::Path;
use std::thread::JoinHandle;

use adapters::transport::PortSettings;
use bridge::data::DataDirectory;
use bridge::runtime::{Exit, LogTargets, RunError, RunOptions, run};
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{ConnectReturnCode, Packet, PubAck, Publish};
use serde_json::{Value as Json, json};
use simulator::{Network, Simulator, StickConfig, Timing, plan};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use broker::{LIMIT, Peer};

/// A simulated stick, a listening broker, a data directory that names both.
struct House {
    simulator: Simulator,
    listener: TcpListener,
    directory: tempfile::TempDir,
}

impl House {
    async fn new(devices: &str) -> Self {
        let config = StickConfig {
            timing: Timing::INSTANT,
            ..StickConfig::default()
        };
        let simulator = Simulator::new(config).unwrap();
        let stick = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        simulator
            .with(|inner, _| {
                inner.preform(&Network::default());
                inner.add_fleet(&plan(devices, 0).unwrap());
                simulator::write_data(
                    directory.path(),
                    inner,
                    &format!("tcp://{}", stick.local_addr().unwrap()),
                    &format!("mqtt://{}", listener.local_addr().unwrap()),
                )
            })
            .unwrap();
        let serving = simulator.clone();
        tokio::spawn(async move { serving.serve_tcp(stick).await });
        Self {
            simulator,
            listener,
            directory,
        }
    }

    fn start(&self) -> Running {
        let (stop, stopped) = oneshot::channel::<()>();
        let path = self.directory.path().to_owned();
        let thread = std::thread::spawn(move || {
            bridge(&path, async {
                let _ = stopped.await;
            })
        });
        Running { stop, thread }
    }

    async fn accept(&self) -> Peer {
        Peer::accept(&self.listener, ConnectReturnCode::Success)
            .await
            .0
    }
}

fn bridge(path: &Path, shutdown: impl Future<Output = ()>) -> Result<Exit, RunError> {
    let loaded = DataDirectory::open(path)?;
    let port = loaded.settings.serial().port.clone().unwrap();
    let connector = PortSettings::new(port).connector().unwrap();
    let mut options = RunOptions::new(
        loaded,
        Box::new(|config| Box::new(adapters::znp::ZnpSession::new(config))),
    );
    options.log = LogTargets {
        console: false,
        files: false,
    };
    run(options, connector, shutdown)
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<Exit, RunError>>,
}

impl Running {
    async fn joined(thread: JoinHandle<Result<Exit, RunError>>) -> Result<Exit, RunError> {
        let joined = tokio::task::spawn_blocking(move || thread.join().unwrap());
        timeout(LIMIT, joined).await.unwrap().unwrap()
    }
}

/// The next message; acknowledges it where that is wanted.
async fn message(peer: &mut Peer) -> Option<Publish> {
    loop {
        match peer.packet().await? {
            Packet::Publish(publish) => {
                if publish.qos == QoS::AtLeastOnce {
                    peer.send(Packet::PubAck(PubAck::new(publish.pkid))).await;
                }
                return Some(publish);
            }
            Packet::Disconnect => return None,
            _ => {}
        }
    }
}

/// Waits for a message on a topic below the base.
async fn wait_for(peer: &mut Peer, topic: &str) -> Json {
    let topic = format!("zigbee2mqtt/{topic}");
    loop {
        let publish = message(peer).await.unwrap();
        if publish.topic == topic {
            return serde_json::from_slice(&publish.payload).unwrap();
        }
    }
}

async fn send(peer: &mut Peer, topic: &str, payload: &str) {
    let topic = format!("zigbee2mqtt/{topic}");
    let publish = Publish::new(topic, QoS::AtMostOnce, payload);
    peer.send(Packet::Publish(publish)).await;
}

#[tokio::test]
async fn reports_flow_in_order_while_stick_and_broker_come_and_go() {
    let house = House::new("LLKZMK11LM:3").await;
    let running = house.start();
    let mut peer = house.accept().await;
    assert_eq!(wait_for(&mut peer, "bridge/state").await["state"], "online");
    wait_for(&mut peer, "bridge/extensions").await;

    // Three devices in turn, each counting.
    let load = json!({"cmd": "load", "count": 3000});
    house.simulator.control(&load).unwrap();
    let mut last = std::collections::BTreeMap::<String, u64>::new();
    for _ in 0..3000 {
        let publish = message(&mut peer).await.unwrap();
        let state: Json = serde_json::from_slice(&publish.payload).unwrap();
        let power = state["power"].as_u64().unwrap();
        assert_eq!(last.insert(publish.topic, power).unwrap_or(0) + 1, power);
    }
    assert_eq!(last.len(), 3);

    // The stick goes: the broker is told, requests are answered, and all is well when it is back.
    house.simulator.unplug();
    assert_eq!(
        wait_for(&mut peer, "bridge/state").await["state"],
        "offline"
    );
    send(
        &mut peer,
        "bridge/request/health_check",
        r#"{"transaction":4}"#,
    )
    .await;
    let response = wait_for(&mut peer, "bridge/response/health_check").await;
    assert_eq!(response["transaction"], 4);
    house.simulator.plug();
    assert_eq!(wait_for(&mut peer, "bridge/state").await["state"], "online");

    // The broker goes: all that is retained comes again.
    drop(peer);
    let mut peer = house.accept().await;
    assert_eq!(wait_for(&mut peer, "bridge/state").await["state"], "online");
    for list in ["info", "devices", "groups", "definitions"] {
        wait_for(&mut peer, &format!("bridge/{list}")).await;
    }

    // A stop says goodbye on both sides and leaves the files behind.
    running.stop.send(()).unwrap();
    assert_eq!(
        wait_for(&mut peer, "bridge/state").await["state"],
        "offline"
    );
    assert!(
        message(&mut peer).await.is_none(),
        "the goodbye is the last"
    );
    assert_eq!(
        Running::joined(running.thread).await.unwrap(),
        Exit::Stopped
    );
    for file in ["state.json", "database.db", "coordinator_backup.json"] {
        assert!(house.directory.path().join(file).exists(), "{file}");
    }
}

#[tokio::test]
async fn a_bridge_whose_stick_never_comes_says_so_and_can_be_restarted() {
    let house = House::new("LLKZMK11LM:1").await;
    house.simulator.unplug();
    let running = house.start();
    let mut peer = house.accept().await;
    assert_eq!(
        wait_for(&mut peer, "bridge/state").await["state"],
        "offline"
    );
    send(&mut peer, "bridge/request/permit_join", "60").await;
    let response = wait_for(&mut peer, "bridge/response/permit_join").await;
    assert_eq!(response["status"], "error");
    send(&mut peer, "bridge/request/backup", "").await;
    let response = wait_for(&mut peer, "bridge/response/backup").await;
    assert!(
        response["data"]["zip"]
            .as_str()
            .unwrap()
            .starts_with("UEsD")
    );
    send(&mut peer, "bridge/request/restart", "").await;
    assert_eq!(
        Running::joined(running.thread).await.unwrap(),
        Exit::Restart
    );
}

#[tokio::test]
async fn the_network_is_mapped_over_real_bytes() {
    let house = House::new("PLUG:2,QBKG41LM:1").await;
    let running = house.start();
    let mut peer = house.accept().await;
    wait_for(&mut peer, "bridge/extensions").await;
    send(
        &mut peer,
        "bridge/request/networkmap",
        r#"{"type":"raw","routes":true}"#,
    )
    .await;
    let response = wait_for(&mut peer, "bridge/response/networkmap").await;
    assert_eq!(response["status"], "ok", "{response}");
    let map = &response["data"]["value"];
    let nodes = map["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 4);
    let failed: Vec<_> = nodes.iter().map(|node| &node["failed"]).collect();
    assert!(
        failed.iter().all(|failed| *failed == &json!([])),
        "{failed:?}"
    );
    // Each of four hears the three others: the tables of the coordinator have more than one page.
    assert_eq!(map["links"].as_array().unwrap().len(), 12, "{map}");
    running.stop.send(()).unwrap();
    drop(peer);
    Running::joined(running.thread).await.unwrap();
}

#[tokio::test]
async fn a_device_of_another_network_is_found_shown_reset_and_joins() {
    let house = House::new("PLUG:1").await;
    let device = "0x0017880100000001";
    let add = json!({"cmd": "add", "device": device, "model": "PLUG", "channel": 15});
    house.simulator.control(&add).unwrap();
    let running = house.start();
    let mut peer = house.accept().await;
    wait_for(&mut peer, "bridge/extensions").await;

    send(&mut peer, "bridge/request/touchlink/scan", "").await;
    let response = wait_for(&mut peer, "bridge/response/touchlink/scan").await;
    let found = json!({"ieee_address": device, "channel": 15});
    assert_eq!(response["data"]["found"], json!([found]), "{response}");

    let request = found.to_string();
    send(&mut peer, "bridge/request/touchlink/identify", &request).await;
    let response = wait_for(&mut peer, "bridge/response/touchlink/identify").await;
    assert_eq!(response["status"], "ok", "{response}");
    let ieee = device.parse().unwrap();
    let shown = house.simulator.with(|stick, _| stick.shown_elsewhere(ieee));
    assert_eq!(shown, Some(1));

    send(
        &mut peer,
        "bridge/request/touchlink/factory_reset",
        &request,
    )
    .await;
    let response = wait_for(&mut peer, "bridge/response/touchlink/factory_reset").await;
    assert_eq!(response["status"], "ok", "{response}");
    let (shown, away) = house
        .simulator
        .with(|stick, _| (stick.shown_elsewhere(ieee), stick.away()));
    assert_eq!((shown, away), (None, None), "reset, and the radio is back");

    send(&mut peer, "bridge/request/permit_join", "60").await;
    wait_for(&mut peer, "bridge/response/permit_join").await;
    let join = json!({"cmd": "join", "device": device});
    house.simulator.control(&join).unwrap();
    loop {
        let event = wait_for(&mut peer, "bridge/event").await;
        if event["data"]["status"] == "successful" {
            assert_eq!(event["data"]["ieee_address"], device);
            break;
        }
    }
    running.stop.send(()).unwrap();
    drop(peer);
    Running::joined(running.thread).await.unwrap();
}

#[tokio::test]
async fn the_network_moves_to_the_channel_of_the_configuration() {
    let house = House::new("PLUG:1").await;
    let path = house.directory.path().join("configuration.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("channel: 11\n"), "{text}");
    std::fs::write(&path, text.replace("channel: 11\n", "channel: 25\n")).unwrap();
    let running = house.start();
    let mut peer = house.accept().await;
    loop {
        let info = wait_for(&mut peer, "bridge/info").await;
        if info["network"]["channel"] == 25 {
            break;
        }
    }
    let channel = house
        .simulator
        .with(|stick, _| stick.network().unwrap().channel);
    assert_eq!(channel, 25);
    running.stop.send(()).unwrap();
    drop(peer);
    Running::joined(running.thread).await.unwrap();
}
