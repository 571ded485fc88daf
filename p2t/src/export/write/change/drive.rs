//! A drive that waits for a cartridge: what is in it, and whether that may leave.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use catalogue::volumes::{NewVolume, VolumeRow};
use catalogue::{Level, VolumeState};
use medium::{Medium, scsi};

use super::Loaded;
use crate::error::Result;
use crate::export::write::Write;
use crate::media::library::Library;
use crate::readback::{self, read_back};

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A drive, and the volume that it needs a cartridge for.
pub struct Drive<'a> {
    pub stage: &'a Write,
    pub volume: NewVolume,
    pub medium: Box<dyn Medium>,
}

/// What is in a drive.
pub enum Found {
    Blank,
    /// No cartridge is in it, or none that is loaded.
    Empty,
    /// The drive still loads it, or another program looks at it.
    NotReady,
    WriteProtected,
    /// The drive cannot read what is on it.
    Unreadable,
    /// A volume of this job.
    Ours(Box<VolumeRow>),
    /// Anything else, in words.
    Other(String),
}

impl<'a> Drive<'a> {
    /// The drive's node.
    pub fn node(&self) -> &Path {
        Path::new(&self.volume.medium)
    }

    /// The volume for people.
    pub fn name(&self) -> String {
        self.stage.name_of(&self.volume)
    }

    /// The library that the drive belongs to, and its number there.
    pub fn in_library(&self) -> Result<Option<(&'a Library, usize)>> {
        let stage = self.stage;
        let Some(library) = &stage.media.change.library else { return Ok(None) };
        if let Some(number) = library.number_of(self.node(), &stage.stop)? {
            return Ok(Some((library, number)));
        }
        let node = self.node().display();
        let message = format!(
            "the library does not know the drive {node}: see `drives` under [changer], and `p2t changer list`"
        );
        self.finding(Level::Warning, "drive-unknown", message)?;
        Ok(None)
    }

    /// Looks at what is in the drive. Nothing is written, but the tape moves.
    pub fn look(&self) -> Result<Found> {
        use medium::Error::{Drive, InUse, NoCartridge, NotReady};
        match self.medium.is_blank() {
            Ok(true) if self.medium.is_write_protected()? => return Ok(Found::WriteProtected),
            Ok(true) => {
                return Ok(match self.stage.media.when_free(self.node(), scsi::loaded_worm)? {
                    Some(true) => Found::Other("can be written only once (WORM)".to_owned()),
                    _ => Found::Blank,
                });
            }
            Ok(false) => {}
            Err(NoCartridge { .. }) => return Ok(Found::Empty),
            Err(NotReady { .. } | InUse { .. }) => return Ok(Found::NotReady),
            Err(Drive { .. }) => return Ok(Found::Unreadable),
            Err(error) => return Err(error.into()),
        }
        let label = match volume::label_on(self.medium.as_ref()) {
            Ok(label) => label,
            Err(volume::Error::Medium(Drive { .. })) => return Ok(Found::Unreadable),
            Err(error) => return Err(error.into()),
        };
        let Some(label) = label else {
            return Ok(Found::Other("holds data that this job did not write".to_owned()));
        };
        let known = self.stage.shared.lock().volume(label.volume)?;
        Ok(known.map_or_else(
            || Found::Other(format!("holds volume {} of another job", label.sequence)),
            |row| Found::Ours(Box::new(row)),
        ))
    }

    /// Looks at a cartridge when the drive has loaded it, or has taken too long to. None when a stop was requested.
    pub fn look_when_ready(&self, patience: Duration) -> Result<Option<Found>> {
        let begun = Instant::now();
        loop {
            match self.look()? {
                Found::Empty | Found::NotReady if begun.elapsed() < patience => {}
                found => return Ok(Some(found)),
            }
            if self.stage.stop.requested() {
                return Ok(None);
            }
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Reads a complete volume of ours back before its cartridge leaves the drive, unless that was done. False when a stop was
    /// requested meanwhile.
    pub fn read_back(&self, row: &VolumeRow) -> Result<bool> {
        let (stage, change) = (self.stage, &self.stage.media.change);
        let was = !matches!(row.state, VolumeState::Sealed | VolumeState::Abandoned)
            || row.verified_at.is_some()
            || change.has_read_back(row.volume.uuid);
        let Some(extent) = readback::extent(stage.verify).filter(|_| !was) else { return Ok(true) };
        let (name, node) = (stage.name_of(&row.volume), self.node().display());
        stage.monitor.note(&format!("{name} is read back before its cartridge leaves {node}"));
        let reader = stage.shared.lock().reader()?;
        let go_on = &mut |_: &_| !stage.stop.requested();
        let read = match read_back(&reader, self.medium.as_ref(), extent, stage.spool.dir(), go_on) {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(false),
            // It was given up because of its drive or its tape: what it holds is still to be seen, and the next cartridge is due.
            Err(error) if row.state == VolumeState::Abandoned && error.is_of_medium() => {
                let message = format!("{name} could not be read back in {node}: {error}");
                self.finding(Level::Warning, "volume-not-read-back", message)?;
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        read.record(&mut stage.shared.lock())?;
        if !read.is_as_recorded() {
            let message = format!("{name} is damaged: {}", read.summary.text());
            self.finding(Level::Error, "volume-harmed", message)?;
        }
        change.was_read_back(row.volume.uuid);
        Ok(true)
    }

    /// Tells something, and keeps it for the report.
    pub fn finding(&self, level: Level, kind: &str, message: String) -> Result<()> {
        self.stage.monitor.finding(&message);
        Ok(self.stage.shared.event(level, kind, message)?)
    }

    /// Tells how things go on, and keeps it.
    pub fn note(&self, kind: &str, message: String) -> Result<()> {
        self.stage.monitor.note(&message);
        Ok(self.stage.shared.event(Level::Info, kind, message)?)
    }

    /// The drive as the medium of the next volume.
    pub fn loaded(self, barcode: Option<String>) -> Loaded {
        Loaded { medium: self.medium, barcode }
    }
}
