//! The OTA cluster: bytes as devices and vendors send them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: a panic is how it fails"
)]

use zigbee::ota::{
    BlockRequest, Element, FileVersion, Header, Image, ImageError, ImageId, ImageType, PageRequest,
    Request, response,
};
use zigbee::zcl::Status;
use zigbee::{CommandId, IeeeAddress, ManufacturerCode};

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn id(manufacturer: u16, image_type: u16, version: u32) -> ImageId {
    ImageId {
        manufacturer: ManufacturerCode(manufacturer),
        image_type: ImageType(image_type),
        version: FileVersion(version),
    }
}

/// The header of Aqara's relay LLKZMK11LM, with eight bytes of software.
const RELAY: &str = "1ef1ee0b 0001 3800 0000 5f11 0101 2f000000 0200 \
     44523131373572317631554e454e435259505445443030303030 4a4e35313639 46000000 \
     0000 08000000 1234567811223344";

#[test]
fn a_vendors_header_is_read() {
    let image = Image::parse(hex(RELAY)).unwrap();
    assert_eq!(image.id(), id(0x115f, 0x0101, 47));
    assert_eq!(image.header().text(), "DR1175r1v1UNENCRYPTED00000JN5169");
    assert_eq!(image.size(), 70);
    assert_eq!(
        image.elements(),
        [Element {
            tag: 0,
            range: 62..70
        }]
    );
    assert_eq!(image.block(62, 4), Some(&hex("12345678")[..]));
    assert_eq!(image.block(68, 40), Some(&hex("3344")[..]));
}

#[test]
fn a_wrapper_before_and_padding_behind_are_left_out() {
    let wrapped = hex(&format!("4e475349 00ff 1ef1ee {RELAY} ffffff"));
    assert_eq!(Image::parse(wrapped).unwrap().bytes(), hex(RELAY));
}

#[test]
fn what_is_missing_or_too_much_is_told() {
    let whole = hex(RELAY);
    assert_eq!(
        Image::parse(whole[..69].to_vec()).unwrap_err().to_string(),
        "the image should have 70 bytes, the file has 69 of them"
    );
    assert_eq!(Image::parse(b"PK".to_vec()), Err(ImageError::NoImage));
    assert!(matches!(
        Image::parse(whole[..30].to_vec()),
        Err(ImageError::Damaged(_))
    ));
    // A byte behind the last element.
    let mut bytes = whole.clone();
    bytes[58] = 7;
    assert!(matches!(Image::parse(bytes), Err(ImageError::Damaged(_))));
    // Optional fields that the header's length has no room for.
    let mut bytes = whole;
    bytes[8] = 4;
    assert_eq!(Image::parse(bytes), Err(ImageError::HeaderLength(56)));
}

#[test]
fn an_element_that_claims_more_than_there_is_ends_with_the_image() {
    let mut bytes = hex(RELAY);
    bytes[58..62].fill(0xfe);
    let image = Image::parse(bytes).unwrap();
    assert_eq!(image.elements()[0].range, 62..70);
}

#[test]
fn optional_fields_are_read() {
    let header = Header {
        credential_version: Some(2),
        destination: Some(IeeeAddress(0x0015_8d00_0000_0011)),
        hardware: Some((1, 5)),
        ..Header::new(id(1, 2, 3))
    };
    let image = Image::parse(header.emit(&[(0, b"software")])).unwrap();
    let read = image.header();
    assert_eq!((read.header_length, read.field_control), (69, 7));
    assert_eq!(read.credential_version, Some(2));
    assert_eq!(read.destination, Some(IeeeAddress(0x0015_8d00_0000_0011)));
    assert_eq!(read.hardware, Some((1, 5)));
}

#[test]
fn requests_are_read() {
    let image = id(0x115f, 0x0101, 0x2e);
    let parse = |command, payload: &str| {
        Request::parse(CommandId(command), &hex(payload))
            .unwrap()
            .unwrap()
    };
    let query = |hardware| Request::QueryNextImage {
        installed: image,
        hardware,
    };
    assert_eq!(parse(1, "00 5f11 0101 2e000000"), query(None));
    assert_eq!(parse(1, "01 5f11 0101 2e000000 0300"), query(Some(3)));
    let block = BlockRequest {
        image,
        offset: 0x100,
        maximum: 0x40,
        node: None,
        period: None,
    };
    assert_eq!(
        parse(3, "00 5f11 0101 2e000000 00010000 40"),
        Request::Block(block.clone())
    );
    assert_eq!(
        parse(3, "03 5f11 0101 2e000000 00010000 40 0807060504030201 f401"),
        Request::Block(BlockRequest {
            node: Some(IeeeAddress(0x0102_0304_0506_0708)),
            period: Some(500),
            ..block.clone()
        })
    );
    // The period is announced and left out.
    assert_eq!(
        parse(3, "02 5f11 0101 2e000000 00010000 40"),
        Request::Block(block.clone())
    );
    assert_eq!(
        parse(4, "00 5f11 0101 2e000000 00010000 40 0002 3200"),
        Request::Page(PageRequest {
            first: block,
            size: 512,
            spacing: 50
        })
    );
    assert_eq!(
        parse(6, "00 5f11 0101 2e000000"),
        Request::UpgradeEnd {
            status: Status::SUCCESS,
            image: Some(image)
        }
    );
    assert_eq!(
        parse(6, "96"),
        Request::UpgradeEnd {
            status: Status::INVALID_IMAGE,
            image: None
        }
    );
    assert!(Request::parse(CommandId(6), &[0]).unwrap().is_err());
}

#[test]
fn responses_are_as_specified() {
    let image = id(0x115f, 0x0101, 0x2f);
    let sent = |(command, payload): (CommandId, Vec<u8>)| (command.0, payload);
    assert_eq!(sent(response::image_notify(100)), (0, hex("00 64")));
    assert_eq!(
        sent(response::next_image(image, 70)),
        (2, hex("00 5f11 0101 2f000000 46000000"))
    );
    assert_eq!(sent(response::no_image()), (2, hex("98")));
    assert_eq!(
        sent(response::block(image, 62, &hex("1234"))),
        (5, hex("00 5f11 0101 2f000000 3e000000 02 1234"))
    );
    assert_eq!(sent(response::abort()), (5, hex("95")));
    assert_eq!(
        sent(response::upgrade(image, 1)),
        (7, hex("5f11 0101 2f000000 00000000 01000000"))
    );
}

#[test]
fn images_for_any_manufacturer_or_type_are_for_all_devices_of_them() {
    let installed = id(0x115f, 0x0101, 1);
    assert!(id(0x115f, 0x0101, 2).is_for(installed));
    assert!(id(0xffff, 0x0101, 2).is_for(installed));
    assert!(id(0x115f, 0xffff, 2).is_for(installed));
    assert!(!id(0x115e, 0x0101, 2).is_for(installed));
    assert!(!id(0x115f, 0x0102, 2).is_for(installed));
}
