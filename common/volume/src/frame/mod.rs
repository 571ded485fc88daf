//! Frames: the independently compressed pieces of a segment.

mod ahead;
mod decode;
mod encode;

pub use ahead::decode_ahead;
pub use decode::FrameSplitter;
use decode::{decode_frame, decoder};
pub use encode::FramePipe;
