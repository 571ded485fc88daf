//! Whose fault it is when a study cannot be listed: its own, so that the others are listed without it, or the archive's, which then is
//! not asked for anything more.

use crate::error::{Error, Outlook};

/// So many studies in a row that an archive fails to list are the archive's fault, though it says that it is there.
const MOST_IN_A_ROW: u32 = 5;

/// Watches how the listing of one study after the other ends.
#[derive(Debug, Default)]
pub struct Blame {
    in_a_row: u32,
}

impl Blame {
    /// What went before is not the archive's fault: it has listed a study, or one fails that has always failed.
    pub fn forget(&mut self) {
        self.in_a_row = 0;
    }

    /// Whether the study alone is to blame for this. An archive that is out of resources, aborts or does not answer in time, and yet
    /// `answers` when it is asked whether it is there, stumbles over the study, perhaps each time.
    pub fn is_of_study(&mut self, error: &Error, answers: &dyn Fn() -> bool) -> bool {
        match error.outlook() {
            Outlook::Permanent => true,
            Outlook::Transient if error.is_of_stop() => false,
            Outlook::Transient => {
                self.in_a_row += 1;
                self.in_a_row <= MOST_IN_A_ROW && answers()
            }
            Outlook::NeedsOperator => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_study_is_to_blame_where_the_archive_is_there_and_lists_others() {
        let aborted = || Error::NoAnswer("LAB".to_owned());
        let mut blame = Blame::default();
        for _ in 0..2 {
            for _ in 0..MOST_IN_A_ROW {
                assert!(blame.is_of_study(&aborted(), &|| true));
            }
            assert!(!blame.is_of_study(&aborted(), &|| true));
            blame.forget();
        }
        assert!(!blame.is_of_study(&aborted(), &|| false));
        assert!(!blame.is_of_study(&Error::Stopped, &|| true));
        assert!(!blame.is_of_study(&Error::NoReceiver, &|| true));
        let refused = Error::Refused { archive: "LAB".to_owned(), said: String::new() };
        assert!((0..9).all(|_| blame.is_of_study(&refused, &|| false)));
    }
}
