//! Lists the instances of one series from a PACS that may give fewer than it has. At IMAGE level nothing has ranges to divide
//! by; but Instance Number (0020,0013) is a required key there (PS3.4 table C.6.1-4), so where an answer is in doubt, single
//! numbers are asked for: a few to find out, then all.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use catalogue::plan::{InstanceRow, QueryRow};
use dataset::tags::{
    INSTANCE_NUMBER, SERIES_INSTANCE_UID, SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID,
};
use dimse::{FindEnd, Key, Level, Status};

use super::Pacs;
use super::find::query_row;
use super::instances::MAX_ROWS;
use crate::error::Error;
use crate::list::is_round;

/// Numbers between those that came that are asked for to find out whether an answer was cut short.
const GAPS: usize = 3;
/// So many numbers in a row that no instance has, behind the last one that any has, are the end.
const EMPTY: u32 = 64;

/// A series as its study's answer tells of it.
pub(super) struct Series {
    pub uid: String,
    pub modality: Option<String>,
    /// Number of Series Related Instances (0020,1209): noted, and believed only where it confirms a list.
    pub claimed: Option<u64>,
}

/// The instances of a series, as far as they are known.
pub(super) struct Images<'a> {
    pacs: &'a Pacs,
    study_uid: &'a str,
    series: &'a Series,
    rows: Vec<InstanceRow>,
    uids: HashSet<String>,
    numbers: BTreeSet<u32>,
}

impl<'a> Images<'a> {
    pub fn new(pacs: &'a Pacs, study_uid: &'a str, series: &'a Series) -> Self {
        let (rows, uids, numbers) = Default::default();
        Self { pacs, study_uid, series, rows, uids, numbers }
    }

    /// All instances, and the queries that were asked.
    pub fn list(mut self) -> Result<(Vec<InstanceRow>, Vec<QueryRow>), Error> {
        let (whole, status) = self.ask_for_all()?;
        let answered = self.rows.len() as u64;
        let mut queries = vec![query_row(Level::Image, &self.keys(""), answered, status)];
        if whole && !(self.is_doubtful() && self.is_lacking()?) {
            return Ok((self.rows, queries));
        }
        let before = self.rows.len();
        let numbers = self.ask_for_each_number()?;
        let found = (self.rows.len() - before) as u64;
        tracing::info!(
            found,
            "an answer at IMAGE level was cut short; its series was listed number by number"
        );
        queries.push(query_row(Level::Image, &self.keys(&numbers), found, Status::SUCCESS));
        // Instances without a number, or with one far off, would not have come.
        let listed = self.rows.len() as u64;
        if self.series.claimed.is_none_or(|claimed| listed < claimed) {
            let (node, series) = (self.pacs.settings.node.to_string(), self.series.uid.clone());
            let claimed = self.series.claimed;
            return Err(Error::ImagesHidden { node, series, status, answered, listed, claimed });
        }
        Ok((self.rows, queries))
    }

    fn keys<'k>(&'k self, number: &'k str) -> [Key<'k>; 3] {
        [
            (STUDY_INSTANCE_UID, self.study_uid),
            (SERIES_INSTANCE_UID, &self.series.uid),
            (INSTANCE_NUMBER, number),
        ]
    }

    /// Asks for the instances with this number, or for all.
    fn ask(&mut self, number: &str) -> Result<FindEnd, Error> {
        let Self { pacs, study_uid, series, rows, uids, numbers } = self;
        let keys = [
            (STUDY_INSTANCE_UID, *study_uid),
            (SERIES_INSTANCE_UID, series.uid.as_str()),
            (INSTANCE_NUMBER, number),
        ];
        pacs.find_rows(Level::Image, &keys, &[SOP_INSTANCE_UID, SOP_CLASS_UID], &mut |row| {
            let sop_instance = row.kept(SOP_INSTANCE_UID).unwrap_or_default();
            numbers.extend(row.text(INSTANCE_NUMBER).and_then(|number| number.parse::<u32>().ok()));
            if sop_instance.is_empty() || uids.insert(sop_instance.clone()) {
                rows.push(InstanceRow {
                    series_uid: series.uid.clone(),
                    modality: series.modality.clone(),
                    sop_instance,
                    sop_class: row.kept(SOP_CLASS_UID),
                    source_ref: None,
                    bytes: None,
                });
            }
            if rows.len() < MAX_ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    }

    /// Whether the PACS says that it has told all, and the status with which it does.
    fn ask_for_all(&mut self) -> Result<(bool, Status), Error> {
        match self.ask("") {
            Ok(end) => Ok((end.is_complete(), end.status)),
            // What it refuses as a whole it may tell in parts.
            Err(Error::Dimse { source: dimse::Error::Failed { status, .. }, .. })
                if !self.rows.is_empty() || self.series.claimed.is_some_and(|claimed| claimed > 0) =>
            {
                Ok((false, status))
            }
            Err(error) => Err(error),
        }
    }

    fn is_doubtful(&self) -> bool {
        let listed = self.rows.len() as u64;
        self.series.claimed.map_or_else(|| is_round(listed), |claimed| claimed > listed)
    }

    /// Whether numbers that no instance of the answer has bring any.
    fn is_lacking(&mut self) -> Result<bool, Error> {
        let Some(&last) = self.numbers.last() else { return Ok(false) };
        let gaps: Vec<u32> = (1..last).filter(|number| !self.numbers.contains(number)).take(GAPS).collect();
        let before = self.rows.len();
        for number in gaps.into_iter().chain(last.checked_add(1)) {
            match self.ask(&number.to_string()) {
                Ok(_) if self.rows.len() > before => return Ok(true),
                // A PACS that does not take the key has given what it gives.
                Err(Error::Dimse { source: dimse::Error::Failed { .. }, .. }) => return Ok(false),
                asked => drop(asked?),
            }
        }
        Ok(false)
    }

    /// Says which numbers were asked for.
    fn ask_for_each_number(&mut self) -> Result<String, Error> {
        let (mut number, mut empty) = (0, 0);
        while !self.is_all_claimed() && (number as usize) < MAX_ROWS {
            if !self.numbers.contains(&number) {
                let before = self.rows.len();
                let end = self.ask(&number.to_string())?;
                if !end.is_complete() {
                    break;
                }
                empty = if self.rows.len() > before { 0 } else { empty + 1 };
            }
            number += 1;
            if empty >= EMPTY && self.numbers.last().is_none_or(|last| number > *last) {
                break;
            }
        }
        Ok(format!("0-{number}"))
    }

    fn is_all_claimed(&self) -> bool {
        self.series.claimed.is_some_and(|claimed| self.rows.len() as u64 >= claimed)
    }
}
