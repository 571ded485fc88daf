//! Schema migrations: forward only, each in a transaction of its own, counted in `PRAGMA user_version`.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::error::{Error, Result};

/// Entry n leads from schema n to n + 1. Entries are never edited once released.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/v1.sql"),
    include_str!("schema/v2.sql"),
    include_str!("schema/v3.sql"),
    include_str!("schema/v4.sql"),
];

/// The newest schema of this program.
pub(crate) fn known() -> u32 {
    MIGRATIONS.len() as u32
}

/// The schema of an open catalogue; 0 for an empty file.
pub(crate) fn found(conn: &Connection) -> Result<u32> {
    Ok(conn.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Brings the catalogue at `path` to the newest schema.
pub(crate) fn migrate(conn: &mut Connection, path: &Path) -> Result<()> {
    apply(conn, path, MIGRATIONS)
}

fn apply(conn: &mut Connection, path: &Path, migrations: &[&str]) -> Result<()> {
    loop {
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Read inside the transaction: another process may have migrated while we waited for the lock.
        let found = found(&tx)?;
        let known = migrations.len() as u32;
        if found > known {
            return Err(Error::NewerSchema { path: path.to_owned(), found, known });
        }
        let Some(step) = migrations.get(found as usize) else { return Ok(()) };
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", found + 1)?;
        tx.commit()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migrations_run_in_order_and_only_once() {
        let mut conn = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x)", "INSERT INTO a VALUES (1)", "INSERT INTO a VALUES (2)"];
        apply(&mut conn, Path::new("x"), &steps[..2]).unwrap();
        apply(&mut conn, Path::new("x"), &steps).unwrap();
        apply(&mut conn, Path::new("x"), &steps).unwrap();
        let rows: u32 = conn.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!((found(&conn).unwrap(), rows), (3, 2));
    }

    #[test]
    fn a_migration_that_fails_leaves_the_schema_before_it() {
        let mut conn = Connection::open_in_memory().unwrap();
        let steps = ["CREATE TABLE a (x)", "INSERT INTO a VALUES (1); SELECT no_such_function()"];
        assert!(apply(&mut conn, Path::new("x"), &steps).is_err());
        let rows: u32 = conn.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap();
        assert_eq!((found(&conn).unwrap(), rows), (1, 0));
    }

    #[test]
    fn schema_2_frees_segments_from_what_damaged_volumes_said() {
        let mut conn = Connection::open_in_memory().unwrap();
        apply(&mut conn, Path::new("x"), &MIGRATIONS[..1]).unwrap();
        let rows = "INSERT INTO volume (id, uuid, sequence, copy, medium, state, created_at) VALUES (1, 'u', 1, 1, 'm', 3, 0);
            INSERT INTO segment (id, number, state, file, bytes, blake3, plain_bytes, plain_blake3, objects, frames, sealed_at)
            VALUES (1, 1, 2, 'a', 9, x'01', 8, x'02', 1, '[]', 0), (2, 2, 2, 'b', 9, x'03', 8, x'03', 1, '[]', 0);
            INSERT INTO placement VALUES (1, 1, 1, NULL), (1, 2, 2, NULL);";
        conn.execute_batch(rows).unwrap();
        apply(&mut conn, Path::new("x"), MIGRATIONS).unwrap();
        for table in ["segment ORDER BY id", "placement ORDER BY segment_id"] {
            let mut indexed = conn.prepare(&format!("SELECT indexed FROM {table}")).unwrap();
            let indexed: Vec<bool> =
                indexed.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
            assert_eq!(indexed, [true, false], "{table}");
        }
    }

    #[test]
    fn a_newer_schema_is_refused_and_left_alone() {
        let mut conn = Connection::open_in_memory().unwrap();
        conn.pragma_update(None, "user_version", 7).unwrap();
        let refused = apply(&mut conn, Path::new("x"), MIGRATIONS);
        assert!(matches!(refused, Err(Error::NewerSchema { found: 7, known: 4, .. })), "{refused:?}");
        assert_eq!(found(&conn).unwrap(), 7);
    }
}
