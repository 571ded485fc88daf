//! Rows page by page as one iterator: bounded memory, and no statement left open between rows.

use std::vec;

use catalogue::standing::{InstanceStanding, OddityRow, StandingCursor, StudyStanding};
use catalogue::{Error, Reader, StudyId};

use super::subject::Subject;

const STUDIES: usize = 200;
const ROWS: usize = 1000;

/// Reads the page after a key, keeps it until it is used up, then reads the next. Ends after an error.
struct Pages<T, K, F> {
    read: F,
    after: K,
    key: fn(&K, &T) -> K,
    page: vec::IntoIter<T>,
    ended: bool,
}

impl<T, K, F: FnMut(&K) -> Result<Vec<T>, Error>> Pages<T, K, F> {
    fn new(first: K, key: fn(&K, &T) -> K, read: F) -> Self {
        Self { read, after: first, key, page: Vec::new().into_iter(), ended: false }
    }
}

impl<T, K, F: FnMut(&K) -> Result<Vec<T>, Error>> Iterator for Pages<T, K, F> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(row) = self.page.next() {
            return Some(Ok(row));
        }
        if self.ended {
            return None;
        }
        match (self.read)(&self.after) {
            Ok(page) => {
                match page.last() {
                    Some(last) => self.after = (self.key)(&self.after, last),
                    None => self.ended = true,
                }
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
        }
    }
}

/// All studies, in the order they were listed.
pub fn studies(reader: &Reader, subject: Subject) -> impl Iterator<Item = Result<StudyStanding, Error>> {
    Pages::new(
        StudyId(i64::MIN),
        |_, study: &StudyStanding| study.id,
        move |after| reader.study_standings(subject.stage(), *after, STUDIES),
    )
}

/// The instances of a study from `first` on; at an export, few of those that are written.
pub fn instances(
    reader: &Reader,
    subject: Subject,
    study: StudyId,
    first: StandingCursor,
) -> impl Iterator<Item = Result<InstanceStanding, Error>> {
    Pages::new(
        (first, subject),
        |(_, subject), instance: &InstanceStanding| (subject.cursor_after(instance), *subject),
        move |(cursor, _)| reader.instance_standings(study, subject.destination(), *cursor, ROWS),
    )
}

/// Listed files that are no DICOM objects; there are none but at an export.
pub fn oddities(reader: &Reader) -> impl Iterator<Item = Result<OddityRow, Error>> {
    Pages::new(0, |_, row: &OddityRow| row.id, |after| reader.oddities(*after, ROWS))
}

/// What the last audit found at the destination and no volume carries, as Study and SOP Instance UID.
pub fn extras(reader: &Reader, subject: Subject) -> impl Iterator<Item = Result<(String, String), Error>> {
    Pages::new(
        (String::new(), String::new()),
        |_, extra: &(String, String)| extra.clone(),
        move |(study, sop)| {
            let Subject::Audit(destination) = subject else { return Ok(Vec::new()) };
            let page = reader.extras(destination, (study, sop), ROWS)?;
            Ok(page.into_iter().map(|row| (row.study_uid, row.sop_instance)).collect())
        },
    )
}
