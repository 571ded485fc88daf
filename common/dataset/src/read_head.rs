//! Reading a head from a stream, a file or inside a deflate stream, in whatever encoding the bytes show.

use crate::{
    element::{SHORT_HEADER, sniff},
    finding::Finding,
    head::Head,
    input::{Input, Stream},
    scan::Scan,
    syntax::{Encoding, Framing},
    walk::{Halt, Limits, Walker},
};
use flate2::bufread::DeflateDecoder;
use std::io::{BufRead, BufReader, Cursor, Read};

/// Bounds of one scan. Honest headers stay far below: an enhanced object with 10,000 references has 40,000 headers.
const MOST_HEADERS: u64 = 500_000;
const MOST_STREAMED: u64 = 256 << 20;
const MOST_INFLATED: u64 = 64 << 20;

/// Scans a dataset that starts where `reader` stands and can only be read forward.
pub(crate) fn scan_stream(reader: impl BufRead, framing: Framing) -> Scan {
    if framing.deflated {
        return scan_deflated(reader, framing.encoding);
    }
    let limits = Limits { headers: MOST_HEADERS, bytes: MOST_STREAMED };
    Scan::run(&mut Walker::new(Stream(reader), framing.encoding, limits))
}

/// Scans a dataset in a file that can seek, where long values cost nothing.
pub(crate) fn scan_file(file: impl Input, encoding: Encoding) -> Scan {
    let limits = Limits { headers: MOST_HEADERS, bytes: u64::MAX };
    Scan::run(&mut Walker::new(file, encoding, limits))
}

pub(crate) fn scan_deflated(reader: impl BufRead, encoding: Encoding) -> Scan {
    let limits = Limits { headers: MOST_HEADERS, bytes: MOST_INFLATED };
    Scan::run(&mut Walker::new(Stream(DeflateDecoder::new(reader)), encoding, limits))
}

/// The framing that fits a dataset's first bytes: the declared one unless they contradict it.
pub(crate) fn fitting(declared: Framing, start: &[u8]) -> Framing {
    let Some(start) = start.first_chunk::<SHORT_HEADER>() else { return declared };
    let seen = sniff(*start);
    if declared.deflated {
        let plain = seen == Some(Encoding::ExplicitLe) && start.starts_with(&[0x08, 0x00]);
        return Framing { deflated: !plain, ..declared };
    }
    Framing { encoding: seen.unwrap_or(declared.encoding), deflated: false }
}

/// The finding for the reason why a scan ended early.
pub(crate) fn halted(halt: &Halt, deflated: bool) -> Finding {
    match *halt {
        Halt::Truncated { offset } => Finding::Truncated { offset },
        Halt::Limit { offset } => Finding::ScanLimit { offset },
        Halt::Io { offset, ref error } if deflated && error.raw_os_error().is_none() => {
            Finding::DeflateDamaged { offset }
        }
        Halt::Io { ref error, .. } => Finding::ReadFailed(error.kind()),
    }
}

/// Reads the head of a dataset, without File Meta Information, from a stream that may have no seek. Reading stops beyond
/// (0020,0013) or at the pixel data; where tags are out of order or UIDs missing, a bounded distance later.
///
/// What could be read is returned in any case. The finding says why reading ended before that, or else that the dataset
/// is not in `transfer_syntax`.
pub fn read_head<R: Read>(mut reader: R, transfer_syntax: &str) -> (Head, Option<Finding>) {
    let mut start = [0; SHORT_HEADER];
    let filled = match Stream(&mut reader).fill(&mut start) {
        Ok(filled) => filled,
        Err(error) => return (Head::default(), Some(Finding::ReadFailed(error.kind()))),
    };
    let start = start.get(..filled).unwrap_or_default();
    let declared = Encoding::of_transfer_syntax(transfer_syntax);
    let framing = fitting(declared, start);
    let scan = scan_stream(BufReader::new(Cursor::new(start).chain(reader)), framing);
    let contradicted = (framing != declared).then(|| Finding::SyntaxContradicted {
        declared: transfer_syntax.to_owned(),
        found: framing.encoding,
    });
    (scan.head, scan.halt.map(|halt| halted(&halt, framing.deflated)).or(contradicted))
}

#[cfg(test)]
#[path = "read_head_tests.rs"]
mod tests;
