//! Images and what is said about them: emitted and read again, and hostile bytes.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use zigbee::ota::{
    FileVersion, Header, Image, ImageError, ImageId, ImageType, MAGIC, MAX_ELEMENTS, Request,
    TAG_TELINK_AES, response,
};
use zigbee::{CommandId, IeeeAddress, ManufacturerCode};

fn image_id() -> impl Strategy<Value = ImageId> {
    (any::<u16>(), any::<u16>(), any::<u32>()).prop_map(|(manufacturer, image_type, version)| {
        ImageId {
            manufacturer: ManufacturerCode(manufacturer),
            image_type: ImageType(image_type),
            version: FileVersion(version),
        }
    })
}

fn header() -> impl Strategy<Value = Header> {
    (
        image_id(),
        vec(1..=255_u8, 0..=32),
        option::of(any::<u8>()),
        option::of(any::<u64>()),
        option::of(any::<(u16, u16)>()),
    )
        .prop_map(
            |(id, text, credential_version, destination, hardware)| Header {
                text,
                credential_version,
                destination: destination.map(IeeeAddress),
                hardware,
                ..Header::new(id)
            },
        )
}

fn elements() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    let tag = prop_oneof![Just(0_u16), Just(TAG_TELINK_AES), any::<u16>()];
    vec((tag, vec(any::<u8>(), 0..64)), 1..6)
}

/// An image's bytes with some of them spoilt, cut or put behind others.
fn spoilt() -> impl Strategy<Value = Vec<u8>> {
    (
        header(),
        elements(),
        vec((any::<proptest::sample::Index>(), any::<u8>()), 0..6),
        any::<proptest::sample::Index>(),
        vec(any::<u8>(), 0..9),
    )
        .prop_map(|(header, elements, changes, cut, before)| {
            let mut bytes = before;
            bytes.extend(emit(&header, &elements));
            for (at, value) in changes {
                *at.get_mut(&mut bytes) = value;
            }
            bytes.truncate(cut.index(bytes.len() + 1));
            bytes
        })
}

fn emit(header: &Header, elements: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let parts: Vec<(u16, &[u8])> = elements
        .iter()
        .map(|(tag, data)| (*tag, data.as_slice()))
        .collect();
    header.emit(&parts)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn an_image_is_read_as_it_was_emitted_in_whatever_wrapper(
        header in header(),
        elements in elements(),
        before in vec(any::<u8>(), 0..64),
        behind in vec(any::<u8>(), 0..64),
    ) {
        let bytes = emit(&header, &elements);
        // A wrapper that holds the magic number by chance is another matter.
        prop_assume!(!before.windows(4).any(|window| window == MAGIC));
        let mut start = before.clone();
        start.extend_from_slice(&MAGIC);
        prop_assume!(start.windows(4).position(|window| window == MAGIC) == Some(before.len()));
        let file = [&before[..], &bytes, &behind].concat();
        let image = Image::parse(file).unwrap();
        prop_assert_eq!(image.bytes(), &bytes[..]);
        prop_assert_eq!(usize::try_from(image.size()).unwrap(), bytes.len());
        let read = image.header();
        prop_assert_eq!(
            (read.id, &read.text, read.credential_version, read.destination, read.hardware),
            (header.id, &header.text, header.credential_version, header.destination, header.hardware)
        );
        let parts: Vec<(u16, Vec<u8>)> = image
            .elements()
            .iter()
            .map(|element| (element.tag, image.bytes()[element.range.clone()].to_vec()))
            .collect();
        prop_assert_eq!(parts, elements);
    }

    #[test]
    fn hostile_files_give_an_image_that_is_whole_or_an_error(bytes in spoilt()) {
        match Image::parse(bytes.clone()) {
            Ok(image) => {
                prop_assert!(bytes.windows(image.bytes().len()).any(|part| part == image.bytes()));
                prop_assert!(image.elements().len() <= MAX_ELEMENTS);
                prop_assert_eq!(image.elements().last().unwrap().range.end, image.bytes().len());
            }
            Err(ImageError::NoImage) => {
                prop_assert!(!bytes.windows(4).any(|window| window == MAGIC));
            }
            Err(_) => {}
        }
    }

    #[test]
    fn blocks_put_together_are_the_image(
        header in header(), elements in elements(), size in 1..=255_u8,
    ) {
        let image = Image::parse(emit(&header, &elements)).unwrap();
        let mut taken = Vec::new();
        while let Some(block) = image.block(u32::try_from(taken.len()).unwrap(), size) {
            taken.extend_from_slice(block);
        }
        prop_assert_eq!(&taken[..], image.bytes());
        prop_assert!(image.block(u32::MAX, size).is_none());
        prop_assert!(image.block(0, 0).is_none());
    }

    #[test]
    fn any_request_is_read_or_refused(command in any::<u8>(), payload in vec(any::<u8>(), 0..40)) {
        let known = matches!(command, 1 | 3 | 4 | 6);
        prop_assert_eq!(Request::parse(CommandId(command), &payload).is_some(), known);
    }

    #[test]
    fn a_block_response_tells_how_many_bytes_follow(
        id in image_id(), offset in any::<u32>(), data in vec(any::<u8>(), 0..300),
    ) {
        let (command, payload) = response::block(id, offset, &data);
        prop_assert_eq!(command, CommandId(5));
        let sent = data.len().min(255);
        prop_assert_eq!(usize::from(payload[13]), sent);
        prop_assert_eq!(&payload[14..], &data[..sent]);
    }
}

#[test]
fn more_elements_than_any_image_has_are_refused() {
    let id = ImageId {
        manufacturer: ManufacturerCode(1),
        image_type: ImageType(2),
        version: FileVersion(3),
    };
    let none: &[u8] = &[];
    let many = vec![(0x0007, none); MAX_ELEMENTS + 1];
    assert_eq!(
        Image::parse(Header::new(id).emit(&many)),
        Err(ImageError::Elements)
    );
    assert!(Image::parse(Header::new(id).emit(&many[1..])).is_ok());
    assert_eq!(
        Image::parse(Header::new(id).emit(&[])),
        Err(ImageError::Empty)
    );
}
