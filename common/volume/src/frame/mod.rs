//! Frames: the independently compressed pieces of a segment.

mod decode;
mod encode;

pub use decode::{FrameSplitter, decode_frame};
pub use encode::FramePipe;
