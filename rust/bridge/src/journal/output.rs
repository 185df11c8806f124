//! Outputs for people and programs.

use adapters::{Destination, Request};
use serde_json::{Value as Json, json};

use super::hex;
use super::input::level_name;
use crate::core::{Audience, CoreOutput};

/// An output as JSON: one key that says what it is, and what belongs to it.
pub fn describe(output: &CoreOutput) -> Json {
    match output {
        CoreOutput::Publish(publish) => {
            let mut shown = json!({
                "topic": &*publish.topic,
                "payload": text(&publish.payload),
                "qos": publish.qos as u8,
                "retain": publish.retain,
            });
            if let (Some(seconds), Some(map)) = (publish.expiry, shown.as_object_mut()) {
                map.insert("expiry".to_owned(), seconds.into());
            }
            json!({ "publish": shown })
        }
        CoreOutput::Adapter(id, Request::Aps(aps)) => json!({ "radio": {
            "request": id.0,
            "to": match aps.destination {
                Destination::Device(nwk, endpoint) => json!({"nwk": nwk.0, "endpoint": endpoint.0}),
                Destination::Group(group) => json!({"group": group.0}),
                Destination::Broadcast(nwk, endpoint) => {
                    json!({"broadcast": nwk.0, "endpoint": endpoint.0})
                }
            },
            "from": aps.source_endpoint.0,
            "profile": aps.profile.0,
            "cluster": aps.cluster.0,
            "zcl": hex::text(&aps.payload),
        }}),
        CoreOutput::Adapter(id, request) => {
            json!({ "radio": {"request": id.0, "what": format!("{request:?}")} })
        }
        CoreOutput::Frame(audience, frame) => json!({ "web": {
            "to": match audience {
                Audience::All => Json::Null,
                Audience::One(id) => id.0.into(),
            },
            "frame": text(frame),
        }}),
        CoreOutput::Tell(id, told) => json!({ "tell": {
            "client": id.0,
            "topic": &*told.topic,
            "payload": text(&told.payload),
            "stored": told.stored,
        }}),
        CoreOutput::Log(entry) => json!({ "log": {
            "level": level_name(entry.level),
            "namespace": entry.namespace,
            "text": entry.text,
        }}),
        CoreOutput::Subscribe(filters) => json!({ "subscribe": filters }),
        CoreOutput::Unsubscribe(filters) => json!({ "unsubscribe": filters }),
        CoreOutput::Save(save) => json!({ "save": format!("{save:?}") }),
        CoreOutput::Fetch(id, fetch) => {
            json!({ "fetch": {"id": id.0, "what": format!("{fetch:?}")} })
        }
        CoreOutput::OtaFile(hub::OtaFile::Write(name, _)) => json!({ "keep_image": name }),
        CoreOutput::OtaFile(hub::OtaFile::Remove(name)) => json!({ "remove_image": name }),
        CoreOutput::Archive(id) => json!({ "archive": id.0 }),
        CoreOutput::Remove { id, path } => json!({ "remove": {"id": id.0, "path": path} }),
        CoreOutput::Workers(workers) => {
            let origins = workers.iter().map(|worker| worker.origin.as_ref());
            json!({ "workers": origins.collect::<Vec<_>>() })
        }
        CoreOutput::CallConverter(id, call) => json!({ "call": {
            "id": id.0,
            "device": call.device.to_string(),
            "definition": call.definition,
            "function": call.call,
        }}),
        CoreOutput::Ask(id, question) => json!({ "ask": {"id": id.0, "what": question} }),
        CoreOutput::MeasureHost => json!({ "measure_host": true }),
        CoreOutput::TimerDue(due) => json!({ "timer_due": due }),
        CoreOutput::Restart => json!({ "restart": true }),
        CoreOutput::Stopped => json!({ "stopped": true }),
    }
}

fn text(payload: &[u8]) -> Json {
    match std::str::from_utf8(payload) {
        Ok(text) => text.into(),
        Err(_) => json!({ "hex": hex::text(payload) }),
    }
}
