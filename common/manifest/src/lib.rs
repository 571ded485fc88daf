//! The shared manifest format, version 1: what a volume says about itself, in types.
//!
//! Both ends agree on nothing but this crate and `docs/VOLUME-FORMAT.md`, which describes the same
//! structures byte by byte. Nothing here reads or writes a medium.

mod baseline;
mod changes;
mod digest;
mod error;
mod label;
mod lines;
mod names;
mod trailer;

pub use baseline::{Baseline, Operation};
pub use changes::{Change, Presence, Reidentified};
pub use digest::{Digest, Digester, DigestingWriter};
pub use error::Error;
pub use label::{Codec, Encryption, Label};
pub use lines::{
    EarlierVolume, Frame, IN_DOUBT, IndexHead, Line, Object, Segment, SegmentHead, Series, Study,
    TransferState, read_line, write_line,
};
pub use names::{ENCRYPTED_SUFFIX, FileKind, INDEX, LABEL, Member, SIGNATURE, TRAILER, segment_name};
pub use trailer::{IndexEntry, SegmentEntry, Trailer};

/// The format version that this crate writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// At most this many objects lie in one segment, so that a reader may hold one segment's list in memory.
pub const MAX_SEGMENT_OBJECTS: usize = 65_536;

/// A frame's decompressed length never exceeds this, so that a reader may hold a frame in memory.
pub const MAX_FRAME_BYTES: u64 = 32 * 1024 * 1024;

/// At most this many segments lie on one volume, so that a reader may hold its trailer in memory.
pub const MAX_VOLUME_SEGMENTS: usize = 65_536;

/// A trailer is never longer than this.
pub const MAX_TRAILER_BYTES: u64 = 16 * 1024 * 1024;

/// A line of a manifest or index is never longer than this.
pub const MAX_LINE_BYTES: usize = 64 * 1024;
