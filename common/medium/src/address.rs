//! How a medium is written on a command line: `/dev/nst0` is a tape drive, `FILE.tap` a virtual tape, any other path a
//! directory.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::scsi::Format;
use crate::{
    Error, Medium, MediumReader, MediumWriter, Reopened, Settings, directory, st, system, tap, tape,
};

/// Where a volume is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// The cartridge in a tape drive, by the drive's node that does not rewind.
    Tape(PathBuf),
    /// A SIMH tape image, by its `.tap` file.
    VirtualTape(PathBuf),
    /// A directory, commonly the root of a removable disk.
    Directory(PathBuf),
}

impl Address {
    /// The path of the drive's node, the image file or the directory.
    pub fn path(&self) -> &Path {
        match self {
            Self::Tape(path) | Self::VirtualTape(path) | Self::Directory(path) => path,
        }
    }

    /// The LTO format of the cartridge in a tape drive, if one is in and its format is known. None for a drive that a program
    /// has open.
    pub fn loaded_format(&self) -> Option<Format> {
        let Self::Tape(path) = self else { return None };
        st::loaded_density(path).ok().flatten().and_then(Format::of_density)
    }

    /// What is there already of a disk medium's path: the medium, or the directory that it will be made in.
    fn disk(&self) -> Option<&Path> {
        match self {
            Self::Tape(_) => None,
            Self::VirtualTape(path) | Self::Directory(path) => {
                Some(path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new(".")))
            }
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Err(Error::NoAddress);
        }
        // /dev/shm is a memory disk.
        if text.starts_with("/dev/") && !text.starts_with("/dev/shm/") {
            return device(text);
        }
        let path = PathBuf::from(text);
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tap")) {
            return Ok(Self::VirtualTape(path));
        }
        Ok(Self::Directory(path))
    }
}

/// A tape drive by one of its names: nst0 and st0, nst0a and so on, or a link that udev made below /dev/tape.
fn device(text: &str) -> Result<Address, Error> {
    let name = text.trim_start_matches("/dev/");
    let is_st = |name: &str| {
        name.strip_prefix("st").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    if is_st(name) {
        return Err(Error::Rewinds { path: text.into() });
    }
    if name.strip_prefix('n').is_some_and(is_st) || name.starts_with("tape/") {
        return Ok(Address::Tape(text.into()));
    }
    Err(Error::OtherDevice { address: text.to_owned() })
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path().display().fmt(f)
    }
}

impl Medium for Address {
    fn is_blank(&self) -> Result<bool, Error> {
        match self {
            Self::Tape(path) => tape::is_blank(st::open(path, false)?.as_mut()),
            Self::VirtualTape(path) => tap::is_blank(path),
            Self::Directory(path) => directory::is_blank(path),
        }
    }

    fn is_drive(&self) -> bool {
        matches!(self, Self::Tape(_))
    }

    fn is_write_protected(&self) -> Result<bool, Error> {
        match self {
            Self::Tape(path) => tape::is_write_protected(st::open(path, false)?.as_mut()),
            Self::VirtualTape(_) | Self::Directory(_) => Ok(false),
        }
    }

    fn eject(&self) -> Result<(), Error> {
        match self {
            Self::Tape(path) => st::eject(path).map_err(|error| match error.kind() {
                io::ErrorKind::ResourceBusy => Error::InUse { path: path.clone() },
                _ => Error::io(path, "eject the cartridge in", error),
            }),
            Self::VirtualTape(_) | Self::Directory(_) => Ok(()),
        }
    }

    fn free_bytes(&self) -> Option<u64> {
        self.disk().and_then(system::free_bytes)
    }

    fn has_room(&self, volume_bytes: u64, file_bytes: u64) -> bool {
        let longest = if matches!(self, Self::VirtualTape(_)) { volume_bytes } else { file_bytes };
        self.free_bytes().is_none_or(|free| volume_bytes <= free)
            && self.disk().and_then(system::largest_file).is_none_or(|largest| longest <= largest)
    }

    fn create(&self, settings: &Settings) -> Result<Box<dyn MediumWriter>, Error> {
        settings.check()?;
        match self {
            Self::Tape(path) => tape::create(st::open(path, true)?, settings),
            Self::VirtualTape(path) => tap::create(path, settings),
            Self::Directory(path) => directory::create(path, settings),
        }
    }

    fn reopen(&self, settings: &Settings) -> Result<Box<dyn Reopened>, Error> {
        settings.check()?;
        match self {
            Self::Tape(path) => tape::reopen(st::open(path, true)?, settings),
            Self::VirtualTape(path) => tap::reopen(path, settings),
            Self::Directory(path) => directory::reopen(path, settings),
        }
    }

    fn open(&self) -> Result<Box<dyn MediumReader>, Error> {
        match self {
            Self::Tape(path) => tape::open(st::open(path, false)?),
            Self::VirtualTape(path) => tap::open(path),
            Self::Directory(path) => directory::open(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_decides_the_kind() {
        let parse = |text: &str| text.parse::<Address>();
        assert_eq!(parse("a/B.TAP").unwrap(), Address::VirtualTape("a/B.TAP".into()));
        assert_eq!(parse("/mnt/usb").unwrap(), Address::Directory("/mnt/usb".into()));
        assert_eq!(parse("x.tap/").unwrap().to_string(), "x.tap/");
        assert!(matches!(parse(""), Err(Error::NoAddress)));
        assert!(matches!(parse("/dev/shm/volume"), Ok(Address::Directory(_))));
        assert_eq!(parse("/dev/nst0").unwrap(), Address::Tape("/dev/nst0".into()));
        assert!(matches!(parse("/dev/tape/by-id/scsi-1234-nst"), Ok(Address::Tape(_))));
        assert!(matches!(parse("/dev/st0"), Err(Error::Rewinds { .. })));
        let refusal = parse("/dev/sda").unwrap_err();
        assert!(refusal.to_string().contains("/dev/sda"), "{refusal}");
    }
}
