//! The MQTT client against a broker of the test's own, which sees every packet.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

mod broker;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bridge::core::{Publish, Qos};
use bridge::mqtt::{Event, Item, Options, Outbox, run};
use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{ConnectReturnCode, Packet, PubAck};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::timeout;

use broker::{LIMIT, Peer};

fn message(topic: &str, payload: &str, qos: Qos, retain: bool) -> Publish {
    Publish {
        topic: Arc::from(topic),
        payload: payload.as_bytes().to_vec(),
        qos,
        retain,
        expiry: None,
        common: None,
    }
}

fn options(listener: &TcpListener) -> Options {
    Options {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
        tls: None,
        path: None,
        user: Some("me".to_owned()),
        password: Some("hush".to_owned()),
        client_id: "c1".to_owned(),
        version: 4,
        keepalive: Duration::from_secs(60),
        will: Some(message("z/bridge/state", "gone", Qos::AtLeastOnce, true)),
        maximum_packet_size: 1000,
    }
}

async fn next(events: &mut Receiver<Event>) -> Event {
    timeout(LIMIT, events.recv()).await.unwrap().unwrap()
}

/// Runs the client beside `test`; both have to end.
fn with_client<F: Future<Output = ()>>(
    test: impl FnOnce(TcpListener, Rc<Outbox>, Receiver<Event>) -> F,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let outbox = Rc::new(Outbox::default());
        let (sender, receiver) = channel(4);
        let client = run(options(&listener), Rc::clone(&outbox), sender);
        tokio::join!(client, test(listener, outbox, receiver));
    });
}

#[test]
fn the_client_greets_sends_in_order_and_says_goodbye_last() {
    with_client(|listener, outbox, mut events| async move {
        let (mut peer, connect) = Peer::accept(&listener, ConnectReturnCode::Success).await;
        assert_eq!(connect.client_id, "c1");
        assert!(connect.clean_session);
        assert_eq!(connect.keep_alive, 60);
        let login = connect.login.unwrap();
        assert_eq!((&*login.username, &*login.password), ("me", "hush"));
        let will = connect.last_will.unwrap();
        assert_eq!(
            (&*will.topic, &*will.message),
            ("z/bridge/state", &b"gone"[..])
        );
        assert!(will.retain && will.qos == QoS::AtLeastOnce);

        let Event::Connected(session) = next(&mut events).await else {
            panic!("not connected");
        };
        // Far more than goes into one write, with acknowledgements among it.
        for number in 0..5000_u32 {
            let qos = match number % 500 {
                0 => Qos::AtLeastOnce,
                _ => Qos::AtMostOnce,
            };
            let payload = format!("{number:0>200}");
            outbox.push(
                session,
                Item::Publish(message("t", &payload, qos, number == 7)),
            );
        }
        outbox.push(session, Item::Subscribe(vec!["z/+/set/#".to_owned()]));
        outbox.push(session, Item::Unsubscribe(vec!["z/#".to_owned()]));
        outbox.push(session, Item::Disconnect);
        outbox.wake();
        // From here on nobody takes events, as at a stop.
        drop(events);
        let mut expected = 0;
        let mut subscribed = false;
        let mut unsubscribed = false;
        loop {
            match peer.packet().await.unwrap() {
                Packet::Publish(publish) => {
                    let payload = String::from_utf8(publish.payload.to_vec()).unwrap();
                    assert_eq!(payload.parse::<u32>().unwrap(), expected);
                    assert_eq!(publish.retain, expected == 7);
                    if publish.qos == QoS::AtLeastOnce {
                        peer.send(Packet::PubAck(PubAck::new(publish.pkid))).await;
                    }
                    expected += 1;
                }
                Packet::Subscribe(subscribe) => {
                    assert_eq!(subscribe.filters[0].path, "z/+/set/#");
                    subscribed = true;
                }
                Packet::Unsubscribe(unsubscribe) => {
                    assert_eq!(unsubscribe.topics, ["z/#"]);
                    assert_ne!(unsubscribe.pkid, 0);
                    unsubscribed = subscribed;
                }
                Packet::Disconnect => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((expected, unsubscribed), (5000, true));
    });
}

#[test]
fn a_lost_connection_is_told_and_made_again() {
    with_client(|listener, outbox, mut events| async move {
        let (peer, _) = Peer::accept(&listener, ConnectReturnCode::Success).await;
        let Event::Connected(first) = next(&mut events).await else {
            panic!("not connected");
        };
        drop(peer);
        assert!(matches!(next(&mut events).await, Event::Disconnected(_)));
        outbox.push(
            first,
            Item::Publish(message("t", "late", Qos::AtMostOnce, true)),
        );
        let (mut peer, _) = Peer::accept(&listener, ConnectReturnCode::Success).await;
        let Event::Connected(second) = next(&mut events).await else {
            panic!("not connected again");
        };
        outbox.push(
            first,
            Item::Publish(message("t", "later", Qos::AtMostOnce, true)),
        );
        outbox.push(
            second,
            Item::Publish(message("t", "now", Qos::AtMostOnce, true)),
        );
        outbox.push(second, Item::Disconnect);
        outbox.wake();
        let Some(Packet::Publish(publish)) = peer.packet().await else {
            panic!("nothing was published");
        };
        assert_eq!(&*publish.payload, b"now");
        assert_eq!(peer.packet().await, Some(Packet::Disconnect));
    });
}

#[test]
fn a_refusal_says_why() {
    with_client(|listener, _, mut events| async move {
        let (_peer, _) = Peer::accept(&listener, ConnectReturnCode::BadUserNamePassword).await;
        let Event::Disconnected(reason) = next(&mut events).await else {
            panic!("connected");
        };
        assert!(
            reason.contains("user name or password are wrong"),
            "{reason}"
        );
        assert!(!reason.contains("hush"));
    });
}

#[test]
fn messages_come_through_a_full_channel_and_large_ones_are_left_out() {
    with_client(|listener, outbox, mut events| async move {
        let (mut peer, _) = Peer::accept(&listener, ConnectReturnCode::Success).await;
        let Event::Connected(session) = next(&mut events).await else {
            panic!("not connected");
        };
        let mut out = BytesMut::new();
        for number in 0..100_u8 {
            let length = if number == 50 { 5000 } else { 1 };
            let publish =
                rumqttc::mqttbytes::v4::Publish::new("t", QoS::AtMostOnce, vec![number; length]);
            publish.write(&mut out).unwrap();
        }
        peer.stream.write_all(&out).await.unwrap();
        for number in 0..100_u8 {
            match next(&mut events).await {
                Event::Message { payload, .. } => assert_eq!(payload, [number]),
                Event::Skipped(length) => assert_eq!((number, length), (50, 5006)),
                other => panic!("{other:?}"),
            }
        }
        outbox.push(session, Item::Disconnect);
        outbox.wake();
        assert_eq!(peer.packet().await, Some(Packet::Disconnect));
    });
}
