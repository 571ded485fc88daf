//! What is known to be damaged, and what the operator says is lost.

use std::num::NonZeroU32;
use std::str::FromStr;

use catalogue::events::Event;
use catalogue::{Catalogue, Level, Reader, SegmentId, VolumeId, VolumeState};
use serde::Serialize;

use super::status::volume_name;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::export::Lost;

/// A volume of this job, as the operator names it: `SEQUENCE`, or `SEQUENCE:COPY` for other copies than the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Which {
    sequence: u32,
    copy: u32,
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let number = text.parse().map(NonZeroU32::get);
            number.map_err(|_| {
                format!("`{text}` is no number from 1; give SEQUENCE or SEQUENCE:COPY, such as 3 or 3:2")
            })
        };
        let (sequence, copy) = text.split_once(':').unwrap_or((text, "1"));
        Ok(Self { sequence: number(sequence)?, copy: number(copy)? })
    }
}

/// A volume that was read back and is not as it was written.
#[derive(Serialize)]
pub struct Damaged {
    name: String,
    /// Segments that are not as they were written.
    segments: u64,
    /// What is wrong with its label, index or trailer.
    unsound: Option<String>,
}

/// The volumes that were found damaged, for as long as nothing is done about them.
pub fn damaged(reader: &Reader) -> Result<Vec<Damaged>> {
    let harmed = reader.harmed_placements()?;
    let damaged = reader.volumes()?.into_iter().map(|row| Damaged {
        name: volume_name(&row),
        segments: harmed.iter().filter(|placement| placement.volume == row.id).count() as u64,
        // One that was given up is known to lack what is not in its segments.
        unsound: row.unsound.filter(|_| row.state != VolumeState::Abandoned),
    });
    Ok(damaged.filter(|volume| volume.segments > 0 || volume.unsound.is_some()).collect())
}

impl Damaged {
    /// A line for people.
    pub fn text(&self) -> String {
        let Self { name, segments, unsound } = self;
        let mut words = vec![format!("DAMAGED    {name}")];
        if *segments > 0 {
            words.push(format!(
                "{segments} segments; `p2t export --rewrite-damaged` writes what was in them again"
            ));
        }
        if let Some(unsound) = unsound {
            words.push(format!("{unsound}; `p2t export --give-up-volume` writes all that was on it again"));
        }
        words.join(": ")
    }
}

/// Takes what was in damaged segments off the volumes that they are on: it is written again, by this export.
pub fn rewrite_damaged(context: &Context, catalogue: &mut Catalogue) -> Result<()> {
    let harmed = catalogue.harmed_placements()?;
    let names: Vec<(VolumeId, String)> =
        catalogue.volumes()?.iter().map(|row| (row.id, volume_name(row))).collect();
    for (volume, name) in names {
        let segments: Vec<SegmentId> = harmed
            .iter()
            .filter(|placement| placement.volume == volume)
            .map(|placement| placement.segment)
            .collect();
        if !segments.is_empty() {
            let lost = Lost::record(catalogue, volume, segments.iter().copied())?;
            let message =
                format!("{} damaged segments of {name} are given up: {}", segments.len(), lost.text());
            tell(context, catalogue, "segments-given-up", message)?;
        }
    }
    Ok(())
}

/// Gives up a volume that is lost, or cannot be gone on with: all that was on it is written again, by this export.
pub fn give_up(context: &Context, catalogue: &mut Catalogue, which: Which) -> Result<()> {
    let Which { sequence, copy } = which;
    let row = catalogue
        .volumes()?
        .into_iter()
        .find(|row| (row.volume.sequence, row.volume.copy) == (sequence, copy))
        .ok_or(Error::NoSuchVolume { sequence, copy })?;
    let mut segments = Vec::new();
    catalogue.each_segment_of_volume(row.id, |_, segment| {
        segments.push(segment.id);
        Ok::<_, Error>(())
    })?;
    let was_given_up = row.state == VolumeState::Abandoned;
    if was_given_up && segments.is_empty() {
        return Err(Error::NoSuchVolume { sequence, copy });
    }
    let lost = Lost::record(catalogue, row.id, segments)?;
    if !was_given_up {
        catalogue.abandon_volume(row.id)?;
    }
    let message = format!("{} is given up, as asked: {}", volume_name(&row), lost.text());
    tell(context, catalogue, "volume-abandoned", message)
}

fn tell(context: &Context, catalogue: &mut Catalogue, kind: &str, message: String) -> Result<()> {
    context.monitor.finding(&message);
    let (at, level, kind) = (jiff::Timestamp::now(), Level::Error, kind.to_owned());
    Ok(catalogue.record_event(&Event { at, level, kind, message, detail: None })?)
}
