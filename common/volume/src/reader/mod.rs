//! Reads a volume: who it is, what should be on it, and segment by segment what really is.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Seek};
use std::path::PathBuf;

use manifest::{DigestingWriter, FileKind, INDEX, Label, Trailer, segment_name};
use medium::{FileEntry, FileId, FileReader, Medium, MediumReader};
use uuid::Uuid;

use self::identify::{
    Absent, compare_label, find_index, find_trailer, identity_of_label, identity_of_trailer, is_encrypted,
};
use crate::index::IndexReader;
use crate::{Error, label};

mod identify;
mod segment;

pub use segment::{Listed, SegmentCheck, SegmentHealth, SegmentPlan};

/// Which volume of which transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Identity {
    /// The transfer.
    pub transfer: Uuid,
    /// The volume set.
    pub volume_set: Uuid,
    /// The volume.
    pub volume: Uuid,
    /// Which copy.
    pub copy: u32,
    /// Place in the set.
    pub sequence: u32,
}

/// A volume that is being read.
pub struct Volume {
    medium: Box<dyn MediumReader>,
    /// The medium, for messages.
    pub address: String,
    /// By the label, or by the trailer where the label is damaged.
    pub identity: Identity,
    /// The label, when it is readable.
    pub label: Option<Label>,
    /// The trailer, when it is there and sound.
    pub trailer: Option<Trailer>,
    files: Vec<FileEntry>,
    /// Where the index is copied to.
    local: PathBuf,
    index_file: Option<FileId>,
    findings: Vec<String>,
    /// Numbers of the segments that were read or passed over.
    seen: BTreeSet<u32>,
}

impl Volume {
    /// Opens a volume and reads label and trailer. Either may be damaged, but not both. Refuses one that is encrypted.
    pub fn open(address: &dyn Medium) -> Result<Self, Error> {
        let mut medium = address.open()?;
        let files = medium.files()?;
        let label = label::read(medium.as_mut());
        let trailer = find_trailer(medium.as_mut(), &files)?;
        let mut findings: Vec<String> =
            medium.findings().iter().map(|finding| format!("medium: {finding}")).collect();
        let identity = match (&label, &trailer) {
            (Ok((label, _)), _) => identity_of_label(label),
            (Err(_), Ok(trailer)) => identity_of_trailer(trailer),
            (Err(error), Err(_)) => {
                return Err(Error::NotAVolume { medium: address.to_string(), reason: error.to_string() });
            }
        };
        if is_encrypted(&label, &trailer) {
            let Identity { transfer, sequence, .. } = identity;
            return Err(Error::Encrypted { medium: address.to_string(), transfer, sequence });
        }
        findings.extend(compare_label(&label, &trailer));
        if let Err(Absent { damage: Some(damage) }) = &trailer {
            findings.push(format!("{}: {damage}", manifest::TRAILER));
        }
        let index_file = match &trailer {
            Ok(trailer) => Some(FileId { number: trailer.index.file, name: trailer.index.name.clone() }),
            Err(_) => find_index(medium.as_mut(), &files)?,
        };
        Ok(Self {
            medium,
            index_file,
            address: address.to_string(),
            identity,
            label: label.ok().map(|(label, _)| label),
            trailer: trailer.ok(),
            files,
            local: std::env::temp_dir(),
            findings,
            seen: BTreeSet::new(),
        })
    }

    /// Names the folder that the index is copied to, in a file without a name; that for temporary files if this is never
    /// called. The copy has names and ids of patients in it, and may have gigabytes.
    pub fn copy_index_below(&mut self, dir: PathBuf) {
        self.local = dir;
    }

    /// Whether the volume was sealed: it has a sound trailer.
    pub fn is_complete(&self) -> bool {
        self.trailer.is_some()
    }

    /// What was wrong outside the segments, so far.
    pub fn findings(&self) -> &[String] {
        &self.findings
    }

    /// Copies the index to a file of its own, checks its digest, and opens it. `None`, with a finding, when
    /// there is no sound index: the segments' own manifests then take its place.
    pub fn index(&mut self) -> Result<Option<IndexReader>, Error> {
        let opened = self.open_index();
        match opened {
            Ok(index) => Ok(Some(index)),
            Err(error @ (Error::Medium(_) | Error::IndexCopy { .. })) => Err(error),
            Err(error) if self.index_file.is_some() => {
                self.findings.push(format!("{INDEX}: {error}; the segments' own manifests take its place"));
                Ok(None)
            }
            Err(_) => Ok(None),
        }
    }

    fn open_index(&mut self) -> Result<IndexReader, Error> {
        let missing = || Error::Inconsistent { what: "the index", reason: "it is missing".into() };
        let file = self.index_file.clone().ok_or_else(missing)?;
        let local = |source| Error::IndexCopy { dir: self.local.clone(), source };
        let mut copy = tempfile::tempfile_in(&self.local).map_err(local)?;
        let mut source = FileReader::open(self.medium.as_mut(), &file)?.ok_or_else(missing)?;
        let mut digesting = DigestingWriter::new(&mut copy);
        io::copy(&mut source, &mut digesting).map_err(|error| match medium::medium_error(error) {
            Ok(error) => Error::Medium(error),
            Err(error) => local(error),
        })?;
        let found = digesting.digester().digest();
        if let Some(expected) = self.trailer.as_ref().map(|trailer| trailer.index.blake3)
            && found != expected
        {
            let reason = format!("its digest is {found}, the trailer says {expected}");
            return Err(Error::Inconsistent { what: "the index", reason });
        }
        // Read to its end first: one that breaks off must not be found out when half of the volume is read.
        copy.rewind().map_err(local)?;
        read_to_end(copy.try_clone().map_err(local)?).map_err(|error| own(error, local))?;
        copy.rewind().map_err(local)?;
        let index = IndexReader::new(copy).map_err(|error| own(error, local))?;
        if index.head.volume != self.identity.volume {
            let reason = format!("it is the index of volume {}", index.head.volume);
            return Err(Error::Inconsistent { what: "the index", reason });
        }
        Ok(index)
    }

    /// The next segment to read: from the index while it lasts, else from trailer or medium. `done` counts the
    /// segments that were read.
    pub fn next_plan(
        &self,
        index: Option<&mut IndexReader>,
        done: usize,
    ) -> Result<Option<SegmentPlan>, Error> {
        if let Some(index) = index {
            return Ok(index.next_segment()?.map(|indexed| SegmentPlan {
                number: indexed.segment.number,
                file: FileId { number: indexed.segment.file, name: indexed.segment.name.clone() },
                listed: Listed::Index(Box::new(indexed)),
            }));
        }
        if let Some(trailer) = &self.trailer {
            return Ok(trailer.segments.get(done).map(|entry| SegmentPlan {
                number: entry.number,
                file: FileId { number: entry.file, name: entry.name.clone() },
                listed: Listed::Segment(Some(entry.clone())),
            }));
        }
        Ok(self.bare_segments().nth(done).map(|(number, file)| SegmentPlan {
            number,
            file,
            listed: Listed::Segment(None),
        }))
    }

    /// Segment files of a volume without trailer: by name, or on tape every file between label and index.
    fn bare_segments(&self) -> impl Iterator<Item = (u32, FileId)> + '_ {
        let end = self.index_file.as_ref().map_or(u32::MAX, |index| index.number);
        self.files.iter().filter_map(move |file| match &file.name {
            Some(name) => match FileKind::of(name) {
                FileKind::Segment(number) => {
                    Some((number, FileId { number: file.number, name: name.clone() }))
                }
                _ => None,
            },
            None if file.number == 0 || file.number >= end => None,
            None => Some((file.number, FileId { number: file.number, name: segment_name(file.number) })),
        })
    }

    /// Notes that a segment need not be read, because the caller has it.
    pub fn pass_over(&mut self, plan: &SegmentPlan) {
        self.seen.insert(plan.number);
    }

    /// Call when all segments were read: adds findings about files that are missing, foreign or unexpected.
    pub fn finish(&mut self) -> Result<(), Error> {
        self.findings.extend(self.medium.findings().iter().map(|finding| format!("medium: {finding}")));
        let Some(trailer) = &self.trailer else { return Ok(()) };
        let read = &self.seen;
        for file in &self.files {
            let Some(name) = &file.name else { continue };
            // Other names are none of ours: a disk collects files of the systems that it meets.
            if let FileKind::Segment(number) = FileKind::of(name)
                && !read.contains(&number)
            {
                self.findings.push(format!("{name}: this segment is not listed for this volume"));
            }
        }
        let listed = u64::from(trailer.index.file) + 2;
        let unnamed = self.files.iter().filter(|file| file.name.is_none()).count() as u64;
        if unnamed > listed {
            self.findings.push(format!("{} files lie behind the trailer", unnamed - listed));
        }
        for entry in trailer.segments.iter().filter(|entry| !read.contains(&entry.number)) {
            let missing = format!("{}: the trailer lists this segment, but it was not found", entry.name);
            self.findings.push(missing);
        }
        Ok(())
    }
}

fn read_to_end(copy: File) -> Result<(), Error> {
    let mut index = IndexReader::new(copy)?;
    while index.next_segment()?.is_some() {}
    Ok(())
}

/// Tells what the system says of the copy from what the decoder says of its content.
fn own(error: Error, local: impl FnOnce(io::Error) -> Error) -> Error {
    match error {
        Error::Io { source, .. } if source.raw_os_error().is_some() => local(source),
        other => other,
    }
}
