//! Scanning a dataset for its [`Head`], as far as that takes and no further.

use crate::{
    charset::CharacterSet,
    element::Element,
    finding::{Finding, Findings},
    head::{Head, MOST_CHARS, kept},
    input::Input,
    tag::{Tag, tags},
    uid::is_valid_uid,
    walk::{Halt, Walker},
};

/// How many top-level elements beyond the last wanted tag are looked at when tags are out of order or a UID is missing.
const MOST_LATE: u32 = 4096;

/// Bytes read of a wanted value: no character takes more than four, escape sequences aside.
const MOST_VALUE: usize = 4 * MOST_CHARS;

const PIXEL_GROUP: u16 = 0x7FE0;

/// What a scan found.
#[derive(Default)]
pub(crate) struct Scan {
    pub(crate) head: Head,
    pub(crate) findings: Findings,
    /// Top-level elements that were passed whole, in ascending order, with a VR that exists.
    pub(crate) sound: u32,
    /// Whether the dataset has a directory record sequence.
    pub(crate) is_directory: bool,
    /// Why the scan ended early.
    pub(crate) halt: Option<Halt>,
    characters: CharacterSet,
    taken: Vec<Tag>,
    last: Option<Tag>,
    disordered: bool,
    late: u32,
}

impl Scan {
    /// Scans from where the walk stands.
    pub(crate) fn run<I: Input>(walker: &mut Walker<I>) -> Self {
        let mut scan = Self { characters: CharacterSet::declared(""), ..Self::default() };
        scan.halt = scan.elements(walker).err();
        scan.judge_uids();
        scan
    }

    fn elements<I: Input>(&mut self, walker: &mut Walker<I>) -> Result<(), Halt> {
        while let Some(element) = walker.next()? {
            self.is_directory |= element.tag == tags::DIRECTORY_RECORD_SEQUENCE;
            if self.is_directory || self.is_enough(element.tag) {
                break;
            }
            let in_order = self.note_order(element.tag);
            match (self.head.slot(element.tag).is_some(), element.length) {
                (true, Some(length)) if !element.is_nested() => {
                    let value = walker.value(length, MOST_VALUE)?;
                    self.take(element.tag, &value, length as usize > MOST_VALUE);
                }
                _ => walker.pass(&element)?,
            }
            self.note_form(&element);
            self.sound += u32::from(in_order && !element.has_unknown_vr());
        }
        Ok(())
    }

    /// Whether nothing wanted can follow, or not near enough to be worth the search.
    fn is_enough(&mut self, next: Tag) -> bool {
        if next.0 == PIXEL_GROUP {
            return true;
        }
        if next <= Head::LAST {
            return false;
        }
        self.late += 1;
        let complete = self.head.uids().iter().all(|(_, uid)| uid.is_some());
        (complete && !self.disordered) || self.late > MOST_LATE
    }

    fn note_order(&mut self, tag: Tag) -> bool {
        let in_order = self.last.is_none_or(|last| last < tag);
        if self.last == Some(tag) {
            self.findings.add(Finding::Duplicate(tag));
        } else if !in_order {
            self.disordered = true;
            self.findings.add_first_of_kind(Finding::OutOfOrder(tag));
        }
        self.last = Some(tag);
        in_order
    }

    fn note_form(&mut self, element: &Element) {
        if element.length.is_some_and(|length| length % 2 == 1) {
            self.findings.add(Finding::OddLength(element.tag));
        }
        if element.has_unknown_vr() {
            self.findings.add(Finding::UnknownVr(element.tag));
        }
    }

    fn take(&mut self, tag: Tag, value: &[u8], is_cut: bool) {
        if self.taken.contains(&tag) {
            return self.findings.add(Finding::Duplicate(tag));
        }
        self.taken.push(tag);
        let text = self.characters.decode(value);
        if let Some(slot) = self.head.slot(tag) {
            *slot = kept(&text);
        }
        if is_cut || text.chars().count() > MOST_CHARS {
            self.findings.add(Finding::ValueTooLong(tag));
        }
        if tag == tags::SPECIFIC_CHARACTER_SET {
            self.characters = CharacterSet::declared(&text);
            if !self.characters.is_known() {
                self.findings.add(Finding::UnknownCharacterSet);
            }
        }
    }

    fn judge_uids(&mut self) {
        for (tag, uid) in self.head.uids() {
            match uid {
                None => self.findings.add(Finding::MissingUid(tag)),
                Some(uid) if !is_valid_uid(uid) => self.findings.add(Finding::InvalidUid(tag)),
                Some(_) => {}
            }
        }
    }
}
