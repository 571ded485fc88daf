//! Why a file is not taken for DICOM.

/// Why a file is not taken for a DICOM object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// Preamble and prefix without anything after them.
    #[error("the file ends after the DICM prefix")]
    PreambleOnly,
    /// Preamble and prefix, then bytes that are no data elements.
    #[error("the file has a DICM prefix but no data element after it")]
    NoElements,
    /// Text.
    #[error("the file is text")]
    Text,
    /// A file of a well-known format.
    #[error("the file is {0}, not DICOM")]
    OtherFormat(&'static str),
    /// Anything else.
    #[error("the file does not look like DICOM")]
    Unrecognised,
}

/// Formats that lie among DICOM files, by their first bytes.
const FORMATS: [(&[u8], &str); 16] = [
    (b"%PDF-", "a PDF document"),
    (b"\xFF\xD8\xFF", "a JPEG image"),
    (b"\x89PNG", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"PK\x03\x04", "a ZIP archive or office document"),
    (b"\x1F\x8B", "a gzip archive"),
    (b"\x28\xB5\x2F\xFD", "a zstd archive"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z archive"),
    (b"MZ", "a Windows program"),
    (b"\x7FELF", "a Linux program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xD0\xCF\x11\xE0", "an office document or thumbnail cache"),
    (b"\xFF\x4F\xFF\x51", "a JPEG 2000 codestream"),
];

impl Reason {
    /// Tells from a file's first bytes what it is instead of DICOM.
    pub(crate) fn of(start: &[u8]) -> Self {
        if start.is_empty() {
            return Self::Empty;
        }
        if is_text(start) {
            return Self::Text;
        }
        let format = FORMATS.iter().find(|(magic, _)| start.starts_with(magic));
        format.map_or(Self::Unrecognised, |(_, name)| Self::OtherFormat(name))
    }
}

fn is_text(start: &[u8]) -> bool {
    start.iter().all(|&byte| byte >= b' ' && byte != 0x7F || byte.is_ascii_whitespace())
        && !start.starts_with(b"%PDF-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell_what_a_file_is() {
        assert_eq!(Reason::of(b""), Reason::Empty);
        assert_eq!(Reason::of(b"this is not dicom\n"), Reason::Text);
        assert_eq!(Reason::of("Größe\r\n".as_bytes()), Reason::Text);
        assert_eq!(Reason::of(b"%PDF-1.4\n"), Reason::OtherFormat("a PDF document"));
        assert_eq!(Reason::of(b"\xFF\xD8\xFF\xE0\0\x10JFIF\0"), Reason::OtherFormat("a JPEG image"));
        assert_eq!(Reason::of(&[0; 200]), Reason::Unrecognised);
    }
}
