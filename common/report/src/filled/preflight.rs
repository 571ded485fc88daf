//! What the catalogue tells of the source before the transfer.

use catalogue::Reader;
use catalogue::preflight::Check;

use crate::model::{Preflight, PreflightCheck};

pub(super) fn last(reader: &Reader) -> catalogue::Result<Option<Preflight>> {
    let Some(found) = reader.preflight()? else { return Ok(None) };
    let (conclusion, works) = (found.conclusion(), found.choice.is_some() || found.services.is_empty());
    let check = |Check { name, good, found }| PreflightCheck { name, good, found };
    let checks = found.checks.into_iter().map(check).collect();
    Ok(Some(Preflight { at: found.at, archive: found.archive, checks, conclusion, works }))
}
