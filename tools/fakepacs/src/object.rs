//! The objects themselves: small valid images, the same for the same instance.

use dataset::{Tag, tags};

use crate::encode::Elements;
use crate::population::Numbers;
use crate::study::{CT_IMAGE, Series, Study};

/// An instance by its place in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance<'a> {
    /// Its study.
    pub study: &'a Study,
    /// Its series.
    pub series: &'a Series,
    /// Its number in the series, counted from 1.
    pub number: u32,
}

/// What objects look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Pixels of an image; a byte each.
    pub pixels: u32,
    /// UID of the transfer syntax that they are in.
    pub transfer_syntax: String,
}

impl Default for Look {
    fn default() -> Self {
        Self { pixels: 4096, transfer_syntax: "1.2.840.10008.1.2.1".to_owned() }
    }
}

/// What a dataset says of itself; the truth unless somebody lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Says {
    pub sop_class: String,
    pub sop_instance: String,
    pub study_uid: String,
    pub patient_id: String,
    /// Another number, other pixels.
    pub version: u64,
}

const COLUMNS: u32 = 64;

impl Instance<'_> {
    /// Its SOP Instance UID.
    pub fn uid(&self) -> String {
        self.series.instance_uid(self.number)
    }

    /// Its dataset, as an honest archive sends it.
    pub fn data_set(&self, look: &Look) -> Vec<u8> {
        self.encode(look, &self.says())
    }

    pub(crate) fn says(&self) -> Says {
        Says {
            sop_class: CT_IMAGE.to_owned(),
            sop_instance: self.uid(),
            study_uid: self.study.uid.clone(),
            patient_id: self.study.patient_id.clone(),
            version: 0,
        }
    }

    pub(crate) fn encode(&self, look: &Look, says: &Says) -> Vec<u8> {
        let Study { date, time, accession, patient_name, .. } = self.study;
        let number = self.number.to_string();
        let rows = look.pixels.div_ceil(COLUMNS).max(1);
        let mut elements = Elements::new(&look.transfer_syntax);
        for (tag, vr, value) in [
            (tags::SOP_CLASS_UID, b"UI", says.sop_class.as_str()),
            (tags::SOP_INSTANCE_UID, b"UI", &says.sop_instance),
            (tags::STUDY_DATE, b"DA", date),
            (tags::STUDY_TIME, b"TM", time),
            (tags::ACCESSION_NUMBER, b"SH", accession),
            (tags::MODALITY, b"CS", &self.series.modality),
            (tags::PATIENT_NAME, b"PN", patient_name),
            (tags::PATIENT_ID, b"LO", &says.patient_id),
            (tags::STUDY_INSTANCE_UID, b"UI", &says.study_uid),
            (tags::SERIES_INSTANCE_UID, b"UI", &self.series.uid),
            (tags::STUDY_ID, b"SH", "1"),
            (tags::SERIES_NUMBER, b"IS", "1"),
            (tags::INSTANCE_NUMBER, b"IS", &number),
        ] {
            elements.text(tag, *vr, value);
        }
        elements.number(Tag(0x0028, 0x0002), 1);
        elements.text(Tag(0x0028, 0x0004), *b"CS", "MONOCHROME2");
        for (element, value) in
            [(0x10, rows), (0x11, COLUMNS), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)]
        {
            elements.number(Tag(0x0028, element), value as u16);
        }
        elements.pixels(&self.noise((rows * COLUMNS) as usize, says.version));
        elements.finish()
    }

    fn noise(&self, length: usize, version: u64) -> Vec<u8> {
        let mut numbers = Numbers(self.uid().bytes().fold(version, |seed, byte| {
            seed.wrapping_mul(0x0100_0000_01B3).wrapping_add(u64::from(byte)).rotate_left(9)
        }));
        let mut pixels = Vec::with_capacity(length + 8);
        while pixels.len() < length {
            pixels.extend_from_slice(&numbers.next().to_le_bytes());
        }
        pixels.truncate(length);
        pixels
    }
}
