//! How a medium is written on a command line: `FILE.tap` is a virtual tape, any other path a directory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::Error;

/// Where a volume is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Address {
    /// A SIMH tape image, by its `.tap` file.
    VirtualTape(PathBuf),
    /// A directory, commonly the root of a removable disk.
    Directory(PathBuf),
}

impl Address {
    /// The path of the image file or the directory.
    pub fn path(&self) -> &Path {
        match self {
            Self::VirtualTape(path) | Self::Directory(path) => path,
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
            return Err(Error::TapeDevice { address: text.to_owned() });
        }
        let path = PathBuf::from(text);
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tap")) {
            return Ok(Self::VirtualTape(path));
        }
        Ok(Self::Directory(path))
    }
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
        let refusal = parse("/dev/nst0").unwrap_err();
        assert!(refusal.to_string().contains("/dev/nst0"), "{refusal}");
    }
}
