//! Reading many rows: through a callback where their number is open, into a list where a limit bounds it.

use rusqlite::{Connection, OptionalExtension, Params, Row};

use crate::error::{Error, Result};

/// Calls `visit` for each row; one row in memory at a time. Ends with the first error of either side.
pub(crate) fn each<T, E: From<Error>>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    mut visit: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut statement = conn.prepare_cached(sql).map_err(Error::from)?;
    let mut rows = statement.query(params).map_err(Error::from)?;
    while let Some(row) = rows.next().map_err(Error::from)? {
        visit(read(row).map_err(Error::from)?)?;
    }
    Ok(())
}

/// All rows of a query that a limit or its nature bounds.
pub(crate) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_map(params, |row| read(row))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// The first row, if there is one.
pub(crate) fn first<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>> {
    Ok(conn.prepare_cached(sql)?.query_row(params, |row| read(row)).optional()?)
}

/// Runs one statement; returns the number of rows it changed.
pub(crate) fn change(conn: &Connection, sql: &str, params: impl Params) -> Result<u64> {
    Ok(conn.prepare_cached(sql)?.execute(params)? as u64)
}
