//! What the tests of this crate share: volumes with known content, written and read whole.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use medium::model::{Cartridge, ModelDrive};
use medium::scsi::Format;
use medium::{
    Address, CommittedFile, Error, FileId, FileReader, FileWriter, Finding, Medium, MediumReader,
    MediumWriter, Settings,
};

/// A file's name and content.
pub type Content = (String, Vec<u8>);

/// The kinds of media under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    VirtualTape,
    Directory,
    /// The writer and reader for tapes, over a drive that is modelled.
    ModelledTape,
    /// And over the real driver, with a cartridge in its first drive.
    St,
}

/// The first drive of the tape laboratory.
const ST: &str = "/dev/nst0";

impl Kind {
    /// A disk medium of this kind below `folder`.
    pub fn address(self, folder: &Path) -> Address {
        match self {
            Self::VirtualTape => Address::VirtualTape(folder.join("volume.tap")),
            Self::Directory => Address::Directory(folder.join("volume")),
            Self::ModelledTape | Self::St => panic!("{self:?} is no disk"),
        }
    }

    /// The medium of this kind that stands for `folder`; blank the first time.
    pub fn medium(self, folder: &Path) -> Box<dyn Medium> {
        match self {
            Self::VirtualTape | Self::Directory => Box::new(self.address(folder)),
            Self::ModelledTape => Box::new(modelled(folder)),
            Self::St => Box::new(st(folder)),
        }
    }

    /// A medium of this kind that is not there.
    pub fn absent(self, folder: &Path) -> Box<dyn Medium> {
        match self {
            Self::VirtualTape | Self::Directory => Box::new(self.address(&folder.join("unmounted"))),
            Self::ModelledTape => Box::new(ModelDrive::default()),
            Self::St => Box::new(Address::Tape("/dev/nst-none".into())),
        }
    }

    /// The format of the cartridge, where its drive tells one: the modelled one does not.
    pub fn loaded_format(self) -> Option<Format> {
        match self {
            Self::St => Some(Address::Tape(ST.into()).loaded_format().unwrap()),
            Self::VirtualTape | Self::Directory | Self::ModelledTape => None,
        }
    }

    pub fn is_tape(self) -> bool {
        matches!(self, Self::ModelledTape | Self::St)
    }
}

/// A modelled drive for each folder.
pub fn modelled(folder: &Path) -> ModelDrive {
    static DRIVES: Mutex<BTreeMap<PathBuf, ModelDrive>> = Mutex::new(BTreeMap::new());
    let mut drives = DRIVES.lock().unwrap();
    let drive = drives.entry(folder.to_owned()).or_insert_with(|| ModelDrive::with(Cartridge::blank()));
    drive.clone()
}

/// The one drive, whose cartridge is erased for each folder.
fn st(folder: &Path) -> Address {
    static ERASED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    if ERASED.lock().unwrap().insert(folder.to_owned()) {
        for operation in [["rewind"].as_slice(), &["erase", "0"]] {
            let done = Command::new("mt").args(["-f", ST]).args(operation).status().unwrap();
            assert!(done.success(), "mt {operation:?}: {done}");
        }
    }
    Address::Tape(ST.into())
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
    files: &[Content],
) -> Result<Box<dyn MediumWriter>, Error> {
    let committed =
        |(name, content): &Content| CommittedFile { name: name.clone(), bytes: content.len() as u64 };
    medium.reopen(settings)?.append(&files.iter().map(committed).collect::<Vec<_>>())
}

/// A committed and closed volume.
pub fn write_volume(medium: &dyn Medium, settings: &Settings, files: &[Content]) {
    let mut writer = medium.create(settings).unwrap();
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
pub fn read_volume(medium: &dyn Medium) -> (Vec<Vec<u8>>, Vec<Finding>) {
    let mut reader = medium.open().unwrap();
    let listed = reader.files().unwrap();
    let files: Vec<_> = (0..listed.len()).map(|number| get(&mut *reader, number).unwrap()).collect();
    for (entry, content) in listed.iter().zip(&files) {
        let expected = (!medium.is_drive()).then_some(content.len() as u64);
        assert_eq!(entry.bytes, expected, "listed size of file {}", entry.number);
    }
    (files, reader.findings())
}

/// That the volume holds just these files and no damage.
pub fn assert_volume(medium: &dyn Medium, files: &[Content]) {
    let (found, findings) = read_volume(medium);
    let wanted: Vec<_> = files.iter().map(|(_, content)| content.clone()).collect();
    assert!(found == wanted, "content differs: {} files, {} wanted", found.len(), wanted.len());
    assert_eq!(findings, []);
}
