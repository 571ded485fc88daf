//! Reads one segment of a volume and says how it was.

use manifest::{Digest, Segment, SegmentEntry};
use medium::{FileId, FileReader};

use super::Volume;
use crate::Error;
use crate::index::IndexedSegment;
use crate::segment::{Entry, ObjectSink, ObjectState, read_objects, recover_entries};

/// What is to be read of one segment.
#[derive(Debug, Clone)]
pub struct SegmentPlan {
    /// Number in the transfer.
    pub number: u32,
    /// The file on the medium.
    pub file: FileId,
    /// Where the list of objects comes from.
    pub listed: Listed,
}

/// Where the list of a segment's objects comes from.
#[derive(Debug, Clone)]
pub enum Listed {
    /// The volume's index.
    Index(Box<IndexedSegment>),
    /// The segment's own manifest, since there is no sound index; the trailer's entry if there is one.
    Segment(Option<SegmentEntry>),
}

/// How a segment was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentHealth {
    /// Every byte is as it was written.
    Intact,
    /// Every object is intact, though the file or the medium's framing is damaged elsewhere.
    ObjectsIntact,
    /// Some objects are harmed.
    Damaged,
    /// The segment is not on the medium.
    Missing,
}

/// What was found in one segment.
#[derive(Debug, Clone)]
pub struct SegmentCheck {
    /// Number in the transfer.
    pub number: u32,
    /// Name of the file.
    pub name: String,
    /// How it is.
    pub health: SegmentHealth,
    /// Every object listed, in tar order.
    pub entries: Vec<Entry>,
    /// Places in `entries` of the objects that are harmed, each with the reason.
    pub harmed: Vec<(usize, String)>,
    /// Digest of the file as found.
    pub blake3: Option<Digest>,
    /// Length of the file as found.
    pub bytes: u64,
    /// What was wrong, in words.
    pub findings: Vec<String>,
}

impl Volume {
    /// Reads a segment, hands its objects to `sink`, and says how it was. Damage is not an error; only what
    /// keeps the whole volume from being read is.
    pub fn read_segment(
        &mut self,
        plan: SegmentPlan,
        sink: &mut dyn ObjectSink,
    ) -> Result<SegmentCheck, Error> {
        let mut check = SegmentCheck {
            number: plan.number,
            name: plan.file.name.clone(),
            health: SegmentHealth::Missing,
            entries: Vec::new(),
            harmed: Vec::new(),
            blake3: None,
            bytes: 0,
            findings: Vec::new(),
        };
        let (frames, entries, expected) = match plan.listed {
            Listed::Index(indexed) => {
                let IndexedSegment { segment, frames, entries } = *indexed;
                (Some(frames), entries, Some(Expected::of_index(&segment)))
            }
            Listed::Segment(entry) => match self.recover(&plan.file, &mut check)? {
                Some((number, entries)) => {
                    check.number = number;
                    (None, entries, entry.as_ref().map(Expected::of_trailer))
                }
                None => return Ok(check),
            },
        };
        check.entries = entries;
        let mut recording = Recording { sink, at: 0, harmed: &mut check.harmed };
        let Some(mut source) = FileReader::open(self.medium.as_mut(), &plan.file)? else {
            check.findings.push("the segment is missing".into());
            check.harmed =
                (0..check.entries.len()).map(|at| (at, "its segment is missing".to_owned())).collect();
            return Ok(check);
        };
        let reading = read_objects(&mut source, frames.as_deref(), &check.entries, &mut recording)?;
        (check.bytes, check.blake3) = (reading.bytes, Some(reading.blake3));
        check.findings.extend(reading.findings);
        check.findings.extend(self.medium.findings().iter().map(|finding| format!("medium: {finding}")));
        if let Some(expected) = &expected {
            check.findings.extend(expected.compare(reading.bytes, reading.blake3, reading.tar_blake3));
        }
        check.health = match (check.harmed.is_empty(), check.findings.is_empty()) {
            (true, true) => SegmentHealth::Intact,
            (true, false) => SegmentHealth::ObjectsIntact,
            (false, _) => SegmentHealth::Damaged,
        };
        self.seen.insert(check.number);
        Ok(check)
    }

    fn recover(
        &mut self,
        file: &FileId,
        check: &mut SegmentCheck,
    ) -> Result<Option<(u32, Vec<Entry>)>, Error> {
        let Some(source) = FileReader::open(self.medium.as_mut(), file)? else {
            check
                .findings
                .push("the segment is missing, and so is the index that would list its objects".into());
            return Ok(None);
        };
        match recover_entries(source) {
            Ok((head, entries)) if head.transfer == self.identity.transfer => {
                Ok(Some((head.segment, entries)))
            }
            Ok((head, _)) => {
                check.health = SegmentHealth::Damaged;
                check.findings.push(format!("the segment belongs to transfer {}", head.transfer));
                Ok(None)
            }
            Err(error) => {
                check.health = SegmentHealth::Damaged;
                check.findings.push(format!("its objects cannot be listed: {error}"));
                Ok(None)
            }
        }
    }
}

struct Expected {
    bytes: u64,
    blake3: Digest,
    tar_blake3: Option<Digest>,
}

impl Expected {
    fn of_index(segment: &Segment) -> Self {
        Self { bytes: segment.bytes, blake3: segment.blake3, tar_blake3: Some(segment.tar_blake3) }
    }

    fn of_trailer(entry: &SegmentEntry) -> Self {
        Self { bytes: entry.bytes, blake3: entry.blake3, tar_blake3: None }
    }

    fn compare(&self, bytes: u64, blake3: Digest, tar_blake3: Option<Digest>) -> Vec<String> {
        let mut findings = Vec::new();
        if bytes != self.bytes {
            findings.push(format!("the file has {bytes} bytes instead of {}", self.bytes));
        }
        if blake3 != self.blake3 {
            findings.push(format!("the file's digest is {blake3} instead of {}", self.blake3));
        }
        if let (Some(expected), Some(found)) = (self.tar_blake3, tar_blake3)
            && expected != found
        {
            findings.push(format!("the tar stream's digest is {found} instead of {expected}"));
        }
        findings
    }
}

struct Recording<'a> {
    sink: &'a mut dyn ObjectSink,
    at: usize,
    harmed: &'a mut Vec<(usize, String)>,
}

impl ObjectSink for Recording<'_> {
    fn begin(&mut self, entry: &Entry) -> Result<(), Error> {
        self.sink.begin(entry)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.sink.data(bytes)
    }

    fn end(&mut self, entry: &Entry, state: &ObjectState) -> Result<(), Error> {
        if let ObjectState::Damaged(why) = state {
            self.harmed.push((self.at, why.clone()));
        }
        self.at += 1;
        self.sink.end(entry, state)
    }
}
