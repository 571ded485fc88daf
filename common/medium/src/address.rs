//! How a medium is written on a command line: `/dev/nst0` is a tape drive, `FILE.tap` a virtual tape, any other path a
//! directory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::Error;

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
