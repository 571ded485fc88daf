//! Checks a whole volume and sums up what was found, in memory that does not grow with the number of objects.

use manifest::Digest;
use serde::Serialize;

use crate::reader::{SegmentCheck, SegmentHealth, Volume};
use crate::segment::{Entry, ObjectSink, ObjectState};
use crate::{Error, Identity, is_sampled};

/// Harmed objects that are listed for one segment; the others are counted.
const MAX_LISTED: usize = 1000;

/// An object that is not as it was captured.
#[derive(Debug, Clone, Serialize)]
pub struct HarmedObject {
    /// Its member name.
    pub member: String,
    /// Its SOP Instance UID, if it has one.
    pub sop_instance: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

/// How one segment was found.
#[derive(Debug, Clone, Serialize)]
pub struct SegmentSummary {
    /// Number in the transfer.
    pub number: u32,
    /// Name of its file.
    pub name: String,
    /// How it is.
    pub health: SegmentHealth,
    /// Objects listed.
    pub objects: usize,
    /// How many of them are harmed.
    pub harmed: usize,
    /// The harmed ones, up to a thousand.
    pub harmed_objects: Vec<HarmedObject>,
    /// Length of the file as found.
    pub bytes: u64,
    /// Digest of the file as found.
    pub blake3: Option<Digest>,
    /// What was wrong, in words.
    pub findings: Vec<String>,
}

/// What a check of a whole volume found.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The medium.
    pub medium: String,
    /// Whose volume it is.
    pub identity: Identity,
    /// Whether it has a sound trailer.
    pub complete: bool,
    /// Whether everything is as it was written.
    pub intact: bool,
    /// Objects listed on the volume.
    pub objects: u64,
    /// Objects that are harmed.
    pub harmed: u64,
    /// Bytes of all segment files.
    pub bytes: u64,
    /// The segments that were read.
    pub segments: Vec<SegmentSummary>,
    /// Segments that were left out, because a sample was asked for.
    pub passed_over: usize,
    /// What was wrong outside the segments.
    pub findings: Vec<String>,
}

/// How much of a volume is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Every segment.
    Whole,
    /// The first segment, the last, and one in sixteen; all of a volume that is not sealed.
    Sample,
}

/// Reads label, index, trailer and segments of a volume and checks every digest of them. After each segment, `progress` says whether
/// to go on; when it says no, `None` is returned.
pub fn check(
    volume: &mut Volume,
    extent: Extent,
    progress: &mut dyn FnMut(&SegmentSummary) -> bool,
) -> Result<Option<Summary>, Error> {
    let mut index = volume.index()?;
    let sealed = volume.trailer.as_ref().map(|trailer| trailer.segments.len());
    let is_wanted = |at| extent == Extent::Whole || sealed.is_none_or(|segments| is_sampled(at, segments));
    let (mut segments, mut done) = (Vec::new(), 0);
    while let Some(plan) = volume.next_plan(index.as_mut(), done)? {
        done += 1;
        if !is_wanted(done - 1) {
            volume.pass_over(&plan);
            continue;
        }
        let summary = SegmentSummary::from(volume.read_segment(plan, &mut NoSink)?);
        let go_on = progress(&summary);
        segments.push(summary);
        if !go_on {
            return Ok(None);
        }
    }
    volume.finish()?;
    let passed_over = done - segments.len();
    Ok(Some(Summary { passed_over, ..Summary::new(volume, segments) }))
}

impl Summary {
    /// Sums up a volume of which these segments were read.
    pub fn new(volume: &Volume, segments: Vec<SegmentSummary>) -> Self {
        let findings = volume.findings().to_vec();
        Self {
            medium: volume.address.clone(),
            identity: volume.identity,
            complete: volume.is_complete(),
            intact: volume.is_complete()
                && findings.is_empty()
                && segments.iter().all(|segment| segment.health == SegmentHealth::Intact),
            objects: segments.iter().map(|segment| segment.objects as u64).sum(),
            harmed: segments.iter().map(|segment| segment.harmed as u64).sum(),
            bytes: segments.iter().map(|segment| segment.bytes).sum(),
            segments,
            passed_over: 0,
            findings,
        }
    }

    /// The summary for people: one line when all is well, else a line for each thing that is not.
    pub fn text(&self) -> String {
        let Self { medium, identity, objects, harmed, segments, .. } = self;
        let copy = if identity.copy > 1 { format!(" (copy {})", identity.copy) } else { String::new() };
        let mut lines = vec![format!(
            "{medium}: volume {}{copy} of transfer {}, {} segments, {objects} objects",
            identity.sequence,
            identity.transfer,
            segments.len()
        )];
        if self.passed_over > 0 {
            lines.push(format!("a sample: {} more segments were not read", self.passed_over));
        }
        for segment in segments.iter().filter(|segment| segment.health != SegmentHealth::Intact) {
            lines.push(format!(
                "{}: {}, {} of {} objects harmed",
                segment.name,
                segment.health.words(),
                segment.harmed,
                segment.objects
            ));
            lines.extend(segment.findings.iter().map(|finding| format!("  {finding}")));
            lines.extend(
                segment.harmed_objects.iter().map(|object| format!("  {}: {}", object.member, object.why)),
            );
        }
        if !self.complete {
            lines.push("the volume is not complete: it has no sound trailer".to_owned());
        }
        lines.extend(self.findings.iter().cloned());
        lines.push(if self.intact && self.passed_over > 0 {
            "every byte that was read is as it was written".to_owned()
        } else if self.intact {
            "every byte is as it was written".to_owned()
        } else {
            format!("NOT AS WRITTEN: {harmed} of {objects} objects harmed; the others can be restored")
        });
        lines.join("\n")
    }
}

impl From<SegmentCheck> for SegmentSummary {
    fn from(check: SegmentCheck) -> Self {
        let SegmentCheck { number, name, health, entries, harmed, blake3, bytes, findings } = check;
        let describe = |(at, why): &(usize, String)| {
            let object = entries.get(*at).map(|entry| &entry.object);
            HarmedObject {
                member: object.map(|object| object.member.clone()).unwrap_or_default(),
                sop_instance: object.and_then(|object| object.sop_instance.clone()),
                why: why.clone(),
            }
        };
        Self {
            number,
            name,
            health,
            objects: entries.len(),
            harmed: harmed.len(),
            harmed_objects: harmed.iter().take(MAX_LISTED).map(describe).collect(),
            bytes,
            blake3,
            findings,
        }
    }
}

impl SegmentHealth {
    /// The health in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::ObjectsIntact => "damaged outside its objects",
            Self::Damaged => "damaged",
            Self::Missing => "missing",
        }
    }
}

/// Takes no object's bytes, where only the reading matters.
pub struct NoSink;

impl ObjectSink for NoSink {
    fn begin(&mut self, _: &Entry) -> Result<(), Error> {
        Ok(())
    }

    fn data(&mut self, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn end(&mut self, _: &Entry, _: &ObjectState) -> Result<(), Error> {
        Ok(())
    }
}
