//! Illuminance, which the cluster measures on a logarithmic scale (ZCL 4.2.2.2.1).

use serde::Deserialize;
use serde_json::Value as Json;
use zigbee::{AttributeId, ClusterId, EndpointId};

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::{Data, EndpointNumber};
use crate::encode::{Call, Failure};
use crate::expose::{Expose, ExposeKind, GET, SET, STATE};
use crate::message::{Decoded, Memory};
use crate::{LocalFuture, number};

const CLUSTER: ClusterId = ClusterId(0x0400);
const MEASURED_VALUE: AttributeId = AttributeId(0x0000);
const RAW: &str = "illuminance_raw";

/// How bright it is, in lux.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Illuminance {
    /// The endpoint that `get` reads.
    #[serde(default)]
    endpoint: Option<EndpointNumber>,
}

impl Primitive for Illuminance {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(CLUSTER);
    }

    fn exposes(&self, _data: &Data, out: &mut Vec<Expose>) {
        let mut expose = Expose::generic(ExposeKind::Numeric, "illuminance", STATE | GET)
            .described("Measured illuminance");
        expose.unit = Some("lx".to_owned());
        out.push(expose);
    }

    fn listening_options(&self, out: &mut Vec<Expose>) {
        let mut option = Expose::generic(ExposeKind::Binary, RAW, SET)
            .described("Expose the raw illuminance value.");
        option.value_on = Some(Json::Bool(true));
        option.value_off = Some(Json::Bool(false));
        out.push(option);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        let Some(value) = incoming.attribute(CLUSTER, MEASURED_VALUE) else {
            return;
        };
        let Some(value) = number::of(value) else {
            out.problem("not_a_number", "the illuminance is not a number");
            return;
        };
        let lux = 10f64.powf((value - 1.0) / 10_000.0);
        out.put("illuminance", number::json(lux));
        if incoming.options.get(RAW) == Some(&Json::Bool(true)) {
            out.put(RAW, number::json(value));
        }
    }

    fn claims(&self, key: &str) -> bool {
        key == "illuminance"
    }

    fn get<'a>(&'a self, call: &'a Call<'a>) -> Option<LocalFuture<'a, Result<(), Failure>>> {
        let endpoint = self.endpoint.map_or(call.endpoint, EndpointId::from);
        Some(Box::pin(async move {
            call.read_attribute(endpoint, CLUSTER, MEASURED_VALUE, None)
                .await?;
            Ok(())
        }))
    }
}
