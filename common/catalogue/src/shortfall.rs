//! Studies of which the source claims to have more instances than it has listed or sent. A claim may be wrong or stale, and so
//! may a list: such a study is carried as it is listed, and the disagreement is kept until one of the two gives way.

use rusqlite::params;
use serde::Serialize;

use crate::connection::Reader;
use crate::error::{Error, Result};
use crate::rows::each;
use crate::states::InstanceState;

/// Studies that are kept by name, and those that are named in words.
const KEPT: usize = 1000;
const NAMED: usize = 10;

/// A study of which fewer instances are known than the source claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShortStudy {
    /// Study Instance UID.
    pub study: String,
    /// Number of Study Related Instances (0020,1208).
    pub claimed: u64,
    /// Instances that were listed or came, but for those that are left out.
    pub listed: u64,
}

/// All such studies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Shortfall {
    /// How many there are.
    pub studies: u64,
    /// How many instances they lack together.
    pub instances: u64,
    /// The first thousand of them.
    pub first: Vec<ShortStudy>,
}

impl Shortfall {
    /// The same in words, with the studies that are kept; none if no study is short.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let Self { studies, instances, first } = self;
        if *studies == 0 {
            return None;
        }
        let named = first
            .iter()
            .take(NAMED)
            .map(|short| format!("{} (claimed {}, listed {})", short.study, short.claimed, short.listed));
        let more = if *studies > NAMED as u64 { "; …" } else { "" };
        Some(format!(
            "of {studies} studies the source claims {instances} instances more than it lists; they are carried as they are listed, and \
             `p2t plan --delta` lists them again: {}{more}",
            named.collect::<Vec<_>>().join("; ")
        ))
    }
}

impl Reader {
    /// The studies that are short of what the source claims. A study of which nothing is known is
    /// none of them: it has failed, or is still to be listed.
    pub fn shortfall(&self) -> Result<Shortfall> {
        const SQL: &str = "SELECT uid, claimed_instances,
                (SELECT ifnull(sum(instances), 0) FROM tally WHERE study_id = study.id AND state <> ?1) AS known
            FROM study WHERE listing = 1 AND gone IS NULL AND excluded IS NULL
            AND claimed_instances IS NOT agreed_instances AND known > 0 AND known < claimed_instances ORDER BY id";
        let mut short = Shortfall::default();
        let row = |row: &rusqlite::Row<'_>| {
            Ok(ShortStudy { study: row.get(0)?, claimed: row.get(1)?, listed: row.get(2)? })
        };
        each(&self.conn, SQL, params![InstanceState::Excluded], row, |study| {
            short.studies += 1;
            short.instances = short.instances.saturating_add(study.claimed.saturating_sub(study.listed));
            if short.first.len() < KEPT {
                short.first.push(study);
            }
            Ok::<_, Error>(())
        })?;
        Ok(short)
    }
}
