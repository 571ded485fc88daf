use super::*;
use crate::testkit::{EXPLICIT_LE, SOP_CLASS, SOP_INSTANCE, dataset};
use dicom_object::FileMetaTable;

#[test]
fn stock_readers_accept_it() {
    let bytes = file_meta(SOP_CLASS, SOP_INSTANCE, EXPLICIT_LE, "ORTHANC");
    let table = FileMetaTable::from_reader(&bytes[128..]).unwrap();
    assert_eq!(table.media_storage_sop_class_uid(), SOP_CLASS);
    assert_eq!(table.media_storage_sop_instance_uid(), SOP_INSTANCE);
    assert_eq!(table.transfer_syntax(), EXPLICIT_LE);
    assert_eq!(table.implementation_class_uid(), IMPLEMENTATION_CLASS_UID);
    assert_eq!(table.implementation_version_name.as_deref().map(str::trim_end), Some("P2T_0_1"));
    assert_eq!(table.source_application_entity_title.as_deref().map(str::trim_end), Some("ORTHANC"));
    assert_eq!(table.information_group_length as usize, bytes.len() - 144);

    let padded = |value: &[u8]| bytes.windows(value.len()).any(|window| window == value);
    assert!(padded(b"UI\x14\x001.2.840.10008.1.2.1\0"), "UIDs are padded with NUL");
    assert!(padded(b"AE\x08\0ORTHANC "), "titles are padded with a space");

    let whole = [bytes.as_slice(), &dataset()].concat();
    let object = dicom_object::from_reader(whole.as_slice()).unwrap();
    assert_eq!(object.element(dicom_core::Tag(0x08, 0x60)).unwrap().to_str().unwrap(), "MR");
}

#[test]
fn the_class_uid_is_valid_and_the_version_short_enough() {
    assert!(crate::is_valid_uid(IMPLEMENTATION_CLASS_UID));
    assert!(IMPLEMENTATION_VERSION_NAME.len() <= 16);
}

#[test]
fn invalid_uids_are_written_as_they_are() {
    let long = "4".repeat(70_000);
    for uid in ["", "1.2.abc.3", "../../etc/passwd", "1.2.3", &"1".repeat(77), &long] {
        let bytes = file_meta(uid, uid, EXPLICIT_LE, "");
        assert_eq!(bytes.len() % 2, 0);
        let mut opened = crate::part10::open(std::io::Cursor::new([bytes.as_slice(), &dataset()].concat()))
            .unwrap()
            .unwrap();
        assert_eq!(opened.meta.end, bytes.len() as u64);
        assert_eq!(opened.meta.wrong_length, None);
        let kept: String = uid.chars().take(1024).collect();
        assert_eq!(opened.meta.sop_instance.take().unwrap_or_default(), kept);
    }
}
