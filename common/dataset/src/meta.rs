//! Reading the File Meta Information (PS3.10 section 7.1), whatever its group length claims.

use crate::{
    flat::trimmed,
    head::kept,
    input::File,
    syntax::Encoding,
    tag::tags,
    walk::{Halt, Limits, Walker},
};
use std::io::{self, Read, Seek};

const MOST_HEADERS: u64 = 1000;
const MOST_VALUE: usize = 1024;

/// What the File Meta Information says.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    pub(crate) sop_class: Option<String>,
    pub(crate) sop_instance: Option<String>,
    pub(crate) transfer_syntax: Option<String>,
    /// Bytes from the file's start to the dataset.
    pub(crate) end: u64,
    pub(crate) elements: u64,
    /// Declared and actual group length, where they differ.
    pub(crate) wrong_length: Option<(u64, u64)>,
}

impl Meta {
    /// Reads the elements of group 0002 from `offset` bytes into the file to where they end.
    pub(crate) fn read<R: Read + Seek>(file: &mut File<R>, offset: u64) -> io::Result<Self> {
        file.seek_to(offset)?;
        let limits = Limits { headers: MOST_HEADERS, bytes: u64::MAX };
        let mut walker = Walker::new(file, Encoding::ExplicitLe, limits);
        let mut meta = Self::default();
        let mut group_length = None;
        let halted = meta.elements(&mut walker, &mut group_length);
        if let Err(Halt::Io { error, .. }) = halted {
            return Err(error);
        }
        meta.end = offset.saturating_add(walker.start());
        meta.wrong_length = group_length
            .map(|(declared, from)| (declared, walker.start().saturating_sub(from)))
            .filter(|(declared, actual)| declared != actual);
        Ok(meta)
    }

    /// Reads on to the first element that is not of group 0002; `group_length` becomes its value and where it counts from.
    fn elements<R: Read + Seek>(
        &mut self,
        walker: &mut Walker<&mut File<R>>,
        group_length: &mut Option<(u64, u64)>,
    ) -> Result<(), Halt> {
        while let Some(element) = walker.next()?.filter(|element| element.tag.0 == 0x0002) {
            let slot = match element.tag {
                tags::MEDIA_STORAGE_SOP_CLASS_UID => Some(&mut self.sop_class),
                tags::MEDIA_STORAGE_SOP_INSTANCE_UID => Some(&mut self.sop_instance),
                tags::TRANSFER_SYNTAX_UID => Some(&mut self.transfer_syntax),
                _ => None,
            };
            match (element.length, slot) {
                (Some(length), Some(slot)) => {
                    let value = walker.value(length, MOST_VALUE)?;
                    *slot = slot.take().or_else(|| kept(trimmed(&String::from_utf8_lossy(&value))));
                }
                (Some(4), None) if element.tag == tags::FILE_META_INFORMATION_GROUP_LENGTH => {
                    let value = walker.value(4, 4)?;
                    let declared = value.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
                    *group_length = Some((u64::from(declared), walker.position()));
                }
                _ => walker.pass(&element)?,
            }
            self.elements += 1;
        }
        Ok(())
    }
}
