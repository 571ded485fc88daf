//! A folder, listed once more: a file that was touched since is digested, and one that has changed is a further version of its
//! instance.

use archive::{Cause, Listing, Source};
use catalogue::delta::apply::{Finding, Instances};
use catalogue::delta::changes::NewChange;
use catalogue::delta::files::{FileFinding, KnownFile};
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{Catalogue, ChangeClass, OddityState, PlanPosition, PlannedStudy, StudyRow};
use jiff::{SignedDuration, Timestamp};
use job::config::SelectionConfig;
use job::{Counter, Monitor};

use super::{Comparing, Outlined, PAGE};
use crate::compare::{Look, identity, in_json};
use crate::error::Result;

/// Files are recorded in groups of this many.
const GROUP: usize = 500;
/// A file system's clock may be as coarse as that (FAT).
const COARSE: SignedDuration = SignedDuration::from_secs(2);

impl Comparing<'_> {
    /// Against a folder.
    pub(super) fn files(mut self, selections: &[SelectionConfig]) -> Result<Outlined> {
        self.monitor.phase("list");
        let touched = Touched::new(self.delta.since, self.look);
        let mut relisting = Relisting {
            monitor: self.monitor,
            source: self.source,
            catalogue: self.catalogue,
            delta: self.delta.id,
            touched,
            found: Vec::new(),
        };
        for selection in selections {
            let listed = self.source.list(selection, &mut relisting, self.must_stop);
            relisting.flush().map_err(archive::Error::Taker)?;
            listed?;
        }
        self.catalogue.finish_listing()?;
        self.catalogue.delta_listed(self.delta.id)?;
        self.monitor.phase("look for deleted files");
        self.not_there(touched)?;
        Ok(Outlined {
            unchanged: self.catalogue.studies_without_change(self.delta.id)?,
            ..Outlined::default()
        })
    }

    fn not_there(&mut self, touched: Touched) -> Result<()> {
        let mut after = PlanPosition::default();
        loop {
            let page = self.catalogue.studies(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.position;
            // Nothing is told of a study that is left out.
            for study in page.into_iter().filter(|study| study.excluded.is_none()) {
                self.stop_here()?;
                self.not_there_of(&study, touched)?;
            }
        }
    }

    fn not_there_of(&mut self, study: &PlannedStudy, touched: Touched) -> Result<()> {
        let files = self.catalogue.files_of_study(study.id)?;
        let mut gone = Vec::new();
        for (id, sop, path) in &files {
            let is_there = match self.source.file_changed_at(path)? {
                None => false,
                // Another instance may have taken its place.
                Some(at) if touched.is(at) => {
                    self.source.file(path)?.is_some_and(|file| file.sop_instance == *sop)
                }
                Some(_) => true,
            };
            if !is_there {
                gone.push((*id, sop.as_str()));
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        if gone.len() == files.len() {
            self.catalogue.study_deleted(self.delta.id, study.id)?;
            return Ok(());
        }
        let changes = vec![NewChange {
            instances: gone.len() as u64,
            ..NewChange::of_study(ChangeClass::Shrank, &study.study.uid)
        }];
        let instances = Some(Instances { gone, ..Instances::default() });
        let (delta, told) = (self.delta.id, &study.study);
        // A file is whole when it is there.
        let settle = SignedDuration::ZERO;
        Ok(self.catalogue.apply_finding(&Finding {
            delta,
            study: study.id,
            told,
            changes,
            instances,
            settle,
        })?)
    }
}

/// Which files may hold something else than when they were listed.
#[derive(Clone, Copy)]
struct Touched {
    /// None: all.
    since: Option<Timestamp>,
}

impl Touched {
    fn new(listed: Option<Timestamp>, look: Look) -> Self {
        let since = listed.and_then(|at| at.checked_sub(COARSE).ok());
        Self { since: if look == Look::Deep { None } else { since } }
    }

    fn is(self, changed_at: Timestamp) -> bool {
        self.since.is_none_or(|since| changed_at >= since)
    }
}

struct Relisting<'a> {
    monitor: &'a dyn Monitor,
    source: &'a dyn Source,
    catalogue: &'a mut Catalogue,
    delta: u32,
    touched: Touched,
    found: Vec<FileFinding>,
}

impl Relisting<'_> {
    fn flush(&mut self) -> Result<(), Cause> {
        self.catalogue.apply_files(self.delta, &self.found)?;
        self.found.clear();
        Ok(())
    }

    fn compare(&self, study: StudyRow, file: InstanceRow) -> Result<Option<FileFinding>> {
        let path = file.source_ref.clone().unwrap_or_default();
        let Some(known) = self.catalogue.known_file(&path, &file.sop_instance)? else {
            return Ok(Some(FileFinding::New(study, file)));
        };
        let KnownFile { id, captured, gone } = known;
        if self.catalogue.is_study_excluded(&study.uid)? {
            return Ok(None);
        }
        if let Some((bytes, blake3)) = captured
            && (file.bytes != Some(bytes) || self.has_other_bytes(&path, blake3)?)
        {
            let planned = self.catalogue.study_by_uid(&study.uid)?;
            let keys = planned.and_then(|planned| identity(&planned, &study));
            let keys = keys.as_ref().map(in_json).transpose()?;
            return Ok(Some(FileFinding::Changed(study, file, keys)));
        }
        Ok(gone.then_some(FileFinding::Back(study, id)))
    }

    fn has_other_bytes(&self, path: &[u8], blake3: catalogue::Digest) -> Result<bool> {
        let changed_at = self.source.file_changed_at(path)?;
        if !changed_at.is_some_and(|at| self.touched.is(at)) {
            return Ok(false);
        }
        Ok(self.source.file(path)?.is_some_and(|file| file.blake3 != blake3))
    }
}

impl Listing for Relisting<'_> {
    /// A folder lists files, with their studies.
    fn study(&mut self, _: StudyRow) -> Result<(), Cause> {
        Ok(())
    }

    fn file(&mut self, study: StudyRow, file: InstanceRow) -> Result<(), Cause> {
        self.monitor.count(Counter::Listed, 1);
        self.found.extend(self.compare(study, file)?);
        if self.found.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn oddity(
        &mut self,
        source_ref: &[u8],
        bytes: Option<u64>,
        state: OddityState,
        reason: &str,
    ) -> Result<(), Cause> {
        Ok(self.catalogue.record_oddity(source_ref, bytes, state, reason)?)
    }

    fn query(&mut self, query: QueryRow) -> Result<(), Cause> {
        Ok(self.catalogue.record_query(&query)?)
    }
}
