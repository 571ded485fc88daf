//! Rejection notes of IHE Imaging Object Change Management (RAD TF-3, 4.66): Key Object Selection Documents that withdraw other
//! instances. They are sent when everything else was, so that no destination meets a note before what it withdraws.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};
use std::sync::{Mutex, MutexGuard, PoisonError};

use catalogue::{InstanceId, PackedObject};

use super::Deliver;
use super::doubt::is_in_doubt;
use crate::error::Result;

const KEY_OBJECT_SELECTION: &str = "1.2.840.10008.5.1.4.1.1.88.59";
/// Rejected for Quality Reasons, Rejected for Patient Safety Reasons, Incorrect Modality Worklist Entry, Data Retention Policy
/// Expired (PS3.16 CID 7011).
const REJECTIONS: [&str; 4] = ["113001", "113037", "113038", "113039"];

/// Which Key Object Selection Documents were looked at, and whether they are notes.
#[derive(Default)]
pub struct Notes(Mutex<HashMap<InstanceId, bool>>);

impl Notes {
    fn known(&self) -> MutexGuard<'_, HashMap<InstanceId, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deliver<'_> {
    /// The objects that need not wait until everything else was sent: neither rejection notes nor in doubt.
    pub(super) fn without_late(&self, objects: Vec<PackedObject>) -> Result<Vec<PackedObject>> {
        let mut others = Vec::with_capacity(objects.len());
        for packed in objects {
            if !is_in_doubt(&packed.object) && !self.is_note(&packed)? {
                others.push(packed);
            }
        }
        Ok(others)
    }

    fn is_note(&self, packed: &PackedObject) -> Result<bool> {
        if packed.object.sop_class.as_deref() != Some(KEY_OBJECT_SELECTION) {
            return Ok(false);
        }
        let id = packed.object.id;
        if let Some(known) = self.notes.known().get(&id) {
            return Ok(*known);
        }
        let is_note = self.title(packed)?.is_some_and(|code| REJECTIONS.contains(&code.as_str()));
        self.notes.known().insert(id, is_note);
        Ok(is_note)
    }

    /// Whatever is wrong with its file is found, and told, when the object is sent.
    fn title(&self, packed: &PackedObject) -> Result<Option<String>> {
        let syntax = packed.object.transfer_syntax.as_deref().unwrap_or_default();
        Ok(self.dataset(packed)?.and_then(|dataset| dataset::title_code(dataset, syntax)))
    }

    /// The dataset of an object in the spool, if its file can be read.
    pub(super) fn dataset(&self, packed: &PackedObject) -> Result<Option<Take<File>>> {
        let PackedObject { object, segment_id, spool_offset, .. } = packed;
        let segment = self.journal.lock().segment_number(*segment_id)?;
        let Ok(mut file) = File::open(self.spool.path(segment)) else { return Ok(None) };
        let offset = object.dataset.map_or(0, |dataset| dataset.offset);
        let begin = spool_offset.unwrap_or_default().saturating_add(offset);
        if file.seek(SeekFrom::Start(begin)).is_err() {
            return Ok(None);
        }
        Ok(Some(file.take(object.bytes.saturating_sub(offset))))
    }
}
