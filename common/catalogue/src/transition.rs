//! The one place that changes a state: `UPDATE … WHERE state IN (legal predecessors)`, or a typed error.

use rusqlite::{Connection, OptionalExtension, ToSql, params_from_iter};

use crate::error::{Error, Result};
use crate::rows::change;
use crate::states::State;

/// Moves row `id` to `to` with further assignments (`column = ?` and its value); refuses when its state does not
/// allow it.
pub(crate) fn advance<S: State>(
    conn: &Connection,
    id: i64,
    to: S,
    assignments: &[(&str, &dyn ToSql)],
) -> Result<()> {
    advance_from(conn, id, to.reached_from(), to, assignments)
}

/// As [`advance`], but only from one of `from`, where a step allows fewer predecessors than the state does.
pub(crate) fn advance_from<S: State>(
    conn: &Connection,
    id: i64,
    from: &[S],
    to: S,
    assignments: &[(&str, &dyn ToSql)],
) -> Result<()> {
    let mut sql = format!("UPDATE {} SET state = ?", S::TABLE);
    for (assignment, _) in assignments {
        sql.push_str(", ");
        sql.push_str(assignment);
    }
    sql.push_str(" WHERE id = ? AND state IN (");
    sql.push_str(&vec!["?"; from.len()].join(", "));
    sql.push(')');
    let mut values: Vec<&dyn ToSql> = vec![&to];
    values.extend(assignments.iter().map(|(_, value)| *value));
    values.push(&id);
    values.extend(from.iter().map(|state| state as &dyn ToSql));
    if conn.prepare_cached(&sql)?.execute(params_from_iter(values))? == 1 {
        return Ok(());
    }
    match state_of::<S>(conn, id)? {
        Some(found) => Err(illegal(id, found, to)),
        None => Err(Error::Unknown { what: S::WHAT, id: id.to_string() }),
    }
}

/// Moves every row that meets `condition` from `from` to `to`, with further assignments and parameters by name;
/// returns how many. A step that is not legal is refused here as for a single row.
pub(crate) fn advance_all<S: State>(
    conn: &Connection,
    (from, to): (S, S),
    assignments: &[&str],
    condition: &str,
    further: &[(&str, &dyn ToSql)],
) -> Result<u64> {
    if !to.reached_from().contains(&from) {
        return Err(illegal(0, from, to));
    }
    let assignments = [&["state = :to"], assignments].concat().join(", ");
    let sql = format!("UPDATE {} SET {assignments} WHERE state = :from AND {condition}", S::TABLE);
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":from", &from), (":to", &to)];
    values.extend_from_slice(further);
    change(conn, &sql, values.as_slice())
}

/// The state of row `id`, if there is such a row.
pub(crate) fn state_of<S: State>(conn: &Connection, id: i64) -> Result<Option<S>> {
    let sql = format!("SELECT state FROM {} WHERE id = ?", S::TABLE);
    Ok(conn.prepare_cached(&sql)?.query_row([id], |row| row.get(0)).optional()?)
}

/// The error for a move from `found` to `to`.
pub(crate) fn illegal<S: State>(id: i64, found: S, to: S) -> Error {
    Error::IllegalTransition { what: S::WHAT, id, found: format!("{found:?}"), to: format!("{to:?}") }
}
