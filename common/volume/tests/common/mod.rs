//! Builds small volumes and reads them back.

#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use jiff::Timestamp;
use manifest::{Codec, Digest, EarlierVolume, Label, Member, Object, Segment, Series, Study, TransferState};
use medium::{Address, Settings};
use uuid::Uuid;
use volume::{
    Entry, Error, ObjectSink, ObjectState, SegmentCheck, SegmentFile, SegmentIdentity, SegmentOptions,
    SegmentSource, SegmentWriter, Volume, VolumeWriter,
};

pub const TRANSFER: Uuid = Uuid::from_u128(1);
pub const OPTIONS: SegmentOptions = SegmentOptions { frame_bytes: 20_000, zstd_level: 1, workers: 2 };

pub fn label(sequence: u32) -> Label {
    Label {
        format: 1,
        transfer: TRANSFER,
        volume_set: Uuid::from_u128(2),
        volume: Uuid::from_u128(100 + u128::from(sequence)),
        copy: 1,
        sequence,
        record_bytes: 4096,
        codecs: vec![Codec::Zstd],
        encryption: None,
        barcode: None,
        creator: "p2t test".into(),
        created_at: Timestamp::UNIX_EPOCH,
    }
}

/// Bytes that do not compress away, different for each seed.
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

pub struct Packed {
    pub sealed: Vec<u8>,
    pub segment: Segment,
    pub frames: Vec<manifest::Frame>,
    pub entries: Vec<Entry>,
}

/// A segment of objects with the given sizes, two objects a series, four a study.
pub fn pack(number: u32, sizes: &[usize]) -> (Packed, BTreeMap<String, Vec<u8>>) {
    let identity = SegmentIdentity { transfer: TRANSFER, volume_set: Uuid::from_u128(2), number };
    let mut writer = SegmentWriter::new(Vec::new(), identity, OPTIONS).unwrap();
    let (mut entries, mut objects) = (Vec::new(), BTreeMap::new());
    for (at, bytes) in sizes.iter().enumerate() {
        let study = Arc::new(Study { uid: Some(format!("1.{number}.{}", at / 4)), ..Study::default() });
        let series =
            Arc::new(Series { uid: Some(format!("2.{number}.{}", at / 2)), modality: Some("CT".into()) });
        let data = noise(u64::from(number) * 1000 + at as u64, *bytes);
        let sop = format!("3.{number}.{at}");
        let offset = 100.min(*bytes);
        let object = Object {
            member: Member::name(study.uid.as_deref(), series.uid.as_deref(), Some(&sop)),
            tar_offset: 0,
            sop_instance: Some(sop),
            sop_class: Some("1.2.840.10008.5.1.4.1.1.2".into()),
            transfer_syntax: Some("1.2.840.10008.1.2.1".into()),
            bytes: *bytes as u64,
            blake3: Digest::of(&data),
            dataset_offset: offset as u64,
            dataset_blake3: Digest::of(&data[offset..]),
            source: None,
            findings: Vec::new(),
        };
        let tar_offset = writer.add(&study, &series, object.clone(), &mut Cursor::new(&data)).unwrap();
        objects.insert(object.member.clone(), data);
        entries.push(Entry { study, series, object: Object { tar_offset, ..object } });
    }
    let sealed = writer.finish().unwrap();
    let segment = Segment {
        number,
        file: 0,
        name: manifest::segment_name(number),
        bytes: sealed.bytes,
        blake3: sealed.blake3,
        tar_bytes: sealed.tar_bytes,
        tar_blake3: sealed.tar_blake3,
        objects: sealed.objects,
    };
    (Packed { sealed: sealed.out, segment, frames: sealed.frames, entries }, objects)
}

pub fn write_volume(address: &Address, label: Label, segments: &mut [Packed]) {
    let settings = Settings { record_bytes: 4096, capacity_bytes: None };
    let mut writer = VolumeWriter::create(address, &settings, label).unwrap();
    for packed in segments.iter_mut() {
        let file = SegmentFile {
            number: packed.segment.number,
            bytes: packed.segment.bytes,
            blake3: packed.segment.blake3,
            objects: packed.segment.objects,
            frames: packed.frames.len() as u32,
        };
        packed.segment.file = writer.append_segment(&file, &mut InMemory::new(&packed.sealed)).unwrap();
        writer.commit().unwrap();
    }
    let state = TransferState { listed: 9, written: 9, excluded: 0, failed: 0, pending: 0, last: true };
    writer
        .seal(&Vec::<EarlierVolume>::new(), state, &mut |index| {
            for packed in segments.iter() {
                index.segment(packed.segment.clone(), &packed.frames)?;
                packed.entries.iter().try_for_each(|entry| index.object(entry.clone()))?;
            }
            Ok(())
        })
        .unwrap();
}

/// A sealed segment in memory.
pub struct InMemory<'a> {
    records: std::slice::Chunks<'a, u8>,
    digest: Digest,
}

impl<'a> InMemory<'a> {
    pub fn new(sealed: &'a [u8]) -> Self {
        Self { records: sealed.chunks(4096), digest: Digest::of(sealed) }
    }
}

impl SegmentSource for InMemory<'_> {
    fn next_record(&mut self) -> Result<Option<&[u8]>, Error> {
        Ok(self.records.next())
    }

    fn digest(&self) -> Digest {
        self.digest
    }
}

/// Keeps every intact object.
#[derive(Default)]
pub struct Collect {
    current: Vec<u8>,
    pub intact: BTreeMap<String, Vec<u8>>,
    pub damaged: Vec<String>,
}

impl ObjectSink for Collect {
    fn begin(&mut self, _: &Entry) -> Result<(), Error> {
        self.current.clear();
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.current.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, entry: &Entry, state: &ObjectState) -> Result<(), Error> {
        match state {
            ObjectState::Intact => {
                self.intact.insert(entry.object.member.clone(), self.current.clone());
            }
            ObjectState::Damaged(_) => self.damaged.push(entry.object.member.clone()),
        }
        Ok(())
    }
}

pub struct ReadBack {
    pub checks: Vec<SegmentCheck>,
    pub findings: Vec<String>,
    pub collected: Collect,
}

pub fn read_volume(address: &Address) -> Result<ReadBack, Error> {
    let mut volume = Volume::open(address)?;
    let mut index = volume.index()?;
    let (mut checks, mut collected) = (Vec::new(), Collect::default());
    while let Some(plan) = volume.next_plan(index.as_mut(), checks.len())? {
        checks.push(volume.read_segment(plan, &mut collected)?);
    }
    volume.finish()?;
    Ok(ReadBack { checks, findings: volume.findings().to_vec(), collected })
}
