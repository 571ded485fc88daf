//! Opening a DICOM file (PS3.10 section 7) up to where its dataset starts.

use crate::{
    element::{SHORT_HEADER, sniff},
    input::{File, Input},
    meta::Meta,
    read_head::fitting,
    reason::Reason,
    syntax::{Encoding, Framing},
};
use std::io::{self, Read, Seek};

/// Enough of a file's start for preamble, prefix and a look at text.
const SAMPLE: usize = 512;

/// A file that may be DICOM, up to where its dataset starts.
pub(crate) struct Opened<R> {
    pub(crate) file: File<R>,
    pub(crate) meta: Meta,
    pub(crate) framing: Framing,
    pub(crate) declared: Framing,
    pub(crate) has_preamble: bool,
}

/// Opens a file from its first byte up to its dataset, or says why it is no DICOM.
pub(crate) fn open<R: Read + Seek>(reader: R) -> io::Result<Result<Opened<R>, Reason>> {
    let mut file = File::open(reader)?;
    let mut sample = [0; SAMPLE];
    let filled = file.fill(&mut sample)?;
    let sample = sample.get(..filled).unwrap_or_default();
    let Some((offset, has_preamble)) = start_of_elements(sample) else { return Ok(Err(Reason::of(sample))) };
    if offset >= file.length() {
        return Ok(Err(Reason::PreambleOnly));
    }
    let meta = Meta::read(&mut file, offset)?;
    let declared = Encoding::of_transfer_syntax(meta.transfer_syntax.as_deref().unwrap_or_default());
    file.seek_to(meta.end)?;
    let mut start = [0; SHORT_HEADER];
    let filled = file.fill(&mut start)?;
    file.seek_to(meta.end)?;
    let framing = fitting(declared, start.get(..filled).unwrap_or_default());
    Ok(Ok(Opened { file, meta, framing, declared, has_preamble }))
}

/// Where the first element is, and whether a preamble precedes it; `None` if the file cannot be DICOM.
fn start_of_elements(sample: &[u8]) -> Option<(u64, bool)> {
    if sample.get(128..132) == Some(b"DICM") {
        return Some((132, true));
    }
    if sample.starts_with(b"DICM") {
        return Some((4, false));
    }
    let start = sample.first_chunk::<SHORT_HEADER>()?;
    let encoding = sniff(*start)?;
    let group = start.first_chunk().map(|bytes| encoding.u16(*bytes))?;
    let is_meta = group == 0x0002 && encoding == Encoding::ExplicitLe;
    (is_meta || group == 0x0004 || group == 0x0008).then_some((0, false))
}
