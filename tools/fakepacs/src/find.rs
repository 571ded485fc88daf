//! C-FIND at the three levels of Study Root.

use dataset::{FlatSet, Tag, tags};
use dimse::{Error, Level, Request, Status};

use crate::archive::Archive;
use crate::lie::Kind;
use crate::lies::{Lies, Order};
use crate::matching::{Wanted, fits};
use crate::object::Instance;
use crate::study::{STUDY_INSTANCES, Study};

/// A row: the values that the PACS has, in the order of the request's keys.
type Row = Vec<(Tag, String)>;

/// How a C-FIND is to end.
pub(crate) struct Answer {
    pub rows: Vec<Row>,
    pub status: Status,
}

/// What the archive answers, lies included. `query` is the number of the query.
pub(crate) fn answer(archive: &Archive, lies: &Lies, level: Level, keys: &FlatSet, query: u64) -> Answer {
    let mut rows = match level {
        Level::Study => studies(archive, lies, keys, query),
        Level::Series => series(archive, keys),
        Level::Image => images(archive, lies, keys),
    };
    match level {
        Level::Study => cut(rows, lies),
        Level::Image => {
            if lies.order == Order::NewestFirst {
                rows.reverse();
            }
            short(rows, lies.cap_images, lies.cap_status)
        }
        Level::Series if is_refused(archive, lies, keys) => {
            Answer { rows: Vec::new(), status: Status::OUT_OF_RESOURCES }
        }
        Level::Series => Answer { rows, status: Status::SUCCESS },
    }
}

/// Sends it.
pub(crate) fn send(mut request: Request<'_>, level: Level, answer: &Answer) -> Result<(), Error> {
    for row in &answer.rows {
        let values: Vec<(Tag, &str)> = row.iter().map(|(tag, value)| (*tag, value.as_str())).collect();
        request.row(level, &values)?;
    }
    request.finish(answer.status, None, None)
}

fn cut(rows: Vec<Row>, lies: &Lies) -> Answer {
    let count = rows.len() as u64;
    if lies.refuse_above.is_some_and(|most| count > most) {
        return Answer { rows: Vec::new(), status: Status::OUT_OF_RESOURCES };
    }
    short(rows, lies.cap, lies.cap_status)
}

fn short(mut rows: Vec<Row>, cap: Option<u64>, status: Status) -> Answer {
    match cap {
        Some(cap) if rows.len() as u64 > cap => {
            rows.truncate(cap as usize);
            Answer { rows, status }
        }
        _ => Answer { rows, status: Status::SUCCESS },
    }
}

fn studies(archive: &Archive, lies: &Lies, keys: &FlatSet, query: u64) -> Vec<Row> {
    let wanted = Wanted::of(keys, &|tag| lies.ignores(tag));
    let times = lies.rows_per_study.unwrap_or(1).max(1) as usize;
    archive
        .find(&wanted, lies.order, query)
        .into_iter()
        .map(|study| {
            row(keys, |tag| match tag {
                tags::MODALITIES_IN_STUDY if lies.hide_modalities => None,
                STUDY_INSTANCES => Some(known(lies, study).to_string()),
                _ => study.value(tag),
            })
        })
        .flat_map(|row| std::iter::repeat_n(row, times))
        .collect()
}

fn series(archive: &Archive, keys: &FlatSet) -> Vec<Row> {
    let study_uid = keys.uid(tags::STUDY_INSTANCE_UID).unwrap_or_default();
    let found = archive.study(&study_uid).into_iter().flat_map(|study| &study.series);
    found
        .map(|series| {
            row(keys, |tag| match tag {
                tags::STUDY_INSTANCE_UID => Some(study_uid.clone()),
                _ => series.value(tag),
            })
        })
        .collect()
}

/// Whether the series of this study are not told.
fn is_refused(archive: &Archive, lies: &Lies, keys: &FlatSet) -> bool {
    let study = keys.uid(tags::STUDY_INSTANCE_UID).and_then(|uid| archive.study(&uid));
    let first = study.and_then(|study| study.instances().next());
    first.is_some_and(|first| lies.about(&first).any(|kind| kind == Kind::NoSeries))
}

fn images(archive: &Archive, lies: &Lies, keys: &FlatSet) -> Vec<Row> {
    let study_uid = keys.uid(tags::STUDY_INSTANCE_UID).unwrap_or_default();
    let series_uid = keys.uid(tags::SERIES_INSTANCE_UID).unwrap_or_default();
    let wanted = keys.text(tags::SOP_INSTANCE_UID).filter(|uids| !uids.is_empty());
    let number = keys.text(tags::INSTANCE_NUMBER);
    let number = number.filter(|number| !number.is_empty() && !lies.ignores(tags::INSTANCE_NUMBER));
    let study = archive.study(&study_uid).into_iter();
    study
        .flat_map(|study| study.instances().take(known(lies, study)))
        .filter(|instance| instance.series.uid == series_uid)
        .filter(|instance| {
            let uid = instance.uid();
            wanted.as_ref().is_none_or(|wanted| fits(tags::SOP_INSTANCE_UID, wanted, &uid))
        })
        .filter(|instance| number.as_ref().is_none_or(|number| *number == instance.number.to_string()))
        .map(|Instance { series, number, .. }| {
            row(keys, |tag| match tag {
                tags::STUDY_INSTANCE_UID => Some(study_uid.clone()),
                tags::SERIES_INSTANCE_UID => Some(series_uid.clone()),
                _ => series.instance_value(number, tag),
            })
        })
        .collect()
}

/// How many instances of the study have come in already.
fn known(lies: &Lies, study: &Study) -> usize {
    let grows = |kind| if let Kind::Grow(more) = kind { Some(more as usize) } else { None };
    let all = study.instances().count();
    let more = study.instances().next().and_then(|first| lies.about(&first).find_map(grows));
    all.saturating_sub(more.unwrap_or_default())
}

/// The values of the keys asked for; what the archive does not know comes back empty.
fn row(keys: &FlatSet, value: impl Fn(Tag) -> Option<String>) -> Row {
    keys.tags()
        .filter(|tag| *tag != tags::QUERY_RETRIEVE_LEVEL && *tag != tags::SPECIFIC_CHARACTER_SET)
        .map(|tag| (tag, value(tag).unwrap_or_default()))
        .collect()
}
