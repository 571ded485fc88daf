//! The title of a structured document: the first code of its root's Concept Name Code Sequence (PS3.3 section C.17.3).

use crate::{
    element::SHORT_HEADER,
    flat::trimmed,
    input::{Input, Stream},
    read_head::fitting,
    syntax::Encoding,
    tag::{Tag, tags},
    walk::{Halt, Limits, Walker},
};
use flate2::bufread::DeflateDecoder;
use std::io::{BufReader, Cursor, Read};

const CONCEPT_NAME_CODE_SEQUENCE: Tag = Tag(0x0040, 0xA043);
const CODE_VALUE: Tag = Tag(0x0008, 0x0100);

/// A code has at most 16 characters (PS3.5 section 6.2, SH).
const MOST_VALUE: usize = 64;
const LIMITS: Limits = Limits { headers: 100_000, bytes: 64 << 20 };

/// Reads the code of a document's title from a dataset without File Meta Information; none if it has none that can be read.
/// Reading stops behind it.
pub fn title_code<R: Read>(mut reader: R, transfer_syntax: &str) -> Option<String> {
    let mut start = [0; SHORT_HEADER];
    let filled = Stream(&mut reader).fill(&mut start).ok()?;
    let start = start.get(..filled).unwrap_or_default();
    let framing = fitting(Encoding::of_transfer_syntax(transfer_syntax), start);
    let whole = BufReader::new(Cursor::new(start).chain(reader));
    let found = if framing.deflated {
        find(Walker::new(Stream(DeflateDecoder::new(whole)), framing.encoding, LIMITS))
    } else {
        find(Walker::new(Stream(whole), framing.encoding, LIMITS))
    };
    found.ok().flatten()
}

fn find<I: Input>(mut walker: Walker<I>) -> Result<Option<String>, Halt> {
    loop {
        let Some(element) = walker.next()? else { return Ok(None) };
        if element.tag == CONCEPT_NAME_CODE_SEQUENCE {
            break;
        }
        if element.tag > CONCEPT_NAME_CODE_SEQUENCE {
            return Ok(None);
        }
        walker.pass(&element)?;
    }
    // The walk goes into the first item: code values come first in it.
    while let Some(element) = walker.next()? {
        match (element.tag, element.length) {
            (tags::ITEM, _) => {}
            (CODE_VALUE, Some(length)) => {
                let value = walker.value(length, MOST_VALUE)?;
                return Ok(Some(trimmed(&String::from_utf8_lossy(&value)).to_owned()));
            }
            _ => return Ok(None),
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{EXPLICIT_LE, IMPLICIT_LE, explicit, implicit};

    fn in_item(elements: &[u8]) -> Vec<u8> {
        implicit(tags::ITEM, elements)
    }

    fn document(code: &[u8]) -> Vec<u8> {
        let other = in_item(&explicit(CODE_VALUE, "SH", b"121181"));
        let title = [explicit(CODE_VALUE, "SH", code), explicit(Tag(8, 0x102), "SH", b"DCM ")].concat();
        [
            explicit(Tag(8, 0x16), "UI", b"1.2.840.10008.5.1.4.1.1.88.59\0"),
            // Codes elsewhere are no titles.
            explicit(Tag(8, 0x1032), "SQ", &other),
            explicit(Tag(0x40, 0xA040), "CS", b"CONTAINER "),
            explicit(CONCEPT_NAME_CODE_SEQUENCE, "SQ", &in_item(&title)),
            explicit(Tag(0x40, 0xA730), "SQ", &other),
        ]
        .concat()
    }

    #[test]
    fn the_title_is_the_code_of_the_root_and_no_other() {
        assert_eq!(title_code(document(b"113001").as_slice(), EXPLICIT_LE).as_deref(), Some("113001"));
        let untitled = explicit(Tag(0x40, 0xA730), "SQ", &in_item(&explicit(CODE_VALUE, "SH", b"113001")));
        assert_eq!(title_code(untitled.as_slice(), EXPLICIT_LE), None);
    }

    #[test]
    fn sequences_of_undefined_length_and_implicit_datasets_are_read_too() {
        let mut sequence = CONCEPT_NAME_CODE_SEQUENCE.0.to_le_bytes().to_vec();
        sequence.extend(CONCEPT_NAME_CODE_SEQUENCE.1.to_le_bytes());
        sequence.extend([0xFF; 4]);
        sequence.extend([0xFE, 0xFF, 0x00, 0xE0, 0xFF, 0xFF, 0xFF, 0xFF]);
        sequence.extend(implicit(CODE_VALUE, b"113039"));
        let whole = [implicit(Tag(8, 0x16), b"1.2\0"), sequence].concat();
        assert_eq!(title_code(whole.as_slice(), IMPLICIT_LE).as_deref(), Some("113039"));
    }

    #[test]
    fn what_is_cut_off_or_no_dataset_has_no_title() {
        let whole = document(b"113001");
        for length in 0..whole.len().min(150) {
            assert!(title_code(&whole[..length], EXPLICIT_LE).is_none_or(|code| code == "113001"));
        }
        assert_eq!(title_code([0xFF; 300].as_slice(), EXPLICIT_LE), None);
    }
}
