//! The MT commands that a Zigbee bridge meets, as data.
//!
//! Source of names and numbers: Texas Instruments, "Z-Stack Monitor and Test API"; `assocRemove` and
//! `assocAdd` exist only in the builds of Koenkk/Z-Stack-firmware.

use super::frame::{Header, Subsystem, Type};

/// One command: its name and its two bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Command {
    /// Subsystem and command, such as `AF.dataRequest`.
    pub name: &'static str,
    /// [`Type::Sreq`] for a request with an answer, [`Type::Areq`] for a message of its own.
    pub kind: Type,
    /// The part of the firmware.
    pub subsystem: Subsystem,
    /// The number within the subsystem.
    pub id: u8,
}

impl Command {
    /// The header of the request or message.
    pub const fn header(self) -> Header {
        Header {
            kind: self.kind,
            subsystem: self.subsystem,
            id: self.id,
        }
    }

    /// The header of the answer to a synchronous request.
    pub const fn response(self) -> Header {
        Header {
            kind: Type::Srsp,
            subsystem: self.subsystem,
            id: self.id,
        }
    }

    /// The command that a header belongs to, also when it is an answer's.
    pub fn find(header: Header) -> Option<Self> {
        let kind = match header.kind {
            Type::Srsp => Type::Sreq,
            kind => kind,
        };
        ALL.iter().copied().find(|command| {
            command.kind == kind && command.subsystem == header.subsystem && command.id == header.id
        })
    }
}

/// The answer to a command that the firmware doesn't know: error code, then both command bytes of the
/// request.
pub const RPC_ERROR: Header = Header {
    kind: Type::Srsp,
    subsystem: Subsystem::RPC_ERROR,
    id: 0,
};

macro_rules! commands {
    ($($(#[$doc:meta])* mod $module:ident = $subsystem:ident {
        $($constant:ident = $kind:ident $id:literal $name:literal,)*
    })*) => {
        $(
            $(#[$doc])*
            pub mod $module {
                use super::{Command, Subsystem, Type};
                $(
                    #[doc = concat!("`", stringify!($subsystem), ".", $name, "`")]
                    pub const $constant: Command = Command {
                        name: concat!(stringify!($subsystem), ".", $name),
                        kind: Type::$kind,
                        subsystem: Subsystem::$subsystem,
                        id: $id,
                    };
                )*
            }
        )*

        /// Every command of this table.
        pub const ALL: &[Command] = &[$($($module::$constant,)*)*];
    };
}

commands! {
    /// System.
    mod sys = SYS {
        RESET_REQ = Areq 0x00 "resetReq",
        PING = Sreq 0x01 "ping",
        VERSION = Sreq 0x02 "version",
        SET_EXT_ADDR = Sreq 0x03 "setExtAddr",
        GET_EXT_ADDR = Sreq 0x04 "getExtAddr",
        OSAL_NV_ITEM_INIT = Sreq 0x07 "osalNvItemInit",
        OSAL_NV_READ = Sreq 0x08 "osalNvRead",
        OSAL_NV_WRITE = Sreq 0x09 "osalNvWrite",
        RANDOM = Sreq 0x0c "random",
        STACK_TUNE = Sreq 0x0f "stackTune",
        OSAL_NV_DELETE = Sreq 0x12 "osalNvDelete",
        OSAL_NV_LENGTH = Sreq 0x13 "osalNvLength",
        SET_TX_POWER = Sreq 0x14 "setTxPower",
        OSAL_NV_READ_EXT = Sreq 0x1c "osalNvReadExt",
        OSAL_NV_WRITE_EXT = Sreq 0x1d "osalNvWriteExt",
        NV_CREATE = Sreq 0x30 "nvCreate",
        NV_DELETE = Sreq 0x31 "nvDelete",
        NV_LENGTH = Sreq 0x32 "nvLength",
        NV_READ = Sreq 0x33 "nvRead",
        NV_WRITE = Sreq 0x34 "nvWrite",
        NV_UPDATE = Sreq 0x35 "nvUpdate",
        NV_COMPACT = Sreq 0x36 "nvCompact",
        RESET_IND = Areq 0x80 "resetInd",
    }
    /// Application framework.
    mod af = AF {
        REGISTER = Sreq 0x00 "register",
        DATA_REQUEST = Sreq 0x01 "dataRequest",
        DATA_REQUEST_EXT = Sreq 0x02 "dataRequestExt",
        DATA_REQUEST_SRC_RTG = Sreq 0x03 "dataRequestSrcRtg",
        DELETE = Sreq 0x04 "delete",
        INTER_PAN_CTL = Sreq 0x10 "interPanCtl",
        DATA_STORE = Sreq 0x11 "dataStore",
        DATA_RETRIEVE = Sreq 0x12 "dataRetrieve",
        APSF_CONFIG_SET = Sreq 0x13 "apsfConfigSet",
        DATA_CONFIRM = Areq 0x80 "dataConfirm",
        INCOMING_MSG = Areq 0x81 "incomingMsg",
        INCOMING_MSG_EXT = Areq 0x82 "incomingMsgExt",
        REFLECT_ERROR = Areq 0x83 "reflectError",
    }
    /// Zigbee Device Object.
    mod zdo = ZDO {
        NWK_ADDR_REQ = Sreq 0x00 "nwkAddrReq",
        IEEE_ADDR_REQ = Sreq 0x01 "ieeeAddrReq",
        NODE_DESC_REQ = Sreq 0x02 "nodeDescReq",
        POWER_DESC_REQ = Sreq 0x03 "powerDescReq",
        SIMPLE_DESC_REQ = Sreq 0x04 "simpleDescReq",
        ACTIVE_EP_REQ = Sreq 0x05 "activeEpReq",
        MATCH_DESC_REQ = Sreq 0x06 "matchDescReq",
        END_DEVICE_ANNCE = Sreq 0x0a "endDeviceAnnce",
        BIND_REQ = Sreq 0x21 "bindReq",
        UNBIND_REQ = Sreq 0x22 "unbindReq",
        NWK_DISCOVERY_REQ = Sreq 0x26 "nwkDiscoveryReq",
        MGMT_NWK_DISC_REQ = Sreq 0x30 "mgmtNwkDiscReq",
        MGMT_LQI_REQ = Sreq 0x31 "mgmtLqiReq",
        MGMT_RTG_REQ = Sreq 0x32 "mgmtRtgReq",
        MGMT_BIND_REQ = Sreq 0x33 "mgmtBindReq",
        MGMT_LEAVE_REQ = Sreq 0x34 "mgmtLeaveReq",
        MGMT_PERMIT_JOIN_REQ = Sreq 0x36 "mgmtPermitJoinReq",
        MGMT_NWK_UPDATE_REQ = Sreq 0x37 "mgmtNwkUpdateReq",
        MSG_CB_REGISTER = Sreq 0x3e "msgCbRegister",
        MSG_CB_REMOVE = Sreq 0x3f "msgCbRemove",
        STARTUP_FROM_APP = Sreq 0x40 "startupFromApp",
        EXT_ROUTE_DISC = Sreq 0x45 "extRouteDisc",
        EXT_ROUTE_CHECK = Sreq 0x46 "extRouteCheck",
        EXT_REMOVE_GROUP = Sreq 0x47 "extRemoveGroup",
        EXT_FIND_GROUP = Sreq 0x4a "extFindGroup",
        EXT_ADD_GROUP = Sreq 0x4b "extAddGroup",
        EXT_NWK_INFO = Sreq 0x50 "extNwkInfo",
        NWK_ADDR_RSP = Areq 0x80 "nwkAddrRsp",
        IEEE_ADDR_RSP = Areq 0x81 "ieeeAddrRsp",
        NODE_DESC_RSP = Areq 0x82 "nodeDescRsp",
        POWER_DESC_RSP = Areq 0x83 "powerDescRsp",
        SIMPLE_DESC_RSP = Areq 0x84 "simpleDescRsp",
        ACTIVE_EP_RSP = Areq 0x85 "activeEpRsp",
        MATCH_DESC_RSP = Areq 0x86 "matchDescRsp",
        BIND_RSP = Areq 0xa1 "bindRsp",
        UNBIND_RSP = Areq 0xa2 "unbindRsp",
        MGMT_NWK_DISC_RSP = Areq 0xb0 "mgmtNwkDiscRsp",
        MGMT_LQI_RSP = Areq 0xb1 "mgmtLqiRsp",
        MGMT_RTG_RSP = Areq 0xb2 "mgmtRtgRsp",
        MGMT_BIND_RSP = Areq 0xb3 "mgmtBindRsp",
        MGMT_LEAVE_RSP = Areq 0xb4 "mgmtLeaveRsp",
        MGMT_PERMIT_JOIN_RSP = Areq 0xb6 "mgmtPermitJoinRsp",
        MGMT_NWK_UPDATE_NOTIFY = Areq 0xb8 "mgmtNwkUpdateNotify",
        STATE_CHANGE_IND = Areq 0xc0 "stateChangeInd",
        END_DEVICE_ANNCE_IND = Areq 0xc1 "endDeviceAnnceInd",
        MATCH_DESC_RSP_SENT = Areq 0xc2 "matchDescRspSent",
        STATUS_ERROR_RSP = Areq 0xc3 "statusErrorRsp",
        SRC_RTG_IND = Areq 0xc4 "srcRtgInd",
        BEACON_NOTIFY_IND = Areq 0xc5 "beaconNotifyInd",
        JOIN_CNF = Areq 0xc6 "joinCnf",
        NWK_DISCOVERY_CNF = Areq 0xc7 "nwkDiscoveryCnf",
        CONCENTRATOR_IND = Areq 0xc8 "concentratorInd",
        LEAVE_IND = Areq 0xc9 "leaveInd",
        TC_DEVICE_IND = Areq 0xca "tcDeviceInd",
        PERMIT_JOIN_IND = Areq 0xcb "permitJoinInd",
        MSG_CB_INCOMING = Areq 0xff "msgCbIncoming",
    }
    /// Simple API.
    mod sapi = SAPI {
        READ_CONFIGURATION = Sreq 0x04 "readConfiguration",
        WRITE_CONFIGURATION = Sreq 0x05 "writeConfiguration",
        GET_DEVICE_INFO = Sreq 0x06 "getDeviceInfo",
        SYSTEM_RESET = Areq 0x09 "systemReset",
    }
    /// Utilities.
    mod util = UTIL {
        GET_DEVICE_INFO = Sreq 0x00 "getDeviceInfo",
        GET_NV_INFO = Sreq 0x01 "getNvInfo",
        CALLBACK_SUB_CMD = Sreq 0x06 "callbackSubCmd",
        LED_CONTROL = Sreq 0x0a "ledControl",
        ADDRMGR_EXT_ADDR_LOOKUP = Sreq 0x40 "addrmgrExtAddrLookup",
        ADDRMGR_NWK_ADDR_LOOKUP = Sreq 0x41 "addrmgrNwkAddrLookup",
        ASSOC_COUNT = Sreq 0x48 "assocCount",
        ASSOC_FIND_DEVICE = Sreq 0x49 "assocFindDevice",
        ASSOC_GET_WITH_ADDRESS = Sreq 0x4a "assocGetWithAddress",
        SRNG_GEN = Sreq 0x4c "srngGen",
        ASSOC_REMOVE = Sreq 0x63 "assocRemove",
        ASSOC_ADD = Sreq 0x64 "assocAdd",
    }
    /// Application configuration (Z-Stack 3).
    mod app_cnf = APP_CNF {
        BDB_ADD_INSTALL_CODE = Sreq 0x04 "bdbAddInstallCode",
        BDB_START_COMMISSIONING = Sreq 0x05 "bdbStartCommissioning",
        BDB_SET_JOIN_USES_INSTALL_CODE_KEY = Sreq 0x06 "bdbSetJoinUsesInstallCodeKey",
        BDB_SET_CHANNEL = Sreq 0x08 "bdbSetChannel",
        BDB_SET_TC_REQUIRE_KEY_EXCHANGE = Sreq 0x09 "bdbSetTcRequireKeyExchange",
        BDB_COMMISSIONING_NOTIFICATION = Areq 0x80 "bdbCommissioningNotification",
        SET_NWK_FRAME_COUNTER = Sreq 0xff "setNwkFrameCounter",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_commands_share_a_header_or_a_name() {
        let headers: HashSet<_> = ALL.iter().map(|command| command.header()).collect();
        let names: HashSet<_> = ALL.iter().map(|command| command.name).collect();
        assert_eq!((headers.len(), names.len()), (ALL.len(), ALL.len()));
    }

    #[test]
    fn commands_are_found_by_request_and_by_answer() {
        assert_eq!(Command::find(sys::PING.header()), Some(sys::PING));
        assert_eq!(Command::find(sys::PING.response()), Some(sys::PING));
        assert_eq!(
            Command::find(af::INCOMING_MSG.header()),
            Some(af::INCOMING_MSG)
        );
        assert_eq!(Command::find(Header::from_bytes(0x3f, 0x99)), None);
    }
}
