//! What lies at the beginning of a medium, told to a person who is about to overwrite it.

use std::fmt;

use manifest::Label;
use medium::{Medium, trial};

use crate::{Error, label};

/// What a medium begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing is on it.
    Blank,
    /// What `p2t drive test` leaves behind.
    Tried,
    /// A volume of this format.
    Volume(Box<Label>),
    /// Something else, in words. What names it may be a patient's, and is not told.
    Other(String),
}

impl Found {
    /// Looks at the medium. What cannot be read is [`Found::Other`].
    pub fn on(medium: &dyn Medium) -> Result<Self, Error> {
        if medium.is_blank()? {
            return Ok(Self::Blank);
        }
        let begins = match label::read_bytes(medium.open()?.as_mut()) {
            Ok(bytes) => bytes,
            Err(Error::BadTar { .. }) => return Ok(Self::Other("files of somebody else's".to_owned())),
            Err(Error::Medium(error)) if !error.concerns_drive() => {
                return Ok(Self::Other(error.to_string()));
            }
            Err(error) => return Err(error),
        };
        Ok(Self::of(&begins))
    }

    fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(trial::MARK) {
            return Self::Tried;
        }
        match label::decode(bytes) {
            Ok(label) => Self::Volume(Box::new(label)),
            Err(_) => Self::Other(foreign(bytes)),
        }
    }

    /// Whether nobody can miss it.
    pub fn is_worthless(&self) -> bool {
        matches!(self, Self::Blank | Self::Tried)
    }
}

/// Names what other programs begin tapes with.
fn foreign(bytes: &[u8]) -> String {
    let at = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    // ANSI X3.27: VOL1 and six characters of the volume's identifier, which is a barcode.
    if at(0, 4) == b"VOL1" {
        let id = String::from_utf8_lossy(at(4, 10));
        let id: String = id.chars().filter(char::is_ascii_graphic).collect();
        return format!("an ANSI, IBM or LTFS label with the volume id {id:?}");
    }
    match bytes {
        [] => "a tape whose beginning cannot be read, or that begins with a filemark".to_owned(),
        _ if at(257, 262) == b"ustar" => "a tar archive".to_owned(),
        _ if at(12, 16) == b"BB02" => "a volume of Bareos or Bacula".to_owned(),
        _ if at(0, 6) == b"AMANDA" => "a volume of Amanda".to_owned(),
        _ => "data of an unknown kind".to_owned(),
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("nothing"),
            Self::Tried => f.write_str("what `p2t drive test` left behind"),
            Self::Volume(label) => write!(
                f,
                "volume {} (copy {}) of transfer {}, {}, begun on {}",
                label.sequence,
                label.copy,
                label.transfer,
                label.volume,
                label.created_at.strftime("%Y-%m-%d"),
            ),
            Self::Other(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_named() {
        let label = crate::testing::label();
        assert_eq!(Found::of(&label::encode(&label).unwrap()), Found::Volume(Box::new(label)));
        assert!(Found::of(&[trial::MARK, &[0; 1000]].concat()).is_worthless());
        let told = |bytes: &[u8]| Found::of(bytes).to_string();
        assert!(told(b"VOL1ABC123 and more").contains("\"ABC123\""));
        assert!(told(b"VOL1\x1b[2J\xff\xff").contains("\"[2J\""));
        let mut tar = vec![0; 512];
        tar[..12].copy_from_slice(b"DOE^JOHN.dcm");
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(told(&tar), "a tar archive");
        assert_eq!(told(b"????????????BB02"), "a volume of Bareos or Bacula");
        assert!(told(b"").contains("cannot be read") && told(b"x").contains("unknown"));
    }

    #[test]
    fn a_blank_medium_and_somebody_s_files_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let found = |name: &str| {
            let address: medium::Address = folder.path().join(name).to_str().unwrap().parse().unwrap();
            Found::on(&address).unwrap()
        };
        assert_eq!((found("a.tap"), found("disk")), (Found::Blank, Found::Blank));
        std::fs::create_dir(folder.path().join("disk")).unwrap();
        std::fs::write(folder.path().join("disk/DOE.txt"), "x").unwrap();
        assert_eq!(found("disk"), Found::Other("files of somebody else's".to_owned()));
    }
}
