//! On well-formed data this crate and dicom-object read the same.

use crate::{Examined, Head, examine};
use dicom_core::{DataElement, PrimitiveValue, VR, dicom_value, value::DataSetSequence};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use proptest::prelude::*;
use std::io::Cursor;

fn object(texts: &[String; 4], depth: usize) -> InMemDicomObject {
    let mut nested = InMemDicomObject::from_element_iter([DataElement::new(
        tags::CODE_VALUE,
        VR::SH,
        dicom_value!(Str, texts[3].as_str()),
    )]);
    for _ in 0..depth {
        let items = DataSetSequence::from(vec![nested.clone(), nested]);
        nested =
            InMemDicomObject::from_element_iter([DataElement::new(tags::CONTENT_SEQUENCE, VR::SQ, items)]);
    }
    let text = |tag, vr, value: &str| DataElement::new(tag, vr, PrimitiveValue::from(value));
    let mut object = InMemDicomObject::from_element_iter([
        text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192"),
        text(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE),
        text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.4"),
        text(tags::ACCESSION_NUMBER, VR::SH, &texts[0]),
        text(tags::MODALITY, VR::CS, "CT"),
        text(tags::PATIENT_NAME, VR::PN, &texts[1]),
        text(tags::PATIENT_ID, VR::LO, &texts[2]),
        text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3"),
        text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.5"),
    ]);
    object.put(DataElement::new(
        tags::REFERENCED_STUDY_SEQUENCE,
        VR::SQ,
        DataSetSequence::from(vec![nested]),
    ));
    object
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn heads_agree(
        texts in prop::array::uniform4("[A-Za-z0-9äöüß山田^]{1,20}"),
        depth in 0_usize..6,
        syntax in prop::sample::select(vec![
            uids::IMPLICIT_VR_LITTLE_ENDIAN,
            uids::EXPLICIT_VR_LITTLE_ENDIAN,
            "1.2.840.10008.1.2.2",
        ]),
    ) {
        let object = object(&texts, depth);
        let read = |tag| object.element(tag).ok().and_then(|e| e.to_str().ok()).map(std::borrow::Cow::into_owned);
        let expected = Head {
            character_set: read(tags::SPECIFIC_CHARACTER_SET),
            sop_class: read(tags::SOP_CLASS_UID),
            sop_instance: read(tags::SOP_INSTANCE_UID),
            accession: read(tags::ACCESSION_NUMBER),
            modality: read(tags::MODALITY),
            patient_name: read(tags::PATIENT_NAME),
            patient_id: read(tags::PATIENT_ID),
            study: read(tags::STUDY_INSTANCE_UID),
            series: read(tags::SERIES_INSTANCE_UID),
            ..Head::default()
        };
        let mut file = Vec::new();
        object.clone().with_meta(FileMetaTableBuilder::new().transfer_syntax(syntax)).unwrap().write_all(&mut file).unwrap();
        let Examined::Object(shape) = examine(Cursor::new(file)).unwrap() else { panic!("no object") };
        prop_assert_eq!(&shape.head.patient_name, &expected.patient_name);
        prop_assert_eq!(&shape.head, &expected);
        prop_assert_eq!(&shape.findings, &vec![]);
        prop_assert_eq!(shape.transfer_syntax.as_deref(), Some(syntax));
    }
}
