//! Puts into the catalogue what volumes say of themselves: which they are, what lies on them, what came before.

use std::path::PathBuf;
use std::sync::Arc;

use catalogue::baseline::SOURCE;
use catalogue::register::VolumeContents;
use catalogue::segments::{NewSegment, SegmentRow};
use catalogue::volumes::NewVolume;
use catalogue::{Level, VolumeId};
use job::{Counter, Journal, Monitor};
use manifest::TransferState;
use medium::Address;
use volume::{Entry, IndexReader, IndexedSegment, SegmentCheck, Volume};

use super::{chain, changes, rows};
use crate::context::bind;
use crate::error::{Error, Result};

/// Writes to the catalogue what is found on volumes.
pub struct Register {
    pub journal: Arc<Journal>,
    pub monitor: Arc<dyn Monitor>,
    /// How many destinations every object goes to: so often it is counted.
    pub destinations: u64,
    /// The job's spool, where a volume's index is copied to while it is read.
    pub spool: PathBuf,
}

impl Register {
    /// Opens a volume of the job's transfer and registers it.
    pub fn open(&self, address: &Address) -> Result<(Volume, VolumeId)> {
        let mut volume = Volume::open(address)?;
        volume.copy_index_below(self.spool.clone());
        let identity = volume.identity;
        let mut catalogue = self.journal.lock();
        bind(&mut catalogue, &volume.address, identity)?;
        let id = catalogue.register_volume(&NewVolume {
            uuid: identity.volume,
            sequence: identity.sequence,
            copy: identity.copy,
            medium: volume.address.clone(),
            barcode: volume.label.as_ref().and_then(|label| label.barcode.clone()),
        })?;
        Ok((volume, id))
    }

    /// Reads the volume's index, if it is sound, and registers what is said of the whole volume and of those before it.
    /// Also gives what the operator should know of that.
    pub fn index(
        &self,
        address: &Address,
        id: VolumeId,
        volume: &mut Volume,
    ) -> Result<(Option<IndexReader>, Vec<String>)> {
        let mut index = volume.index()?;
        chain::require_expected(&self.journal.lock(), volume)?;
        let mut remarks = Vec::new();
        if let Some(index) = &mut index {
            let mut catalogue = self.journal.lock();
            remarks.extend(chain::note_earlier(&mut catalogue, address, volume.identity, &index.earlier)?);
            for baseline in &index.baselines {
                catalogue.record_baseline(SOURCE, baseline)?;
            }
            drop(catalogue);
            remarks.extend(changes::note(&self.journal, address, index)?);
        } else {
            remarks
                .push(format!("{address}: its index is lost, and with it what the source has changed since"));
        }
        self.describe(id, volume)?;
        Ok((index, remarks))
    }

    fn describe(&self, id: VolumeId, volume: &Volume) -> Result<()> {
        let Some(trailer) = &volume.trailer else { return Ok(()) };
        let mut files: Vec<String> = vec![manifest::LABEL.to_owned()];
        files.extend(trailer.segments.iter().map(|segment| segment.name.clone()));
        files.extend([trailer.index.name.clone(), manifest::TRAILER.to_owned()]);
        let contents = VolumeContents {
            files: &files,
            index_blake3: Some(&trailer.index.blake3.0),
            bytes: trailer.segments.iter().map(|segment| segment.bytes).sum::<u64>() + trailer.index.bytes,
            last: trailer.last,
            sealed_at: Some(trailer.sealed_at),
        };
        Ok(self.journal.lock().describe_volume(id, &contents)?)
    }

    /// When all segments were dealt with: notes how far the transfer was, and records what the operator should know,
    /// `remarks` among it.
    pub fn finish(
        &self,
        address: &Address,
        volume: &mut Volume,
        index: Option<IndexReader>,
        remarks: &mut Vec<String>,
    ) -> Result<()> {
        volume.finish()?;
        if let Some(state) = index.and_then(|index| index.state) {
            self.note_state(volume.identity.sequence, &state)?;
        }
        remarks.extend(volume.findings().iter().map(|finding| format!("{address}: {finding}")));
        if !volume.is_complete() {
            remarks.push(format!("{address}: the volume is not complete: it has no sound trailer"));
        }
        for remark in remarks {
            self.journal.event(Level::Warning, "volume", remark.clone())?;
        }
        Ok(())
    }

    /// Keeps the newest word on how far the whole transfer is: that of the last volume, or else of the one that knows of
    /// the most, or on which more has come of it; the numbers of volumes mean nothing across copies.
    fn note_state(&self, sequence: u32, state: &TransferState) -> Result<()> {
        let rank = |state: &TransferState| {
            (state.last, state.listed - state.pending.min(state.listed), state.written)
        };
        let mut catalogue = self.journal.lock();
        let known = catalogue.job("transfer_state")?;
        let known = known.and_then(|text| serde_json::from_str::<TransferState>(&text).ok());
        if known.is_none_or(|known| rank(state) >= rank(&known)) {
            catalogue.set_job("transfer_state", &serde_json::to_string(state).unwrap_or_default())?;
            catalogue.set_job("transfer_state_of_volume", &sequence.to_string())?;
        }
        Ok(())
    }

    /// Registers a segment that the index lists, with its objects.
    pub fn segment(&self, volume: VolumeId, file: u32, indexed: &IndexedSegment) -> Result<SegmentRow> {
        let IndexedSegment { segment, frames, entries } = indexed;
        let new = rows::segment(segment, frames)?;
        self.row(volume, file, &new, entries)
    }

    /// Registers a segment by what was found in it, since no index lists it. `None` when it could not be made out.
    pub fn found(&self, volume: VolumeId, file: u32, check: &SegmentCheck) -> Result<Option<SegmentRow>> {
        let Some(new) = rows::found_segment(check) else { return Ok(None) };
        self.row(volume, file, &new, &check.entries).map(Some)
    }

    fn row(&self, volume: VolumeId, file: u32, new: &NewSegment, entries: &[Entry]) -> Result<SegmentRow> {
        let mut catalogue = self.journal.lock();
        let id = catalogue.register_segment(volume, u64::from(file), new)?;
        let listed = rows::register_objects(&mut catalogue, id, entries)?;
        self.monitor.count(Counter::Listed, listed.new * self.destinations);
        catalogue.segment(new.number)?.ok_or(Error::NothingIngested)
    }

    /// Tells and records that a volume could not be taken.
    pub fn unreadable(&self, address: &Address, error: &Error) -> Result<String> {
        let message = match error {
            Error::OtherTransfer { .. } => error.to_string(),
            _ => format!("{address}: {error}"),
        };
        self.monitor.finding(&message);
        self.journal.event(Level::Error, "volume-unreadable", message.clone())?;
        Ok(message)
    }

    /// Tells and records that a segment was not as it was written.
    pub fn tell(&self, check: &SegmentCheck) -> Result<()> {
        if check.findings.is_empty() && check.harmed.is_empty() {
            return Ok(());
        }
        let harmed = check.harmed.len();
        let words = check.health.words();
        let message = format!(
            "{}: {words}, {harmed} of {} objects harmed; {}",
            check.name,
            check.entries.len(),
            check.findings.join("; ")
        );
        self.monitor.finding(&message);
        Ok(self.journal.event(Level::Error, "segment-damaged", message)?)
    }
}
