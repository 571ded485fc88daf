//! Writes a volume to tape.

use std::time::Duration;

use nix::errno::Errno;

use super::device::{Filemark, TapeDevice};
use super::{device_error, step};
use crate::scsi::{Format, Health, Sense};
use crate::sequence::Sequence;
use crate::{CommittedFile, EarlyWarning, Error, MediumWriter, Settings, names};

/// Calls that ENOSPC may answer in a row before the tape is taken to have ended: st refuses every other write in the
/// early-warning zone, and two in a row where the drive reports that nothing was written.
const MOST_REFUSALS: u32 = 3;

/// If the last call was begun so long ago, the drive is asked where it is before anything more is written. That takes a hundredth of
/// the time or less, and where writing streams, it is not asked.
const PAUSE: Duration = Duration::from_millis(100);

/// Writer at the end of the volume on the cartridge in a drive.
pub(super) struct TapeWriter {
    device: Box<dyn TapeDevice>,
    sequence: Sequence,
    capacity: Option<u64>,
    /// Where the drive must be: blocks, filemarks included.
    block: u64,
    used: u64,
    file_start: Mark,
    /// Since when segments end here; what is left belongs to index and trailer.
    early_warning: Option<EarlyWarning>,
    format: Option<Format>,
    failed: bool,
    /// What was told at the last commit.
    health: Option<Health>,
}

/// A place that can be gone back to.
#[derive(Clone, Copy)]
struct Mark {
    block: u64,
    used: u64,
}

/// Whether something is on the tape, as the position tells.
enum Landed {
    Yes,
    No,
}

impl TapeWriter {
    /// At the drive's position, which is behind the `committed` files.
    pub fn new(
        mut device: Box<dyn TapeDevice>,
        settings: &Settings,
        committed: &[CommittedFile],
    ) -> Result<Self, Error> {
        let sequence = Sequence::new(settings.record_bytes, committed)?;
        let block = step(device.as_mut(), "locate in", |device| device.block())?;
        // Each file's records, and its filemark.
        let blocks_of = |file: &CommittedFile| file.bytes.div_ceil(settings.record_bytes as u64) + 1;
        let expected: u64 = committed.iter().map(blocks_of).sum();
        if block != expected {
            let files = committed.len();
            let found = format!("the drive is at block {block} behind {files} files that end at {expected}");
            return Err(Error::PositionLost { path: device.path().to_owned(), found });
        }
        let density = step(device.as_mut(), "look at", |device| device.status())?.density;
        let used = committed.iter().map(|file| file.bytes).sum();
        Ok(Self {
            device,
            sequence,
            capacity: settings.capacity_bytes,
            block,
            used,
            file_start: Mark { block, used },
            early_warning: None,
            format: density.and_then(Format::of_density),
            failed: false,
            health: None,
        })
    }

    fn check_usable(&self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::WriterFailed { path: self.device.path().to_owned() });
        }
        Ok(())
    }

    fn check_room(&self, needed: u64) -> Result<(), Error> {
        match self.remaining_bytes() {
            Some(remaining) if remaining < needed => Err(Error::Full { needed, remaining }),
            _ => Ok(()),
        }
    }

    /// Does one call until the position shows that it has put one block on the tape.
    fn put(
        &mut self,
        action: &'static str,
        call: &dyn Fn(&mut dyn TapeDevice) -> Result<(), Errno>,
    ) -> Result<(), Error> {
        // A reset or another cartridge leaves a tape at its beginning, and who asks the drive for anything takes the unit attention
        // that was st's.
        if self.device.idle() >= PAUSE {
            self.check_position()?;
        }
        for _ in 0..=MOST_REFUSALS {
            match call(self.device.as_mut()) {
                Ok(()) => {
                    self.block += 1;
                    return Ok(());
                }
                Err(Errno::ENOSPC) => {
                    let (bytes, format) = (self.used, self.format);
                    self.early_warning.get_or_insert(EarlyWarning { bytes, format });
                    if let Landed::Yes = self.landed()? {
                        self.block += 1;
                        return Ok(());
                    }
                    if self.sequence.open_name().is_some_and(names::is_segment) {
                        break;
                    }
                }
                Err(error) => return Err(self.fail(device_error(self.device.path(), action, error))),
            }
        }
        Err(Error::Full { needed: self.sequence.record_bytes() as u64, remaining: 0 })
    }

    /// The position alone tells whether a block is on the tape for which ENOSPC was answered.
    fn landed(&mut self) -> Result<Landed, Error> {
        let found = match self.device.block() {
            Ok(found) => found,
            Err(error) => return Err(self.fail(device_error(self.device.path(), "locate in", error))),
        };
        match found.checked_sub(self.block) {
            Some(0) => Ok(Landed::No),
            Some(1) => Ok(Landed::Yes),
            _ => Err(self.lose_position(found)),
        }
    }

    /// Waits until everything is on the tape.
    fn flush(&mut self) -> Result<(), Error> {
        match self.device.filemark(Filemark::FlushOnly) {
            Ok(()) => Ok(()),
            Err(error) => Err(self.fail(device_error(self.device.path(), "flush", error))),
        }
    }

    fn check_position(&mut self) -> Result<(), Error> {
        match self.landed()? {
            Landed::No => Ok(()),
            Landed::Yes => Err(self.lose_position(self.block + 1)),
        }
    }

    /// What the drive told this program in place of st: to be taken as st takes it, wherever the tape is.
    fn check_attentions(&mut self) -> Result<(), Error> {
        let told = self.health.iter().flat_map(|health| &health.drive.attentions);
        match told.copied().find(Sense::loses_position) {
            Some(sense) => {
                let path = self.device.path().to_owned();
                Err(self.fail(Error::PositionLost { path, found: format!("the drive says: {sense}") }))
            }
            None => Ok(()),
        }
    }

    fn lose_position(&mut self, found: u64) -> Error {
        let path = self.device.path().to_owned();
        let found = format!("the drive is at block {found} instead of {}", self.block);
        self.fail(Error::PositionLost { path, found })
    }

    /// After a reset the tape stands at its beginning, and the next thing that st does for a rewind, a seek or the closing is
    /// to end the interrupted file with a filemark: over the label. Flushing first makes it forget that file.
    fn fail(&mut self, error: Error) -> Error {
        self.failed = true;
        if self.device.filemark(Filemark::FlushOnly).is_err() {
            // Motion to the end of data does so as well; if that fails too, the first error is the one to be told.
            let _ = self.device.to_end_of_data();
        }
        error
    }
}

impl MediumWriter for TapeWriter {
    fn record_bytes(&self) -> usize {
        self.sequence.record_bytes()
    }

    fn used_bytes(&self) -> u64 {
        self.used
    }

    fn remaining_bytes(&self) -> Option<u64> {
        let is_for_segments = self.sequence.open_name().is_none_or(names::is_segment);
        if self.early_warning.is_some() && is_for_segments {
            return Some(0);
        }
        // Segments must leave room for the index, which the early warning alone does not: behind it there may be 25 MiB. Index
        // and trailer themselves may have whatever the tape has.
        let dependable = self.format.filter(|_| is_for_segments).map(|format| format.dependable_bytes());
        self.capacity.into_iter().chain(dependable).min().map(|capacity| capacity.saturating_sub(self.used))
    }

    /// A drive does not say what a filemark takes on its tape: nothing is counted for it.
    fn file_bytes(&self, content_bytes: u64) -> u64 {
        content_bytes
    }

    fn next_file(&self) -> u32 {
        self.sequence.ended()
    }

    fn begin_file(&mut self, name: &str) -> Result<(), Error> {
        self.check_usable()?;
        self.sequence.check_between_files()?;
        self.check_position()?;
        self.sequence.begin(name)?;
        self.file_start = Mark { block: self.block, used: self.used };
        Ok(())
    }

    fn write_record(&mut self, record: &[u8]) -> Result<(), Error> {
        self.check_usable()?;
        self.sequence.check_record(record.len())?;
        self.check_room(record.len() as u64)?;
        let torn = std::cell::Cell::new(None);
        self.put("write", &|device| {
            let written = device.write_record(record)?;
            torn.set((written != record.len()).then_some(written));
            Ok(())
        })?;
        if let Some(written) = torn.get() {
            let path = self.device.path().to_owned();
            let found = format!("a record of {} bytes was written with {written}", record.len());
            return Err(self.fail(Error::PositionLost { path, found }));
        }
        self.used += record.len() as u64;
        self.sequence.record_written(record.len());
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Error> {
        self.check_usable()?;
        self.sequence.check_open()?;
        self.put("write a filemark to", &|device| device.filemark(Filemark::Buffered))?;
        self.sequence.end()?;
        Ok(())
    }

    fn abandon_file(&mut self) -> Result<(), Error> {
        // Where the drive stands is not known: what is on the tape is taken back when the volume is opened anew.
        if self.failed || self.sequence.abandon().is_none() || self.block == self.file_start.block {
            return Ok(());
        }
        self.flush()?;
        self.check_position()?;
        let Mark { block, used } = self.file_start;
        (self.block, self.used) = (block, used);
        if let Err(error) = self.device.seek(block) {
            return Err(self.fail(device_error(self.device.path(), "locate in", error)));
        }
        self.check_position()
    }

    fn commit(&mut self) -> Result<u32, Error> {
        self.check_usable()?;
        self.sequence.check_between_files()?;
        self.flush()?;
        // In this order: whatever happened to the drive before it is asked, the position shows.
        self.health = self.device.health_at_commit();
        let wants_cleaning = self.device.status().is_ok_and(|status| status.cleaning_requested);
        if let Some(health) = &mut self.health {
            health.drive.cleaning_requested |= wants_cleaning;
        }
        self.check_attentions()?;
        self.check_position()?;
        Ok(self.sequence.ended())
    }

    fn health(&mut self) -> Option<Health> {
        self.health.take()
    }

    fn early_warning(&self) -> Option<EarlyWarning> {
        self.early_warning
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        self.device.close()
    }
}
