//! Valid DICOM objects made in any number and size, where real images would be too many or too large.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::random::Random;

const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";
const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
const MULTI_FRAME_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7.2";
/// Of the same length, and nobody's.
const UNKNOWN_CLASS: &str = "1.2.826.0.1.3680043.9.9.9";
const ROOT: &str = "1.2.826.0.1.3680043.10.1234.8";
const KEY_OBJECT_SELECTION: &str = "1.2.840.10008.5.1.4.1.1.88.59";
/// A text attribute: tag, VR, value.
type Text = ((u16, u16), [u8; 2], String);
/// Pixels of one frame: 256 x 256 of one byte.
pub const FRAME: u64 = 65_536;

/// One instance, by its place: its UIDs follow from these numbers.
#[derive(Debug, Clone, Copy)]
pub struct Instance {
    /// Number of the study, and of its patient.
    pub study: u32,
    /// Number of the series in the study.
    pub series: u32,
    /// Number of the instance in the series.
    pub number: u32,
}

impl Instance {
    /// Its SOP Instance UID.
    pub fn uid(self) -> String {
        format!("{}.3.{}", self.series_uid(), self.number)
    }

    /// Its Study Instance UID.
    pub fn study_uid(self) -> String {
        format!("{ROOT}.{}", self.study)
    }

    fn series_uid(self) -> String {
        format!("{}.2.{}", self.study_uid(), self.series)
    }

    /// A CT image of 8-bit noise as a whole file; its size is about `pixels` bytes.
    pub fn small(self, pixels: u32) -> Vec<u8> {
        let mut noise = vec![0; pixels as usize / 2 * 2];
        Random::new(u64::from(self.study) << 40 | u64::from(self.series) << 20 | u64::from(self.number))
            .fill(&mut noise);
        let mut file = self.header(CT_IMAGE, "CT", 1, (1, noise.len() as u64));
        file.extend_from_slice(&noise);
        file
    }

    /// The same with this Study Date (eight digits) and Study Time (six), and of this patient (`SYN` and six digits).
    pub fn small_of(self, pixels: u32, date: &str, time: &str, patient: &str) -> Vec<u8> {
        let mut file = self.small(pixels);
        let of_self = self.identity(CT_IMAGE, "CT");
        for (tag, value) in [((8, 0x20), date), ((8, 0x30), time), ((0x10, 0x20), patient)] {
            let known = of_self.iter().find(|(known, ..)| *known == tag);
            let (tag, vr, old) = known.expect("every object has it");
            let (old, new) = (short(*tag, *vr, old.as_bytes()), short(*tag, *vr, value.as_bytes()));
            let at = file.windows(old.len()).position(|found| found == old).expect("the file has it");
            file.splice(at..at + old.len(), new);
        }
        file
    }

    /// The same with a Study Status ID (0032,000A), in its place before the pixels.
    pub fn small_with_status(self, pixels: u32, status: &str) -> Vec<u8> {
        let mut file = self.small(pixels);
        let at = file.windows(4).position(|found| found == [0xE0, 0x7F, 0x10, 0]);
        let at = at.expect("the file has pixels");
        file.splice(at..at, short((0x32, 0x0A), *b"CS", status.as_bytes()));
        file
    }

    /// The same as an object of a SOP class that no PACS knows.
    pub fn unknown(self, pixels: u32) -> Vec<u8> {
        let mut file = self.small(pixels);
        while let Some(at) = file.windows(CT_IMAGE.len()).position(|found| found == CT_IMAGE.as_bytes()) {
            file[at..at + CT_IMAGE.len()].copy_from_slice(UNKNOWN_CLASS.as_bytes());
        }
        file
    }

    /// A Key Object Selection Document with this code for a title (PS3.16 CID 7010), as a whole file.
    pub fn key_objects(self, title: &str) -> Vec<u8> {
        let code = [
            short((8, 0x100), *b"SH", title.as_bytes()),
            short((8, 0x102), *b"SH", b"DCM"),
            short((8, 0x104), *b"LO", b"a title"),
        ]
        .concat();
        let item = [&[0xFE, 0xFF, 0x00, 0xE0], &(code.len() as u32).to_le_bytes()[..], &code].concat();
        let mut file = self.begin(KEY_OBJECT_SELECTION);
        for (tag, vr, value) in self.identity(KEY_OBJECT_SELECTION, "KO") {
            file.extend(short(tag, vr, value.as_bytes()));
        }
        file.extend(short((0x40, 0xA040), *b"CS", b"CONTAINER"));
        file.extend([0x40, 0x00, 0x43, 0xA0, b'S', b'Q', 0, 0]);
        file.extend((item.len() as u32).to_le_bytes());
        file.extend(item);
        file
    }

    /// Writes a multi-frame image of `frames` frames to `path`: a few distinct frames of noise, over and over.
    pub fn write_large(self, path: &Path, frames: u64) {
        let mut out =
            BufWriter::new(File::create(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())));
        let header = self.header(MULTI_FRAME_CAPTURE, "OT", frames, (256, 256));
        let mut noise = vec![0; 16 * FRAME as usize];
        Random::new(1).fill(&mut noise);
        out.write_all(&header).expect("there is room for a large object");
        for frame in 0..frames {
            let start = (frame % 16 * FRAME) as usize;
            out.write_all(&noise[start..start + FRAME as usize]).expect("there is room for a large object");
        }
        out.flush().expect("there is room for a large object");
    }

    /// Preamble, File Meta and every element up to the pixel bytes, which the caller appends.
    fn header(self, class: &str, modality: &str, frames: u64, (rows, columns): (u64, u64)) -> Vec<u8> {
        let mut file = self.begin(class);
        for (tag, vr, value) in self.attributes(class, modality, frames) {
            file.extend(short(tag, vr, value.as_bytes()));
        }
        for (element, value) in
            [(0x10, rows), (0x11, columns), (0x100, 8), (0x101, 8), (0x102, 7), (0x103, 0)]
        {
            file.extend(short((0x28, element), *b"US", &(value as u16).to_le_bytes()));
        }
        file.extend([0xE0, 0x7F, 0x10, 0, b'O', b'B', 0, 0]);
        file.extend(((frames * rows * columns) as u32).to_le_bytes());
        file
    }

    /// Preamble and File Meta.
    fn begin(self, class: &str) -> Vec<u8> {
        let meta = self.meta(class);
        let mut file = vec![0; 128];
        file.extend_from_slice(b"DICM");
        file.extend(short((2, 0), *b"UL", &(meta.len() as u32).to_le_bytes()));
        file.extend(meta);
        file
    }

    fn meta(self, class: &str) -> Vec<u8> {
        let mut meta = vec![2, 0, 1, 0, b'O', b'B', 0, 0, 2, 0, 0, 0, 0, 1];
        meta.extend(short((2, 2), *b"UI", class.as_bytes()));
        meta.extend(short((2, 3), *b"UI", self.uid().as_bytes()));
        meta.extend(short((2, 0x10), *b"UI", EXPLICIT_LITTLE.as_bytes()));
        meta.extend(short((2, 0x12), *b"UI", ROOT.as_bytes()));
        meta
    }

    /// The text attributes below group 0028's numbers, in the order of their tags (PS3.5 section 7.1).
    fn attributes(self, class: &str, modality: &str, frames: u64) -> Vec<Text> {
        let image = [
            ((0x28, 2), *b"US", "\u{1}\0".to_owned()),
            ((0x28, 4), *b"CS", "MONOCHROME2".to_owned()),
            ((0x28, 8), *b"IS", frames.to_string()),
        ];
        self.identity(class, modality).into_iter().chain(image).collect()
    }

    /// What every object has.
    fn identity(self, class: &str, modality: &str) -> Vec<Text> {
        vec![
            ((8, 0x16), *b"UI", class.to_owned()),
            ((8, 0x18), *b"UI", self.uid()),
            ((8, 0x20), *b"DA", format!("202201{:02}", self.study % 28 + 1)),
            ((8, 0x30), *b"TM", "120000".to_owned()),
            ((8, 0x50), *b"SH", format!("S{:06}", self.study)),
            ((8, 0x60), *b"CS", modality.to_owned()),
            ((0x10, 0x10), *b"PN", format!("Synthetic^{}", self.study)),
            ((0x10, 0x20), *b"LO", format!("SYN{:06}", self.study)),
            ((0x20, 0xD), *b"UI", self.study_uid()),
            ((0x20, 0xE), *b"UI", self.series_uid()),
            ((0x20, 0x10), *b"SH", self.study.to_string()),
            ((0x20, 0x11), *b"IS", self.series.to_string()),
            ((0x20, 0x13), *b"IS", self.number.to_string()),
        ]
    }
}

/// An element with a 16-bit length, padded to an even one.
fn short(tag: (u16, u16), vr: [u8; 2], value: &[u8]) -> Vec<u8> {
    let padding = usize::from(value.len() % 2 == 1);
    let mut element = Vec::with_capacity(9 + value.len());
    element.extend(tag.0.to_le_bytes());
    element.extend(tag.1.to_le_bytes());
    element.extend(vr);
    element.extend(((value.len() + padding) as u16).to_le_bytes());
    element.extend_from_slice(value);
    element.extend(std::iter::repeat_n(if vr == *b"UI" { 0 } else { b' ' }, padding));
    element
}

/// Writes `studies` x `instances` small images below `folder`, one folder a study.
pub fn write_many(folder: &Path, studies: u32, instances: u32, pixels: u32) {
    for study in 1..=studies {
        let place = folder.join(format!("{study:06}"));
        std::fs::create_dir_all(&place).expect("a folder can be made");
        for number in 1..=instances {
            let file = Instance { study, series: 1, number }.small(pixels);
            std::fs::write(place.join(format!("{number:06}.dcm")), file)
                .expect("there is room for a small object");
        }
    }
}
