//! Z-Stack's status codes.

/// Success.
pub(super) const SUCCESS: u8 = 0x00;
/// Failure; also "the group is not known" and "already started".
pub(super) const FAILURE: u8 = 0x01;
/// A non-volatile item was created by the request.
pub(super) const NV_CREATED: u8 = 0x09;
/// The firmware's send buffers are full.
pub(super) const BUFFER_FULL: u8 = 0x11;
/// The MAC layer has no memory left.
pub(super) const MAC_NO_RESOURCES: u8 = 0x1a;
/// The routing table has no room for a discovery.
pub(super) const NWK_TABLE_FULL: u8 = 0xc7;
/// No route to the destination.
pub(super) const NWK_NO_ROUTE: u8 = 0xcd;
/// The channel was busy for too long.
pub(super) const MAC_CHANNEL_ACCESS_FAILURE: u8 = 0xe1;
/// The next hop did not acknowledge.
pub(super) const MAC_NO_ACK: u8 = 0xe9;
/// A sleeping child did not fetch the message in time.
pub(super) const MAC_TRANSACTION_EXPIRED: u8 = 0xf0;

/// The name of a status, as Texas Instruments writes it.
pub(super) fn name(status: u8) -> &'static str {
    match status {
        0x00 => "SUCCESS",
        0x01 => "FAILURE",
        0x02 => "INVALID_PARAM",
        0x09 => "NV_ITEM_INITIALIZED",
        0x0a => "NV_OPER_FAILED",
        0x0c => "NV_BAD_ITEM_LEN",
        0x10 => "MEM_ERROR",
        0x11 => "BUFFER_FULL",
        0x12 => "UNSUPPORTED_MODE",
        0x13 => "MAC_MEM_ERROR",
        0x18 => "MAC_UNSUPPORTED",
        0x19 => "MAC_BAD_STATE",
        0x1a => "MAC_NO_RESOURCES",
        0x1b => "MAC_ACK_PENDING",
        0x1c => "MAC_NO_TIME",
        0x1d => "MAC_TX_ABORTED",
        0xa1 => "SEC_NO_KEY",
        0xa2 => "SEC_OLD_FRM_COUNT",
        0xa3 => "SEC_MAX_FRM_COUNT",
        0xa4 => "SEC_CCM_FAIL",
        0xb1 => "APS_FAIL",
        0xb2 => "APS_TABLE_FULL",
        0xb3 => "APS_ILLEGAL_REQUEST",
        0xb4 => "APS_INVALID_BINDING",
        0xb5 => "APS_UNSUPPORTED_ATTRIB",
        0xb6 => "APS_NOT_SUPPORTED",
        0xb7 => "APS_NO_ACK",
        0xb8 => "APS_DUPLICATE_ENTRY",
        0xb9 => "APS_NO_BOUND_DEVICE",
        0xba => "APS_NOT_ALLOWED",
        0xbb => "APS_NOT_AUTHENTICATED",
        0xc1 => "NWK_INVALID_PARAM",
        0xc2 => "NWK_INVALID_REQUEST",
        0xc3 => "NWK_NOT_PERMITTED",
        0xc4 => "NWK_STARTUP_FAILURE",
        0xc5 => "NWK_ALREADY_PRESENT",
        0xc6 => "NWK_SYNC_FAILURE",
        0xc7 => "NWK_TABLE_FULL",
        0xc8 => "NWK_UNKNOWN_DEVICE",
        0xc9 => "NWK_UNSUPPORTED_ATTRIBUTE",
        0xca => "NWK_NO_NETWORKS",
        0xcb => "NWK_LEAVE_UNCONFIRMED",
        0xcc => "NWK_NO_ACK",
        0xcd => "NWK_NO_ROUTE",
        0xe1 => "MAC_CHANNEL_ACCESS_FAILURE",
        0xe5 => "MAC_FRAME_TOO_LONG",
        0xe8 => "MAC_INVALID_PARAMETER",
        0xe9 => "MAC_NO_ACK",
        0xec => "MAC_NO_SHORT_ADDRESS",
        0xf0 => "MAC_TRANSACTION_EXPIRED",
        0xf1 => "MAC_TRANSACTION_OVERFLOW",
        0xf2 => "MAC_TX_ACTIVE",
        0xf3 => "MAC_UNAVAILABLE_KEY",
        0xf4 => "MAC_UNSUPPORTED_ATTRIBUTE",
        _ => "UNKNOWN",
    }
}
