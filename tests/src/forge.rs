//! Volumes on which label, index and trailer agree and every digest is right, and which lie about everything else.
//!
//! What the formats' own crates refuse to read they are still able to write, so that the lies reach the parsers.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use manifest::{Codec, Digest, Frame, Label, Object, Segment, Series, Study, TransferState};
use medium::{Address, Settings};
use uuid::Uuid;
use volume::{Entry, Error, SegmentFile, SegmentSource, VolumeWriter};

/// What an honest object has of preamble and File Meta, in bytes.
const META: usize = 132;

/// A volume of one segment.
#[derive(Debug, Clone)]
pub struct Forgery {
    /// The volume's id.
    pub volume: Uuid,
    /// The segment file.
    pub sealed: Vec<u8>,
    /// The index's frame table.
    pub frames: Vec<Frame>,
    /// The index's objects.
    pub objects: Vec<Object>,
}

impl Forgery {
    /// An honest volume: one frame, and in it one object at the beginning of the tar stream, without its header.
    pub fn honest() -> Self {
        let content = vec![7; 4096];
        let sealed = zstd::bulk::compress(&content, 1).expect("memory can be compressed");
        let frame = Frame {
            at: 0,
            bytes: sealed.len() as u64,
            tar_at: 0,
            tar_bytes: content.len() as u64,
            codec: Codec::Zstd,
        };
        let object = Object {
            member: "1.2/1.3/1.4.dcm".into(),
            tar_offset: 0,
            sop_instance: Some("1.4".into()),
            sop_class: Some("1.2.840.10008.5.1.4.1.1.7".into()),
            transfer_syntax: Some("1.2.840.10008.1.2.1".into()),
            bytes: content.len() as u64,
            blake3: Digest::of(&content),
            dataset_offset: META as u64,
            dataset_blake3: Digest::of(&content[META..]),
            source: None,
            findings: Vec::new(),
        };
        Self { volume: Uuid::from_u128(3), sealed, frames: vec![frame], objects: vec![object] }
    }

    /// Writes it to `medium`.
    pub fn write(self, medium: &Path) {
        let address: Address = medium.to_string_lossy().parse().expect("a path is an address");
        let mut writer =
            VolumeWriter::create(&address, &Settings::default(), label(self.volume)).expect("it is blank");
        let Self { sealed, frames, objects, .. } = self;
        let (bytes, blake3, count) = (sealed.len() as u64, Digest::of(&sealed), objects.len() as u32);
        let file = SegmentFile { number: 1, bytes, blake3, objects: count, frames: frames.len() as u32 };
        let mut source = Sealed(sealed.chunks(medium::DEFAULT_RECORD_BYTES), blake3);
        let number = writer.append_segment(&file, &mut source).expect("there is room");
        writer.commit().expect("the medium works");
        let segment = Segment {
            number: 1,
            file: number,
            name: manifest::segment_name(1),
            bytes,
            blake3,
            tar_bytes: 4096,
            tar_blake3: Digest::of(&vec![7; 4096]),
            objects: count,
        };
        let listed = u64::from(count);
        let state = TransferState { listed, written: listed, excluded: 0, failed: 0, pending: 0, last: true };
        let study = Arc::new(Study { uid: Some("1.2".into()), ..Study::default() });
        let series = Arc::new(Series { uid: Some("1.3".into()), modality: None });
        let sealed = writer.seal(&[], state, &mut |index| {
            index.segment(segment.clone(), &frames)?;
            objects.iter().try_for_each(|object| {
                let (study, series) = (study.clone(), series.clone());
                index.object(Entry { study, series, object: object.clone() })
            })
        });
        sealed.expect("the medium works");
    }
}

/// A sealed segment in memory: its records, and its digest.
struct Sealed<'a>(std::slice::Chunks<'a, u8>, Digest);

impl SegmentSource for Sealed<'_> {
    fn next_record(&mut self) -> Result<Option<&[u8]>, Error> {
        Ok(self.0.next())
    }

    fn digest(&self) -> Digest {
        self.1
    }
}

fn label(volume: Uuid) -> Label {
    Label {
        format: manifest::FORMAT,
        transfer: Uuid::from_u128(1),
        volume_set: Uuid::from_u128(2),
        volume,
        copy: 1,
        sequence: 1,
        record_bytes: Settings::default().record_bytes as u32,
        codecs: vec![Codec::Zstd],
        encryption: None,
        barcode: None,
        creator: "forger".into(),
        created_at: Timestamp::UNIX_EPOCH,
    }
}
