//! Follows a dataset while it arrives, header by header, to tell whether it ends where an element ends.

use crate::{
    element::{self, Element, SHORT_HEADER, Start},
    finding::Finding,
    nest::Nest,
    read_head::fitting,
    syntax::{Encoding, TRANSFER_SYNTAXES},
    tag::Tag,
};

const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
const LONG_HEADER: usize = SHORT_HEADER + 4;

/// Where a dataset stands that comes piece by piece. Uses a fixed amount of memory and time in proportion to the bytes. A
/// deflated dataset is not followed.
#[derive(Debug)]
pub struct Ending {
    transfer_syntax: String,
    encoding: Option<Encoding>,
    deflated: bool,
    header: [u8; LONG_HEADER],
    filled: usize,
    /// Bytes of the current value that are still to come.
    skip: u64,
    nest: Option<Nest>,
    position: u64,
    /// Where the current top-level element began.
    start: u64,
    encapsulated: Option<bool>,
}

impl Ending {
    /// A dataset that is declared to be in `transfer_syntax`, before its first byte.
    pub fn new(transfer_syntax: &str) -> Self {
        Self {
            transfer_syntax: transfer_syntax.to_owned(),
            encoding: None,
            deflated: Encoding::of_transfer_syntax(transfer_syntax).deflated,
            header: [0; LONG_HEADER],
            filled: 0,
            skip: 0,
            nest: None,
            position: 0,
            start: 0,
            encapsulated: None,
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !self.deflated && !bytes.is_empty() {
            let taken = if self.skip > 0 { self.skip_some(bytes) } else { self.read_some(bytes) };
            self.position += taken as u64;
            bytes = bytes.get(taken..).unwrap_or_default();
        }
    }

    fn skip_some(&mut self, bytes: &[u8]) -> usize {
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        skipped
    }

    /// Reads the rest of a header, or as much of it as there is.
    fn read_some(&mut self, bytes: &[u8]) -> usize {
        if self.filled == 0 && self.nest.is_none() {
            self.start = self.position;
        }
        let wanted = if self.filled < SHORT_HEADER { SHORT_HEADER } else { LONG_HEADER };
        let taken = (wanted - self.filled).min(bytes.len());
        if let (Some(room), Some(bytes)) =
            (self.header.get_mut(self.filled..self.filled + taken), bytes.get(..taken))
        {
            room.copy_from_slice(bytes);
        }
        self.filled += taken;
        if self.filled == wanted
            && let Some(element) = self.element()
        {
            self.filled = 0;
            self.enter(&element);
        }
        taken
    }

    /// The element whose header has been read; none if it goes on.
    fn element(&mut self) -> Option<Element> {
        let [short @ .., l0, l1, l2, l3] = self.header;
        let encoding = *self.encoding.get_or_insert_with(|| {
            fitting(Encoding::of_transfer_syntax(&self.transfer_syntax), &short).encoding
        });
        match element::read_start(short, encoding) {
            Start::Whole(element) => Some(element),
            Start::LongLength { .. } if self.filled == SHORT_HEADER => None,
            Start::LongLength { tag, vr } => Some(element::with_length(tag, vr, [l0, l1, l2, l3], encoding)),
        }
    }

    fn enter(&mut self, element: &Element) {
        let Some(encoding) = &mut self.encoding else { return };
        if let Some(nest) = &mut self.nest {
            self.skip = nest.step(element, encoding);
        } else {
            if element.tag == PIXEL_DATA {
                self.encapsulated = Some(element.length.is_none());
            }
            match element.length {
                Some(length) => self.skip = u64::from(length),
                None => self.nest = Some(Nest::enter(element, encoding)),
            }
        }
        if self.nest.as_ref().is_some_and(Nest::is_over) {
            self.nest = None;
        }
    }

    /// The dataset is over: what is wrong with its end, or with the form of its pixel data.
    pub fn finish(self) -> Option<Finding> {
        let rest = self.header.get(..self.filled).unwrap_or_default();
        // Some writers leave a few zeros behind the last element.
        let is_padding = self.nest.is_none() && rest.iter().all(|byte| *byte == 0);
        if self.skip > 0 || self.nest.is_some() || !is_padding {
            return Some(Finding::Truncated { offset: self.start });
        }
        let encapsulated = self.encapsulated?;
        let known = TRANSFER_SYNTAXES.contains(&self.transfer_syntax.as_str());
        (known && encapsulated == is_native(&self.transfer_syntax))
            .then_some(Finding::PixelsContradict { declared: self.transfer_syntax, encapsulated })
    }
}

/// Whether pixel data is not encapsulated in this syntax (PS3.5 sections A.1 to A.3 and A.5).
fn is_native(transfer_syntax: &str) -> bool {
    const DEFLATED: &str = "1.2.840.10008.1.2.1.99";
    transfer_syntax == DEFLATED
        || [Encoding::ImplicitLe, Encoding::ExplicitLe, Encoding::ExplicitBe]
            .iter()
            .any(|encoding| encoding.transfer_syntax() == transfer_syntax)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXPLICIT: &str = "1.2.840.10008.1.2.1";
    const JPEG: &str = "1.2.840.10008.1.2.4.70";

    fn element(group: u16, element: u16, vr: [u8; 2], value: &[u8]) -> Vec<u8> {
        let tag = [group.to_le_bytes(), element.to_le_bytes()].concat();
        let length = if vr == *b"OB" || vr == *b"SQ" {
            [&[0, 0][..], &(value.len() as u32).to_le_bytes()].concat()
        } else {
            (value.len() as u16).to_le_bytes().to_vec()
        };
        [tag, vr.to_vec(), length, value.to_vec()].concat()
    }

    /// Some text, a nested sequence of undefined length, and pixels.
    fn data_set(encapsulated: bool) -> Vec<u8> {
        let delimiter = |number: u16| [&[0xFE, 0xFF][..], &number.to_le_bytes(), &[0; 4]].concat();
        let open = |group: u16, number: u16, vr: &[u8]| {
            [&group.to_le_bytes()[..], &number.to_le_bytes(), vr, &[0xFF; 4]].concat()
        };
        let pixels = if encapsulated {
            let fragment = [&[0xFE, 0xFF, 0, 0xE0, 4, 0, 0, 0][..], b"abcd"].concat();
            [open(0x7FE0, 0x10, b"OB\0\0"), delimiter(0xE000), fragment, delimiter(0xE0DD)].concat()
        } else {
            element(0x7FE0, 0x10, *b"OB", &[7; 600])
        };
        [
            element(8, 0x16, *b"UI", b"1.2.3\0"),
            [open(8, 0x1140, b"SQ\0\0"), open(0xFFFE, 0xE000, b"")].concat(),
            element(8, 0x1150, *b"UI", b"1.2.3\0"),
            [delimiter(0xE00D), delimiter(0xE0DD)].concat(),
            pixels,
        ]
        .concat()
    }

    fn finding(transfer_syntax: &str, bytes: &[u8], piece: usize) -> Option<Finding> {
        let mut ending = Ending::new(transfer_syntax);
        bytes.chunks(piece).for_each(|bytes| ending.push(bytes));
        ending.finish()
    }

    #[test]
    fn a_whole_dataset_is_whole_in_whatever_pieces_it_comes() {
        for piece in 1..30 {
            assert_eq!(finding(EXPLICIT, &data_set(false), piece), None);
            assert_eq!(finding(JPEG, &data_set(true), piece), None);
        }
        let padded = [data_set(false), vec![0; 3]].concat();
        assert_eq!(finding(EXPLICIT, &padded, 7), None);
        assert_eq!(finding(EXPLICIT, &[], 1), None);
    }

    #[test]
    fn wherever_it_is_cut_but_between_elements_is_noticed() {
        let whole = data_set(false);
        let between = [14, 64];
        for length in (1..whole.len()).filter(|length| !between.contains(length)) {
            let found = finding(EXPLICIT, &whole[..length], 11);
            assert!(matches!(found, Some(Finding::Truncated { .. })), "{length}: {found:?}");
        }
        assert_eq!(between.map(|length| finding(EXPLICIT, &whole[..length], 11)), [None, None]);
    }

    #[test]
    fn pixels_in_the_wrong_form_are_noticed() {
        let wrong = |syntax: &str, encapsulated| finding(syntax, &data_set(encapsulated), 99);
        assert!(matches!(wrong(EXPLICIT, true), Some(Finding::PixelsContradict { encapsulated: true, .. })));
        assert!(matches!(wrong(JPEG, false), Some(Finding::PixelsContradict { encapsulated: false, .. })));
        assert_eq!(wrong("1.2.3.private", false), None);
    }

    proptest! {
        #[test]
        fn it_never_panics_and_pieces_do_not_matter(bytes in proptest::collection::vec(any::<u8>(), 0..300), piece in 1..40_usize) {
            for syntax in [EXPLICIT, "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", JPEG] {
                prop_assert_eq!(finding(syntax, &bytes, piece), finding(syntax, &bytes, 300));
            }
        }
    }
}
