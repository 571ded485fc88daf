//! A cartridge that its drive cannot write any more, where another can be brought: its volume is opened anew, which checks what was
//! committed to it; if the drive fails on it again, the volume is given up and the next cartridge is taken.

use catalogue::Level;
use uuid::Uuid;

use super::leg::{Leg, Step};
use super::resume::resume;
use super::volume::give_up;
use crate::error::{Error, Result};

/// What went wrong with the cartridges of a leg.
#[derive(Default)]
pub struct Mishaps {
    /// The volume that was opened anew after an error.
    reopened: Option<Uuid>,
    /// Whether a volume was lost since the last one that became complete: the next is not the cartridge's fault.
    lost: bool,
}

impl Mishaps {
    /// Notes that a volume is complete.
    pub fn forget(&mut self) {
        self.lost = false;
    }
}

impl Leg<'_> {
    /// Goes on after an error of the drive: once with the same volume, and then on the next cartridge, if the one before did not
    /// end so. What no commit covers is written again from the spool.
    pub(super) fn recover(&mut self, error: Error) -> Result<Step> {
        // The drive lets nobody open it before.
        drop(self.volume.take());
        let stage = self.stage;
        if stage.stop.requested() || !stage.media.change.is_possible() {
            return Err(error);
        }
        let Some(mut trouble) = Trouble::of(&error) else { return Err(error) };
        let Some(row) = stage.shared.lock().volume_in_work(self.copy)? else { return Err(error) };
        let (volume, drive, name) = (row.volume.uuid, &row.volume.medium, stage.name_of(&row.volume));
        if !stage.media.find(drive)?.is_drive() {
            return Err(error);
        }
        if trouble.may_pass && self.mishaps.reopened.replace(volume) != Some(volume) {
            let message = format!(
                "{drive} {}: {name} is opened anew, and goes on behind its last commit",
                trouble.what
            );
            stage.monitor.finding(&message);
            stage.shared.event(Level::Warning, "volume-reopened", message)?;
            match resume(stage, self.copy) {
                Ok(reopened) => {
                    self.volume = reopened;
                    return Ok(Step::Went);
                }
                Err(again) => trouble = Trouble::of(&again).ok_or(again)?,
            }
        }
        if std::mem::replace(&mut self.mishaps.lost, true) {
            return Err(error);
        }
        let why = format!("{drive} {}; keep its cartridge, which is not written any further", trouble.what);
        give_up(stage, volume, &why)?;
        Ok(Step::VolumeEnded)
    }
}

/// Trouble that another cartridge may be free of.
struct Trouble {
    /// What the drive does, in words.
    what: String,
    /// Whether the same cartridge may be free of it, too, when it is opened anew.
    may_pass: bool,
}

impl Trouble {
    fn of(error: &Error) -> Option<Self> {
        use medium::Error::{Drive, PositionLost};
        let what = match error {
            Error::RecordsRefused { .. } => {
                return Some(Self { what: "does not take its records any more".to_owned(), may_pass: false });
            }
            Error::Medium(Drive { action, .. })
            | Error::Volume(volume::Error::Medium(Drive { action, .. })) => {
                format!("could not {action} its tape")
            }
            Error::Medium(PositionLost { found, .. })
            | Error::Volume(volume::Error::Medium(PositionLost { found, .. })) => {
                format!("does not hold what was written to it ({found})")
            }
            _ => return None,
        };
        Some(Self { what, may_pass: true })
    }
}
