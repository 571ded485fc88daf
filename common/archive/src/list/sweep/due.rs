//! By which attributes a part is divided.

use super::{Peer, Sweep, TINY};
use crate::list::part::{Dimension, Part};

/// Of an answer of so many rows at most, everything is asked for in each way in which it could lack something.
const THOROUGH: u64 = 300;

impl<P: Peer> Sweep<'_, P> {
    /// The attributes to divide by: first those that the part is divided by already.
    pub(super) fn dimensions(&self, part: &Part) -> Vec<Dimension> {
        let tiny = self.is_tiny() && self.frames.len() > 1;
        let costly = [Dimension::Patient, Dimension::Accession, Dimension::Modality];
        let (begun, mut other): (Vec<_>, Vec<_>) = Dimension::ALL
            .into_iter()
            .filter(|dimension| !self.is_useless(*dimension))
            .partition(|dimension| part.has(*dimension));
        other.retain(|dimension| !(tiny && costly.contains(dimension)));
        if part.is_spelt_out() {
            // What one patient has of a modality is seldom too much for an answer.
            other.sort_by_key(|dimension| *dimension == Dimension::Accession);
        }
        begun.into_iter().chain(other).collect()
    }

    /// Whether a part is divided by this attribute too, though nothing seems to be missing. An archive that cuts an answer
    /// need not show one of the studies without a date. So all there is is divided by date, by time and by patient, and by
    /// accession number where a patient says nothing; one patient's studies, too many for one answer, in each way.
    ///
    /// A longer answer that was not found to be cut short is divided by date alone, if all of its studies have one: then it lacks
    /// none with a date, and studies without one only if the archive happens to give as many rows as there are with one.
    pub(super) fn is_due(&self, part: &Part, dimension: Dimension, count: u64, cut: bool) -> bool {
        let named = cut && part.is_spelt_out();
        if part.dates.is_some() && !part.is_spelt_out() {
            return false;
        }
        let top = self.frames.len() == 1;
        let thorough = top && (cut || self.prove_all || count <= THOROUGH);
        match dimension {
            Dimension::Date => top || cut,
            Dimension::Time => thorough || named,
            Dimension::Patient => thorough,
            Dimension::Accession => {
                thorough && self.is_nameless() || named && self.says_modality_nothing(part)
            }
            Dimension::Modality => thorough && self.is_nameless() || named,
        }
    }

    /// Whether an answer is asked for so thoroughly that a sample of its patients adds nothing.
    pub(super) fn is_thorough(&self, count: u64) -> bool {
        self.prove_all || count <= THOROUGH
    }

    /// Whether no other way of dividing all there is vouches for the studies that dividing this part leaves out.
    pub(super) fn is_last(&self, part: &Part) -> bool {
        let tiny = self.is_tiny();
        (part.is_spelt_out() && (tiny || part.is_a_moment()))
            || (part.is_a_moment() && (tiny || self.is_nameless()))
    }

    /// Whether there are studies of which no patient tells.
    fn is_nameless(&self) -> bool {
        self.anonymous || self.is_useless(Dimension::Patient)
    }

    /// Whether asking for each modality may leave studies of the part out.
    fn says_modality_nothing(&self, part: &Part) -> bool {
        part.modality.is_some()
            || self.unclassed
            || self.known.modalities.is_empty()
            || self.is_useless(Dimension::Modality)
    }

    /// Whether the archive takes no notice of any attribute that could show what an answer lacks.
    pub(super) fn is_unmatched(&self) -> bool {
        let telling = [Dimension::Date, Dimension::Time, Dimension::Patient, Dimension::Accession];
        telling.into_iter().all(|dimension| self.is_useless(dimension))
    }

    pub(super) fn is_tiny(&self) -> bool {
        self.proof.cap.is_some_and(|cap| cap < TINY)
    }

    pub(super) fn is_useful(&self, piece: &Part, whole: &Part) -> bool {
        !self.proof.useless.iter().any(|useless| piece.has(*useless) && !whole.has(*useless))
    }

    fn is_useless(&self, dimension: Dimension) -> bool {
        self.proof.useless.contains(&dimension)
    }
}
