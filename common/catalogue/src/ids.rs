//! Row ids as types of their own, so that a segment's id is never taken for an instance's.

use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
        pub struct $name(pub i64);

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                i64::column_result(value).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

id! {
    /// A study's row.
    StudyId,
    /// An instance's row; the default, 0, lies before every row and starts a keyset.
    InstanceId,
    /// A spool file that holds captured objects one behind the other.
    IntakeId,
    /// A segment's row.
    SegmentId,
    /// A volume's row.
    VolumeId,
    /// A destination's row.
    DestinationId,
    /// A listing's row.
    ListingId,
}
