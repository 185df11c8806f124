//! What is done once with a light: what it can do is read, and what it reports is set up.

use zigbee::zcl::{ConfigureReporting, DataType, ReportingDirection};
use zigbee::{AttributeId, ClusterId, EndpointId};

use super::wire::{
    CAPABILITIES, COLOR, CURRENT_HUE, CURRENT_LEVEL, CURRENT_SATURATION, CURRENT_X, CURRENT_Y,
    ENHANCED_HUE, GREATEST_TEMPERATURE, LEAST_TEMPERATURE, LEVEL, TEMPERATURE,
};
use super::{Light, Mode};
use crate::definition::Data;
use crate::primitives::on_off;
use crate::{Io, Operation, OperationError, configure, encode};

/// The greatest time between reports, seconds.
const LONGEST: u16 = 65_000;
/// The least time between reports of colours, seconds.
const COLOR_PAUSE: u16 = 10;

/// A report to set up: attribute, type, least and greatest time.
type Report = (u16, DataType, u16, u16);

impl Light {
    /// Reads the capabilities of whatever has colours, and sets up reports if the model wants them.
    pub(crate) async fn set_up(&self, data: &Data, io: &dyn Io) -> Result<(), OperationError> {
        let endpoints = io
            .device()
            .map(|device| device.endpoints)
            .unwrap_or_default();
        let colored = endpoints
            .iter()
            .filter(|(_, endpoint)| endpoint.inputs.contains(&COLOR));
        for (endpoint, _) in colored {
            // Some lights refuse; then their limits stay unknown.
            let read = |attributes: &[u16]| {
                let attributes = attributes.iter().copied().map(AttributeId).collect();
                encode::read(data, io, *endpoint, COLOR, None, attributes)
            };
            if let Ok(records) = read(&[CAPABILITIES]).await
                && records.iter().all(|record| record.result.is_ok())
            {
                let _ = read(&[LEAST_TEMPERATURE, GREATEST_TEMPERATURE]).await;
            }
        }
        let Some((least, greatest)) = self.report else {
            return Ok(());
        };
        for endpoint in self.addressed(data) {
            let endpoint =
                endpoint.map_or_else(|| encode::default_endpoint(data, io), EndpointId::from);
            let state = (on_off::STATE_ATTRIBUTE.0, DataType::BOOL, 0, LONGEST);
            report(data, io, endpoint, on_off::ON_OFF, &[state]).await?;
            let level = (CURRENT_LEVEL, DataType::UINT8, least, greatest);
            report(data, io, endpoint, LEVEL, &[level]).await?;
            if self.color_temp.is_some() {
                let temperature = (TEMPERATURE, DataType::UINT16, COLOR_PAUSE, LONGEST);
                report(data, io, endpoint, COLOR, &[temperature]).await?;
            }
            let colors = self.color_reports(io);
            if !colors.is_empty() {
                report(data, io, endpoint, COLOR, &colors).await?;
            }
        }
        Ok(())
    }

    fn color_reports(&self, io: &dyn Io) -> Vec<Report> {
        let Some(color) = &self.color else {
            return Vec::new();
        };
        let often = |attribute, data_type| (attribute, data_type, COLOR_PAUSE, LONGEST);
        let mut reports = Vec::new();
        if color.modes.contains(&Mode::Xy) {
            reports.push(often(CURRENT_X, DataType::UINT16));
            reports.push(often(CURRENT_Y, DataType::UINT16));
        }
        if color.modes.contains(&Mode::Hs) {
            reports.push(if color.takes_enhanced_hue(io.device().as_ref()) {
                often(ENHANCED_HUE, DataType::UINT16)
            } else {
                often(CURRENT_HUE, DataType::UINT8)
            });
            reports.push(often(CURRENT_SATURATION, DataType::UINT8));
        }
        reports
    }
}

/// Binds the cluster, has attributes reported at every change, and reads them.
async fn report(
    data: &Data,
    io: &dyn Io,
    endpoint: EndpointId,
    cluster: ClusterId,
    reports: &[Report],
) -> Result<(), OperationError> {
    io.perform(Operation::Bind {
        endpoint,
        cluster,
        target: None,
    })
    .await?;
    let records = reports
        .iter()
        .map(|(id, data_type, minimum, maximum)| ConfigureReporting {
            id: AttributeId(*id),
            direction: ReportingDirection::Send {
                data_type: *data_type,
                minimum: *minimum,
                maximum: *maximum,
                change: data_type
                    .is_analog()
                    .then(|| configure::value(*data_type, 1)),
            },
        })
        .collect();
    io.perform(Operation::ConfigureReporting {
        endpoint,
        cluster,
        manufacturer: None,
        records,
    })
    .await?;
    let attributes = reports.iter().map(|report| AttributeId(report.0)).collect();
    encode::read(data, io, endpoint, cluster, None, attributes)
        .await
        .map(drop)
}
