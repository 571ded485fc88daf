//! Small DICOM objects made in code, and the files around them.

use std::path::Path;

pub const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub const MR: &str = "1.2.840.10008.5.1.4.1.1.4";
pub const SC: &str = "1.2.840.10008.5.1.4.1.1.7";
pub const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
pub const IMPLICIT_LE: &str = "1.2.840.10008.1.2";
pub const EXPLICIT_BE: &str = "1.2.840.10008.1.2.2";

/// An object with its UIDs; `data_set` is in `transfer_syntax`.
#[derive(Debug, Clone)]
pub struct Object {
    pub sop_class: String,
    pub sop_instance: String,
    pub transfer_syntax: String,
    pub study: String,
    pub data_set: Vec<u8>,
}

/// A 64 x 64 image of study `study`, number `number`, uncompressed, in one of the three encodings.
pub fn image(sop_class: &str, transfer_syntax: &str, study: u32, number: u32) -> Object {
    let study_uid = format!("1.2.826.0.1.3680043.9.9999.{study}");
    let sop_instance = format!("{study_uid}.1.{number}");
    let encoding = Encoding { transfer_syntax };
    let rows = encoding.number(64);
    let pixels: Vec<u8> = (0..64 * 64 * 2).map(|i: u32| (i * 31 + number) as u8).collect();
    let mut out = Vec::new();
    for (group, element, vr, value) in [
        (0x0008, 0x0016, b"UI", text(sop_class, 0)),
        (0x0008, 0x0018, b"UI", text(&sop_instance, 0)),
        (0x0008, 0x0020, b"DA", text("20240229", b' ')),
        (0x0008, 0x0060, b"CS", text("CT", b' ')),
        (0x0010, 0x0010, b"PN", text("TEST^OBJECT", b' ')),
        (0x0010, 0x0020, b"LO", text(&format!("P{study}"), b' ')),
        (0x0020, 0x000D, b"UI", text(&study_uid, 0)),
        (0x0020, 0x000E, b"UI", text(&format!("{study_uid}.1"), 0)),
        (0x0020, 0x0013, b"IS", text(&number.to_string(), b' ')),
        (0x0028, 0x0002, b"US", encoding.number(1)),
        (0x0028, 0x0004, b"CS", text("MONOCHROME2", b' ')),
        (0x0028, 0x0010, b"US", rows.clone()),
        (0x0028, 0x0011, b"US", rows),
        (0x0028, 0x0100, b"US", encoding.number(16)),
        (0x0028, 0x0101, b"US", encoding.number(16)),
        (0x0028, 0x0102, b"US", encoding.number(15)),
        (0x0028, 0x0103, b"US", encoding.number(0)),
        (0x7FE0, 0x0010, b"OW", pixels),
    ] {
        encoding.element(&mut out, group, element, *vr, &value);
    }
    Object {
        sop_class: sop_class.to_owned(),
        sop_instance,
        transfer_syntax: transfer_syntax.to_owned(),
        study: study_uid,
        data_set: out,
    }
}

impl Object {
    /// Writes the object as a file (PS3.10 section 7).
    pub fn write_file(&self, path: &Path) {
        let encoding = Encoding { transfer_syntax: EXPLICIT_LE };
        let mut meta = Vec::new();
        encoding.element(&mut meta, 2, 0x0001, *b"OB", &[0, 1]);
        encoding.element(&mut meta, 2, 0x0002, *b"UI", &text(&self.sop_class, 0));
        encoding.element(&mut meta, 2, 0x0003, *b"UI", &text(&self.sop_instance, 0));
        encoding.element(&mut meta, 2, 0x0010, *b"UI", &text(&self.transfer_syntax, 0));
        encoding.element(&mut meta, 2, 0x0012, *b"UI", &text("1.2.3", 0));
        let mut file = vec![0; 128];
        file.extend_from_slice(b"DICM");
        encoding.element(&mut file, 2, 0, *b"UL", &(meta.len() as u32).to_le_bytes());
        file.extend(meta);
        file.extend(&self.data_set);
        std::fs::write(path, file).unwrap();
    }
}

/// The data set bytes of a file, and its transfer syntax: all that follows the File Meta group.
pub fn read_file(path: &Path) -> (String, Vec<u8>) {
    let file = std::fs::read(path).unwrap();
    let length = u32::from_le_bytes(file[140..144].try_into().unwrap()) as usize;
    let (meta, data_set) = file[144..].split_at(length);
    let meta = dataset::read_flat(meta, dataset::Encoding::ExplicitLe).unwrap();
    (meta.uid(dataset::Tag(2, 0x10)).unwrap(), data_set.to_vec())
}

fn text(value: &str, pad: u8) -> Vec<u8> {
    let mut bytes = value.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(pad);
    }
    bytes
}

struct Encoding<'a> {
    transfer_syntax: &'a str,
}

impl Encoding<'_> {
    fn is_big(&self) -> bool {
        self.transfer_syntax == EXPLICIT_BE
    }

    fn number(&self, value: u16) -> Vec<u8> {
        if self.is_big() { value.to_be_bytes().to_vec() } else { value.to_le_bytes().to_vec() }
    }

    fn length(&self, value: u32) -> [u8; 4] {
        if self.is_big() { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn element(&self, out: &mut Vec<u8>, group: u16, element: u16, vr: [u8; 2], value: &[u8]) {
        out.extend(self.number(group));
        out.extend(self.number(element));
        let length = value.len() as u32;
        if self.transfer_syntax == IMPLICIT_LE {
            out.extend(self.length(length));
        } else if matches!(&vr, b"OB" | b"OW" | b"SQ" | b"UN") {
            out.extend(vr);
            out.extend([0, 0]);
            out.extend(self.length(length));
        } else {
            out.extend(vr);
            out.extend(self.number(length as u16));
        }
        out.extend(value);
    }
}
