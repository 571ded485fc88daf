//! What can go wrong with a volume.

use std::io;
use std::path::PathBuf;

/// A volume that cannot be written, or that is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The medium itself.
    #[error(transparent)]
    Medium(#[from] medium::Error),
    /// A structure of the manifest format.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// Reading or writing a file on local disk.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried, as "verb object".
        action: String,
        /// What the system answered.
        source: io::Error,
    },
    /// The index could not be copied to local disk, where it is read. Says nothing about the volume.
    #[error(
        "the volume's index cannot be copied to {}: {source}; nothing is known to be wrong with the volume: see to that \
         folder's disk and run the same command again (where there is no job, TMPDIR names another folder)", dir.display()
    )]
    IndexCopy {
        /// The folder.
        dir: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// There is neither a readable label nor a readable trailer.
    #[error("{medium} holds no volume of this format: {reason}")]
    NotAVolume {
        /// The medium.
        medium: String,
        /// What was found in place of a label.
        reason: String,
    },
    /// A volume that this version cannot decode.
    #[error(
        "{medium} holds volume {sequence} of transfer {transfer}, which is encrypted, and this version does not decrypt: use \
         a later one. It is not damaged"
    )]
    Encrypted {
        /// The medium.
        medium: String,
        /// The transfer.
        transfer: uuid::Uuid,
        /// The volume's place in its set.
        sequence: u32,
    },
    /// The medium holds something else than the volume that was begun on it.
    #[error(
        "{medium} holds {found}, not volume {sequence} (copy {copy}) that is being written, {expected}: nothing was written; put \
         the right one in and run the same command again"
    )]
    OtherVolume {
        /// The medium.
        medium: String,
        /// What is on it, in words.
        found: String,
        /// Volume that was expected.
        expected: uuid::Uuid,
        /// Its place in its set.
        sequence: u32,
        /// The copy that it belongs to.
        copy: u32,
    },
    /// A committed segment cannot be read back as it was written.
    #[error("{medium} does not give {name} back as it was committed: nothing more is written to it")]
    SegmentLost {
        /// The medium.
        medium: String,
        /// Name of the segment.
        name: String,
    },
    /// A spooled object is not what was captured.
    #[error(
        "spooled object {member} has changed since it was captured (digest {found}, captured as {expected}): \
         its disk is not to be trusted; the object must be fetched again"
    )]
    ObjectChanged {
        /// Member name of the object.
        member: String,
        /// Its digest at capture.
        expected: manifest::Digest,
        /// Its digest now.
        found: manifest::Digest,
    },
    /// A sealed segment in the spool is not what was sealed.
    #[error(
        "spooled segment {name} has changed since it was sealed (digest {found}, sealed as {expected}): \
         its disk is not to be trusted"
    )]
    SegmentChanged {
        /// Name of the segment.
        name: String,
        /// Digest when sealed.
        expected: manifest::Digest,
        /// Digest now.
        found: manifest::Digest,
    },
    /// A segment already holds as many objects as the format allows.
    #[error(
        "a segment holds at most {} objects, and less where their descriptions are very long; make segments smaller: \
         `bytes` under [segment]",
        manifest::MAX_SEGMENT_OBJECTS
    )]
    SegmentFull,
    /// A frame that breaks the rules of the format.
    #[error("frame at byte {at} of the segment is not valid: {reason}")]
    BadFrame {
        /// Offset in the segment file.
        at: u64,
        /// Which rule it breaks.
        reason: String,
    },
    /// A tar stream with something in it that no segment has.
    #[error("the tar stream is not valid at byte {at}: {reason}")]
    BadTar {
        /// Offset in the tar stream.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// An index or manifest whose lines contradict one another.
    #[error("{what} contradicts itself: {reason}")]
    Inconsistent {
        /// `the index` or `the manifest`.
        what: &'static str,
        /// The contradiction.
        reason: String,
    },
    /// After a commit another number of files is on the medium than was written.
    #[error(
        "the medium holds {ended} files where {expected} were written: its position was lost; do not go on with it"
    )]
    Position {
        /// Files that the medium holds.
        ended: u32,
        /// Files that were written.
        expected: u32,
    },
    /// The receiver of the objects failed.
    #[error("{0}")]
    Sink(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// An I/O error with what was tried.
    pub fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action: action.into(), source }
    }

    pub(crate) fn bad_tar(at: u64, reason: impl Into<String>) -> Self {
        Self::BadTar { at, reason: reason.into() }
    }
}

/// The medium's own error out of one that came through a stream, or an I/O error with what was tried.
pub(crate) fn medium_or_io(action: &str) -> impl FnOnce(io::Error) -> Error + use<'_> {
    move |error| match medium::medium_error(error) {
        Ok(error) => Error::Medium(error),
        Err(error) => Error::io(action)(error),
    }
}
