//! §12.8: the network map.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use adapters::{Reply, Request, RequestError};
use serde_json::{Value as Json, json};
use zigbee::zdo::{self, Neighbor, Response, Route};
use zigbee::{IeeeAddress, NwkAddress};

use crate::house::{COORDINATOR, House, RELAY, SWITCH};

const RELAY_NWK: NwkAddress = NwkAddress(0x1111);
const SWITCH_NWK: NwkAddress = NwkAddress(0x4141);
const MINUTE: Duration = Duration::from_secs(60);

fn neighbor(ieee: IeeeAddress, nwk: NwkAddress, relationship: u8) -> Neighbor {
    Neighbor {
        extended_pan: 1,
        ieee,
        nwk,
        device_type: 1,
        rx_on_when_idle: 1,
        relationship,
        permit_joining: 2,
        depth: 1,
        lqi: 77,
    }
}

fn route(destination: NwkAddress, next_hop: NwkAddress, status: u8) -> Route {
    Route {
        destination,
        status,
        memory_constrained: false,
        many_to_one: true,
        route_record_required: false,
        next_hop,
    }
}

/// What a node says of its surroundings; `None`: it does not answer.
type Tables = Option<(Vec<Neighbor>, Vec<Route>)>;

/// Answers questions for tables with three entries at a time, and notes them.
fn answer_tables(
    house: &mut House,
    tables: BTreeMap<NwkAddress, Tables>,
) -> Rc<RefCell<Vec<String>>> {
    fn page<T: Clone>(all: &[T], start: u8) -> (u8, Vec<T>) {
        let shown = all.iter().skip(start.into()).take(3).cloned().collect();
        (u8::try_from(all.len()).unwrap(), shown)
    }
    let asked = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::clone(&asked);
    house.script = Some(Box::new(move |request| {
        let Request::Zdo(nwk, request) = request else {
            return None;
        };
        let (what, start) = match request {
            zdo::Request::MgmtLqi { start } => ("lqi", *start),
            zdo::Request::MgmtRouting { start } => ("routes", *start),
            _ => return None,
        };
        notes.borrow_mut().push(format!("{what} {nwk} {start}"));
        let Some(Some((neighbors, routes))) = tables.get(nwk) else {
            return Some(Err(RequestError::NoResponse(Duration::from_secs(10))));
        };
        Some(Ok(Reply::Zdo(if what == "lqi" {
            let (total, neighbors) = page(neighbors, start);
            Response::MgmtLqi {
                total,
                start,
                neighbors,
            }
        } else {
            let (total, routes) = page(routes, start);
            Response::MgmtRouting {
                total,
                start,
                routes,
            }
        })))
    }));
    asked
}

/// The relay hangs on the coordinator, the switch on the relay.
fn usual() -> BTreeMap<NwkAddress, Tables> {
    let coordinator = (
        vec![
            neighbor(RELAY, RELAY_NWK, 1),
            // A child that moved on, and one of a relationship that nobody defined.
            neighbor(SWITCH, SWITCH_NWK, 4),
            neighbor(SWITCH, SWITCH_NWK, 5),
            neighbor(IeeeAddress(0x0099), NwkAddress(0x9999), 2),
        ],
        vec![
            route(RELAY_NWK, RELAY_NWK, 0),
            route(SWITCH_NWK, RELAY_NWK, 3),
            route(NwkAddress(0x0099), NwkAddress(0x0098), 7),
            route(NwkAddress(0x0097), NwkAddress(0x0098), 0),
        ],
    );
    // Some devices do not know their children's addresses.
    let relay = (vec![neighbor(IeeeAddress(0), SWITCH_NWK, 1)], Vec::new());
    BTreeMap::from([
        (NwkAddress::COORDINATOR, Some(coordinator)),
        (RELAY_NWK, Some(relay)),
    ])
}

fn node(map: &Json, ieee: IeeeAddress) -> &Json {
    let nodes = map["nodes"].as_array().unwrap();
    nodes
        .iter()
        .find(|node| node["ieeeAddr"] == ieee.to_string())
        .unwrap()
}

#[test]
fn the_raw_map_has_the_nodes_and_links_of_the_contract() {
    let mut house = House::new(&json!({}));
    house.frame(0x4141, 1, 6, &[0x18, 1, 0x0a, 0, 0, 0x10, 1]);
    answer_tables(&mut house, usual());
    let payload = r#"{"type":"raw","routes":true,"transaction":7}"#;
    let response = house.request_within(MINUTE, "networkmap", payload);
    assert_eq!(
        (&response["status"], &response["transaction"]),
        (&json!("ok"), &json!(7))
    );
    let data = &response["data"];
    assert_eq!(
        (&data["type"], &data["routes"]),
        (&json!("raw"), &json!(true))
    );
    let map = &data["value"];
    assert_eq!(
        node(map, COORDINATOR),
        &json!({
            "ieeeAddr": COORDINATOR.to_string(), "friendlyName": "Coordinator",
            "type": "Coordinator", "networkAddress": 0, "failed": [],
        })
    );
    let relay = node(map, RELAY);
    assert_eq!(relay["friendlyName"], "hall/relay");
    assert_eq!(relay["type"], "Router");
    assert_eq!(relay["modelID"], "lumi.relay.c2acn01");
    assert_eq!(relay["manufacturerName"], "LUMI");
    assert_eq!(relay["failed"], json!([]));
    assert_eq!(relay["definition"]["model"], "LLKZMK11LM");
    assert_eq!(relay["definition"]["vendor"], "Aqara");
    let supports = relay["definition"]["supports"].as_str().unwrap();
    assert!(supports.starts_with("power, energy, "), "{supports}");
    assert!(supports.ends_with(", linkquality"), "{supports}");
    assert_eq!(supports.matches("switch (state)").count(), 1, "{supports}");
    // The house's switch is a router in its record: whatever it is, it did not answer.
    let switch = node(map, SWITCH);
    assert_eq!(switch["lastSeen"], 1_767_614_400_000_i64);
    assert_eq!(relay.get("lastSeen"), None);
    let links = map["links"].as_array().unwrap();
    assert_eq!(links.len(), 3, "{links:?}");
    assert_eq!(
        links[0],
        json!({
            "source": {"ieeeAddr": RELAY.to_string(), "networkAddress": 0x1111},
            "target": {"ieeeAddr": COORDINATOR.to_string(), "networkAddress": 0},
            "deviceType": 1, "rxOnWhenIdle": 1, "relationship": 1, "permitJoining": 2,
            "depth": 1, "lqi": 77,
            "routes": [
                {"destinationAddress": 0x1111, "nextHopAddress": 0x1111, "status": "ACTIVE",
                 "memoryConstrained": 0, "manyToOne": 1, "routeRecordRequired": 0, "reserved1": 0},
                {"destinationAddress": 0x4141, "nextHopAddress": 0x1111, "status": "INACTIVE",
                 "memoryConstrained": 0, "manyToOne": 1, "routeRecordRequired": 0, "reserved1": 0},
            ],
            "linkquality": 77, "sourceIeeeAddr": RELAY.to_string(),
            "targetIeeeAddr": COORDINATOR.to_string(), "sourceNwkAddr": 0x1111,
        })
    );
    assert_eq!(links[1]["source"]["networkAddress"], 0x9999);
    assert_eq!(links[1]["routes"], json!([]));
    assert_eq!(links[2]["source"]["ieeeAddr"], SWITCH.to_string());
    assert_eq!(links[2]["target"]["ieeeAddr"], RELAY.to_string());
}

#[test]
fn long_tables_are_read_page_by_page_a_second_apart_and_the_deaf_are_asked_twice() {
    let mut house = House::new(&json!({}));
    let mut tables = usual();
    tables.insert(RELAY_NWK, None);
    let asked = answer_tables(&mut house, tables);
    house.mqtt(
        "z/bridge/request/networkmap",
        r#"{"type":"raw","routes":true}"#,
    );
    assert!(asked.borrow().is_empty());
    let mut times = Vec::new();
    for second in 0..60 {
        let before = asked.borrow().len();
        house.wait(Duration::from_secs(1));
        for what in asked.borrow().iter().skip(before) {
            times.push(format!("{} {what}", second + 1));
        }
    }
    let router = |what: &str, at: [u32; 2]| at.map(|at| format!("{at} {what} {RELAY_NWK} 0"));
    let relay: Vec<_> = times
        .iter()
        .filter(|line| line.contains(&RELAY_NWK.to_string()))
        .cloned()
        .collect();
    let first: u32 = relay[0].split(' ').next().unwrap().parse().unwrap();
    assert_eq!(
        relay,
        [
            router("lqi", [first, first + 5]),
            router("routes", [first + 5, first + 10])
        ]
        .concat()
    );
    let coordinator: Vec<_> = times
        .iter()
        .filter(|line| line.contains(" 0x0000 "))
        .map(|line| line.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(
        coordinator,
        [
            "lqi 0x0000 0",
            "lqi 0x0000 3",
            "routes 0x0000 0",
            "routes 0x0000 3"
        ]
    );
    let map = &house.last("z/bridge/response/networkmap")["data"]["value"];
    assert_eq!(node(map, RELAY)["failed"], json!(["lqi", "routingTable"]));
    assert_eq!(node(map, COORDINATOR)["failed"], json!([]));
    let log = house.log_lines();
    assert!(
        log.iter()
            .any(|line| line.contains("'hall/relay' did not tell its neighbours")),
        "{log:?}"
    );
}

#[test]
fn a_table_that_promises_more_than_it_gives_ends() {
    let mut house = House::new(&json!({}));
    house.script = Some(Box::new(|request| match request {
        Request::Zdo(_, zdo::Request::MgmtLqi { start }) => Some(Ok(Reply::Zdo(if *start == 0 {
            Response::MgmtLqi {
                total: 200,
                start: 0,
                neighbors: vec![neighbor(RELAY, RELAY_NWK, 1)],
            }
        } else {
            Response::MgmtLqi {
                total: 200,
                start: *start,
                neighbors: Vec::new(),
            }
        }))),
        _ => None,
    }));
    let response = house.request_within(MINUTE, "networkmap", "raw");
    assert_eq!(
        node(&response["data"]["value"], COORDINATOR)["failed"],
        json!([])
    );
}

#[test]
fn disabled_devices_are_neither_asked_nor_shown() {
    let mut house = House::new(&json!({"devices": {(RELAY.to_string()): {"disabled": true}}}));
    let asked = answer_tables(&mut house, usual());
    let response = house.request_within(MINUTE, "networkmap", r#"{"type":"raw"}"#);
    assert_eq!(response["data"]["routes"], false);
    let nodes = response["data"]["value"]["nodes"].as_array().unwrap();
    assert!(
        nodes
            .iter()
            .all(|node| node["ieeeAddr"] != RELAY.to_string())
    );
    assert!(
        asked
            .borrow()
            .iter()
            .all(|line| !line.contains(&RELAY_NWK.to_string()) && !line.contains("routes")),
        "{asked:?}"
    );
}

#[test]
fn who_comes_during_a_scan_gets_what_it_finds() {
    let mut house = House::new(&json!({}));
    let asked = answer_tables(&mut house, usual());
    house.mqtt(
        "z/bridge/request/networkmap",
        r#"{"type":"raw","transaction":1}"#,
    );
    house.wait(Duration::from_millis(1500));
    house.mqtt(
        "z/bridge/request/networkmap",
        r#"{"type":"plantuml","transaction":2}"#,
    );
    house.wait(MINUTE);
    let responses: Vec<_> = house
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("z/bridge/response/networkmap "))
        .collect();
    assert_eq!(responses.len(), 2);
    assert!(responses[0].ends_with(r#""transaction":1}"#));
    assert!(responses[1].ends_with(r#""transaction":2}"#));
    let first_page = asked
        .borrow()
        .iter()
        .filter(|line| *line == "lqi 0x0000 0")
        .count();
    assert_eq!(first_page, 1);
}

#[test]
fn other_forms_are_refused_with_the_list_of_those_there_are() {
    let mut house = House::new(&json!({}));
    for (payload, kind) in [
        ("svg", "svg"),
        ("", ""),
        (r#"{"type":"RAW"}"#, "RAW"),
        ("{}", "undefined"),
        ("5", "5"),
        ("null", "null"),
    ] {
        assert_eq!(
            house.request("networkmap", payload),
            format!(
                r#"{{"data":{{}},"error":"Type '{kind}' not supported, allowed are: raw,graphviz,plantuml","status":"error"}}"#
            )
        );
    }
    house.radio(adapters::Event::Down);
    assert_eq!(
        house.request("networkmap", "raw"),
        r#"{"data":{},"error":"the coordinator is not connected","status":"error"}"#
    );
}

#[test]
fn a_coordinator_that_goes_ends_the_scan() {
    let mut house = House::new(&json!({}));
    house.mqtt("z/bridge/request/networkmap", "raw");
    house.radio(adapters::Event::Down);
    house.wait(MINUTE);
    assert_eq!(
        house.last("z/bridge/response/networkmap")["error"],
        "the coordinator is not connected"
    );
}

#[test]
fn plantuml_is_a_list_of_cards_and_arrows() {
    let mut house = House::new(&json!({}));
    answer_tables(&mut house, usual());
    let response = house.request_within(MINUTE, "networkmap", "plantuml");
    let text = response["data"]["value"].as_str().unwrap();
    assert!(text.starts_with("@startuml\ncard "), "{text}");
    assert!(text.ends_with("\n@enduml"), "{text}");
    let card = format!(
        "card {RELAY} [\nhall/relay\n---\n{RELAY} (0x1111)\n---\n\
         Aqara Dual relay module (LLKZMK11LM)\n---\nunknown\n]\n"
    );
    assert!(text.contains(&card), "{text}");
    assert!(
        text.contains(&format!("{RELAY} --> {COORDINATOR}: 77\n")),
        "{text}"
    );
}

/// A name with everything that means something in a record's label.
const NAME: &str = r#"a "b" {c|d} <e> \f\n\"#;

#[test]
fn graphviz_text_is_in_the_language_whatever_the_names_are() {
    let mut house = House::new(&json!({
        "devices": {(RELAY.to_string()): {"friendly_name": NAME}},
        "map_options": {"graphviz": {"colors": {"fill": {"router": "#010203"}}}},
    }));
    answer_tables(&mut house, usual());
    let payload = r#"{"type":"graphviz","routes":true}"#;
    let response = house.request_within(MINUTE, "networkmap", payload);
    let text = response["data"]["value"].as_str().unwrap();
    let graph = dot::parse(text);
    assert_eq!(graph.nodes.len(), 3);
    let relay = &graph.nodes[&RELAY.to_string()];
    assert_eq!(relay["fillcolor"], "#010203");
    assert_eq!(relay["fontcolor"], "#ffffff");
    assert_eq!(relay["style"], "rounded, filled");
    let coordinator = &graph.nodes[&COORDINATOR.to_string()];
    assert_eq!(coordinator["fillcolor"], "#e04e5d");
    assert_eq!(
        dot::fields(&coordinator["label"]),
        [
            "Coordinator",
            &format!("{COORDINATOR} (0x0000)"),
            "0 seconds ago"
        ]
    );
    let fields = dot::fields(&relay["label"]);
    assert_eq!(fields.len(), 4, "{fields:?}");
    assert_eq!(fields[0], NAME);
    assert_eq!(fields[2], "Aqara Dual relay module (LLKZMK11LM)");
    let edge = graph
        .edges
        .iter()
        .find(|(from, _, _)| *from == RELAY.to_string())
        .unwrap();
    assert_eq!(edge.1, COORDINATOR.to_string());
    assert_eq!(
        (edge.2["penwidth"].as_str(), edge.2["weight"].as_str()),
        ("2", "1")
    );
    assert_eq!(edge.2["color"], "#009900");
    assert_eq!(edge.2["label"], "77 (routes: 0x1111,0x4141)");
}

/// As much of the DOT language as the map needs, read strictly (graphviz.org/doc/info/lang.html).
mod dot {
    use std::collections::BTreeMap;

    type Attributes = BTreeMap<String, String>;

    #[derive(Default)]
    pub(super) struct Graph {
        pub(super) nodes: BTreeMap<String, Attributes>,
        pub(super) edges: Vec<(String, String, Attributes)>,
    }

    #[derive(Debug, Clone, PartialEq)]
    enum Token {
        Id(String),
        Mark(&'static str),
    }

    /// In a quoted string `\"` is a quote; everything else stays as it is.
    fn tokens(text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                c if c.is_whitespace() => {}
                '"' => {
                    let mut id = String::new();
                    loop {
                        match chars.next().expect("a string that ends") {
                            '"' => break,
                            '\\' => match chars.next().expect("a character after a backslash") {
                                '"' => id.push('"'),
                                other => id.extend(['\\', other]),
                            },
                            other => id.push(other),
                        }
                    }
                    tokens.push(Token::Id(id));
                }
                '-' => {
                    assert_eq!(chars.next(), Some('>'));
                    tokens.push(Token::Mark("->"));
                }
                c if c.is_ascii_alphanumeric() => {
                    let mut id = String::from(c);
                    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '.') {
                        id.push(c);
                    }
                    tokens.push(Token::Id(id));
                }
                other => {
                    let marks = ["{", "}", "[", "]", "=", ",", ";"];
                    let mark = marks.iter().find(|mark| mark.starts_with(other));
                    tokens.push(Token::Mark(mark.unwrap_or_else(|| panic!("{other:?}"))));
                }
            }
        }
        tokens
    }

    pub(super) fn parse(text: &str) -> Graph {
        let mut tokens = tokens(text).into_iter().peekable();
        let id = |tokens: &mut dyn Iterator<Item = Token>| match tokens.next() {
            Some(Token::Id(id)) => id,
            other => panic!("{other:?}"),
        };
        assert_eq!(id(&mut tokens), "digraph");
        assert_eq!(id(&mut tokens), "G");
        assert_eq!(tokens.next(), Some(Token::Mark("{")));
        let mut graph = Graph::default();
        while tokens.next_if_eq(&Token::Mark("}")).is_none() {
            let name = id(&mut tokens);
            let target = tokens
                .next_if_eq(&Token::Mark("->"))
                .map(|_| id(&mut tokens));
            let mut attributes = Attributes::new();
            assert_eq!(tokens.next(), Some(Token::Mark("[")));
            while tokens.next_if_eq(&Token::Mark("]")).is_none() {
                let key = id(&mut tokens);
                assert_eq!(tokens.next(), Some(Token::Mark("=")));
                attributes.insert(key, id(&mut tokens));
                tokens.next_if_eq(&Token::Mark(","));
            }
            tokens.next_if_eq(&Token::Mark(";"));
            match target {
                Some(target) => graph.edges.push((name, target, attributes)),
                None if name == "node" => {}
                None => {
                    graph.nodes.insert(name, attributes);
                }
            }
        }
        assert_eq!(tokens.next(), None);
        graph
    }

    /// The fields of a record of one column, with what their characters stand for.
    pub(super) fn fields(label: &str) -> Vec<String> {
        let inner = label.strip_prefix('{').unwrap().strip_suffix('}').unwrap();
        let mut fields = vec![String::new()];
        let mut chars = inner.chars();
        while let Some(c) = chars.next() {
            match c {
                '|' => fields.push(String::new()),
                '{' | '}' | '<' | '>' => panic!("{c} divides the record: {label}"),
                '\\' => {
                    let c = chars.next().unwrap();
                    assert!(!c.is_ascii_alphanumeric(), "\\{c} means something else");
                    fields.last_mut().unwrap().push(c);
                }
                other => fields.last_mut().unwrap().push(other),
            }
        }
        fields
    }
}
