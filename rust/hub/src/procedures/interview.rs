//! The interview: what a device says about itself (shared/facts/config.md §7.1), in the order and one
//! attribute at a time as Zigbee2MQTT asks (shared/vectors/five, kind `interview`).

use std::collections::BTreeSet;
use std::time::Duration;

use devices::{DeviceKind, Endpoint, Io, Operation, OperationError, OperationReply};
use zigbee::zcl::{Attribute, DataType, Value};
use zigbee::zdo::{self, LogicalType, NodeDescriptor, SimpleDescriptor};
use zigbee::{
    AttributeId, ClusterId, CommandId, EndpointId, IeeeAddress, ManufacturerCode, NwkAddress,
};

use crate::executor::{Answer, Shared};
use crate::procedures::DeviceIo;
use crate::timers::Timer;
use crate::{Entity, LogLevel};

const BASIC: ClusterId = ClusterId(0x0000);
const IAS_ZONE: ClusterId = ClusterId(0x0500);
const MODEL_ID: AttributeId = AttributeId(0x0005);
/// model, manufacturer, power source, ZCL, application, stack and hardware version, date, build.
const BASIC_ATTRIBUTES: [u16; 9] = [
    0x0005, 0x0004, 0x0007, 0x0000, 0x0001, 0x0002, 0x0003, 0x0006, 0x4000,
];
const ZONE_STATE: AttributeId = AttributeId(0x0000);
const CIE_ADDRESS: AttributeId = AttributeId(0x0010);
/// The zone id that devices get: the one that Zigbee2MQTT gives.
const ZONE_ID: u8 = 23;
/// How often a question is asked.
const ATTEMPTS: u32 = 6;
/// How often the other questions are asked: nobody needs their answers.
const FEW_ATTEMPTS: u32 = 2;
/// Between attempts; the device's next message ends the wait.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// LUMI's manufacturer code in node descriptors of its older devices.
const LUMI: ManufacturerCode = ManufacturerCode(0x1037);

/// Interviews a device and notes how it went.
pub(crate) async fn interview(shared: Shared, ieee: IeeeAddress) {
    let interview = Interview {
        io: DeviceIo::impatient(shared.clone(), ieee),
        shared: shared.clone(),
        ieee,
    };
    let result = match interview.run().await {
        Ok(()) => Ok(()),
        Err(error) if interview.is_silent_lumi() => {
            interview.fill_in_lumi();
            shared.with(|core| {
                core.log(
                    LogLevel::Debug,
                    Some(Entity::Device(ieee)),
                    format!(
                        "{{name}} did not answer its interview ({error}); its model is known from \
                         its first report, which is enough for devices of LUMI"
                    ),
                );
            });
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    };
    shared.with(|core| core.interviewed(ieee, &result));
}

struct Interview {
    shared: Shared,
    io: DeviceIo,
    ieee: IeeeAddress,
}

impl Interview {
    async fn run(&self) -> Result<(), OperationError> {
        let node = self.node_descriptor().await?;
        self.note_node(&node);
        let endpoints = self.active_endpoints().await?;
        self.note_endpoints(&endpoints);
        let mut basic_read = false;
        for endpoint in &endpoints {
            let Some(descriptor) = self.simple_descriptor(*endpoint).await? else {
                continue;
            };
            let has_basic = descriptor.inputs.contains(&BASIC);
            self.note_endpoint(*endpoint, descriptor);
            if has_basic && !basic_read {
                basic_read = true;
                self.read_basic(*endpoint).await;
            }
        }
        for endpoint in &endpoints {
            if self.has_input(*endpoint, IAS_ZONE)
                && let Err(error) = self.enrol(*endpoint).await
            {
                self.log(
                    LogLevel::Error,
                    format!("{{name}} could not be enrolled as an alarm zone: {error}"),
                );
            }
        }
        if self.is_known() {
            Ok(())
        } else {
            Err(OperationError::Undelivered(
                "the device left the network".into(),
            ))
        }
    }

    async fn node_descriptor(&self) -> Result<NodeDescriptor, OperationError> {
        let request = zdo::Request::NodeDescriptor {
            nwk: NwkAddress::UNKNOWN,
        };
        match self.ask(request, ATTEMPTS).await? {
            zdo::Response::NodeDescriptor { descriptor, .. } => Ok(descriptor),
            other => Err(wrong(&other)),
        }
    }

    async fn active_endpoints(&self) -> Result<Vec<EndpointId>, OperationError> {
        let request = zdo::Request::ActiveEndpoints {
            nwk: NwkAddress::UNKNOWN,
        };
        match self.ask(request, ATTEMPTS).await? {
            zdo::Response::ActiveEndpoints { endpoints, .. } => {
                // Some devices list an endpoint twice, or the ZDO's own.
                let mut seen = BTreeSet::from([EndpointId::ZDO]);
                Ok(endpoints
                    .into_iter()
                    .filter(|endpoint| seen.insert(*endpoint))
                    .collect())
            }
            other => Err(wrong(&other)),
        }
    }

    /// `None` when the device says that it has no such endpoint after all.
    async fn simple_descriptor(
        &self,
        endpoint: EndpointId,
    ) -> Result<Option<SimpleDescriptor>, OperationError> {
        let request = zdo::Request::SimpleDescriptor {
            nwk: NwkAddress::UNKNOWN,
            endpoint,
        };
        match self.ask(request, ATTEMPTS).await {
            Ok(zdo::Response::SimpleDescriptor { descriptor, .. }) => Ok(Some(descriptor)),
            Ok(other) => Err(wrong(&other)),
            Err(OperationError::Status { .. } | OperationError::Zdo(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks the device's ZDO, again where no answer comes.
    async fn ask(
        &self,
        request: zdo::Request,
        attempts: u32,
    ) -> Result<zdo::Response, OperationError> {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            match self.io.zdo(request.clone()).await {
                Err(error) if attempt < attempts && worth_repeating(&error) && self.is_known() => {
                    self.pause(wait).await;
                    wait *= 2;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    /// Reads what genBasic says. The message's way through the hub notes the values; no attribute is
    /// needed for the interview to succeed, but without a model there is no definition.
    async fn read_basic(&self, endpoint: EndpointId) {
        for id in BASIC_ATTRIBUTES {
            let id = AttributeId(id);
            let attempts = if id == MODEL_ID {
                ATTEMPTS
            } else {
                FEW_ATTEMPTS
            };
            let read = Operation::Read {
                endpoint,
                cluster: BASIC,
                manufacturer: None,
                attributes: vec![id],
            };
            let mut wait = FIRST_WAIT;
            for attempt in 1..=attempts {
                match self.io.perform(read.clone()).await {
                    Err(error) if attempt < attempts && worth_repeating(&error) => {
                        if !self.is_known() {
                            return;
                        }
                        self.pause(wait).await;
                        wait *= 2;
                    }
                    _ => break,
                }
            }
        }
    }

    /// IAS enrolment (ZCL 8.2.2.2.3, trip to pair): our address is written, then the zone welcomed
    /// until it says that it is enrolled.
    async fn enrol(&self, endpoint: EndpointId) -> Result<(), OperationError> {
        if self.is_enrolled(endpoint).await? {
            return Ok(());
        }
        let Some(coordinator) = self.shared.with(|core| core.coordinator()) else {
            return Err(OperationError::Undelivered(
                "the coordinator is not connected".into(),
            ));
        };
        self.io
            .perform(Operation::Write {
                endpoint,
                cluster: IAS_ZONE,
                manufacturer: None,
                attributes: vec![Attribute {
                    id: CIE_ADDRESS,
                    data_type: DataType::IEEE_ADDRESS,
                    value: Value::Ieee(coordinator),
                }],
                wait: true,
            })
            .await?;
        self.io.sleep(Duration::from_millis(500)).await;
        self.io
            .perform(Operation::Command {
                endpoint,
                cluster: IAS_ZONE,
                manufacturer: None,
                command: CommandId(0x00),
                payload: vec![0x00, ZONE_ID],
                disable_default_response: true,
            })
            .await?;
        for _ in 0..20 {
            self.io.sleep(Duration::from_millis(500)).await;
            if self.is_enrolled(endpoint).await? {
                return Ok(());
            }
        }
        Err(OperationError::Timeout(Duration::from_secs(10)))
    }

    async fn is_enrolled(&self, endpoint: EndpointId) -> Result<bool, OperationError> {
        let reply = self
            .io
            .perform(Operation::Read {
                endpoint,
                cluster: IAS_ZONE,
                manufacturer: None,
                attributes: vec![CIE_ADDRESS, ZONE_STATE],
            })
            .await?;
        let OperationReply::Read(records) = reply else {
            return Ok(false);
        };
        Ok(records.iter().any(|record| {
            record.id == ZONE_STATE && matches!(record.result, Ok((_, Value::Unsigned(1))))
        }))
    }

    /// Waits, at most until the device says something.
    async fn pause(&self, time: Duration) {
        let answer = self
            .shared
            .wait(|core, slot| {
                let at = core.after(time);
                core.timers.set(at, Timer::Slot(slot));
                if let Some(record) = core.records.get_mut(self.ieee) {
                    record.duties.listeners.push(slot);
                }
            })
            .await;
        debug_assert!(matches!(answer, Answer::Tick | Answer::Heard));
    }

    fn is_known(&self) -> bool {
        self.shared
            .with(|core| core.records.get(self.ieee).is_some())
    }

    fn has_input(&self, endpoint: EndpointId, cluster: ClusterId) -> bool {
        self.shared.with(|core| {
            core.records
                .get(self.ieee)
                .and_then(|record| record.device.info.endpoints.get(&endpoint))
                .is_some_and(|endpoint| endpoint.inputs.contains(&cluster))
        })
    }

    fn log(&self, level: LogLevel, text: String) {
        self.shared
            .with(|core| core.log(level, Some(Entity::Device(self.ieee)), text));
    }

    fn note_node(&self, node: &NodeDescriptor) {
        self.shared.with(|core| {
            if let Some(record) = core.records.get_mut(self.ieee) {
                record.device.info.kind = match node.logical_type {
                    LogicalType::EndDevice => DeviceKind::EndDevice,
                    // Only this network's own coordinator is one here.
                    LogicalType::Router | LogicalType::Coordinator => DeviceKind::Router,
                    LogicalType::Reserved(_) => DeviceKind::Unknown,
                };
                record.device.info.manufacturer_code = Some(node.manufacturer);
                record.always_on = Some(node.mac_capabilities & 0x08 != 0);
                core.registry_changed = true;
            }
        });
    }

    /// Keeps what is known of endpoints that are still there.
    fn note_endpoints(&self, endpoints: &[EndpointId]) {
        self.shared.with(|core| {
            if let Some(record) = core.records.get_mut(self.ieee) {
                let known = &mut record.device.info.endpoints;
                known.retain(|endpoint, _| endpoints.contains(endpoint));
                for endpoint in endpoints {
                    known.entry(*endpoint).or_default();
                }
                core.registry_changed = true;
            }
        });
    }

    fn note_endpoint(&self, id: EndpointId, descriptor: SimpleDescriptor) {
        self.shared.with(|core| {
            if let Some(record) = core.records.get_mut(self.ieee) {
                let endpoint = record.device.info.endpoints.entry(id).or_default();
                *endpoint = Endpoint {
                    profile: descriptor.profile,
                    device: descriptor.device,
                    inputs: descriptor.inputs,
                    outputs: descriptor.outputs,
                    ..std::mem::take(endpoint)
                };
                core.registry_changed = true;
            }
        });
    }

    /// Older devices of LUMI report their model when they join and answer little else.
    fn is_silent_lumi(&self) -> bool {
        self.shared.with(|core| {
            core.records.get(self.ieee).is_some_and(|record| {
                record
                    .device
                    .info
                    .model_id
                    .as_deref()
                    .is_some_and(|model| model.starts_with("lumi."))
            })
        })
    }

    /// What such a device would have said.
    fn fill_in_lumi(&self) {
        self.shared.with(|core| {
            if let Some(record) = core.records.get_mut(self.ieee) {
                let info = &mut record.device.info;
                if info.kind == DeviceKind::Unknown {
                    info.kind = DeviceKind::EndDevice;
                }
                info.manufacturer_code.get_or_insert(LUMI);
                info.manufacturer_name
                    .get_or_insert_with(|| "LUMI".to_owned());
                if info.kind == DeviceKind::EndDevice {
                    info.power_source
                        .get_or_insert_with(|| "Battery".to_owned());
                }
            }
        });
    }
}

/// True for failures that another attempt may mend.
fn worth_repeating(error: &OperationError) -> bool {
    !matches!(
        error,
        OperationError::Status { .. } | OperationError::Zdo(_)
    )
}

fn wrong(response: &zdo::Response) -> OperationError {
    OperationError::Undelivered(format!(
        "the answer is of another kind (cluster {})",
        response.cluster()
    ))
}
