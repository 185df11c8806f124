//! The hub's requests.

use std::time::Duration;

use zigbee::zdo::Response;
use zigbee::{IeeeAddress, NwkAddress, Reader, Writer};

use super::commands::{app_cnf, zdo};
use super::core::Handle;
use super::zdo::{network_update, permit_join};
use crate::{PermitVia, Reply, Request, RequestError, RequestId};

/// `Mgmt_NWK_Update_req`'s request class "change channel".
const CHANGE_CHANNEL: u8 = 0xfe;
/// `Mgmt_NWK_Update_req`: measure for about half a second per channel.
const SCAN_DURATION: u8 = 5;
/// How long a scan of all channels and its answer may take.
const SCAN_TIME: Duration = Duration::from_secs(30);
/// How long the network may take to be on its new channel, in seconds.
const CHANGE_SECONDS: u64 = 15;
const PERMIT_RESPONSE_TIME: Duration = Duration::from_secs(10);
const PERMIT_JOIN_REQ: u16 = 0x0036;
const NWK_UPDATE_REQ: u16 = 0x0038;
/// All 2.4 GHz channels, 11 to 26.
const ALL_CHANNELS: u32 = 0x07ff_f800;

impl Handle {
    /// Carries out a request and answers it.
    pub(super) async fn carry_out(self, id: RequestId, request: Request) {
        if !matches!(request, Request::InterPanChannel(_) | Request::InterPan(_)) {
            let patience = match &request {
                Request::Aps(request) => request.patience,
                _ => None,
            };
            if let Err(error) = self.on_network(patience).await {
                return self.with(|core| core.reply(id, Err(error)));
            }
        }
        let result = match request {
            Request::Aps(request) => return self.aps(id, request).await,
            Request::InterPanChannel(Some(channel)) => self.inter_pan_channel(channel).await,
            Request::InterPanChannel(None) => self.leave_inter_pan().await,
            Request::InterPan(request) => self.inter_pan(request).await,
            Request::Zdo(to, request) => self.zdo(to, &request).await,
            Request::PermitJoin { seconds, via } => self.permit(seconds, via).await,
            Request::InstallCode { ieee, code } => self.install_code(ieee, &code).await,
            Request::DiscoverRoute(to) => self.request_route(to).await.map(|_| Reply::Done),
            Request::Backup => self
                .backup()
                .await
                .map(|backup| Reply::Backup(backup.into())),
            Request::EnergyScan(channels) => self.energy_scan(channels).await,
            Request::ChangeChannel(channel) => self.change_channel(channel).await,
            Request::SetTransmitPower(power) => {
                // After a reset it is to be set again.
                self.with(|core| core.config.transmit_power = Some(power));
                self.set_power(power)
                    .await
                    .map(|()| Reply::Done)
                    .map_err(Into::into)
            }
        };
        self.with(|core| core.reply(id, result));
    }

    async fn permit(&self, seconds: u8, via: PermitVia) -> Result<Reply, RequestError> {
        // 255 would mean "for ever" to old devices.
        let seconds = seconds.min(254);
        match via {
            PermitVia::All => {
                let (command, data) = permit_join(NwkAddress::BROADCAST_ROUTERS, seconds, 1);
                self.command(command, &data).await?;
            }
            PermitVia::Coordinator => {
                self.permit_one(NwkAddress::COORDINATOR, seconds).await?;
            }
            PermitVia::Router(router) => {
                if self.with(|core| core.firmware.opens_with_routers()) {
                    self.permit_one(NwkAddress::COORDINATOR, seconds).await?;
                }
                self.permit_one(router, seconds).await?;
            }
        }
        if !self.with(|core| core.config.disable_led || core.firmware.drives_led()) {
            self.led(3, u8::from(seconds > 0)).await;
        }
        Ok(Reply::Done)
    }

    async fn permit_one(&self, to: NwkAddress, seconds: u8) -> Result<(), RequestError> {
        let _permit = self.admit(to, true).await;
        let answer = self.expect_from(PERMIT_JOIN_REQ, to);
        let (command, data) = permit_join(to, seconds, 1);
        self.command(command, &data).await?;
        if to == NwkAddress::COORDINATOR {
            // The stick's answer to the command is all there is to know.
            return Ok(());
        }
        self.zdo_answer(answer, PERMIT_RESPONSE_TIME)
            .await
            .map(|_| ())
    }

    async fn install_code(&self, ieee: IeeeAddress, code: &[u8]) -> Result<Reply, RequestError> {
        if !self.with(|core| core.firmware.is_v3()) {
            return Err(RequestError::Unsupported("install codes"));
        }
        // 1: the code with its CRC; 2: the key that follows from it.
        let format = match code.len() {
            18 => 1,
            16 => 2,
            _ => {
                return Err(RequestError::Unsupported(
                    "install codes other than 16 bytes and their CRC",
                ));
            }
        };
        let mut writer = Writer::new();
        writer.u8(format).ieee(ieee).bytes(code);
        self.command(app_cnf::BDB_ADD_INSTALL_CODE, &writer.into_bytes())
            .await?;
        Ok(Reply::Done)
    }

    async fn energy_scan(&self, channels: u32) -> Result<Reply, RequestError> {
        let _permit = self.admit(NwkAddress::COORDINATOR, true).await;
        let answer = self.expect_own(NWK_UPDATE_REQ);
        let channels = channels & ALL_CHANNELS;
        let own = NwkAddress::COORDINATOR;
        let (command, data) = network_update(own, channels, SCAN_DURATION, 1, own);
        self.command(command, &data).await?;
        match self.zdo_answer(answer, SCAN_TIME).await? {
            Response::MgmtNwkUpdate {
                scanned, energies, ..
            } => {
                let scanned = (11..=26_u8).filter(|channel| scanned & (1 << channel) != 0);
                Ok(Reply::Energy(scanned.zip(energies).collect()))
            }
            _ => Err(RequestError::NoResponse(SCAN_TIME)),
        }
    }

    async fn change_channel(&self, channel: u8) -> Result<Reply, RequestError> {
        if !(11..=26).contains(&channel) {
            return Err(RequestError::Unsupported("channels other than 11 to 26"));
        }
        if self.channel().await? == Some(channel) {
            return Ok(Reply::Done);
        }
        let to = NwkAddress::BROADCAST_ALL;
        let manager = NwkAddress::COORDINATOR;
        let (command, data) = network_update(to, 1 << channel, CHANGE_CHANNEL, 0, manager);
        self.command(command, &data).await?;
        // The stack waits for the broadcast to spread before it moves.
        for _ in 0..CHANGE_SECONDS {
            self.sleep(Duration::from_secs(1)).await;
            if self.channel().await? == Some(channel) {
                self.with(|core| core.config.network.channel = channel);
                return Ok(Reply::Done);
            }
        }
        Err(RequestError::NoAnswer {
            command: command.name,
            after: Duration::from_secs(CHANGE_SECONDS),
        })
    }

    /// The channel that the stick is on.
    async fn channel(&self) -> Result<Option<u8>, RequestError> {
        let answer = self.request(zdo::EXT_NWK_INFO, &[]).await?;
        let mut reader = Reader::new(&answer);
        Ok(reader.take(23).and_then(|_| reader.u8()).ok())
    }
}
