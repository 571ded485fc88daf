//! Volumes that were labelled before anything is to be written to them (`p2t label`): the export takes them up in the order of
//! their numbers, before it begins others.

use std::collections::BTreeSet;

use catalogue::volumes::VolumeRow;
use catalogue::{Catalogue, Reader, VolumeState};
use uuid::Uuid;

use crate::error::Result;

/// Where the catalogue keeps the ids of all that were ever labelled so.
const KEY: &str = "labelled_ahead";

/// Notes that a volume is labelled ahead.
pub fn note(catalogue: &mut Catalogue, volume: Uuid) -> Result<()> {
    let mut all = all(catalogue)?;
    all.insert(volume);
    Ok(catalogue.set_job(KEY, &serde_json::json!(all).to_string())?)
}

/// Whether a volume was labelled ahead and has nothing on it yet but its label.
pub fn waits(reader: &Reader, row: &VolumeRow) -> Result<bool> {
    let is_bare = row.state == VolumeState::Open && row.files.len() <= 1;
    Ok(is_bare && all(reader)?.contains(&row.volume.uuid))
}

fn all(reader: &Reader) -> Result<BTreeSet<Uuid>> {
    let text = reader.job(KEY)?.unwrap_or_default();
    // Without the list a volume that waits is gone on with at once, which does no harm.
    Ok(serde_json::from_str(&text).unwrap_or_default())
}
