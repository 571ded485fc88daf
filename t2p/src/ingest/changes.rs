//! What the source has changed since volumes were written, as an index tells it: kept and shown, and never applied.

use catalogue::delta::changes::ChangeRow;
use catalogue::{ChangeClass, Level};
use job::Journal;
use manifest::{Change, Presence, Reidentified, Study};
use medium::Address;
use volume::IndexReader;

use crate::error::{Error, Result};

/// Changes are recorded in groups of this many.
const GROUP: usize = 500;

/// Keeps the changes that an index tells; says how many were not known.
pub fn note(journal: &Journal, address: &Address, index: &mut IndexReader) -> Result<Option<String>> {
    let mut group = Vec::with_capacity(GROUP);
    let mut new = 0;
    while let Some(change) = index.next_change()? {
        group.push(row(change)?);
        if group.len() == GROUP {
            new += journal.lock().register_changes(&group)?;
            group.clear();
        }
    }
    new += journal.lock().register_changes(&group)?;
    if new == 0 {
        return Ok(None);
    }
    let message = format!(
        "{address}: the source has changed since it was exported, {new} changes are told (deleted, restored, re-identified); none \
         is applied: `t2p audit` shows what that leaves at the destination"
    );
    journal.event(Level::Warning, "source-changed", message.clone())?;
    Ok(Some(message))
}

fn row(change: Change) -> Result<ChangeRow> {
    Ok(match change {
        Change::Deleted(presence) => of_presence(ChangeClass::Deleted, presence),
        Change::Restored(presence) => of_presence(ChangeClass::Restored, presence),
        Change::Reidentified(reidentified) => {
            let Reidentified { change, delta, seen_at, study, old, new } = *reidentified;
            let text = |study: &Study| serde_json::to_string(study).map_err(Error::Keys);
            let (old, new) = (Some(text(&old)?), Some(text(&new)?));
            let presence = Presence { change, delta, seen_at, study, sop_instance: None };
            ChangeRow { old, new, ..of_presence(ChangeClass::Reidentified, presence) }
        }
    })
}

fn of_presence(class: ChangeClass, presence: Presence) -> ChangeRow {
    let Presence { change, delta, seen_at, study, sop_instance } = presence;
    let instances = u64::from(sop_instance.is_some());
    ChangeRow {
        number: change,
        delta,
        at: seen_at,
        class,
        study_uid: study,
        sop_instance,
        instances,
        old: None,
        new: None,
    }
}
