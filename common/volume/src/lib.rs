//! Volumes of the transfer format: label, segments, index and trailer, written to and read from a medium.
//!
//! ```text
//! objects -> segment (tar, zstd frames, digests) -> VolumeWriter -> medium
//! medium  -> Volume (label, trailer, index)      -> segment      -> objects, each with its state
//! ```
//! `docs/VOLUME-FORMAT.md` is the exact specification.

mod check;
mod error;
mod found;
mod frame;
mod index;
mod label;
mod reader;
mod readme;
mod resume;
mod segment;
mod tar_header;
mod writer;

#[cfg(test)]
mod testing;

pub use check::{Extent, HarmedObject, NoSink, SegmentSummary, Summary, check};
pub use error::Error;
pub use found::Found;
pub use index::{IndexReader, IndexWriter, IndexedSegment};
pub use label::on as label_on;
pub use reader::{Identity, Listed, SegmentCheck, SegmentHealth, SegmentPlan, Volume};
pub use resume::{is_sampled, lost_segments};
pub use segment::{
    Entry, ObjectSink, ObjectState, SealedSegment, SegmentIdentity, SegmentOptions, SegmentReading,
    SegmentWriter,
};
pub use writer::{
    CHANGE_BYTES, SealedVolume, SegmentFile, SegmentSource, VolumeWriter, WriteObjects, bytes_alone,
};
