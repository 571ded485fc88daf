use super::*;
use crate::testkit::{
    EXPLICIT_LE, IMPLICIT_LE, SOP_INSTANCE, big_endian, dataset, dataset_with, file, implicit, nest,
    on_small_stack, values,
};
use std::io::Cursor;

fn examined(bytes: &[u8]) -> Examined {
    examine(Cursor::new(bytes)).unwrap()
}

fn shape(bytes: &[u8]) -> Shape {
    match examined(bytes) {
        Examined::Object(shape) => *shape,
        other => panic!("{other:?}"),
    }
}

fn refused(bytes: &[u8]) -> Reason {
    match examined(bytes) {
        Examined::NotDicom(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_ordinary_file_has_no_findings() {
    let bytes = file(EXPLICIT_LE, &dataset());
    let shape = shape(&bytes);
    assert_eq!(shape.findings, []);
    assert_eq!(shape.dataset_offset as usize, bytes.len() - dataset().len());
    assert_eq!(shape.transfer_syntax.as_deref(), Some(EXPLICIT_LE));
    assert_eq!(shape.sop_instance(), Some(SOP_INSTANCE));
    assert_eq!(shape.head.patient_name.as_deref(), Some("Größe^A"));
}

#[test]
fn a_reader_is_taken_from_its_first_byte() {
    let mut reader = Cursor::new(file(EXPLICIT_LE, &dataset()));
    reader.set_position(200);
    assert!(matches!(examine(reader).unwrap(), Examined::Object(_)));
}

#[test]
fn a_missing_preamble_is_a_finding() {
    let bytes = file(EXPLICIT_LE, &dataset());
    for start in [128, 132] {
        let shape = shape(&bytes[start..]);
        assert_eq!(shape.findings, [Finding::NoPreamble], "{start}");
        assert_eq!(shape.dataset_offset as usize, bytes.len() - start - dataset().len());
    }
}

#[test]
fn a_bare_dataset_is_recognised_in_each_encoding() {
    let little: Vec<u8> = values().into_iter().flat_map(|(tag, _, value)| implicit(tag, value)).collect();
    let big: Vec<u8> = values().into_iter().flat_map(|(tag, vr, value)| big_endian(tag, vr, value)).collect();
    let cases =
        [(dataset(), Encoding::ExplicitLe), (little, Encoding::ImplicitLe), (big, Encoding::ExplicitBe)];
    for (bytes, encoding) in cases {
        let shape = shape(&bytes);
        assert_eq!(shape.findings, [Finding::NoPreamble, Finding::NoFileMeta(encoding)]);
        assert_eq!(
            (shape.dataset_offset, shape.transfer_syntax.clone(), shape.encoding),
            (0, None, encoding)
        );
        assert_eq!(shape.sop_instance(), Some(SOP_INSTANCE));
    }
}

#[test]
fn a_wrong_group_length_does_not_mislead() {
    let mut bytes = file(EXPLICIT_LE, &dataset());
    bytes[140] += 6;
    let shape = shape(&bytes);
    assert!(
        matches!(shape.findings[..], [Finding::MetaLengthWrong { declared, actual }] if declared == actual + 6)
    );
    assert_eq!(shape.head.modality.as_deref(), Some("MR"));
}

#[test]
fn a_contradicted_or_absent_transfer_syntax_is_a_finding() {
    let contradicted = shape(&file(IMPLICIT_LE, &dataset()));
    let declared = IMPLICIT_LE.to_owned();
    let found = Encoding::ExplicitLe;
    assert_eq!(contradicted.findings, [Finding::SyntaxContradicted { declared, found }]);
    assert_eq!(contradicted.head.modality.as_deref(), Some("MR"));

    let absent = shape(&file("", &dataset()));
    assert_eq!(absent.findings, [Finding::NoTransferSyntax(Encoding::ExplicitLe)]);
    assert_eq!(absent.transfer_syntax, None);
}

#[test]
fn a_meta_uid_that_differs_is_a_finding() {
    let meta = crate::file_meta(crate::testkit::SOP_CLASS, "1.2.3", EXPLICIT_LE, "A");
    let shape = shape(&[meta.as_slice(), &dataset()].concat());
    assert_eq!(shape.findings, [Finding::MetaDiffers(tags::SOP_INSTANCE_UID)]);
    assert_eq!(
        (shape.sop_instance(), shape.meta_sop_instance.as_deref()),
        (Some(SOP_INSTANCE), Some("1.2.3"))
    );
}

#[test]
fn a_file_cut_in_its_header_is_still_an_object() {
    let bytes = file(EXPLICIT_LE, &dataset());
    for cut in 150..bytes.len() {
        let object = shape(&bytes[..cut]);
        assert!(object.sop_instance().is_none() || object.sop_instance() == Some(SOP_INSTANCE), "{cut}");
    }
    let cut = shape(&bytes[..bytes.len() - 30]);
    assert!(cut.findings.contains(&Finding::Truncated { offset: 194 }), "{:?}", cut.findings);
}

#[test]
fn what_is_no_dicom_has_its_own_reason() {
    assert_eq!(refused(b""), Reason::Empty);
    assert_eq!(refused(&b"this is not dicom\n".repeat(50)), Reason::Text);
    assert_eq!(refused(&[[0; 128].as_slice(), b"DICM"].concat()), Reason::PreambleOnly);
    assert_eq!(refused(&[[0; 128].as_slice(), b"DICM\0\0\0"].concat()), Reason::NoElements);
    assert_eq!(refused(&[0; 1000]), Reason::Unrecognised);
    assert_eq!(refused(b"\x08\0\x05\0CS\x02\0ab"), Reason::Unrecognised);
    assert_eq!(refused(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), Reason::OtherFormat("a PNG image"));
}

#[test]
fn a_dicomdir_is_told_by_class_or_by_its_records() {
    let records = b"\x04\0\x20\x12SQ\0\0\xff\xff\xff\xff\xfe\xff\xdd\xe0\0\0\0\0".as_slice();
    let meta = crate::file_meta(MEDIA_STORAGE_DIRECTORY, "1.2", EXPLICIT_LE, "A");
    let by_class = [meta.as_slice(), &dataset()].concat();
    for bytes in [by_class, file(EXPLICIT_LE, records), records.to_vec()] {
        assert!(matches!(examined(&bytes), Examined::Directory { .. }));
    }
}

#[test]
fn nests_stay_within_a_small_stack() {
    on_small_stack(|| {
        for undefined in [true, false] {
            let shape = shape(&file(EXPLICIT_LE, &dataset_with(&nest(2000, undefined))));
            assert_eq!((shape.findings.len(), shape.head.modality.as_deref()), (0, Some("MR")));
        }
    });
}
