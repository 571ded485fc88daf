//! What can be wrong with a catalogue or with what it is asked to record.

use std::path::PathBuf;

use rusqlite::{ErrorCode, ffi};

/// The catalogue's findings. None of them carries patient data; UIDs are allowed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No room for the catalogue. What was not recorded is done again.
    #[error("the disk of the catalogue is full: free some room there and run the same command again ({0})")]
    DiskFull(#[source] rusqlite::Error),
    /// `SQLite` refused: the file is damaged, or another writer holds it.
    #[error("the catalogue could not be read or written: {0}; check that no other process of this job runs")]
    Sqlite(#[source] rusqlite::Error),
    /// The file could not be made or its mode set.
    #[error("the catalogue file {path} could not be opened: {source}; check that the job directory exists and belongs to you", path = .path.display())]
    File {
        /// The catalogue file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file was written by a later version.
    #[error("the catalogue {path} has schema {found}, this program knows schemas up to {known}; use the program version that wrote it", path = .path.display())]
    NewerSchema {
        /// The catalogue file.
        path: PathBuf,
        /// Its `user_version`.
        found: u32,
        /// The newest schema of this program.
        known: u32,
    },
    /// A reader cannot migrate.
    #[error("the catalogue {path} still has schema {found}, this program reads schema {known}; run any command that writes to the job once to migrate it", path = .path.display())]
    OlderSchema {
        /// The catalogue file.
        path: PathBuf,
        /// Its `user_version`; 0 when the job was never begun.
        found: u32,
        /// The schema that this program reads.
        known: u32,
    },
    /// A state was not the one that the step needs.
    #[error(
        "{what} {id} cannot become {to}: it is {found}; this is a fault of the program or two processes work on one job"
    )]
    IllegalTransition {
        /// The kind of row.
        what: &'static str,
        /// The row's id in the catalogue.
        id: i64,
        /// The state that it has.
        found: String,
        /// The state that was asked for.
        to: String,
    },
    /// A row that the caller names does not exist.
    #[error("the catalogue has no {what} {id}; it may belong to another job")]
    Unknown {
        /// The kind of row.
        what: &'static str,
        /// Its id, number or UID.
        id: String,
    },
    /// A segment with this number is already known with another digest.
    #[error(
        "segment {number} differs from the one known under this number; the volume may belong to another transfer"
    )]
    SegmentDiffers {
        /// The segment's number in the transfer.
        number: u64,
    },
    /// A volume with this UUID is already known with another sequence or copy.
    #[error("volume {uuid} differs from the one known under this id; it may have been relabelled")]
    VolumeDiffers {
        /// The volume's UUID.
        uuid: uuid::Uuid,
    },
    /// A manifest puts another object where one is already known.
    #[error(
        "segment {number} has two different objects at offset {tar_offset}; its manifest is damaged or forged"
    )]
    ObjectDiffers {
        /// The segment's number.
        number: u64,
        /// Where in its tar the two objects are said to be.
        tar_offset: u64,
    },
    /// A file number of a volume is given to two segments, or a segment to two files.
    #[error(
        "segment {segment_id} or file {file_number} already has another place on the volume; the volume's ledger and medium disagree"
    )]
    PlaceTaken {
        /// The segment to be placed.
        segment_id: i64,
        /// The file number asked for.
        file_number: u64,
    },
    /// A new segment gives a wrong count of its members.
    #[error("segment {number} says {said} objects but {found} members were given")]
    MembersMiscounted {
        /// The segment's number.
        number: u64,
        /// Objects in the segment's row.
        said: u64,
        /// Members handed over.
        found: u64,
    },
    /// A spool file that still holds objects was to be forgotten.
    #[error("intake {0} still holds objects that are in no segment; it must stay in the spool")]
    IntakeInUse(i64),
    /// Something that belongs to another study or segment was named.
    #[error("instance {instance_id} does not belong to {owner}")]
    NotAMember {
        /// The instance.
        instance_id: i64,
        /// Where it was expected.
        owner: String,
    },
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let full = error.sqlite_error().is_some_and(|cause| {
            // The second is what a full disk does to the shared memory of the WAL.
            cause.code == ErrorCode::DiskFull || cause.extended_code == ffi::SQLITE_IOERR_SHMSIZE
        });
        if full { Self::DiskFull(error) } else { Self::Sqlite(error) }
    }
}

/// Result of every operation on the catalogue.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_other_trouble() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("PRAGMA max_page_count = 4; CREATE TABLE t (b)").unwrap();
        let full = conn.execute("INSERT INTO t VALUES (zeroblob(1000000))", []).unwrap_err();
        assert!(matches!(Error::from(full), Error::DiskFull(_)));
        let other = conn.execute("no SQL", []).unwrap_err();
        assert!(matches!(Error::from(other), Error::Sqlite(_)));
    }
}
