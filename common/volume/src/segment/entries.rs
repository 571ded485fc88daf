//! The lines about studies, series and objects, read back into objects that know where they belong.

use std::sync::Arc;

use manifest::{Line, Member, Object, Series, Study};

use super::MAX_LISTING_BYTES;
use crate::Error;

/// An object with the study and series that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its study.
    pub study: Arc<Study>,
    /// Its series.
    pub series: Arc<Series>,
    /// The object itself.
    pub object: Object,
}

/// Collects entries from lines, and refuses what no writer of this format writes.
pub struct Entries {
    what: &'static str,
    study: Arc<Study>,
    series: Arc<Series>,
    listed: Vec<Entry>,
    /// Length of the lines taken.
    bytes: usize,
}

impl Entries {
    /// `what` names the place in errors: `the index` or `the manifest`.
    pub fn new(what: &'static str) -> Self {
        Self { what, study: Arc::default(), series: Arc::default(), listed: Vec::new(), bytes: 0 }
    }

    /// Takes a study, series or object line of `bytes` bytes; gives any other line back.
    pub fn take(&mut self, line: Line, bytes: usize) -> Result<Option<Line>, Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_LISTING_BYTES {
            let reason = format!("a segment's objects are described by more than {MAX_LISTING_BYTES} bytes");
            return Err(Error::Inconsistent { what: self.what, reason });
        }
        match line {
            Line::Study(study) => {
                self.study = Arc::new(study);
                self.series = Arc::default();
            }
            Line::Series(series) => self.series = Arc::new(series),
            Line::Object(object) => self.push(object)?,
            other => return Ok(Some(other)),
        }
        Ok(None)
    }

    fn push(&mut self, object: Object) -> Result<(), Error> {
        let inconsistent = |reason: String| Err(Error::Inconsistent { what: self.what, reason });
        if !Member::is_safe(&object.member) {
            return inconsistent("a name that is no safe member name".into());
        }
        if self.listed.len() >= manifest::MAX_SEGMENT_OBJECTS {
            return inconsistent("a segment with too many objects".into());
        }
        let end = |object: &Object| object.tar_offset.checked_add(object.bytes);
        let begin = self.listed.last().map_or(Some(0), |last| end(&last.object));
        if end(&object).is_none() || begin.is_none_or(|begin| object.tar_offset < begin) {
            return inconsistent(format!("object {} overlaps the one before it", object.member));
        }
        if object.dataset_offset > object.bytes {
            return inconsistent(format!("object {} is shorter than its File Meta", object.member));
        }
        self.listed.push(Entry { study: self.study.clone(), series: self.series.clone(), object });
        Ok(())
    }

    /// The entries so far, in tar order; the next segment can begin.
    pub fn finish(&mut self) -> Vec<Entry> {
        (self.study, self.series, self.bytes) = Default::default();
        std::mem::take(&mut self.listed)
    }
}

/// The lines that precede an object's own line, given the entry before it.
pub fn lines_for<'a>(previous: Option<&Entry>, entry: &'a Entry) -> impl Iterator<Item = Line> + use<'a> {
    let same_study = previous.is_some_and(|previous| previous.study == entry.study);
    let same_series = same_study && previous.is_some_and(|previous| previous.series == entry.series);
    let study = (!same_study).then(|| Line::Study(Study::clone(&entry.study)));
    let series = (!same_series).then(|| Line::Series(Series::clone(&entry.series)));
    study.into_iter().chain(series).chain([Line::Object(entry.object.clone())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_that_would_fill_memory_is_refused() {
        let study = || Line::Study(Study::default());
        let mut entries = Entries::new("the index");
        for _ in 0..2 {
            assert!(entries.take(study(), MAX_LISTING_BYTES).unwrap().is_none());
            entries.finish();
        }
        entries.take(study(), MAX_LISTING_BYTES).unwrap();
        assert!(entries.take(study(), 1).is_err());
    }
}
