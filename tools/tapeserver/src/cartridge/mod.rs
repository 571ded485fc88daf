//! Cartridges: two files each, so that they outlive the machine and can be looked at from outside.
//!
//! `BARCODE.tap` is the tape ([`medium`]), `BARCODE.json` what the cartridge's memory chip and its shell say ([`Properties`]).

pub mod kind;
pub mod mam;
pub mod medium;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use kind::{Barcode, Kind};
use mam::HostAttribute;
use medium::Medium;

/// Times that a cleaning cartridge can be used.
const CLEANINGS: u32 = 50;

/// What is known of a cartridge besides its data.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Properties {
    /// The switch on the shell.
    pub write_protect: bool,
    /// Element address where it lies; none: somebody has it in hands.
    pub place: Option<u16>,
    /// Storage element that it was moved into a drive from.
    pub home: Option<u16>,
    /// How often it was loaded.
    pub loads: u64,
    /// Bytes written and read in its life.
    pub written: u64,
    /// See `written`.
    pub read: u64,
    /// Errors that could not be corrected, in its life: on writing and on reading.
    pub write_errors: u64,
    /// See `write_errors`.
    pub read_errors: u64,
    /// Uses left of a cleaning cartridge.
    pub cleanings: u32,
    /// Attributes that hosts wrote, by identifier.
    pub attributes: BTreeMap<u16, HostAttribute>,
}

impl Default for Properties {
    fn default() -> Self {
        Self {
            write_protect: false,
            place: None,
            home: None,
            loads: 0,
            written: 0,
            read: 0,
            write_errors: 0,
            read_errors: 0,
            cleanings: CLEANINGS,
            attributes: BTreeMap::new(),
        }
    }
}

/// A cartridge.
#[derive(Debug)]
pub struct Cartridge {
    barcode: Barcode,
    path: PathBuf,
    /// What is known besides the data; [`Cartridge::save`] keeps a change.
    pub properties: Properties,
    /// The tape.
    pub medium: Medium,
}

impl Cartridge {
    /// Opens the cartridge of this barcode in `folder`, or makes it. `capacity` is in bytes, up to the hard end.
    pub fn open(folder: &Path, barcode: Barcode, capacity: u64) -> io::Result<Self> {
        let path = folder.join(format!("{barcode}.json"));
        let properties = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Properties::default(),
            Err(error) => return Err(error),
        };
        let medium = Medium::open(&folder.join(format!("{barcode}.tap")), capacity)?;
        Ok(Self { barcode, path, properties, medium })
    }

    /// Its barcode.
    pub fn barcode(&self) -> &Barcode {
        &self.barcode
    }

    /// What it is for.
    pub fn kind(&self) -> Kind {
        self.barcode.kind()
    }

    /// Whether nothing on it can be overwritten.
    pub fn is_worm(&self) -> bool {
        matches!(self.kind(), Kind::Worm(_))
    }

    /// The serial number in its memory chip: not the barcode, which is only a label.
    pub fn serial(&self) -> String {
        format!("TL{}", &self.barcode.as_str()[..6])
    }

    /// Keeps the properties.
    pub fn save(&self) -> io::Result<()> {
        let new = self.path.with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(&self.properties)?)?;
        fs::rename(new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_outlive_the_machine() {
        let folder = tempfile::tempdir().unwrap();
        let barcode = Barcode::new("P2T001LY").unwrap();
        let mut cartridge = Cartridge::open(folder.path(), barcode.clone(), 1 << 20).unwrap();
        assert!(cartridge.is_worm());
        cartridge.properties.write_protect = true;
        cartridge.properties.place = Some(4096);
        let attribute = HostAttribute::new(0x0806, 1, &crate::device::padded("P2T001LY", 32)).unwrap();
        cartridge.properties.attributes.insert(0x0806, attribute.clone());
        cartridge.save().unwrap();
        let again = Cartridge::open(folder.path(), barcode, 1 << 20).unwrap();
        assert!(again.properties.write_protect);
        assert_eq!(again.properties.place, Some(4096));
        assert_eq!(again.properties.attributes[&0x0806], attribute);
    }
}
