//! Volumes that others name and nobody has seen: the transfer is not complete without them, unless somebody says that it
//! must do.

use catalogue::events::Event;
use catalogue::{Catalogue, Level, Reader};
use uuid::Uuid;

use super::arrival::{self, Arrival};
use crate::error::Result;

/// The catalogue's key for the ids of volumes that are not waited for.
const ACCEPTED: &str = "accepted_gaps";

/// The volumes that are missed and not accepted as lost, as people name them.
pub fn missed(reader: &Reader, everything: bool) -> Result<Vec<String>> {
    let accepted = accepted(reader)?;
    let mut volumes = reader.volumes()?;
    volumes.retain(|row| !accepted.contains(&row.volume.uuid));
    Ok(Arrival::of(&volumes, everything).missing)
}

/// Waits no more for the volumes that are missed now, and puts that on record.
pub fn accept(catalogue: &mut Catalogue) -> Result<()> {
    let mut accepted = accepted(catalogue)?;
    for row in catalogue.volumes()? {
        if row.volume.medium.is_empty() && !accepted.contains(&row.volume.uuid) {
            accepted.push(row.volume.uuid);
            let message = format!(
                "the transfer goes on without volume {}: --accept-gap was given",
                arrival::name(&row)
            );
            let (at, level, kind) = (jiff::Timestamp::now(), Level::Warning, "gap-accepted".to_owned());
            catalogue.record_event(&Event { at, level, kind, message, detail: None })?;
        }
    }
    let ids: Vec<String> = accepted.iter().map(Uuid::to_string).collect();
    Ok(catalogue.set_job(ACCEPTED, &ids.join(" "))?)
}

fn accepted(reader: &Reader) -> Result<Vec<Uuid>> {
    let ids = reader.job(ACCEPTED)?.unwrap_or_default();
    Ok(ids.split(' ').filter_map(|id| id.parse().ok()).collect())
}

/// What to tell of them.
pub fn line(missed: &[String]) -> Option<String> {
    (!missed.is_empty()).then(|| {
        format!(
            "A VOLUME IS MISSING: volume {} did not arrive, though later ones follow it; what is there was delivered, and the \
             transfer is not complete: ingest it when it comes, or run `t2p ingest --accept-gap` to do without it",
            missed.join(", ")
        )
    })
}
