//! What the tests of this crate share: volumes with known content, written and read whole.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{Read, Write};
use std::path::Path;

use medium::{
    Address, Error, FileId, FileReader, FileWriter, Finding, Medium, MediumReader, MediumWriter, Settings,
};

/// A file's name and content.
pub type Content = (String, Vec<u8>);

/// The kinds of media under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    VirtualTape,
    Directory,
}

impl Kind {
    /// A medium of this kind below `folder`.
    pub fn address(self, folder: &Path) -> Address {
        match self {
            Self::VirtualTape => Address::VirtualTape(folder.join("volume.tap")),
            Self::Directory => Address::Directory(folder.join("volume")),
        }
    }
}

pub fn settings(record_bytes: usize) -> Settings {
    Settings { record_bytes, capacity_bytes: None }
}

/// Name of a volume's file by its number: the label, then segments.
pub fn name(number: usize) -> String {
    if number == 0 { "VOLUME.tar".to_owned() } else { format!("segment-{number:06}.tar.zst") }
}

/// Content without pattern that is the same in each run.
pub fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// Files of these sizes.
pub fn contents(sizes: &[usize]) -> Vec<Content> {
    sizes.iter().enumerate().map(|(number, bytes)| (name(number), noise(*bytes, number as u64 + 7))).collect()
}

pub fn names(files: &[Content]) -> Vec<String> {
    files.iter().map(|(name, _)| name.clone()).collect()
}

pub fn put(medium: &mut dyn MediumWriter, (name, content): &Content) -> Result<(), Error> {
    let mut file = FileWriter::begin(medium, name)?;
    file.write_all(content).map_err(|e| medium::medium_error(e).unwrap())?;
    assert_eq!(file.finish()?, content.len() as u64);
    Ok(())
}

/// Goes on behind the committed files.
pub fn append(
    medium: &dyn Medium,
    settings: &Settings,
    committed: &[String],
) -> Result<Box<dyn MediumWriter>, Error> {
    medium.reopen(settings)?.append(committed)
}

/// A committed and closed volume.
pub fn write_volume(address: &Address, settings: &Settings, files: &[Content]) {
    let mut writer = address.create(settings).unwrap();
    for file in files {
        put(&mut *writer, file).unwrap();
    }
    assert_eq!(writer.commit().unwrap() as usize, files.len());
    writer.close().unwrap();
}

pub fn get(reader: &mut dyn MediumReader, number: usize) -> Option<Vec<u8>> {
    let id = FileId { number: number as u32, name: name(number) };
    let mut content = Vec::new();
    FileReader::open(reader, &id).unwrap()?.read_to_end(&mut content).unwrap();
    Some(content)
}

/// All files, and what was found damaged.
pub fn read_volume(address: &Address) -> (Vec<Vec<u8>>, Vec<Finding>) {
    let mut reader = address.open().unwrap();
    let listed = reader.files().unwrap();
    let files: Vec<_> = (0..listed.len()).map(|number| get(&mut *reader, number).unwrap()).collect();
    for (entry, content) in listed.iter().zip(&files) {
        assert_eq!(entry.bytes, Some(content.len() as u64), "listed size of file {}", entry.number);
    }
    (files, reader.findings())
}

/// That the volume holds just these files and no damage.
pub fn assert_volume(address: &Address, files: &[Content]) {
    let (found, findings) = read_volume(address);
    let wanted: Vec<_> = files.iter().map(|(_, content)| content.clone()).collect();
    assert!(found == wanted, "content differs: {} files, {} wanted", found.len(), wanted.len());
    assert_eq!(findings, []);
}
