//! A relay that asks for images, and the world that has them.

use std::sync::Arc;

use hub::ota::Index;
use hub::{
    Command, CommandReply, Entity, Fetch, Fetched, Input, OtaCommand, OtaPacing, OtaPlace,
    OtaReply, OtaSource,
};
use serde_json::{Value as Json, json};
use zigbee::ManufacturerCode;
use zigbee::ota::{FileVersion, Header, Image, ImageId, ImageType, response};

use crate::common::*;
use crate::{RELAY, known};

pub(super) const OLD: u32 = 36;
pub(super) const NEW: u32 = 47;

pub(super) fn id(version: u32) -> ImageId {
    ImageId {
        manufacturer: ManufacturerCode(0x115f),
        image_type: ImageType(0x0101),
        version: FileVersion(version),
    }
}

/// An image with so many bytes of software.
pub(super) fn image(version: u32, software: usize) -> Arc<Image> {
    let software: Vec<u8> = (0..=250).cycle().take(software).collect();
    let bytes = Header::new(id(version)).emit(&[(0, &software)]);
    Arc::new(Image::parse(bytes).unwrap())
}

pub(super) fn index(entries: &Json) -> Fetched {
    let index = Index::parse(entries.to_string().as_bytes()).unwrap();
    Fetched::Index(Ok(Arc::new(index)))
}

pub(super) fn entry(version: u32, url: &str) -> Json {
    json!({
        "fileVersion": version, "manufacturerCode": 0x115f, "imageType": 0x0101, "url": url,
        "modelId": "lumi.relay.c2acn01", "releaseNotes": "better",
    })
}

pub(super) fn world() -> World {
    World::new(vec![known(info(RELAY, 1), 2)])
}

pub(super) fn source(place: OtaPlace) -> OtaSource {
    OtaSource {
        place,
        downgrade: false,
    }
}

pub(super) fn at(location: &str) -> OtaSource {
    source(OtaPlace::Location(location.to_owned()))
}

pub(super) fn ota(world: &mut World, command: OtaCommand) -> hub::CommandId {
    world.command(Command::Ota {
        device: ieee_of(1),
        command,
    })
}

pub(super) fn check(world: &mut World) -> hub::CommandId {
    ota(world, OtaCommand::Check(source(OtaPlace::Index)))
}

pub(super) fn update(world: &mut World, source: OtaSource) -> hub::CommandId {
    ota(world, OtaCommand::Update(source, OtaPacing::default()))
}

/// The relay asks; each time with another sequence number.
pub(super) fn ask(world: &mut World, command: u8, payload: &str) {
    let sequence = world.next_command % 200 + 1;
    world.next_command += 1;
    world.receive(
        1,
        1,
        0x0019,
        &format!("01{sequence:02x}{command:02x}{payload}"),
    );
}

fn le(value: u32) -> String {
    hex(&value.to_le_bytes())
}

pub(super) fn query(world: &mut World, installed: u32) {
    ask(world, 1, &format!("005f110101{}", le(installed)));
}

pub(super) fn block(world: &mut World, version: u32, offset: u32, maximum: u8) {
    let payload = format!("005f110101{}{}{maximum:02x}", le(version), le(offset));
    ask(world, 3, &payload);
}

pub(super) fn end(world: &mut World, status: u8, version: u32) {
    ask(world, 6, &format!("{status:02x}5f110101{}", le(version)));
}

/// What was answered on the cluster: command and payload; taken.
pub(super) fn answers(world: &mut World) -> Vec<(u8, Vec<u8>)> {
    std::mem::take(&mut world.sent)
        .into_iter()
        .filter(|sent| sent.request.cluster.0 == 0x0019)
        .map(|sent| {
            let frame = &sent.request.payload;
            assert_eq!(frame[0] & 0x08, 0x08, "from server to client");
            (frame[2], frame[3..].to_vec())
        })
        .collect()
}

pub(super) fn sent((command, payload): (zigbee::CommandId, Vec<u8>)) -> (u8, Vec<u8>) {
    (command.0, payload)
}

pub(super) fn offer(image: &Image) -> (u8, Vec<u8>) {
    sent(response::next_image(image.id(), image.size()))
}

pub(super) fn no_image() -> (u8, Vec<u8>) {
    sent(response::no_image())
}

/// The file that is wanted; there is one.
pub(super) fn wanted(world: &mut World) -> (hub::FetchId, Fetch) {
    assert_eq!(world.fetches.len(), 1, "{:?}", world.fetches);
    world.fetches.remove(0)
}

/// Gives the one file that is wanted.
pub(super) fn give(world: &mut World, fetched: Fetched) {
    let (id, _) = wanted(world);
    world.feed(Input::Fetched(id, fetched));
}

/// Takes bytes from `from` on, block by block, and gives them. The time that it takes passes.
pub(super) fn take(world: &mut World, image: &Image, from: u32, until: u32) -> Vec<u8> {
    let mut taken = Vec::new();
    let mut offset = from;
    while offset < until {
        block(world, image.id().version.0, offset, 0x3f);
        world.pass(OtaPacing::default().response_delay);
        let answers = answers(world);
        assert_eq!(answers.len(), 1, "at {offset}: {answers:?}");
        let (command, payload) = &answers[0];
        assert_eq!((*command, payload[0]), (5, 0), "{payload:02x?}");
        assert_eq!(
            payload[1..9],
            unhex(&format!("5f110101{}", le(image.id().version.0)))
        );
        assert_eq!(payload[9..13], offset.to_le_bytes());
        assert_eq!(usize::from(payload[13]), payload.len() - 14);
        taken.extend_from_slice(&payload[14..]);
        offset += u32::from(payload[13]);
    }
    taken
}

/// `update` as it was published last.
pub(super) fn state(world: &World) -> Json {
    let published = world.published(1);
    published
        .last()
        .map_or(Json::Null, |state| state["update"].clone())
}

pub(super) fn cached(world: &World) -> Json {
    let state = world.hub.state(Entity::Device(ieee_of(1))).unwrap();
    state.get("update").cloned().unwrap_or_default()
}

pub(super) fn extra(world: &World, key: &str) -> Json {
    let device = world.hub.device(ieee_of(1)).unwrap();
    device.extra.get(key).cloned().unwrap_or_default()
}

/// The reply to a command about software, or the text of the error.
pub(super) fn reply(world: &World, id: hub::CommandId) -> Result<OtaReply, String> {
    match world.replied(id) {
        Some(Ok(CommandReply::Ota(reply))) => Ok(reply.clone()),
        Some(Err(error)) => Err(error.to_string()),
        other => Err(format!("{other:?}")),
    }
}
