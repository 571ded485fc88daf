//! Helpers for this crate's tests.

use jiff::Timestamp;
use manifest::{Codec, Label};
use uuid::Uuid;

pub fn label() -> Label {
    Label {
        format: 1,
        transfer: Uuid::from_u128(1),
        volume_set: Uuid::from_u128(2),
        volume: Uuid::from_u128(3),
        copy: 1,
        sequence: 1,
        record_bytes: 4096,
        codecs: vec![Codec::Zstd],
        encryption: None,
        barcode: None,
        creator: "p2t test".into(),
        created_at: Timestamp::UNIX_EPOCH,
    }
}
