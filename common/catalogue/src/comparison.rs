//! What the source listed, held against a list that others keep.

use jiff::Timestamp;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::connection::{Catalogue, Reader};
use crate::error::Result;
use crate::rows::{all, change, first};
use crate::time::Millis;

/// Lines and studies that a comparison keeps, at most of each.
const KEPT: usize = 10_000;

/// Whether a line's study is listed, and whether a listed study is named. Several studies may have one accession number, so that
/// counts only where a line has no UID.
const LISTED: &str = "EXISTS (SELECT 1 FROM study WHERE study.uid = named.uid)
    OR named.uid IS NULL AND EXISTS (SELECT 1 FROM study WHERE study.accession = named.accession)";
const NAMED: &str = "EXISTS (SELECT 1 FROM named WHERE named.uid = study.uid)
    OR EXISTS (SELECT 1 FROM named WHERE named.accession = study.accession AND named.uid IS NULL)";

/// A study as a list names it: line, Study Instance UID, Accession Number.
pub type Named = (u64, Option<String>, Option<String>);

/// What came of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// Name of the list.
    pub list: String,
    /// Lines whose study the source lists: by its UID, or by its accession number where a line has no UID.
    pub in_both: u64,
    /// Studies of the source that no line names.
    pub only_source: u64,
    /// Lines whose study the source does not list.
    pub only_list: u64,
    /// The first of these lines, counted from 1 with the heading.
    pub lines: Vec<u64>,
    /// Study Instance UIDs of the first studies that no line names.
    pub studies: Vec<String>,
}

impl Catalogue {
    /// Compares the studies listed so far with a list, and keeps what came of it.
    pub fn compare(&mut self, list: &str, named: &[Named]) -> Result<Comparison> {
        self.durable(|tx| {
            tx.execute_batch(
                "DROP TABLE IF EXISTS temp.named;
                 CREATE TEMP TABLE named (line INTEGER, uid TEXT, accession TEXT);",
            )?;
            for (line, uid, accession) in named {
                change(tx, "INSERT INTO temp.named VALUES (?, ?, ?)", params![line, uid, accession])?;
            }
            tx.execute_batch(
                "CREATE INDEX temp.named_uid ON named (uid); CREATE INDEX temp.named_accession ON named (accession);",
            )?;
            let count = |what: &str| -> Result<u64> {
                let sql = format!("SELECT count(*) FROM {what}");
                Ok(first(tx, &sql, [], |row| row.get(0))?.unwrap_or_default())
            };
            let lines = format!("SELECT line FROM named WHERE NOT ({LISTED}) ORDER BY line LIMIT {KEPT}");
            let studies = format!("SELECT uid FROM study WHERE NOT ({NAMED}) ORDER BY id LIMIT {KEPT}");
            let comparison = Comparison {
                list: list.to_owned(),
                in_both: count(&format!("named WHERE {LISTED}"))?,
                only_source: count(&format!("study WHERE NOT ({NAMED})"))?,
                only_list: count(&format!("named WHERE NOT ({LISTED})"))?,
                lines: all(tx, &lines, [], |row| row.get(0))?,
                studies: all(tx, &studies, [], |row| row.get(0))?,
            };
            let told = serde_json::to_string(&comparison).unwrap_or_default();
            change(tx, "INSERT INTO comparison (at, told) VALUES (?, ?)", params![Millis::now(), told])?;
            tx.execute_batch("DROP TABLE temp.named")?;
            Ok(comparison)
        })
    }
}

impl Reader {
    /// The last comparison, and when it was made.
    pub fn last_comparison(&self) -> Result<Option<(Timestamp, Comparison)>> {
        const SQL: &str = "SELECT at, told FROM comparison ORDER BY id DESC LIMIT 1";
        let found =
            first(&self.conn, SQL, [], |row| Ok((row.get::<_, Millis>(0)?.0, row.get::<_, String>(1)?)))?;
        Ok(found.map(|(at, told)| (at, serde_json::from_str(&told).unwrap_or_default())))
    }
}

impl Comparison {
    /// In a sentence; lines by their numbers, because accession numbers identify people.
    pub fn text(&self) -> String {
        const SHOWN: usize = 20;
        let Self { list, in_both, only_source, only_list, lines, .. } = self;
        let mut text = format!(
            "{in_both} in both, {only_source} only in the source, {only_list} only in the list {list}"
        );
        if !lines.is_empty() {
            let shown: Vec<String> = lines.iter().take(SHOWN).map(u64::to_string).collect();
            let more = if *only_list > SHOWN as u64 { ", …" } else { "" };
            text = format!("{text} (lines {}{more})", shown.join(", "));
        }
        text
    }
}
