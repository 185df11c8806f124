//! Touchlink: devices close by, on whatever network (Zigbee Cluster Library, chapter 13).

use std::time::Duration;

use adapters::{InterPanMessage, InterPanRequest, Reply, Request};
use zigbee::zcl::{Direction, Frame, FrameType, Header};
use zigbee::{
    ClusterId, CommandId as ZclCommand, ExtendedPanId, IeeeAddress, ManufacturerCode, Writer,
};

use super::care::ask_adapter;
use super::io::sleep;
use crate::core::mix;
use crate::executor::Shared;
use crate::{CommandError, CommandId, CommandReply, LogLevel, Touchlink};

/// The channels that touchlink devices use first, then the others.
const CHANNELS: [u8; 16] = [
    11, 15, 20, 25, 12, 13, 14, 16, 17, 18, 19, 21, 22, 23, 24, 26,
];
const TOUCHLINK: ClusterId = ClusterId(0x1000);
const SCAN: u8 = 0x00;
const SCAN_RESPONSE: u8 = 0x01;
const IDENTIFY: u8 = 0x06;
const RESET: u8 = 0x07;
/// How long devices may take to answer a scan.
const ANSWER: Duration = Duration::from_millis(500);
/// How often one device is asked before it is not there.
const ATTEMPTS: u32 = 3;
/// How long a device shows itself before it is reset.
const SHOWN: Duration = Duration::from_secs(2);
/// Between two calls to Hue devices: nobody answers, and the air is others' too.
const CALLS: Duration = Duration::from_secs(1);
const SIGNIFY: ManufacturerCode = ManufacturerCode(0x100b);

type Result<T> = std::result::Result<T, CommandError>;

/// Carries out an operation. Whatever comes of it, the radio goes back to its network.
pub(crate) async fn run(shared: Shared, command: CommandId, operation: Touchlink) {
    if shared.with(|core| std::mem::replace(&mut core.touchlink, true)) {
        let error = CommandError::Failed("Touchlink operation already in progress".into());
        shared.with(|core| core.reply(command, Err(error)));
        return;
    }
    let result = work(&shared, operation).await;
    let back = ask_adapter(&shared, Request::InterPanChannel(None)).await;
    shared.with(|core| {
        core.touchlink = false;
        if let Err(error) = back {
            let text = format!("The coordinator did not go back to its channel at once: {error}");
            core.log(LogLevel::Warning, None, text);
        }
        core.reply(command, result);
    });
}

async fn work(shared: &Shared, operation: Touchlink) -> Result<CommandReply> {
    match operation {
        Touchlink::Scan => scan(shared).await.map(CommandReply::Found),
        Touchlink::Identify { device, channel } => {
            let transaction = call(shared, device, channel).await?;
            identify(shared, device, transaction).await?;
            Ok(CommandReply::Done)
        }
        Touchlink::FactoryReset { device, channel } => {
            let transaction = call(shared, device, channel).await?;
            reset(shared, device, transaction).await?;
            Ok(CommandReply::Done)
        }
        Touchlink::FactoryResetFirst => reset_first(shared).await.map(CommandReply::Found),
        Touchlink::HueReset {
            extended_pan_id,
            serial_numbers,
        } => {
            hue_reset(shared, extended_pan_id, &serial_numbers).await?;
            Ok(CommandReply::Done)
        }
    }
}

/// All devices that answer on any channel.
async fn scan(shared: &Shared) -> Result<Vec<(IeeeAddress, u8)>> {
    let mut found = Vec::new();
    for channel in CHANNELS {
        tune(shared, channel).await?;
        let (_, answers) = ask(shared).await;
        for device in answers {
            if !found.contains(&(device, channel)) {
                found.push((device, channel));
            }
        }
    }
    Ok(found)
}

/// Resets the first device that answers.
async fn reset_first(shared: &Shared) -> Result<Vec<(IeeeAddress, u8)>> {
    for channel in CHANNELS {
        tune(shared, channel).await?;
        let (transaction, answers) = ask(shared).await;
        if let Some(device) = answers.first() {
            reset(shared, *device, transaction).await?;
            return Ok(vec![(*device, channel)]);
        }
    }
    Ok(Vec::new())
}

/// Makes sure that a device listens, and gives the transaction that it takes commands of.
async fn call(shared: &Shared, device: IeeeAddress, channel: u8) -> Result<u32> {
    tune(shared, channel).await?;
    for _ in 0..ATTEMPTS {
        let (transaction, answers) = ask(shared).await;
        if answers.contains(&device) {
            return Ok(transaction);
        }
    }
    Err(CommandError::Failed(format!(
        "{device} did not answer on channel {channel}"
    )))
}

async fn identify(shared: &Shared, device: IeeeAddress, transaction: u32) -> Result<()> {
    // As long as the device thinks right.
    let payload = Writer::new().u32(transaction).u16(0xffff).clone();
    send(shared, Some(device), frame(IDENTIFY, payload)).await
}

async fn reset(shared: &Shared, device: IeeeAddress, transaction: u32) -> Result<()> {
    identify(shared, device, transaction).await?;
    sleep(shared, SHOWN).await;
    let payload = Writer::new().u32(transaction).clone();
    send(shared, Some(device), frame(RESET, payload)).await
}

/// Tells Hue devices by their serial numbers to forget their network, on every channel.
async fn hue_reset(
    shared: &Shared,
    extended_pan_id: ExtendedPanId,
    serial_numbers: &[u32],
) -> Result<()> {
    let mut payload = Writer::new();
    let count = u8::try_from(serial_numbers.len()).unwrap_or(u8::MAX);
    payload.u64(extended_pan_id.0).u8(count);
    for serial in serial_numbers.iter().take(count.into()) {
        payload.u32(*serial);
    }
    let mut frame = frame(0x00, payload);
    frame.header.manufacturer = Some(SIGNIFY);
    for channel in CHANNELS {
        tune(shared, channel).await?;
        if let Err(error) = send(shared, None, frame.clone()).await {
            shared.with(|core| {
                let text = format!("Hue devices on channel {channel} were not called: {error}");
                core.log(LogLevel::Warning, None, text);
            });
        }
        sleep(shared, CALLS).await;
    }
    Ok(())
}

async fn tune(shared: &Shared, channel: u8) -> Result<()> {
    ask_adapter(shared, Request::InterPanChannel(Some(channel)))
        .await
        .map(|_| ())
}

/// Asks who is there. Gives the number of the transaction, and who answered it.
async fn ask(shared: &Shared) -> (u32, Vec<IeeeAddress>) {
    // Different each time, as the specification wants, and never 0.
    let transaction = shared.with(|core| {
        let salt = u64::try_from(core.now.unix_ms).unwrap_or_default() ^ core.now.instant.0;
        u32::try_from(mix(core.seed, salt) >> 32).unwrap_or(u32::MAX) | 1
    });
    // A router that is no coordinator and listens always; touchlink initiator, link initiator.
    let payload = Writer::new().u32(transaction).u8(0x04).u8(0x12).clone();
    let request = InterPanRequest {
        destination: None,
        cluster: TOUCHLINK,
        payload: frame(SCAN, payload).emit(),
        listen: ANSWER,
    };
    let mut devices = Vec::new();
    // What could not be sent was not answered: the next channel may be better.
    if let Ok(Reply::InterPan(answers)) = ask_adapter(shared, Request::InterPan(request)).await {
        for answer in answers {
            if answers_scan(&answer, transaction) && !devices.contains(&answer.source) {
                devices.push(answer.source);
            }
        }
    }
    (transaction, devices)
}

fn answers_scan(message: &InterPanMessage, transaction: u32) -> bool {
    let Ok(frame) = Frame::parse(&message.payload) else {
        return false;
    };
    message.cluster == TOUCHLINK
        && frame.header.frame_type == FrameType::Cluster
        && frame.header.direction == Direction::ToClient
        && frame.header.command == ZclCommand(SCAN_RESPONSE)
        && frame.payload.starts_with(&transaction.to_le_bytes())
}

/// Sends a frame that nobody answers.
async fn send(shared: &Shared, destination: Option<IeeeAddress>, frame: Frame) -> Result<()> {
    let request = InterPanRequest {
        destination,
        cluster: TOUCHLINK,
        payload: frame.emit(),
        listen: Duration::ZERO,
    };
    ask_adapter(shared, Request::InterPan(request))
        .await
        .map(|_| ())
}

fn frame(command: u8, payload: Writer) -> Frame {
    Frame {
        header: Header {
            frame_type: FrameType::Cluster,
            direction: Direction::ToServer,
            disable_default_response: true,
            manufacturer: None,
            sequence: 0,
            command: ZclCommand(command),
            reserved: 0,
        },
        payload: payload.into_bytes(),
    }
}
