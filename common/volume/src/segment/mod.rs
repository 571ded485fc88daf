//! Segments: whole objects in one `tar.zst`, with their own manifest.

mod entries;
mod objects;
mod recover;
mod writer;

pub use entries::{Entries, Entry, lines_for};
pub use objects::{ObjectSink, ObjectState, SegmentReading, read_objects};
pub use recover::{Lines, recover_entries};
pub use writer::{SealedSegment, SegmentIdentity, SegmentOptions, SegmentWriter};

/// The member that lists a segment's objects, the last but one.
pub const MANIFEST: &str = "MANIFEST.jsonl";
/// Longest listing of one segment's objects, in bytes: two kilobytes for each of the most objects that one holds. A
/// hostile one, which compresses to nearly nothing, may not take more memory than that.
pub const MAX_LISTING_BYTES: usize = 128 * 1024 * 1024;
/// The last member: a digest list that `b3sum --check` accepts.
pub const B3SUMS: &str = "B3SUMS";
