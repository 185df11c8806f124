//! ZDO responses as JSON.

use serde_json::{Value as Json, json};
use zigbee::ClusterId;
use zigbee::zdo::{BindTarget, Response, Status};

fn clusters(clusters: &[ClusterId]) -> Vec<String> {
    clusters.iter().map(ToString::to_string).collect()
}

pub(crate) fn meaning(parsed: &Result<Response, Status>) -> Json {
    match parsed {
        Err(status) => json!({"status": status.0}),
        Ok(response) => self::response(response),
    }
}

fn response(response: &Response) -> Json {
    match response {
        Response::NwkAddress {
            ieee,
            nwk,
            associated,
        }
        | Response::IeeeAddress {
            ieee,
            nwk,
            associated,
        } => json!({
            "ieee": ieee.to_string(),
            "nwk": nwk.to_string(),
            "associated": associated.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
        Response::NodeDescriptor { nwk, descriptor } => json!({
            "nwk": nwk.to_string(),
            "type": format!("{:?}", descriptor.logical_type),
            "manufacturer": descriptor.manufacturer.to_string(),
            "mac": descriptor.mac_capabilities,
            "buffer": descriptor.maximum_buffer,
            "incoming": descriptor.maximum_incoming,
            "outgoing": descriptor.maximum_outgoing,
            "server": descriptor.server_mask,
        }),
        Response::PowerDescriptor { nwk, descriptor } => {
            json!({"nwk": nwk.to_string(), "power": descriptor})
        }
        Response::SimpleDescriptor { nwk, descriptor } => json!({
            "nwk": nwk.to_string(),
            "endpoint": descriptor.endpoint.0,
            "profile": descriptor.profile.to_string(),
            "device": descriptor.device.to_string(),
            "in": clusters(&descriptor.inputs),
            "out": clusters(&descriptor.outputs),
        }),
        Response::ActiveEndpoints { nwk, endpoints } | Response::Match { nwk, endpoints } => {
            json!({
                "nwk": nwk.to_string(),
                "endpoints": endpoints.iter().map(|endpoint| endpoint.0).collect::<Vec<_>>(),
            })
        }
        Response::DeviceAnnounce {
            nwk,
            ieee,
            capabilities,
        } => json!({
            "nwk": nwk.to_string(),
            "ieee": ieee.to_string(),
            "capabilities": capabilities,
        }),
        other => management(other),
    }
}

fn management(response: &Response) -> Json {
    match response {
        Response::MgmtLqi {
            total,
            start,
            neighbors,
        } => json!({"total": total, "start": start, "neighbors": neighbors
            .iter()
            .map(|neighbor| json!([
                neighbor.ieee.to_string(),
                neighbor.nwk.to_string(),
                neighbor.device_type,
                neighbor.rx_on_when_idle,
                neighbor.relationship,
                neighbor.permit_joining,
                neighbor.depth,
                neighbor.lqi,
            ]))
            .collect::<Vec<_>>()}),
        Response::MgmtRouting {
            total,
            start,
            routes,
        } => json!({"total": total, "start": start, "routes": routes
            .iter()
            .map(|route| json!([
                route.destination.to_string(),
                route.status,
                route.many_to_one,
                route.next_hop.to_string(),
            ]))
            .collect::<Vec<_>>()}),
        Response::MgmtBind {
            total,
            start,
            bindings,
        } => json!({"total": total, "start": start, "bindings": bindings
            .iter()
            .map(|binding| json!([
                binding.source.to_string(),
                binding.endpoint.0,
                binding.cluster.to_string(),
                match binding.target {
                    BindTarget::Group(group) => json!(group.0),
                    BindTarget::Endpoint(ieee, endpoint) =>
                        json!([ieee.to_string(), endpoint.0]),
                },
            ]))
            .collect::<Vec<_>>()}),
        Response::MgmtNwkUpdate {
            scanned,
            transmissions,
            failures,
            energies,
        } => json!({
            "scanned": format!("0x{scanned:08x}"),
            "transmissions": transmissions,
            "failures": failures,
            "energies": energies,
        }),
        _ => json!("done"),
    }
}
