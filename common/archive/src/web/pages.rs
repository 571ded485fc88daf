//! A search in pages (PS3.18 section 8.3.4.4), until one has nothing more: a server may give fewer rows than it was asked for and
//! say nothing of the rest, so that only an empty page is an end.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use pace::Loss;

use super::client::{Ask, Client};
use super::error::Error;
use super::exchange::{Answer, Stop};
use super::media_type::MediaType;
use super::row::{Row, rows};
use crate::gate::Gate;

/// Rows asked for at once.
pub const LIMIT: usize = 500;
/// No page is longer; bounds what a server that takes no notice of the limit can make us hold.
const MOST_ROWS: usize = 1_000_000;
/// How often a busy server is asked for the same page.
const PATIENCE: u32 = 5;
/// How often a list is read whose rows move while it is read.
const MOST_PASSES: usize = 3;
const JSON: &str = "application/dicom+json";

/// A search to be read to its end.
pub struct Search<'a> {
    pub client: &'a Client,
    /// Below the root of the service.
    pub resource: &'a str,
    /// Matching and return keys, encoded.
    pub query: &'a str,
    pub stop: Stop<'a>,
    /// What each page must pass.
    pub gate: Option<Arc<Gate>>,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// An empty page came behind the last row.
    Whole,
    /// The server takes no notice of the offset, so that nobody knows what stands behind its first page.
    OffsetIgnored,
}

/// The rows of one page, as digests.
type Page = HashSet<u64>;

impl Search<'_> {
    /// Hands on every row, some perhaps more than once. Says how many there were.
    pub fn each(&self, on_row: &mut dyn FnMut(Row) -> Result<(), Error>) -> Result<(u64, End), Error> {
        for _ in 0..MOST_PASSES {
            let mut pass = Pass::new(self);
            let end = pass.run(on_row)?;
            if !pass.moved {
                return Ok((pass.rows, end));
            }
        }
        let why = format!(
            "its rows moved while they were read in pages, {MOST_PASSES} times in a row; ask again when less is \
             changed there, or select less at a time, by dates for example"
        );
        Err(Error::NotWhole { resource: self.resource.to_owned(), why })
    }

    /// One page, `limit` rows from `offset` on, of a server that may have to be left alone now and then.
    fn page(
        &self,
        limit: usize,
        offset: u64,
        on_row: &mut dyn FnMut(Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let ask = self.ask(limit, offset);
        let Some(gate) = &self.gate else { return self.get(&ask, on_row) };
        let begun = Cell::new(false);
        gate.pass(&|| !begun.get(), || {
            self.get(&ask, &mut |row| {
                begun.set(true);
                on_row(row)
            })
        })
    }

    fn get(&self, ask: &Ask, on_row: &mut dyn FnMut(Row) -> Result<(), Error>) -> Result<(), Error> {
        let mut asked = 1;
        let answer = loop {
            match self.client.get(ask, self.stop) {
                Err(error @ Error::Busy { .. }) if asked < PATIENCE => {
                    tracing::info!(%error, "the source is left alone");
                    self.gate.iter().for_each(|gate| gate.lost(Loss::TooBusy));
                    asked += 1;
                }
                other => break other,
            }
        };
        self.take(answer, ask, on_row)
    }

    /// Asks for one row, at once.
    pub fn probe(&self) -> Result<(), Error> {
        let ask = self.ask(1, 0);
        self.take(self.client.get_at_once(&ask, self.stop), &ask, &mut |_| Ok(()))
    }

    fn ask(&self, limit: usize, offset: u64) -> Ask {
        let joint = if self.query.is_empty() { "" } else { "&" };
        let query = format!("{}{joint}limit={limit}&offset={offset}", self.query);
        Ask { resource: self.resource.to_owned(), query, accept: JSON }
    }

    fn take(
        &self,
        answer: Result<Answer<'_>, Error>,
        ask: &Ask,
        on_row: &mut dyn FnMut(Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut answer = match answer {
            Err(Error::Status { status: 404, .. }) => return self.nothing_found(ask),
            answer => answer?,
        };
        if answer.status != 204 {
            let found = MediaType::of(&answer.headers);
            if found.name != JSON && found.name != "application/json" {
                // An answer with nothing in it has no type.
                let empty = answer.body.more(&mut [0; 16])? == 0;
                let (resource, got) = (ask.resource.clone(), format!("media type {:?}", found.name));
                return if empty { Ok(()) } else { Err(Error::MediaType { resource, got, wanted: JSON }) };
            }
            let mut count = 0;
            rows(&mut answer.body, &mut |row| {
                count += 1;
                if count > MOST_ROWS {
                    return Err(Error::malformed("a list", "it has more than a million rows in one page"));
                }
                on_row(row)
            })?;
        }
        self.client.answered_search();
        self.client.keep(answer.body);
        Ok(())
    }

    /// Older servers answer 404 where nothing matches; so does whatever else there is under a wrong path. What has answered a search is
    /// a service, and what has not is asked for any study.
    fn nothing_found(&self, ask: &Ask) -> Result<(), Error> {
        if self.client.has_answered_search() {
            return Ok(());
        }
        let (client, stop) = (self.client, self.stop);
        let any = Search { client, resource: "/studies", query: "", stop, gate: None };
        let ask_any = any.ask(1, 0);
        match self.client.get(&ask_any, self.stop) {
            Err(Error::Status { status: 404, .. }) => {
                Err(Error::NoService { resource: ask.resource.clone() })
            }
            answer => any.take(answer, &ask_any, &mut |_| Ok(())),
        }
    }
}

/// The error about a list of which nobody knows whether it is whole.
pub fn offset_ignored(resource: &str, rows: u64) -> Error {
    let why = format!(
        "it gives the same {rows} rows whatever the offset, so there may be more; list it by C-FIND, or name its studies \
         one by one"
    );
    Error::NotWhole { resource: resource.to_owned(), why }
}

/// One reading of all pages.
struct Pass<'a> {
    search: &'a Search<'a>,
    first: Option<Page>,
    /// The last row so far.
    last: u64,
    /// Whether the next page must begin with the last row: else a row before it has gone or come, and others may have slipped
    /// through. Not where a page may have one row only, behind which more would never be seen.
    overlaps: bool,
    moved: bool,
    rows: u64,
}

impl<'a> Pass<'a> {
    fn new(search: &'a Search<'a>) -> Self {
        Self { search, first: None, last: 0, overlaps: false, moved: false, rows: 0 }
    }

    fn run(&mut self, on_row: &mut dyn FnMut(Row) -> Result<(), Error>) -> Result<End, Error> {
        loop {
            let known = u64::from(self.overlaps);
            let (mut page, mut rows, mut begins, mut last) = (Page::new(), 0, None, self.last);
            self.search.page(LIMIT, self.rows - known, &mut |row| {
                last = row.digest();
                rows += 1;
                begins.get_or_insert(last);
                page.insert(last);
                on_row(row)
            })?;
            match &self.first {
                None => self.first = Some(page),
                Some(first) if page == *first => return Ok(End::OffsetIgnored),
                Some(_) if (begins == Some(self.last)) != self.overlaps => {
                    self.moved = true;
                    return Ok(End::Whole);
                }
                Some(_) => {}
            }
            if rows <= known {
                return Ok(End::Whole);
            }
            self.rows += rows - known;
            (self.last, self.overlaps) = (last, rows > 1);
        }
    }
}
