//! Values of undefined length, stepped over by counting, whatever their depth.

use crate::{element::Element, syntax::Encoding, tag::tags};

/// A value of undefined length that is being stepped over. Only levels of undefined length need counting, since defined
/// ones are skipped whole; and as sequences and their items alternate, an odd `depth` stands in a sequence, an even one in
/// an item, which lets a missing delimiter be noticed and mended.
#[derive(Debug)]
pub(crate) struct Nest {
    depth: u64,
    /// The depth at which a VR of UN is left again, if one was opened.
    unknown: Option<u64>,
    outer: Encoding,
}

impl Nest {
    /// Enters the value of `opened`. `encoding` is changed where the value is in another one.
    pub fn enter(opened: &Element, encoding: &mut Encoding) -> Self {
        let mut nest = Self { depth: 1, unknown: None, outer: *encoding };
        nest.unknown = enter_unknown(opened, 1, encoding);
        nest
    }

    /// Whether the value has ended.
    pub fn is_over(&self) -> bool {
        self.depth == 0
    }

    /// Takes the next header; gives the bytes of its value, that are to be skipped.
    pub fn step(&mut self, element: &Element, encoding: &mut Encoding) -> u64 {
        let in_item = self.depth.is_multiple_of(2);
        let mut skip = 0;
        match (element.tag, element.length) {
            (tags::ITEM, None) => self.depth += u64::from(!in_item),
            (tags::ITEM, Some(length)) => {
                self.depth -= u64::from(in_item);
                skip = u64::from(length);
            }
            (tags::ITEM_DELIMITATION, _) => self.depth -= u64::from(in_item),
            (tags::SEQUENCE_DELIMITATION, _) => self.depth -= if in_item { 2 } else { 1 },
            (_, length) => {
                // What a VR of UN hides is implicit (PS3.5 section 6.2.2, note), unless its writer forgot.
                if self.unknown.is_some() && element.vr.is_none() {
                    *encoding = Encoding::ImplicitLe;
                }
                if let Some(length) = length {
                    skip = u64::from(length);
                } else {
                    self.depth += if in_item { 1 } else { 2 };
                    self.unknown = self.unknown.or_else(|| enter_unknown(element, self.depth, encoding));
                }
            }
        }
        if self.unknown.is_some_and(|level| self.depth < level) {
            self.unknown = None;
            *encoding = self.outer;
        }
        skip
    }
}

/// Where a VR of UN is opened, the bytes become little endian whatever they were; gives the depth to leave at.
fn enter_unknown(element: &Element, depth: u64, encoding: &mut Encoding) -> Option<u64> {
    (element.vr == Some(*b"UN")).then(|| {
        *encoding = Encoding::ExplicitLe;
        depth
    })
}
