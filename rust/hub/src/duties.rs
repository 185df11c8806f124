//! What a device may expect of its coordinator without anybody noticing: answers.

use adapters::ApsIndication;
use devices::Message;
use zigbee::library;
use zigbee::zcl::{
    Attribute, AttributeStatus, DataType, Direction, Foundation, Frame, FrameType, Header,
    ReadRecord, Status, Value,
};
use zigbee::{AttributeId, ClusterId, CommandId, IeeeAddress, ManufacturerCode};

use crate::core::Core;
use crate::exchange::POLL_CONTROL;
use crate::procedures::Procedure;

const BASIC: ClusterId = ClusterId(0x0000);
const TIME: ClusterId = ClusterId(0x000a);
const IAS_ZONE: ClusterId = ClusterId(0x0500);
/// Seconds from 1970 to 2000, where ZCL's UTC time starts (ZCL 2.6.2.20).
const YEAR_2000: i64 = 946_684_800;

impl Core {
    /// Commands of clusters that the coordinator serves. True when the answer was sent.
    pub(crate) fn serve_command(
        &mut self,
        ieee: IeeeAddress,
        indication: &ApsIndication,
        frame: &Frame,
    ) -> bool {
        if !is_unicast(indication) || frame.header.manufacturer.is_some() {
            return false;
        }
        let (cluster, command) = (indication.cluster, frame.header.command.0);
        match (cluster, frame.header.direction, command) {
            (zigbee::ota::CLUSTER, Direction::ToServer, _) => {
                self.on_ota_request(ieee, indication, frame)
            }
            // Zone enroll request: welcome, as zone 23 like the bridges that these devices know.
            (IAS_ZONE, Direction::ToClient, 0x01) => {
                let frame = cluster_response(&frame.header, 0x00, vec![0x00, 23]);
                self.send_back(indication, &frame);
                true
            }
            // Check-in.
            (POLL_CONTROL, Direction::ToClient, 0x00) => {
                self.on_checkin(ieee, indication, &frame.header);
                true
            }
            _ => false,
        }
    }

    /// A sleepy device asks whether it should stay awake.
    fn on_checkin(&mut self, ieee: IeeeAddress, indication: &ApsIndication, header: &Header) {
        let Some(record) = self.records.get_mut(ieee) else {
            return;
        };
        let unknown = record.device.checkin_interval.is_none() && !record.duties.checkin_read;
        let busy = unknown || record.queue.active.is_some() || !record.queue.waiting.is_empty();
        record.duties.checkin_read |= unknown;
        // Start fast polling yes or no; a time-out of 0 leaves the length to the device.
        let frame = cluster_response(header, 0x00, vec![u8::from(busy), 0x00, 0x00]);
        self.send_back(indication, &frame);
        if busy {
            self.procedures.push_back(Procedure::CheckIn {
                ieee,
                endpoint: indication.source_endpoint,
                read_interval: unknown,
            });
        }
    }

    /// The default response to a command of a cluster, if one is due.
    pub(crate) fn answer_command(
        &mut self,
        indication: &ApsIndication,
        message: &Message,
        handled: bool,
    ) {
        if has_answer(indication.cluster, &message.header) {
            return;
        }
        let status = if handled || is_known(indication.cluster, &message.header) {
            Status::SUCCESS
        } else if message.header.manufacturer.is_some() {
            Status::UNSUP_MANUF_CLUSTER_COMMAND
        } else {
            Status::UNSUP_CLUSTER_COMMAND
        };
        self.send_default_response(indication, &message.header, status);
    }

    /// The default response to a repetition: the first one may not have arrived.
    pub(crate) fn answer_repetition(&mut self, indication: &ApsIndication, frame: &Frame) {
        if has_answer(indication.cluster, &frame.header) {
            return;
        }
        self.send_default_response(indication, &frame.header, Status::SUCCESS);
    }

    /// The default response to a command that cannot be read.
    pub(crate) fn answer_malformed(&mut self, indication: &ApsIndication, frame: &Frame) {
        self.send_default_response(indication, &frame.header, Status::MALFORMED_COMMAND);
    }

    /// Answers a foundation command.
    pub(crate) fn serve_foundation(
        &mut self,
        indication: &ApsIndication,
        frame: &Frame,
        command: &Foundation,
    ) {
        if !is_unicast(indication) {
            return;
        }
        let header = &frame.header;
        let cluster = indication.cluster;
        match command {
            Foundation::Read(attributes) => {
                let records = attributes
                    .iter()
                    .map(|id| ReadRecord {
                        id: *id,
                        result: self
                            .own_attribute(cluster, header, *id)
                            .ok_or(Status::UNSUPPORTED_ATTRIBUTE),
                    })
                    .collect();
                self.send_foundation(indication, header, &Foundation::ReadResponse(records));
            }
            Foundation::Write(attributes) | Foundation::WriteUndivided(attributes) => {
                self.send_foundation(
                    indication,
                    header,
                    &Foundation::WriteResponse(not_writable(attributes)),
                );
            }
            Foundation::DefaultResponse { .. } => {}
            Foundation::Unknown { .. } | Foundation::DiscoverAttributes { .. } => {
                let status = if header.manufacturer.is_some() {
                    Status::UNSUP_MANUF_GENERAL_COMMAND
                } else {
                    Status::UNSUP_GENERAL_COMMAND
                };
                self.send_default_response(indication, header, status);
            }
            _ => self.send_default_response(indication, header, Status::SUCCESS),
        }
    }

    /// An attribute of the coordinator's own clusters.
    fn own_attribute(
        &self,
        cluster: ClusterId,
        header: &Header,
        attribute: AttributeId,
    ) -> Option<(DataType, Value)> {
        if header.manufacturer.is_some() || header.direction != Direction::ToServer {
            return None;
        }
        let text = |text: &str| (DataType::CHAR_STRING, Value::Text(text.into()));
        match (cluster, attribute.0) {
            // ZCL version 8.
            (BASIC, 0x0000) => Some((DataType::UINT8, Value::Unsigned(8))),
            (BASIC, 0x0004) => Some(text("ferrobee")),
            (BASIC, 0x0005) => Some(text("coordinator")),
            // Power source: DC.
            (BASIC, 0x0007) => Some((DataType::ENUM8, Value::Unsigned(4))),
            (TIME, _) => self.time_attribute(attribute),
            _ => None,
        }
    }

    /// Attributes of the time cluster (ZCL 3.12). Daylight saving is in the zone already.
    fn time_attribute(&self, attribute: AttributeId) -> Option<(DataType, Value)> {
        let utc = self.now.unix_ms.div_euclid(1000).saturating_sub(YEAR_2000);
        let zone = i64::from(self.settings.utc_offset_minutes).saturating_mul(60);
        let seconds = |time: i64| u64::from(u32::try_from(time).unwrap_or(u32::MAX));
        Some(match attribute.0 {
            0x0000 => (DataType::UTC_TIME, Value::Unsigned(seconds(utc))),
            // Master, master for zone and DST, superseding.
            0x0001 => (DataType::BITMAP8, Value::Unsigned(0x0d)),
            0x0002 => (DataType::INT32, Value::Signed(zone)),
            0x0006 | 0x0007 => (
                DataType::UINT32,
                Value::Unsigned(seconds(utc.saturating_add(zone))),
            ),
            _ => return None,
        })
    }

    fn send_default_response(
        &mut self,
        indication: &ApsIndication,
        header: &Header,
        status: Status,
    ) {
        if header.disable_default_response || !is_unicast(indication) {
            return;
        }
        self.send_foundation(
            indication,
            header,
            &Foundation::DefaultResponse {
                command: header.command,
                status,
            },
        );
    }

    fn send_foundation(
        &mut self,
        indication: &ApsIndication,
        header: &Header,
        response: &Foundation,
    ) {
        let frame = foundation_response(indication.cluster, header, response);
        self.send_back(indication, &frame);
    }

    /// Sends a frame to where a message came from. A child's message that a Lumi router passed on
    /// names that router: the radio's answer goes through it in any case.
    fn send_back(&mut self, indication: &ApsIndication, frame: &Frame) {
        self.respond(
            indication.source,
            indication.source_endpoint,
            indication.destination_endpoint,
            indication.cluster,
            frame,
        );
    }
}

fn is_unicast(indication: &ApsIndication) -> bool {
    !indication.broadcast && indication.group.is_none()
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::ToServer => Direction::ToClient,
        Direction::ToClient => Direction::ToServer,
    }
}

/// A foundation command that answers another.
fn foundation_response(cluster: ClusterId, header: &Header, response: &Foundation) -> Frame {
    Frame {
        header: Header {
            frame_type: FrameType::Global,
            direction: opposite(header.direction),
            disable_default_response: true,
            manufacturer: match response {
                Foundation::DefaultResponse { .. } => owner(cluster, header),
                _ => header.manufacturer,
            },
            sequence: header.sequence,
            command: response.id(),
            reserved: 0,
        },
        payload: response.emit(),
    }
}

/// The default response to a command.
pub(crate) fn default_response(cluster: ClusterId, header: &Header, status: Status) -> Frame {
    let response = Foundation::DefaultResponse {
        command: header.command,
        status,
    };
    foundation_response(cluster, header, &response)
}

/// A command of the cluster that answers another.
pub(crate) fn cluster_response(header: &Header, command: u8, payload: Vec<u8>) -> Frame {
    Frame {
        header: Header {
            frame_type: FrameType::Cluster,
            direction: opposite(header.direction),
            disable_default_response: true,
            manufacturer: None,
            sequence: header.sequence,
            command: CommandId(command),
            reserved: 0,
        },
        payload,
    }
}

/// No attribute of the coordinator can be written.
fn not_writable(attributes: &[Attribute]) -> Vec<AttributeStatus> {
    attributes
        .iter()
        .map(|attribute| AttributeStatus {
            status: Status::UNSUPPORTED_ATTRIBUTE,
            id: Some(attribute.id),
        })
        .collect()
}

/// The manufacturer code of a default response. On standard clusters it goes without one even where
/// the frame had one: that is what Zigbee2MQTT sends, and what devices are used to.
fn owner(cluster: ClusterId, header: &Header) -> Option<ManufacturerCode> {
    let manufacturer = header.manufacturer?;
    match library::cluster_of(cluster, manufacturer) {
        Some(cluster) => cluster.manufacturer,
        None => Some(manufacturer),
    }
}

/// True for commands to the coordinator that a command of the cluster answers, sooner or later: a
/// default response would be a second answer (ZCL 2.5.12.2).
fn has_answer(cluster: ClusterId, header: &Header) -> bool {
    library::cluster(cluster)
        .and_then(|cluster| cluster.command(header.direction, header.command))
        .is_some_and(|command| command.response.is_some())
}

/// True for commands that the cluster library knows, and for clusters that it does not: what those
/// commands are is for their definition to say, and a device must not be told that it is wrong.
fn is_known(cluster: ClusterId, header: &Header) -> bool {
    let cluster = match header.manufacturer {
        Some(manufacturer) => library::cluster_of(cluster, manufacturer),
        None => library::cluster(cluster),
    };
    cluster.is_none_or(|cluster| cluster.command(header.direction, header.command).is_some())
}
