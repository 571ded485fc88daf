//! How long a volume's records are. A label is short enough for any drive, and only the first full record shows whether the host
//! adapter moves what the label promises.

use std::fmt::Display;

use catalogue::{Level, VolumeId};
use manifest::Label;
use medium::{DEFAULT_RECORD_BYTES, Medium, Settings};
use volume::VolumeWriter;

use super::Write;
use super::volume::{Current, labelled};
use crate::error::{Error, Result};

/// The next smaller record size, down to that which everything takes; none if there is no such.
pub fn smaller(record_bytes: usize) -> Option<usize> {
    let half = (record_bytes / 2).max(DEFAULT_RECORD_BYTES);
    (half < record_bytes).then_some(half)
}

/// The end of a volume that has segments, whose records the way to its drive does not take any more.
pub fn refused(volume: String, drive: &dyn Display) -> Error {
    Error::RecordsRefused { volume, drive: drive.to_string() }
}

/// Labels a volume anew, on which nothing but its label is, because its records were refused.
pub fn relabel(stage: &Write, volume: Current, record_bytes: usize) -> Result<Current> {
    let Current { id, medium, writer, .. } = volume;
    let (label, refused) = (writer.label().clone(), writer.record_bytes());
    // The drive lets nobody else open it before.
    drop(writer);
    let name = stage.name(label.copy, label.sequence);
    let message = format!(
        "{medium} refuses records of {} KiB: {name} is labelled anew, with records of {} KiB (`record_bytes` under [media])",
        refused / 1024,
        record_bytes / 1024
    );
    stage.monitor.finding(&message);
    stage.shared.event(Level::Warning, "records-refused", message)?;
    label_again(stage, id, medium, Label { record_bytes: record_bytes as u32, ..label })
}

/// Puts this label in the place of the one that is on a volume, and that is all that is on it.
pub fn label_again(stage: &Write, id: VolumeId, medium: Box<dyn Medium>, label: Label) -> Result<Current> {
    let settings = Settings { record_bytes: label.record_bytes as usize, ..stage.settings.clone() };
    // In this order: a label that was cut off is made good only while the volume is being labelled.
    stage.shared.lock().label_again(id)?;
    let writer = VolumeWriter::relabel(medium.as_ref(), &settings, label)?;
    labelled(stage, id, medium, writer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_become_smaller_down_to_what_everything_takes() {
        let sizes = |first| std::iter::successors(Some(first), |bytes| smaller(*bytes)).collect::<Vec<_>>();
        assert_eq!(sizes(1 << 20), [1 << 20, 512 << 10, 256 << 10]);
        assert_eq!(sizes(300 << 10), [300 << 10, 256 << 10]);
        assert_eq!(sizes(4096), [4096]);
    }
}
