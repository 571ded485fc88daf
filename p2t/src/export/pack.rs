//! Packs captured objects into sealed segments, while others are still being fetched.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use catalogue::pack::{Budget, CapturedObject, Member, ObjectCursor, Readiness};
use catalogue::segments::NewSegment;
use catalogue::{IntakeId, Level, StudyId};
use job::{Journal, Stop};
use manifest::Study;
use volume::{SegmentIdentity, SegmentOptions, SegmentWriter};

use super::describe;
use super::spool::{Spool, UNFINISHED};
use crate::context::Ids;
use crate::error::{Error, Result};

/// Objects of a segment: fewer than the format allows, because all that is known of each is held while the segment is made.
const MOST_OBJECTS: usize = 16_384;

const TICK: Duration = Duration::from_millis(20);

/// The packing stage.
pub struct Pack {
    pub shared: Arc<Journal>,
    pub spool: Arc<Spool>,
    pub ids: Ids,
    pub segment_bytes: u64,
    pub options: SegmentOptions,
    pub stop: Stop,
    /// Set when nothing more will be captured in this run.
    pub fetched: AtomicBool,
}

impl Pack {
    /// Packs until everything that was captured is in sealed segments. After a stop, what is captured stays so: the
    /// next run packs it together with what comes then.
    pub fn work(&self) -> Result<()> {
        while !self.stop.requested() {
            // In this order: what was captured before the end of fetching is seen by the query behind it.
            let last = self.fetched.load(Ordering::Acquire);
            let pressed = last || !self.spool.has_room();
            if !pressed && self.spool.captured_bytes() < self.segment_bytes {
                std::thread::sleep(TICK);
                continue;
            }
            let objects = self.choose(last, pressed)?;
            if !objects.is_empty() {
                self.pack(&objects)?;
            } else if last {
                break;
            } else {
                std::thread::sleep(TICK);
            }
        }
        Ok(())
    }

    /// A segment's worth of objects: of complete studies, unless the spool is full or nothing more will come.
    fn choose(&self, last: bool, pressed: bool) -> Result<Vec<CapturedObject>> {
        let budget = Budget { bytes: self.segment_bytes, objects: MOST_OBJECTS };
        let catalogue = self.shared.lock();
        let complete =
            catalogue.captured_objects(&mut ObjectCursor::default(), Readiness::Complete, budget)?;
        let bytes: u64 = complete.iter().map(|captured| captured.object.bytes).sum();
        // Studies larger than the budget end it early; a segment that is nearly full is full.
        if bytes >= self.segment_bytes / 10 * 9 || complete.len() >= budget.objects {
            return Ok(complete);
        }
        if last || (pressed && complete.is_empty()) {
            return Ok(catalogue.captured_objects(&mut ObjectCursor::default(), Readiness::Any, budget)?);
        }
        Ok(if pressed { complete } else { Vec::new() })
    }

    fn pack(&self, objects: &[CapturedObject]) -> Result<()> {
        let number = self.shared.lock().next_segment_number()?;
        let name = manifest::segment_name(number as u32);
        match self.write(number, &name, objects) {
            Err(Error::Volume(volume::Error::ObjectChanged { member, .. })) => {
                self.give_back(&member, objects)
            }
            other => other,
        }
    }

    fn write(&self, number: u64, name: &str, objects: &[CapturedObject]) -> Result<()> {
        let path = self.spool.path(&format!("{name}{UNFINISHED}"));
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file = file.map_err(Error::file("make", &path))?;
        let Ids { transfer, volume_set } = self.ids;
        let identity = SegmentIdentity { transfer, volume_set, number: number as u32 };
        let mut writer = SegmentWriter::new(file, identity, self.options)?;
        let mut sources =
            Sources { spool: &self.spool, shared: &self.shared, files: HashMap::new(), study: None };
        let mut members = Vec::with_capacity(objects.len());
        for captured in objects {
            let study = sources.study(captured.object.study_id)?;
            let member = describe::member(&captured.object, captured.first_of_its_name);
            let object = describe::object(&captured.object, member.clone(), 0);
            let series = describe::series(&captured.object);
            let mut data = sources.data(captured)?;
            let tar_offset = match writer.add(&study, &series, object, &mut data) {
                // What does not fit goes into the next segment.
                Err(volume::Error::SegmentFull) if !members.is_empty() => break,
                added => added.map_err(disk_full(&path))?,
            };
            members.push(Member { instance_id: captured.object.id, member, tar_offset });
        }
        let sealed = writer.finish().map_err(disk_full(&path))?;
        sealed.out.sync_all().map_err(Error::file("sync", &path))?;
        fs::rename(&path, self.spool.path(name)).map_err(Error::file("rename", &path))?;
        self.spool.sync_names()?;
        let segment = NewSegment {
            number,
            file: name.to_owned(),
            bytes: sealed.bytes,
            blake3: sealed.blake3.0,
            plain_bytes: sealed.tar_bytes,
            plain_blake3: sealed.tar_blake3.0,
            objects: u64::from(sealed.objects),
            frames: serde_json::to_string(&sealed.frames).unwrap_or_default(),
            indexed: true,
        };
        let packed_bytes = objects.iter().take(members.len()).map(|captured| captured.object.bytes).sum();
        let mut catalogue = self.shared.lock();
        catalogue.seal_segment(&segment, members)?;
        self.spool.grow(sealed.bytes);
        self.spool.count_packed(packed_bytes);
        self.spool.delete_packed_intakes(&mut catalogue)
    }

    /// An object that changed in the spool: nothing in its intake is to be trusted, so all of it is fetched again.
    fn give_back(&self, member: &str, objects: &[CapturedObject]) -> Result<()> {
        let named = |captured: &&CapturedObject| {
            describe::member(&captured.object, captured.first_of_its_name) == member
        };
        let changed = objects.iter().find(named);
        let Some(intake_id) = changed.map(|captured| captured.intake_id) else { return Ok(()) };
        let lost = self.shared.lock().release_intake(intake_id)?;
        let message =
            format!("{member} changed in the spool; {lost} objects of its intake are fetched again");
        self.shared.event(Level::Error, "spool-damaged", message)?;
        Err(Error::SpoolDamaged)
    }
}

/// Tells a full disk from other trouble.
fn disk_full(path: &std::path::Path) -> impl FnOnce(volume::Error) -> Error + use<'_> {
    move |error| match error {
        volume::Error::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            Error::file("write", path)(source)
        }
        other => other.into(),
    }
}

/// Where objects and their studies come from while a segment is written.
struct Sources<'a> {
    spool: &'a Spool,
    shared: &'a Journal,
    files: HashMap<IntakeId, File>,
    study: Option<(StudyId, Arc<Study>)>,
}

impl Sources<'_> {
    fn study(&mut self, id: StudyId) -> Result<Arc<Study>> {
        if let Some((last, study)) = &self.study
            && *last == id
        {
            return Ok(study.clone());
        }
        let study = describe::study(self.shared.lock().study(id)?);
        self.study = Some((id, study.clone()));
        Ok(study)
    }

    fn data(&mut self, captured: &CapturedObject) -> Result<impl Read + use<>> {
        let name = catalogue::intake::file_name(captured.intake_id);
        let path = self.spool.path(&name);
        let open = match self.files.entry(captured.intake_id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(File::open(&path).map_err(Error::file("open", &path))?),
        };
        let mut file = open.try_clone().map_err(Error::file("open", &path))?;
        file.seek(SeekFrom::Start(captured.offset)).map_err(Error::file("seek in", &path))?;
        Ok(file.take(captured.object.bytes))
    }
}
