//! The files that a DICOMDIR refers to (PS3.3 section F.3.2.2).

use crate::{
    error::Error,
    flat::trimmed,
    part10::open,
    tag::tags,
    walk::{Limits, Walker},
};
use std::{
    io::{Read, Seek},
    ops::ControlFlow,
};

/// Bytes kept of a file id; eight components of eight characters need 71.
const MOST_VALUE: usize = 4096;

/// Calls `on_file` with the components of every Referenced File ID (0004,1500) in the directory records, in their order,
/// until it breaks. The components are what the DICOMDIR says: they may hold anything, `..` included.
///
/// Memory is bounded by one record and time by the file's size. If the DICOMDIR is cut short, the files named before the cut
/// are given first.
pub fn referenced_files<R: Read + Seek>(
    reader: R,
    on_file: &mut dyn FnMut(Vec<String>) -> ControlFlow<()>,
) -> Result<(), Error> {
    let Ok(mut opened) = open(reader)? else { return Err(Error::NoDirectoryRecords) };
    let limits = Limits { headers: u64::MAX, bytes: u64::MAX };
    let mut walker = Walker::new(&mut opened.file, opened.framing.encoding, limits);
    let records = loop {
        let element = walker.next()?.ok_or(Error::NoDirectoryRecords)?;
        if element.tag == tags::DIRECTORY_RECORD_SEQUENCE {
            break element;
        }
        walker.pass(&element)?;
    };
    let end = records.length.map(|length| walker.position().saturating_add(u64::from(length)));
    // The walk goes into the records' items but into nothing within them, so every file id it meets is a record's own.
    while end.is_none_or(|end| walker.position() < end) {
        let element = walker.next()?.ok_or(Error::Truncated { offset: walker.start() })?;
        match (element.tag, element.length) {
            (tags::ITEM | tags::ITEM_DELIMITATION, _) => {}
            (tags::SEQUENCE_DELIMITATION, _) => break,
            (tags::REFERENCED_FILE_ID, Some(length)) => {
                let value = walker.value(length, MOST_VALUE)?;
                let text = String::from_utf8_lossy(&value);
                let components: Vec<_> = text.split('\\').map(|part| trimmed(part).to_owned()).collect();
                if !trimmed(&text).is_empty() && on_file(components).is_break() {
                    break;
                }
            }
            _ => walker.pass(&element)?,
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "dicomdir_tests.rs"]
mod tests;
