//! Moments as civil time for the reader.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::human::text;

/// Writes moments in one time zone.
pub struct Clock {
    zone: TimeZone,
    /// Only names that a reader can be expected to know.
    zone_name: Option<String>,
}

impl Clock {
    /// For an IANA zone name or a POSIX TZ string; anything else counts as UTC.
    pub fn new(zone: &str) -> Self {
        match TimeZone::get(zone) {
            Ok(known) => Self { zone: known, zone_name: Some(zone.to_owned()) },
            Err(_) => Self { zone: TimeZone::posix(zone).unwrap_or(TimeZone::UTC), zone_name: None },
        }
    }

    /// The zone itself.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The zone's name and its offset at a moment: `Europe/Zurich (UTC+01:00)`.
    pub fn zone_at(&self, at: &Timestamp) -> String {
        let offset = at.to_zoned(self.zone.clone()).strftime("UTC%:z").to_string();
        match &self.zone_name {
            Some(name) => format!("{} ({offset})", text(name, 60)),
            None => offset,
        }
    }

    /// `2026-11-22 21:43:07`, in civil time.
    pub fn time(&self, at: &Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// As [`Clock::time`], or a dash.
    pub fn maybe_time(&self, at: Option<&Timestamp>) -> String {
        at.map_or_else(|| "–".to_owned(), |at| self.time(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn civil_time_follows_the_zone_and_unknown_zones_are_utc() {
        let at: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
        let zurich = Clock::new("CET-1CEST,M3.5.0,M10.5.0/3");
        assert_eq!(zurich.time(&at), "2026-07-01 12:00:00");
        assert_eq!(Clock::new("Nowhere/Land").zone_at(&at), "UTC+00:00");
        assert_eq!(zurich.zone_at(&at), "UTC+02:00");
    }
}
