//! A folder as a [`Source`]: every file is listed, and travels as the bytes that it has.

use std::ffi::OsStr;
use std::io::{self, Read, Seek};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{OddityState, StudyRow};
use dataset::{Examined, Head, Shape, examine};
use jiff::Timestamp;
use job::config::SelectionConfig;

use crate::error::{Cause, Error};
use crate::folder::{EntryKind, FolderEntry, FolderSource};
use crate::source::{
    FileNow, Intake, IntakeError, Listing, ObjectIdentity, Retrieve, RetrieveEnd, Source, StudyListing,
};

const COPY_BYTES: usize = 256 * 1024;
/// A broken disk says the same thing thousands of times.
const MAX_REMARKS: usize = 20;

impl Source for FolderSource {
    fn describe(&self) -> String {
        self.root().display().to_string()
    }

    fn answers(&self) -> bool {
        self.require_root().is_ok()
    }

    fn list(
        &self,
        selection: &SelectionConfig,
        listing: &mut dyn Listing,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let chosen = Chosen::new(selection)?;
        let mut taken: Result<(), Cause> = Ok(());
        let summary = FolderSource::list(self, &mut |entry| {
            taken = take(entry, &chosen, listing);
            if taken.is_err() || stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        taken.map_err(Error::Taker)?;
        if summary.stopped {
            return Err(Error::Stopped);
        }
        let query = QueryRow {
            at: Timestamp::now(),
            level: "FOLDER".to_owned(),
            keys: format!("{} objects, {} other files", summary.objects, summary.entries - summary.objects),
            rows: summary.entries,
            status: 0,
        };
        listing.query(query).map_err(Error::Taker)
    }

    fn lists_files(&self) -> bool {
        true
    }

    /// Files are listed with their studies; there is nothing more to ask for.
    fn list_study(&self, _study_uid: &str) -> Result<StudyListing, Error> {
        Ok(StudyListing::default())
    }

    fn file_changed_at(&self, path: &[u8]) -> Result<Option<Timestamp>, Error> {
        let touched = self.touched(Path::new(OsStr::from_bytes(path)))?;
        // A disk that was taken away has not lost its files.
        if touched.is_none() {
            self.require_root()?;
        }
        Ok(touched)
    }

    fn file(&self, path: &[u8]) -> Result<Option<FileNow>, Error> {
        let mut file = FolderSource::read(self, Path::new(OsStr::from_bytes(path)))?;
        let unreadable =
            |error| crate::folder::Error::Unreadable { path: OsStr::from_bytes(path).into(), error };
        let Examined::Object(shape) = examine(&mut file).map_err(unreadable)? else { return Ok(None) };
        file.rewind().map_err(unreadable)?;
        let mut digester = manifest::Digester::default();
        io::copy(&mut file, &mut digester).map_err(unreadable)?;
        let sop_instance = shape.sop_instance().unwrap_or_default().to_owned();
        Ok(Some(FileNow { sop_instance, blake3: digester.digest().0 }))
    }

    fn retrieve(
        &self,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        stop: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        let mut end = RetrieveEnd::default();
        for wanted in request.wanted {
            if stop() {
                break;
            }
            let path = Path::new(OsStr::from_bytes(wanted.source_ref.as_deref().unwrap_or_default()));
            let taken = self.take_file(path, wanted.id, intake.as_ref());
            if matches!(taken, Err(Trouble::File(_))) {
                // A disk that was taken away is no file's fault.
                self.require_root()?;
            }
            match taken {
                // The path may hold a patient's name; the UID says as well which file it is.
                Err(Trouble::File(why)) if end.remarks.len() < MAX_REMARKS => {
                    end.remarks.push(format!("the file of instance {}: {why}", wanted.sop_instance));
                }
                Ok(()) | Err(Trouble::File(_)) => {}
                Err(Trouble::Intake(IntakeError::NotNow(_))) => break,
                Err(Trouble::Intake(error)) => return Err(Error::Taker(error.into())),
            }
        }
        Ok(end)
    }
}

enum Trouble {
    File(String),
    Intake(IntakeError),
}

impl FolderSource {
    fn take_file(&self, path: &Path, id: catalogue::InstanceId, intake: &dyn Intake) -> Result<(), Trouble> {
        let unreadable = |error: &dyn std::fmt::Display| Trouble::File(error.to_string());
        let mut file = self.read(path).map_err(|error| Trouble::File(error.reason()))?;
        let shape = match examine(&mut file).map_err(|error| unreadable(&error))? {
            Examined::Object(shape) => shape,
            Examined::Directory { .. } | Examined::NotDicom(_) => {
                return Err(unreadable(&"it is no longer the DICOM file that it was when it was planned"));
            }
        };
        file.rewind().map_err(|error| unreadable(&error))?;
        let mut object = intake.begin(shape.dataset_offset).map_err(Trouble::Intake)?;
        let mut buffer = vec![0; COPY_BYTES];
        loop {
            let bytes = file.read(&mut buffer).map_err(|error| unreadable(&error))?;
            let part = buffer.get(..bytes).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            object.write(part).map_err(|error| Trouble::Intake(IntakeError::Spool(error.into())))?;
        }
        object.finish(identity(*shape, id)).map_err(Trouble::Intake)
    }
}

fn identity(shape: Shape, id: catalogue::InstanceId) -> ObjectIdentity {
    ObjectIdentity {
        requested: Some(id),
        sop_instance: shape.sop_instance().map(str::to_owned),
        sop_class: shape.sop_class().map(str::to_owned),
        study_uid: shape.head.study,
        series_uid: shape.head.series,
        transfer_syntax: shape.transfer_syntax,
        patient_id: shape.head.patient_id,
        accession: shape.head.accession,
        findings: shape.findings.iter().map(ToString::to_string).collect(),
        doubts: Vec::new(),
    }
}

fn take(entry: FolderEntry, chosen: &Chosen<'_>, listing: &mut dyn Listing) -> Result<(), Cause> {
    let FolderEntry { path_relative, bytes, kind } = entry;
    let source_ref = path_relative.as_os_str().as_bytes();
    let mut oddity = |state, reason: &str| listing.oddity(source_ref, Some(bytes), state, reason);
    match kind {
        EntryKind::Object(shape) if chosen.takes(&shape.head) => {
            let study = study_row(&shape.head);
            let instance = InstanceRow {
                series_uid: shape.head.series.clone().unwrap_or_default(),
                modality: shape.head.modality.clone(),
                sop_instance: shape.sop_instance().unwrap_or_default().to_owned(),
                sop_class: shape.sop_class().map(str::to_owned),
                source_ref: Some(source_ref.to_vec()),
                bytes: Some(bytes),
            };
            listing.file(study, instance)
        }
        EntryKind::Object(_) => Ok(()),
        EntryKind::Directory { damage: None } => {
            oddity(OddityState::Excluded, "a DICOMDIR: an index of files, not an instance")
        }
        EntryKind::Directory { damage: Some(damage) } => oddity(
            OddityState::Excluded,
            &format!("a DICOMDIR, damaged ({damage}): an index of files, not an instance"),
        ),
        EntryKind::NotDicom(reason) => oddity(OddityState::Excluded, &format!("not DICOM: {reason}")),
        EntryKind::Unreadable(obstacle) => oddity(OddityState::Failed, &obstacle.to_string()),
        EntryKind::MissingReferenced => {
            oddity(OddityState::Failed, "a DICOMDIR names this file, and it does not exist")
        }
    }
}

fn study_row(head: &Head) -> StudyRow {
    StudyRow {
        uid: head.study.clone().unwrap_or_default(),
        patient_id: head.patient_id.clone(),
        issuer: head.patient_id_issuer.clone(),
        patient_name: head.patient_name.clone(),
        study_date: head.study_date.clone(),
        study_time: head.study_time.clone(),
        accession: head.accession.clone(),
        modalities: head.modality.clone(),
        description: head.study_description.clone(),
        ..StudyRow::default()
    }
}

/// A selection, as it applies to the head of a file.
struct Chosen<'a> {
    selection: &'a SelectionConfig,
    from: Option<String>,
    to: Option<String>,
}

impl<'a> Chosen<'a> {
    fn new(selection: &'a SelectionConfig) -> Result<Self, Error> {
        if selection.csv.is_some() {
            let message =
                "a CSV list selects studies of a PACS; for a folder, name studies, patients or dates instead";
            return Err(Error::Selection(message.to_owned()));
        }
        let text = |date: Option<jiff::civil::Date>| date.map(|date| date.strftime("%Y%m%d").to_string());
        Ok(Self { selection, from: text(selection.study_date_from), to: text(selection.study_date_to) })
    }

    /// Lists of studies, patients and accession numbers add up; dates and modalities narrow them, as for a PACS.
    fn takes(&self, head: &Head) -> bool {
        let SelectionConfig { modalities, patient_ids, accession_numbers, study_uids, .. } = self.selection;
        let names = |list: &[String], value: &Option<String>| {
            value.as_ref().is_some_and(|value| list.contains(value))
        };
        let named = names(study_uids, &head.study)
            || names(patient_ids, &head.patient_id)
            || names(accession_numbers, &head.accession);
        let anyone = study_uids.is_empty() && patient_ids.is_empty() && accession_numbers.is_empty();
        let date = head.study_date.as_deref().unwrap_or_default();
        let dated = self.from.as_deref().is_none_or(|from| date >= from)
            && self.to.as_deref().is_none_or(|to| !date.is_empty() && date <= to);
        (anyone || named) && dated && (modalities.is_empty() || names(modalities, &head.modality))
    }
}
