use super::*;

const COMMAND: &[u8] = b"\x00\x00\x00\x00\x04\x00\x00\x00\x38\x00\x00\x00\
    \x00\x00\x02\x00\x12\x00\x00\x001.2.840.10008.1.1\x00\
    \x00\x00\x00\x01\x02\x00\x00\x00\x30\x80\
    \x00\x00\x20\x01\x02\x00\x00\x00\x07\x00";

#[test]
fn a_command_set_is_read_by_tag() {
    let set = read_flat(COMMAND, Encoding::ImplicitLe).unwrap();
    assert_eq!(set.uid(Tag(0, 2)).as_deref(), Some("1.2.840.10008.1.1"));
    assert_eq!(set.u16(Tag(0, 0x0100)), Some(0x8030));
    assert_eq!(set.u16(Tag(0, 0x0120)), Some(7));
    assert_eq!(set.u32(Tag(0, 0)), Some(0x38));
    assert_eq!(set.get(Tag(0, 0x0800)), None);
    assert_eq!(set.tags().count(), 4);
}

#[test]
fn an_identifier_decodes_its_text_and_steps_over_sequences() {
    let bytes = b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100\
        \x08\x00\x61\x00CS\x06\x00CT\\MR \
        \x08\x00\x10\x11SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff\
        \x08\x00\x61\x00CS\x02\x00XX\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00\
        \x10\x00\x10\x00PN\x04\x00M\xFCr \
        \x10\x00\x10\x00PN\x02\x00No\x10\x00\x20\x00LO\x00\x00";
    let set = read_flat(bytes, Encoding::ExplicitLe).unwrap();
    assert_eq!(set.text(tags::PATIENT_NAME).as_deref(), Some("Mür"));
    assert_eq!(set.strings(tags::MODALITIES_IN_STUDY), ["CT", "MR"]);
    assert_eq!(set.text(tags::PATIENT_ID).as_deref(), Some(""));
    assert!(set.strings(tags::PATIENT_ID).is_empty());
    assert_eq!(set.uid(tags::PATIENT_ID), None);
}

#[test]
fn big_endian_numbers() {
    let set = read_flat(b"\x00\x28\x00\x10US\x00\x02\x02\x01", Encoding::ExplicitBe).unwrap();
    assert_eq!(set.u16(Tag(0x28, 0x10)), Some(0x0201));
}

#[test]
fn a_set_cut_short_says_where() {
    for cut in [COMMAND.len() - 1, COMMAND.len() - 9] {
        let bytes = &COMMAND[..cut];
        assert!(
            matches!(read_flat(bytes, Encoding::ImplicitLe), Err(Error::Truncated { offset: 48 })),
            "{cut}"
        );
    }
    let giant = b"\x00\x00\x02\x00\xfe\xff\xff\xff";
    assert!(matches!(read_flat(giant, Encoding::ImplicitLe), Err(Error::Truncated { offset: 0 })));
}

#[test]
fn text_is_kept_up_to_a_bound() {
    let text = |length: u32| {
        let mut bytes = b"\x08\x00\x30\x10".to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(vec![b'x'; length as usize]);
        read_flat(&bytes, Encoding::ImplicitLe).unwrap()
    };
    let kept = |length| text(length).kept(tags::STUDY_DESCRIPTION).map(|text| text.len());
    assert_eq!([kept(0), kept(10), kept(70_000)], [None, Some(10), Some(1024)]);
    assert_eq!(text(70_000).text(tags::STUDY_DESCRIPTION).unwrap().len(), 70_000);
}
