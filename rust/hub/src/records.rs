//! Changes of a device's record that exchanges bring about: bindings and reportings.

use devices::{Binding, Reporting};
use serde_json::Value as Json;
use zigbee::zcl::{
    ConfigureReporting, DataType, ReadReportingRecord, ReportingDirection, Status, Value,
};
use zigbee::zdo::BindTarget;
use zigbee::{ClusterId, EndpointId, IeeeAddress, ManufacturerCode};

use crate::core::Core;

impl Core {
    /// The coordinator's address.
    pub(crate) fn coordinator(&self) -> Option<IeeeAddress> {
        self.network.as_ref().map(|network| network.ieee)
    }

    /// A binding was made.
    pub(crate) fn bound(
        &mut self,
        ieee: IeeeAddress,
        endpoint: EndpointId,
        cluster: ClusterId,
        target: BindTarget,
    ) {
        let binding = Binding { cluster, target };
        if let Some(record) = self.records.get_mut(ieee)
            && let Some(endpoint) = record.device.info.endpoints.get_mut(&endpoint)
            && !endpoint.bindings.contains(&binding)
        {
            endpoint.bindings.push(binding);
            self.registry_changed = true;
        }
    }

    /// A binding was removed.
    pub(crate) fn unbound(
        &mut self,
        ieee: IeeeAddress,
        endpoint: EndpointId,
        cluster: ClusterId,
        target: BindTarget,
    ) {
        if let Some(record) = self.records.get_mut(ieee)
            && let Some(endpoint) = record.device.info.endpoints.get_mut(&endpoint)
        {
            let before = endpoint.bindings.len();
            endpoint
                .bindings
                .retain(|binding| binding.cluster != cluster || binding.target != target);
            self.registry_changed |= endpoint.bindings.len() != before;
        }
    }

    /// Reportings were configured. A maximum of 0xffff removes one (ZCL 2.5.7.1.6).
    pub(crate) fn reporting(
        &mut self,
        ieee: IeeeAddress,
        endpoint: EndpointId,
        cluster: ClusterId,
        manufacturer: Option<ManufacturerCode>,
        records: &[ConfigureReporting],
    ) {
        let Some(endpoint) = self
            .records
            .get_mut(ieee)
            .and_then(|record| record.device.info.endpoints.get_mut(&endpoint))
        else {
            return;
        };
        for configured in records {
            let ReportingDirection::Send {
                minimum,
                maximum,
                change,
                ..
            } = &configured.direction
            else {
                continue;
            };
            endpoint.reportings.retain(|known| {
                known.cluster != cluster
                    || known.attribute != configured.id
                    || known.manufacturer != manufacturer
            });
            if *maximum != 0xffff {
                endpoint.reportings.push(Reporting {
                    cluster,
                    attribute: configured.id,
                    minimum: *minimum,
                    maximum: *maximum,
                    change: change.as_ref().and_then(number),
                    manufacturer,
                });
            }
            self.registry_changed = true;
        }
    }
}

impl Core {
    /// A device told what it was configured to report. An attribute of which it does not know that is
    /// taken off the record.
    pub(crate) fn reporting_read(
        &mut self,
        ieee: IeeeAddress,
        endpoint: EndpointId,
        cluster: ClusterId,
        manufacturer: Option<ManufacturerCode>,
        records: &[ReadReportingRecord],
    ) {
        let configured: Vec<ConfigureReporting> = records
            .iter()
            .filter(|record| record.direction == 0)
            .filter_map(|record| {
                let direction = match &record.result {
                    Ok(direction) => direction.clone(),
                    Err(Status::NOT_FOUND) => ReportingDirection::Send {
                        data_type: DataType::NO_DATA,
                        minimum: 0,
                        maximum: 0xffff,
                        change: None,
                    },
                    Err(_) => return None,
                };
                Some(ConfigureReporting {
                    id: record.id,
                    direction,
                })
            })
            .collect();
        self.reporting(ieee, endpoint, cluster, manufacturer, &configured);
    }
}

fn number(value: &Value) -> Option<Json> {
    match value {
        Value::Unsigned(number) => Some((*number).into()),
        Value::Signed(number) => Some((*number).into()),
        Value::Single(number) => Some(f64::from(*number).into()),
        Value::Double(number) => Some((*number).into()),
        _ => None,
    }
}
