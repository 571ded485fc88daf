//! Listings: how a source was enumerated, query by query, so that an interrupted one goes on where it was and a finished
//! one can be proved.

use jiff::Timestamp;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::connection::{Catalogue, Reader};
use crate::error::Result;
use crate::ids::{ListingId, StudyId};
use crate::plan::QueryRow;
use crate::rows::{all, change, first};
use crate::study::{self, StudyRow};
use crate::time::Millis;

/// An answer at STUDY level with the studies that it names.
#[derive(Debug, Clone)]
pub struct Answered<'a> {
    /// The query as reports show it.
    pub query: QueryRow,
    /// Its keys in full: who it is, within a listing. Holds patient data.
    pub part: &'a str,
    /// Whether we ended it before the source did.
    pub broken_off: bool,
    /// The studies that the selection takes.
    pub studies: &'a [StudyRow],
}

/// An answer that an earlier run had.
#[derive(Debug, Clone)]
pub struct Recalled {
    /// Rows answered.
    pub rows: u64,
    /// Final DIMSE status.
    pub status: u16,
    /// Whether we ended it before the source did.
    pub broken_off: bool,
    /// Whether it is settled what it means for the list: it is whole, or its parts were listed instead.
    pub settled: bool,
    /// Its studies, as they are known now.
    pub studies: Vec<(StudyId, StudyRow)>,
}

/// What a finished listing rests on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListingProof {
    /// Queries at STUDY level.
    pub queries: u64,
    /// Rows that they were answered with.
    pub rows: u64,
    /// Different studies among these.
    pub studies: u64,
    /// Studies without Study Date.
    pub undated: u64,
    /// Rows that the source gives at most without saying that there are more, if it was found to do that.
    pub cap: Option<u64>,
    /// Queries that were cut short and cannot be divided: what lies there is not enumerable.
    pub open: u64,
    /// Rows that were asked for a second time in smaller parts, where one answer was too long to be asked for twice.
    pub sampled: Option<u64>,
    /// Attributes that the source takes no notice of, or refuses.
    pub useless: Vec<String>,
}

impl ListingProof {
    /// The proof in a sentence.
    pub fn text(&self) -> String {
        let Self { queries, rows, studies, undated, .. } = self;
        let came = format!(
            "{studies} studies ({undated} of them without a date) in {rows} rows of {queries} queries"
        );
        let cut = match self.cap {
            Some(cap) => format!(
                "the source gives at most {cap} rows and does not say so: every query was divided until its answer was smaller"
            ),
            None => "no answer was found to be cut short in silence".to_owned(),
        };
        let sampled = self.sampled.filter(|rows| *rows > 0).map(|rows| {
            // With nothing found among n, at most 3/n is there, with a confidence of 95 per cent.
            format!(
                "of what came in one long answer {rows} rows were asked for again in parts, and nothing was found that it lacked (so \
                 with a confidence of 95 % it lacks less than {:.2} %; `p2t plan --prove` asks for all of it again)",
                300.0 / rows as f64
            )
        });
        let useless = (!self.useless.is_empty())
            .then(|| format!("the source does not match by {}", self.useless.join(", ")));
        let open =
            (self.open > 0).then(|| format!("{} queries are cut short and cannot be divided", self.open));
        let clauses = [Some(came), Some(cut), sampled, useless, open];
        clauses.into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

impl Catalogue {
    /// The listing by this selection that is to be gone on with, or else a new one.
    pub fn listing(&mut self, selection: &str) -> Result<ListingId> {
        self.quick(|tx| {
            const OPEN: &str =
                "SELECT id FROM listing WHERE finished_at IS NULL AND selection = ? ORDER BY id DESC LIMIT 1";
            if let Some(id) = first(tx, OPEN, [selection], |row| row.get(0))? {
                return Ok(id);
            }
            change(
                tx,
                "INSERT INTO listing (begun_at, selection) VALUES (?, ?)",
                params![Millis::now(), selection],
            )?;
            Ok(ListingId(tx.last_insert_rowid()))
        })
    }

    /// Records an answer and its studies in one transaction, instead of an earlier one to the same query of this listing;
    /// returns the studies' rows, in the same order. Studies whose instances are listed keep their keys, as in
    /// [`Self::upsert_studies`]; an answer that tells others cannot be recalled.
    pub fn record_answer(&mut self, listing: ListingId, answered: &Answered<'_>) -> Result<Vec<StudyId>> {
        self.quick(|tx| {
            let (mut ids, mut as_known) = (Vec::new(), true);
            for row in answered.studies {
                let (id, new) = study::upsert_listed(tx, row)?;
                as_known &= new || study::is_told_as_known(tx, row)?;
                ids.push(id);
            }
            let blob: Option<Vec<u8>> =
                as_known.then(|| ids.iter().flat_map(|id| id.0.to_le_bytes()).collect());
            let QueryRow { at, level, keys, rows, status } = &answered.query;
            change(
                tx,
                "INSERT OR REPLACE INTO query (at, level, keys, rows, status, listing_id, part, broken_off, studies)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                params![
                    Millis(*at),
                    level,
                    keys,
                    rows,
                    status,
                    listing,
                    answered.part,
                    answered.broken_off,
                    blob
                ],
            )?;
            Ok(ids)
        })
    }

    /// Keeps what was concluded of answers of a listing, in one transaction: of each its part, the words, and whether it
    /// is cut short for good.
    pub fn record_verdicts(&mut self, listing: ListingId, verdicts: &[(String, String, bool)]) -> Result<()> {
        self.quick(|tx| {
            for (part, verdict, open) in verdicts {
                const SQL: &str = "UPDATE query SET verdict = ?, open = ? WHERE listing_id = ? AND part = ?";
                change(tx, SQL, params![verdict, open, listing, part])?;
            }
            Ok(())
        })
    }

    /// Ends a listing with its proof, the queries counted that are on record.
    pub fn finish_listing_with(&mut self, listing: ListingId, proof: &ListingProof) -> Result<()> {
        self.durable(|tx| {
            const COUNTS: &str =
                "SELECT count(*), ifnull(sum(rows), 0), ifnull(sum(open), 0) FROM query WHERE listing_id = ?";
            let counts = first(tx, COUNTS, [listing], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let (queries, rows, open) = counts.unwrap_or_default();
            let proof = ListingProof { queries, rows, open, ..proof.clone() };
            let proof = serde_json::to_string(&proof).unwrap_or_default();
            change(tx, "UPDATE query SET studies = NULL WHERE listing_id = ?", [listing])?;
            change(
                tx,
                "UPDATE listing SET finished_at = ?, proof = ? WHERE id = ?",
                params![Millis::now(), proof, listing],
            )?;
            Ok(())
        })
    }
}

impl Reader {
    /// Whether a listing by this selection is to be gone on with.
    pub fn is_listing_open(&self, selection: &str) -> Result<bool> {
        const SQL: &str = "SELECT 1 FROM listing WHERE finished_at IS NULL AND selection = ? LIMIT 1";
        Ok(first(&self.conn, SQL, [selection], |_| Ok(()))?.is_some())
    }

    /// The answer to this query of a listing, if there was one that the studies' rows still tell.
    pub fn recall(&self, listing: ListingId, part: &str) -> Result<Option<Recalled>> {
        const SQL: &str =
            "SELECT rows, status, broken_off, verdict IS NOT NULL AND NOT open, studies FROM query
            WHERE listing_id = ? AND part = ? AND studies IS NOT NULL";
        let found = first(&self.conn, SQL, params![listing, part], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get::<_, Vec<u8>>(4)?))
        })?;
        let Some((rows, status, broken_off, settled, blob)) = found else { return Ok(None) };
        let ids = blob.as_chunks::<8>().0.iter().map(|bytes| StudyId(i64::from_le_bytes(*bytes)));
        let studies = ids.map(|id| Ok((id, self.study(id)?))).collect::<Result<Vec<_>>>()?;
        Ok(Some(Recalled { rows, status, broken_off, settled, studies }))
    }

    /// The proofs of all listings that are finished, with when each was; oldest first.
    pub fn listings(&self) -> Result<Vec<(Timestamp, ListingProof)>> {
        const SQL: &str = "SELECT finished_at, proof FROM listing WHERE finished_at IS NOT NULL ORDER BY id";
        let rows = all(&self.conn, SQL, [], |row| {
            Ok((row.get::<_, Millis>(0)?.0, row.get::<_, Option<String>>(1)?.unwrap_or_default()))
        })?;
        Ok(rows
            .into_iter()
            .map(|(at, proof)| (at, serde_json::from_str(&proof).unwrap_or_default()))
            .collect())
    }

    /// Queries of the last listing that were cut short and cannot be divided, the first `limit`.
    pub fn open_queries(&self, limit: usize) -> Result<Vec<QueryRow>> {
        const SQL: &str = "SELECT at, level, keys, rows, status, verdict FROM query
            WHERE open AND listing_id = (SELECT max(id) FROM listing) ORDER BY id LIMIT ?";
        all(&self.conn, SQL, [limit], crate::plan::query_row)
    }
}
