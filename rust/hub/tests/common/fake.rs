//! A device that answers what it is asked.

use std::collections::BTreeMap;

use adapters::{ApsRequest, Reply, RequestError};
use devices::{DeviceInfo, DeviceKind};
use zigbee::EndpointId;
use zigbee::zcl::{
    DataType, Direction, Foundation, Frame, FrameType, Header, ReadRecord, Status, Value,
};
use zigbee::zdo::{self, LogicalType, NodeDescriptor, SimpleDescriptor};

/// How a fake device answers.
#[derive(Debug, Clone)]
pub struct Fake {
    pub info: DeviceInfo,
    pub attributes: BTreeMap<(u8, u16, u16), (DataType, Value)>,
    pub rx_on: bool,
    /// How often the n-th kind of ZDO request is not answered before it is.
    pub deaf_to_zdo: BTreeMap<u16, u32>,
}

impl Fake {
    pub fn new(info: DeviceInfo) -> Self {
        let mut attributes = BTreeMap::new();
        let text = |text: &Option<String>| {
            (
                DataType::CHAR_STRING,
                Value::Text(text.clone().unwrap_or_default().into_bytes()),
            )
        };
        let byte = |byte: Option<u8>| (DataType::UINT8, Value::Unsigned(byte.unwrap_or(0).into()));
        for (id, value) in [
            (0x0000, byte(info.zcl_version)),
            (0x0001, byte(info.application_version)),
            (0x0002, byte(info.stack_version)),
            (0x0003, byte(info.hardware_version)),
            (0x0004, text(&info.manufacturer_name)),
            (0x0005, text(&info.model_id)),
            (0x0006, text(&info.date_code)),
            (
                0x0007,
                (
                    DataType::ENUM8,
                    Value::Unsigned(if info.power_source.as_deref() == Some("Battery") {
                        3
                    } else {
                        1
                    }),
                ),
            ),
            (0x4000, text(&info.software_build_id)),
        ] {
            attributes.insert((1, 0, id), value);
        }
        Self {
            rx_on: info.kind == DeviceKind::Router,
            info,
            attributes,
            deaf_to_zdo: BTreeMap::new(),
        }
    }

    /// What the device sends back.
    pub(super) fn answer(&self, request: &ApsRequest, endpoint: EndpointId) -> Option<Vec<u8>> {
        let frame = Frame::parse(&request.payload).unwrap();
        if frame.header.direction == Direction::ToClient {
            return None;
        }
        let response = if frame.header.frame_type == FrameType::Global {
            match Foundation::parse(&frame).unwrap().command {
                Foundation::Read(ids) => Foundation::ReadResponse(
                    ids.into_iter()
                        .map(|id| ReadRecord {
                            id,
                            result: self
                                .attributes
                                .get(&(endpoint.0, request.cluster.0, id.0))
                                .cloned()
                                .ok_or(Status::UNSUPPORTED_ATTRIBUTE),
                        })
                        .collect(),
                ),
                Foundation::Write(_) => {
                    Foundation::WriteResponse(vec![zigbee::zcl::AttributeStatus {
                        status: Status::SUCCESS,
                        id: None,
                    }])
                }
                Foundation::ConfigureReporting(_) => {
                    Foundation::ConfigureReportingResponse(vec![zigbee::zcl::ReportingStatus {
                        status: Status::SUCCESS,
                        direction: 0,
                        id: None,
                    }])
                }
                _ => return None,
            }
        } else if frame.header.disable_default_response {
            return None;
        } else {
            Foundation::DefaultResponse {
                command: frame.header.command,
                status: Status::SUCCESS,
            }
        };
        Some(
            Frame {
                header: Header {
                    frame_type: FrameType::Global,
                    direction: Direction::ToClient,
                    disable_default_response: true,
                    manufacturer: frame.header.manufacturer,
                    sequence: frame.header.sequence,
                    command: response.id(),
                    reserved: 0,
                },
                payload: response.emit(),
            }
            .emit(),
        )
    }

    pub fn zdo(&self, request: &zdo::Request) -> Result<Reply, RequestError> {
        let info = &self.info;
        let response = match request {
            zdo::Request::NodeDescriptor { nwk } => zdo::Response::NodeDescriptor {
                nwk: *nwk,
                descriptor: NodeDescriptor {
                    logical_type: match info.kind {
                        DeviceKind::Router => LogicalType::Router,
                        _ => LogicalType::EndDevice,
                    },
                    mac_capabilities: if self.rx_on { 0x8e } else { 0x80 },
                    manufacturer: info.manufacturer_code.unwrap_or_default(),
                    maximum_buffer: 82,
                    maximum_incoming: 82,
                    server_mask: 0,
                    maximum_outgoing: 82,
                    descriptor_capabilities: 0,
                    flags: 0,
                },
            },
            zdo::Request::ActiveEndpoints { nwk } => zdo::Response::ActiveEndpoints {
                nwk: *nwk,
                endpoints: info.endpoints.keys().copied().collect(),
            },
            zdo::Request::SimpleDescriptor { nwk, endpoint } => {
                let Some(data) = info.endpoints.get(endpoint) else {
                    return Err(RequestError::Zdo(zdo::Status(0x82)));
                };
                zdo::Response::SimpleDescriptor {
                    nwk: *nwk,
                    descriptor: SimpleDescriptor {
                        endpoint: *endpoint,
                        profile: data.profile,
                        device: data.device,
                        version: 1,
                        inputs: data.inputs.clone(),
                        outputs: data.outputs.clone(),
                    },
                }
            }
            zdo::Request::Bind { .. } => zdo::Response::Bind,
            zdo::Request::Unbind { .. } => zdo::Response::Unbind,
            zdo::Request::MgmtLeave { .. } => zdo::Response::MgmtLeave,
            zdo::Request::IeeeAddress { nwk, .. } => zdo::Response::IeeeAddress {
                ieee: info.ieee,
                nwk: *nwk,
                associated: vec![],
            },
            _ => return Err(RequestError::Zdo(zdo::Status::NOT_SUPPORTED)),
        };
        Ok(Reply::Zdo(response))
    }
}
