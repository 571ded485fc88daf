//! Events: the last ones, and more of those that need a look.

use catalogue::{Error, Level, Reader};

use crate::human::text;
use crate::{EventRow, Severity};

const MOST_GRAVE: usize = 400;
const MOST_OTHERS: usize = 100;
const LONGEST: usize = 2000;

/// The events, oldest first.
pub fn rows(reader: &Reader) -> Result<Vec<EventRow>, Error> {
    let mut events = reader.last_events(Level::Warning, MOST_GRAVE)?;
    let others = reader.last_events(Level::Info, MOST_OTHERS)?;
    events.extend(others.into_iter().filter(|event| event.level == Level::Info));
    events.sort_by_key(|event| event.at);
    let row = |event: catalogue::events::Event| EventRow {
        at: event.at,
        severity: match event.level {
            Level::Info => Severity::Info,
            Level::Warning => Severity::Warning,
            Level::Error => Severity::Error,
        },
        message: text(&event.message, LONGEST),
    };
    Ok(events.into_iter().map(row).collect())
}
