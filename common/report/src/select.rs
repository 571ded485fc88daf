//! Which studies the HTML shows: a page that a browser can open and a person can read, whatever the number
//! of studies. The CSV and the JSON have them all.

use crate::StudyRow;
use crate::human::text;

/// At most this many studies that need a look.
pub const MOST_DISCREPANCIES: usize = 10_000;
/// At most this many studies that are pending or excluded, and as many that are clean: the first ones.
pub const MOST_OTHERS: usize = 2_000;
/// At most this many reasons of a study.
const MOST_REASONS: usize = 4;
/// A UID has at most 64 characters (PS3.5 §9.1); a folder's path may be longer.
const MOST_UID_CHARS: usize = 200;
const MOST_REASON_CHARS: usize = 400;
const MOST_MODALITIES: usize = 12;

/// Studies of one kind: the first ones, and how many there are in all.
#[derive(Debug)]
pub struct Group {
    /// The rows shown.
    pub rows: Vec<StudyRow>,
    /// How many there are.
    pub total: u64,
    most: usize,
}

impl Group {
    fn new(most: usize) -> Self {
        Self { rows: Vec::new(), total: 0, most }
    }

    fn push(&mut self, row: StudyRow) {
        self.total += 1;
        if self.rows.len() < self.most {
            self.rows.push(trimmed(row));
        }
    }

    /// How many are in the other files only, if any.
    pub fn more(&self) -> Option<u64> {
        Some(self.total - self.rows.len() as u64).filter(|more| *more > 0)
    }
}

/// The studies to show.
#[derive(Debug)]
pub struct Selection {
    /// Those that somebody has to look at.
    pub discrepancies: Group,
    /// Pending, excluded, or with a remark.
    pub open: Group,
    /// Nothing to explain.
    pub clean: Group,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            discrepancies: Group::new(MOST_DISCREPANCIES),
            open: Group::new(MOST_OTHERS),
            clean: Group::new(MOST_OTHERS),
        }
    }
}

impl Selection {
    /// Takes a study into its group.
    pub fn push(&mut self, row: StudyRow) {
        let group = if row.is_discrepancy() {
            &mut self.discrepancies
        } else if row.is_clean() {
            &mut self.clean
        } else {
            &mut self.open
        };
        group.push(row);
    }
}

/// Bounds what a kept row holds, since outside text may be of any length.
fn trimmed(mut row: StudyRow) -> StudyRow {
    row.study_instance_uid = text(&row.study_instance_uid, MOST_UID_CHARS);
    row.modalities.truncate(MOST_MODALITIES);
    row.modalities.iter_mut().for_each(|modality| *modality = text(modality, 16));
    let more = row.reasons.len().saturating_sub(MOST_REASONS);
    row.reasons.truncate(MOST_REASONS);
    row.reasons.iter_mut().for_each(|reason| *reason = text(reason, MOST_REASON_CHARS));
    if more > 0 {
        row.reasons.push(format!("and {more} more, see the CSV"));
    }
    row
}
