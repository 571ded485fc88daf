//! `INDEX.jsonl.zst`: written from lines, read back one segment at a time.

use std::io::{BufReader, Read, Write};

use manifest::{Baseline, Change, EarlierVolume, Frame, IndexHead, Line, Segment, TransferState};

use crate::Error;
use crate::segment::{Entries, Entry, Lines, lines_for};

const ZSTD_LEVEL: i32 = 3;
/// zstd level 3 needs 2 MiB; a hostile index may not ask for more than 8 MiB.
const WINDOW_LOG: u32 = 23;

/// Writes an index.
pub struct IndexWriter<W: Write> {
    out: zstd::stream::write::Encoder<'static, W>,
    text: Vec<u8>,
    previous: Option<Entry>,
}

impl<W: Write> IndexWriter<W> {
    /// Begins the index with the volume's identity and the chain of earlier volumes.
    pub fn new(out: W, head: IndexHead, earlier: &[EarlierVolume]) -> Result<Self, Error> {
        let encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).and_then(|mut encoder| {
            encoder.include_checksum(true)?;
            Ok(encoder)
        });
        let out = encoder.map_err(Error::io("write the index"))?;
        let mut index = Self { out, text: Vec::new(), previous: None };
        index.line(&Line::Index(head))?;
        for volume in earlier {
            index.line(&Line::EarlierVolume(volume.clone()))?;
        }
        Ok(index)
    }

    /// Begins a segment.
    pub fn segment(&mut self, segment: Segment, frames: &[Frame]) -> Result<(), Error> {
        self.previous = None;
        self.line(&Line::Segment(segment))?;
        frames.iter().try_for_each(|frame| self.line(&Line::Frame(frame.clone())))
    }

    /// The segment's next object, in tar order.
    pub fn object(&mut self, entry: Entry) -> Result<(), Error> {
        for line in lines_for(self.previous.as_ref(), &entry) {
            self.line(&line)?;
        }
        self.previous = Some(entry);
        Ok(())
    }

    /// How the source answered a small workload; behind the earlier volumes, in front of all else.
    pub fn baseline(&mut self, baseline: Baseline) -> Result<(), Error> {
        self.line(&Line::Baseline(baseline))
    }

    /// Something that the source changed; in front of all segments.
    pub fn change(&mut self, change: Change) -> Result<(), Error> {
        self.line(&change.into())
    }

    /// Ends the index with the balance of the whole transfer.
    pub fn finish(mut self, state: TransferState) -> Result<W, Error> {
        self.line(&Line::TransferState(state))?;
        self.out.finish().map_err(Error::io("write the index"))
    }

    fn line(&mut self, line: &Line) -> Result<(), Error> {
        self.text.clear();
        manifest::write_line(&mut self.text, line)?;
        self.out.write_all(&self.text).map_err(Error::io("write the index"))
    }
}

/// One segment as the index lists it.
#[derive(Debug, Clone)]
pub struct IndexedSegment {
    /// The segment.
    pub segment: Segment,
    /// Its frames.
    pub frames: Vec<Frame>,
    /// Its objects, in tar order.
    pub entries: Vec<Entry>,
}

/// Reads an index, holding one segment's objects at a time.
pub struct IndexReader {
    lines: Lines<Box<dyn std::io::BufRead + Send>>,
    /// Whose index it is.
    pub head: IndexHead,
    /// The volumes sealed before this one.
    pub earlier: Vec<EarlierVolume>,
    /// How the source answered a small workload, the oldest measurement first.
    pub baselines: Vec<Baseline>,
    pending: Option<Pending>,
    /// The balance of the transfer; known once all segments are read.
    pub state: Option<TransferState>,
}

/// What the last line read begins.
enum Pending {
    Segment(Segment),
    Change(Change),
}

/// No set has more cartridges; bounds what a hostile index can make us remember.
const MAX_EARLIER: usize = 100_000;
/// Nobody measures more often; each is some kilobytes.
const MAX_BASELINES: usize = 1000;
/// Frames of 1 MiB in a segment of 64 GiB.
const MAX_FRAMES: usize = 65_536;

impl IndexReader {
    /// Reads the beginning of an index up to its first segment.
    pub fn new(sealed: impl Read + Send + 'static) -> Result<Self, Error> {
        let decoder = zstd::stream::read::Decoder::new(sealed).and_then(|mut decoder| {
            decoder.window_log_max(WINDOW_LOG)?;
            Ok(decoder)
        });
        let decoder = decoder.map_err(Error::io("read the index"))?;
        let source: Box<dyn std::io::BufRead + Send> = Box::new(BufReader::with_capacity(1 << 17, decoder));
        let mut lines = Lines::new(source, "the index");
        let Some(Line::Index(head)) = lines.next_line()? else {
            return Err(inconsistent("its first line does not say whose index it is"));
        };
        let mut index =
            Self { lines, head, earlier: Vec::new(), baselines: Vec::new(), pending: None, state: None };
        while index.pending.is_none() && index.state.is_none() {
            match index.lines.next_line()? {
                Some(Line::EarlierVolume(volume)) if index.earlier.len() < MAX_EARLIER => {
                    index.earlier.push(volume);
                }
                Some(Line::Baseline(baseline)) if index.baselines.len() < MAX_BASELINES => {
                    index.baselines.push(baseline);
                }
                Some(line) => {
                    index.begin(line, "a line in front of the first segment does not belong there")?;
                }
                None => return Err(inconsistent("it ends without the transfer's balance")),
            }
        }
        Ok(index)
    }

    /// Takes note of a line that begins a segment, a change or the end.
    fn begin(&mut self, line: Line, or_else: &str) -> Result<(), Error> {
        match line {
            Line::Segment(segment) => self.pending = Some(Pending::Segment(segment)),
            Line::TransferState(state) => self.state = Some(state),
            other => match Change::try_from(other) {
                Ok(change) => self.pending = Some(Pending::Change(change)),
                Err(_) => return Err(inconsistent(or_else)),
            },
        }
        Ok(())
    }

    /// What the source changed, as the index tells it in front of its first segment; `None` behind the last change.
    pub fn next_change(&mut self) -> Result<Option<Change>, Error> {
        let change = match self.pending.take() {
            Some(Pending::Change(change)) => change,
            other => {
                self.pending = other;
                return Ok(None);
            }
        };
        let line = self.lines.next_line()?.ok_or_else(|| inconsistent("it ends behind a change"))?;
        self.begin(line, "a line behind a change does not belong there")?;
        Ok(Some(change))
    }

    /// The next segment, `None` behind the last. Changes that were not asked for are passed over.
    pub fn next_segment(&mut self) -> Result<Option<IndexedSegment>, Error> {
        while self.next_change()?.is_some() {}
        let segment = match self.pending.take() {
            Some(Pending::Segment(segment)) => segment,
            other => {
                self.pending = other;
                return Ok(None);
            }
        };
        let mut frames = Vec::new();
        let mut entries = Entries::new("the index");
        loop {
            let line = self.lines.next_line()?.ok_or_else(|| inconsistent("it ends inside a segment"))?;
            match entries.take(line, self.lines.length())? {
                None => {}
                Some(Line::Frame(frame)) if frames.len() < MAX_FRAMES => frames.push(frame),
                Some(line) => {
                    self.begin(line, "a line in a segment does not belong there")?;
                    if matches!(self.pending, Some(Pending::Change(_))) {
                        return Err(inconsistent("a change follows a segment"));
                    }
                    break;
                }
            }
        }
        let entries = entries.finish();
        if entries.len() as u64 != u64::from(segment.objects) {
            return Err(inconsistent("a segment lists another number of objects than it states"));
        }
        Ok(Some(IndexedSegment { segment, frames, entries }))
    }
}

/// Whether these bytes begin as an index does. Tapes do not name their files.
pub fn begins_an_index(sealed: impl Read) -> bool {
    let mut begin = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(sealed).and_then(|mut decoder| {
        decoder.window_log_max(WINDOW_LOG)?;
        Ok(decoder)
    });
    // What cannot be decoded is no index either.
    let _ = decoder.and_then(|decoder| decoder.take(64).read_to_end(&mut begin));
    begin.starts_with(br#"{"type":"index""#)
}

fn inconsistent(reason: &str) -> Error {
    Error::Inconsistent { what: "the index", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
