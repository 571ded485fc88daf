//! Text of the character repertoires of DICOM (PS3.5 section 6.1), decoded whatever it holds.

use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

const ESCAPE: u8 = 0x1B;

/// The character repertoires that a dataset declares in Specific Character Set (0008,0005).
#[derive(Debug, Clone, Default)]
pub struct CharacterSet {
    /// The repertoire before any escape sequence; `None` if none is declared or it is not known.
    first: Option<SpecificCharacterSet>,
    known: bool,
}

impl CharacterSet {
    /// The character set for a value of (0008,0005), with backslashes between its repertoires; empty for the default one.
    pub fn declared(value: &str) -> Self {
        let mut terms = value.split('\\').map(str::trim);
        let first = terms.next().filter(|term| !term.is_empty());
        let codec = first.and_then(SpecificCharacterSet::from_code);
        let known = (first.is_none() || codec.is_some())
            && terms.all(|term| term.is_empty() || SpecificCharacterSet::from_code(term).is_some());
        Self { first: codec, known }
    }

    /// Whether every repertoire declared can be decoded.
    pub fn is_known(&self) -> bool {
        self.known
    }

    /// Decodes text; bytes that do not fit the character set come out as replacements, never as an error.
    pub fn decode(&self, bytes: &[u8]) -> String {
        if bytes.is_ascii() && !bytes.contains(&ESCAPE) {
            return lossy(bytes);
        }
        match &self.first {
            Some(set) if *set == SpecificCharacterSet::ISO_IR_192 => lossy(bytes),
            first if bytes.contains(&ESCAPE) => decode_escaped(bytes, first.as_ref()),
            first => decode_plain(bytes, first.as_ref()),
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where the character set is absent or unknown, UTF-8 is what undeclared text most often is, and Latin-1 fits any byte.
fn decode_plain(bytes: &[u8], set: Option<&SpecificCharacterSet>) -> String {
    if let Some(Ok(text)) = set.map(|set| set.decode(bytes)) {
        return text;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// Decodes text that changes repertoires by ISO 2022 escape sequences.
fn decode_escaped(bytes: &[u8], first: Option<&SpecificCharacterSet>) -> String {
    let mut pieces = bytes.split(|&byte| byte == ESCAPE);
    let mut current = first.cloned();
    let mut text = decode_plain(pieces.next().unwrap_or_default(), current.as_ref());
    for piece in pieces {
        let (target, rest) = after_escape(piece);
        match target {
            Target::Kanji => {
                let with_escape = [b"\x1b$B", rest].concat();
                text += &decode_plain(&with_escape, SpecificCharacterSet::from_code("ISO_IR 87").as_ref());
            }
            Target::High(code) => {
                current = SpecificCharacterSet::from_code(code);
                text += &decode_plain(rest, current.as_ref());
            }
            Target::Low => text += &decode_plain(rest, current.as_ref()),
        }
    }
    text
}

/// What an escape sequence switches to.
enum Target {
    /// JIS X 0208, two bytes below 0x80 each.
    Kanji,
    /// A repertoire for the bytes from 0x80 on, by its defined term.
    High(&'static str),
    /// ASCII or nearly so for the bytes below 0x80; an unknown sequence is taken as one of these.
    Low,
}

/// Reads an escape sequence (PS3.3 tables C.12-3 and C.12-4) of which the escape character is gone already.
fn after_escape(piece: &[u8]) -> (Target, &[u8]) {
    const HIGH: [(&[u8], &str); 13] = [
        (b"-A", "ISO_IR 100"),
        (b"-B", "ISO_IR 101"),
        (b"-C", "ISO_IR 109"),
        (b"-D", "ISO_IR 110"),
        (b"-L", "ISO_IR 144"),
        (b"-G", "ISO_IR 127"),
        (b"-F", "ISO_IR 126"),
        (b"-H", "ISO_IR 138"),
        (b"-M", "ISO_IR 100"),
        (b"-T", "ISO_IR 166"),
        (b")I", "ISO_IR 13"),
        (b"$)C", "ISO_IR 149"),
        (b"$)A", "GBK"),
    ];
    for (sequence, code) in HIGH {
        if let Some(rest) = piece.strip_prefix(sequence) {
            return (Target::High(code), rest);
        }
    }
    if let Some(rest) = piece.strip_prefix(b"$B").or_else(|| piece.strip_prefix(b"$@")) {
        return (Target::Kanji, rest);
    }
    let low = [b"(B", b"(J"].into_iter().find_map(|sequence| piece.strip_prefix(sequence));
    (Target::Low, low.unwrap_or(piece))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(declared: &str, bytes: &[u8]) -> String {
        CharacterSet::declared(declared).decode(bytes)
    }

    #[test]
    fn single_repertoires() {
        assert_eq!(decode("ISO_IR 100", b"Gr\xF6\xDFe^\xDCnal"), "Größe^Ünal");
        assert_eq!(decode("ISO_IR 192", "Größe^Ünal".as_bytes()), "Größe^Ünal");
        assert_eq!(decode("ISO_IR 144", b"\xBB\xEE\xDA"), "Люк");
        assert_eq!(decode("GB18030", b"Wang^XiaoDong=\xCD\xF5^\xD0\xA1\xB6\xAB"), "Wang^XiaoDong=王^小东");
    }

    #[test]
    fn escapes_switch_repertoires() {
        let japanese =
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
        assert_eq!(decode("\\ISO 2022 IR 87", japanese), "Yamada^Tarou=山田^太郎=やまだ^たろう");
        let korean =
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf";
        assert_eq!(decode("\\ISO 2022 IR 149", korean), "Hong^Gildong=洪^吉洞=홍^길동");
    }

    #[test]
    fn what_is_undeclared_or_unknown_is_still_text() {
        assert_eq!(decode("", "é".as_bytes()), "é");
        assert_eq!(decode("ISO_IR 999", b"\xE9"), "é");
        assert!(!CharacterSet::declared("ISO_IR 999").is_known());
        assert!(!CharacterSet::declared("ISO_IR 100\\nonsense").is_known());
        assert!(CharacterSet::declared("").is_known());
        assert_eq!(decode("ISO_IR 192", b"a\xFFb"), "a\u{FFFD}b");
    }

    proptest! {
        #[test]
        fn any_bytes_decode_in_any_character_set(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(ESCAPE), Just(b'$'), Just(b'B')], 0..64),
            code in prop::sample::select(vec![
                "", "ISO_IR 6", "ISO_IR 13", "ISO_IR 87", "ISO_IR 100", "ISO_IR 101", "ISO_IR 109", "ISO_IR 110",
                "ISO_IR 126", "ISO_IR 127", "ISO_IR 138", "ISO_IR 144", "ISO_IR 149", "ISO_IR 166", "ISO_IR 192",
                "GB18030", "GBK", "unknown",
            ]),
        ) {
            let text = decode(code, &bytes);
            prop_assert!(text.len() <= bytes.len() * 8 + 8);
        }
    }
}
