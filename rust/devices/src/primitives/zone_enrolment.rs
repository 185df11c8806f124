//! Whether an IAS zone is enrolled, and where (ZCL 8.2.2.2.1).

use serde::Deserialize;
use zigbee::zcl::Value;
use zigbee::{AttributeId, ClusterId};

use super::Primitive;
use crate::decode::Incoming;
use crate::definition::Data;
use crate::message::{Decoded, Memory};
use crate::number;

const IAS_ZONE: ClusterId = ClusterId(0x0500);
const ZONE_STATE: AttributeId = AttributeId(0x0000);
const CIE_ADDRESS: AttributeId = AttributeId(0x0010);
const ZONE_ID: AttributeId = AttributeId(0x0011);

/// `enrolled`, `ias_cie_address`, `zone_id`, published without being promised.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneEnrolment {}

impl Primitive for ZoneEnrolment {
    fn clusters(&self, _data: &Data, out: &mut Vec<ClusterId>) {
        out.push(IAS_ZONE);
    }

    fn decode(&self, incoming: &Incoming<'_>, _memory: &mut Memory, out: &mut Decoded) {
        if incoming.message.cluster != IAS_ZONE || incoming.command().is_some() {
            return;
        }
        let whole = |attribute| {
            incoming
                .attribute(IAS_ZONE, attribute)
                .and_then(number::integer)
        };
        // A zone that reports is enrolled, whether it says so or not.
        out.put("enrolled", whole(ZONE_STATE) != Some(0));
        if let Some(Value::Ieee(address)) = incoming.attribute(IAS_ZONE, CIE_ADDRESS) {
            out.put("ias_cie_address", address.to_string());
        }
        if let Some(id) = whole(ZONE_ID) {
            out.put("zone_id", id);
        }
    }
}
