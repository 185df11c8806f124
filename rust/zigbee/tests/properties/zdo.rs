//! ZDO requests and responses.

use proptest::collection::vec;
use proptest::prelude::*;
use zigbee::zdo::{
    BindTarget, Binding, LogicalType, Neighbor, NodeDescriptor, Request, Response, Route,
    SimpleDescriptor, Status,
};
use zigbee::{
    ClusterId, DeviceId, EndpointId, GroupId, IeeeAddress, ManufacturerCode, NwkAddress, ProfileId,
};

fn nwk() -> impl Strategy<Value = NwkAddress> {
    any::<u16>().prop_map(NwkAddress)
}

fn ieee() -> impl Strategy<Value = IeeeAddress> {
    any::<u64>().prop_map(IeeeAddress)
}

fn endpoint() -> impl Strategy<Value = EndpointId> {
    any::<u8>().prop_map(EndpointId)
}

fn cluster() -> impl Strategy<Value = ClusterId> {
    any::<u16>().prop_map(ClusterId)
}

fn clusters() -> impl Strategy<Value = Vec<ClusterId>> {
    vec(cluster(), 0..9)
}

fn target() -> impl Strategy<Value = BindTarget> {
    prop_oneof![
        any::<u16>().prop_map(|group| BindTarget::Group(GroupId(group))),
        (ieee(), endpoint()).prop_map(|(ieee, endpoint)| BindTarget::Endpoint(ieee, endpoint)),
    ]
}

fn binding() -> impl Strategy<Value = Binding> {
    (ieee(), endpoint(), cluster(), target()).prop_map(|(source, endpoint, cluster, target)| {
        Binding {
            source,
            endpoint,
            cluster,
            target,
        }
    })
}

fn nwk_update() -> impl Strategy<Value = Request> {
    (any::<u32>(), any::<u8>(), any::<u8>(), any::<u8>(), nwk()).prop_map(
        |(channels, duration, count, update_id, manager)| Request::MgmtNwkUpdate {
            channels,
            duration,
            count: if duration <= 5 { count } else { 0 },
            update_id: if duration >= 0xfe { update_id } else { 0 },
            manager: if duration == 0xff {
                manager
            } else {
                NwkAddress::COORDINATOR
            },
        },
    )
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        (ieee(), any::<bool>(), any::<u8>()).prop_map(|(ieee, extended, start)| {
            Request::NwkAddress {
                ieee,
                extended,
                start,
            }
        }),
        (nwk(), any::<bool>(), any::<u8>()).prop_map(|(nwk, extended, start)| {
            Request::IeeeAddress {
                nwk,
                extended,
                start,
            }
        }),
        nwk().prop_map(|nwk| Request::NodeDescriptor { nwk }),
        nwk().prop_map(|nwk| Request::PowerDescriptor { nwk }),
        nwk().prop_map(|nwk| Request::ActiveEndpoints { nwk }),
        (nwk(), endpoint()).prop_map(|(nwk, endpoint)| Request::SimpleDescriptor { nwk, endpoint }),
        (nwk(), any::<u16>(), clusters(), clusters()).prop_map(
            |(nwk, profile, inputs, outputs)| Request::Match {
                nwk,
                profile: ProfileId(profile),
                inputs,
                outputs,
            }
        ),
        binding().prop_map(|binding| Request::Bind {
            source: binding.source,
            endpoint: binding.endpoint,
            cluster: binding.cluster,
            target: binding.target,
        }),
        binding().prop_map(|binding| Request::Unbind {
            source: binding.source,
            endpoint: binding.endpoint,
            cluster: binding.cluster,
            target: binding.target,
        }),
        any::<u8>().prop_map(|start| Request::MgmtLqi { start }),
        any::<u8>().prop_map(|start| Request::MgmtRouting { start }),
        any::<u8>().prop_map(|start| Request::MgmtBind { start }),
        (ieee(), any::<bool>(), any::<bool>()).prop_map(|(ieee, remove_children, rejoin)| {
            Request::MgmtLeave {
                ieee,
                remove_children,
                rejoin,
            }
        }),
        (any::<u8>(), any::<bool>()).prop_map(|(seconds, trust_center_significance)| {
            Request::MgmtPermitJoin {
                seconds,
                trust_center_significance,
            }
        }),
        nwk_update(),
    ]
}

fn node_descriptor() -> impl Strategy<Value = NodeDescriptor> {
    (any::<u16>(), any::<[u8; 3]>(), any::<[u16; 4]>()).prop_map(
        |(flags, [mac_capabilities, maximum_buffer, descriptor_capabilities], words)| {
            NodeDescriptor {
                logical_type: match flags & 0x07 {
                    0 => LogicalType::Coordinator,
                    1 => LogicalType::Router,
                    2 => LogicalType::EndDevice,
                    _ => LogicalType::Reserved(flags.to_le_bytes()[0] & 0x07),
                },
                mac_capabilities,
                manufacturer: ManufacturerCode(words[0]),
                maximum_buffer,
                maximum_incoming: words[1],
                server_mask: words[2],
                maximum_outgoing: words[3],
                descriptor_capabilities,
                flags,
            }
        },
    )
}

fn simple_descriptor() -> impl Strategy<Value = SimpleDescriptor> {
    (
        endpoint(),
        any::<u16>(),
        any::<u16>(),
        any::<u8>(),
        clusters(),
        clusters(),
    )
        .prop_map(
            |(endpoint, profile, device, version, inputs, outputs)| SimpleDescriptor {
                endpoint,
                profile: ProfileId(profile),
                device: DeviceId(device),
                version,
                inputs,
                outputs,
            },
        )
}

fn neighbor() -> impl Strategy<Value = Neighbor> {
    (
        any::<u64>(),
        ieee(),
        nwk(),
        (0..4_u8, 0..4_u8, 0..8_u8, 0..4_u8),
        any::<u8>(),
        any::<u8>(),
    )
        .prop_map(|(extended_pan, ieee, nwk, bits, depth, lqi)| Neighbor {
            extended_pan,
            ieee,
            nwk,
            device_type: bits.0,
            rx_on_when_idle: bits.1,
            relationship: bits.2,
            permit_joining: bits.3,
            depth,
            lqi,
        })
}

fn route() -> impl Strategy<Value = Route> {
    (nwk(), 0..8_u8, any::<[bool; 3]>(), nwk()).prop_map(
        |(
            destination,
            status,
            [memory_constrained, many_to_one, route_record_required],
            next_hop,
        )| {
            Route {
                destination,
                status,
                memory_constrained,
                many_to_one,
                route_record_required,
                next_hop,
            }
        },
    )
}

fn tables() -> impl Strategy<Value = Response> {
    prop_oneof![
        (any::<u8>(), any::<u8>(), vec(neighbor(), 0..4)).prop_map(|(total, start, neighbors)| {
            Response::MgmtLqi {
                total,
                start,
                neighbors,
            }
        }),
        (any::<u8>(), any::<u8>(), vec(route(), 0..9)).prop_map(|(total, start, routes)| {
            Response::MgmtRouting {
                total,
                start,
                routes,
            }
        }),
        (any::<u8>(), any::<u8>(), vec(binding(), 0..4)).prop_map(|(total, start, bindings)| {
            Response::MgmtBind {
                total,
                start,
                bindings,
            }
        }),
        (
            any::<u32>(),
            any::<u16>(),
            any::<u16>(),
            vec(any::<u8>(), 0..17)
        )
            .prop_map(|(scanned, transmissions, failures, energies)| {
                Response::MgmtNwkUpdate {
                    scanned,
                    transmissions,
                    failures,
                    energies,
                }
            }),
    ]
}

fn response() -> impl Strategy<Value = Response> {
    prop_oneof![
        4 => tables(),
        1 => (ieee(), nwk(), vec(nwk(), 0..5)).prop_map(|(ieee, nwk, associated)| {
            Response::NwkAddress { ieee, nwk, associated }
        }),
        1 => (ieee(), nwk(), vec(nwk(), 0..5)).prop_map(|(ieee, nwk, associated)| {
            Response::IeeeAddress { ieee, nwk, associated }
        }),
        1 => (nwk(), node_descriptor())
            .prop_map(|(nwk, descriptor)| Response::NodeDescriptor { nwk, descriptor }),
        1 => (nwk(), any::<u16>())
            .prop_map(|(nwk, descriptor)| Response::PowerDescriptor { nwk, descriptor }),
        1 => (nwk(), simple_descriptor())
            .prop_map(|(nwk, descriptor)| Response::SimpleDescriptor { nwk, descriptor }),
        1 => (nwk(), vec(endpoint(), 0..9))
            .prop_map(|(nwk, endpoints)| Response::ActiveEndpoints { nwk, endpoints }),
        1 => (nwk(), vec(endpoint(), 0..9))
            .prop_map(|(nwk, endpoints)| Response::Match { nwk, endpoints }),
        1 => proptest::sample::select(vec![
            Response::Bind,
            Response::Unbind,
            Response::MgmtLeave,
            Response::MgmtPermitJoin,
        ]),
        1 => (nwk(), ieee(), any::<u8>()).prop_map(|(nwk, ieee, capabilities)| {
            Response::DeviceAnnounce { nwk, ieee, capabilities }
        }),
    ]
}

proptest! {
    #[test]
    fn every_request_is_parsed_back(request in request()) {
        let parsed = Request::parse(request.cluster(), &request.emit());
        prop_assert_eq!(parsed, Some(Ok(request)));
    }

    #[test]
    fn every_response_is_parsed_back(response in response()) {
        let parsed = Response::parse(response.cluster(), &response.emit());
        prop_assert_eq!(parsed, Some(Ok(Ok(response))));
    }

    #[test]
    fn a_refusal_is_its_status_whatever_follows(
        response in tables(),
        status in 1..=u8::MAX,
        rest in vec(any::<u8>(), 0..20),
    ) {
        let mut payload = vec![status];
        payload.extend(rest);
        let parsed = Response::parse(response.cluster(), &payload);
        prop_assert_eq!(parsed, Some(Ok(Err(Status(status)))));
    }

    #[test]
    fn bytes_behind_a_message_are_ignored(request in request(), rest in vec(any::<u8>(), 0..9)) {
        let mut payload = request.emit();
        payload.extend(rest);
        prop_assert_eq!(Request::parse(request.cluster(), &payload), Some(Ok(request)));
    }
}
