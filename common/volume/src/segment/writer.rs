//! Writes a segment: objects, then `MANIFEST.jsonl`, then `B3SUMS`, as independent zstd frames.

use std::io::{Read, Write};
use std::sync::Arc;

use manifest::{Digest, Digester, Frame, Line, Object, SegmentHead, Series, Study, write_line};
use uuid::Uuid;

use super::entries::lines_for;
use super::{B3SUMS, Entry, MANIFEST, MAX_LISTING_BYTES};
use crate::frame::FramePipe;
use crate::{Error, tar_header};

/// Which segment it is.
#[derive(Debug, Clone, Copy)]
pub struct SegmentIdentity {
    /// The transfer.
    pub transfer: Uuid,
    /// The volume set.
    pub volume_set: Uuid,
    /// Number in the transfer, from 1.
    pub number: u32,
}

/// How to compress.
#[derive(Debug, Clone, Copy)]
pub struct SegmentOptions {
    /// Longest frame content in bytes, up to [`manifest::MAX_FRAME_BYTES`].
    pub frame_bytes: usize,
    /// zstd level, 1 to 19.
    pub zstd_level: i32,
    /// Compressing threads.
    pub workers: usize,
}

/// A segment, completely written and not yet synced.
pub struct SealedSegment<W> {
    /// Where it was written.
    pub out: W,
    /// Length of the file.
    pub bytes: u64,
    /// Digest of the file.
    pub blake3: Digest,
    /// Length of the tar stream.
    pub tar_bytes: u64,
    /// Digest of the tar stream.
    pub tar_blake3: Digest,
    /// Number of objects.
    pub objects: u32,
    /// Its frames.
    pub frames: Vec<Frame>,
}

/// A segment being written.
pub struct SegmentWriter<W> {
    pipe: FramePipe<W>,
    manifest: Vec<u8>,
    sums: Vec<u8>,
    previous: Option<Entry>,
    objects: u32,
    buffer: Vec<u8>,
}

const COPY_BYTES: usize = 256 * 1024;
/// A study, a series and an object line.
const LONGEST_LINES: usize = 3 * manifest::MAX_LINE_BYTES;
const ZEROS: [u8; 1024] = [0; 1024];

impl<W: Write + Send + 'static> SegmentWriter<W> {
    /// Begins the segment.
    pub fn new(out: W, identity: SegmentIdentity, options: SegmentOptions) -> Result<Self, Error> {
        let SegmentIdentity { transfer, volume_set, number } = identity;
        let mut manifest = Vec::new();
        let head = SegmentHead { format: manifest::FORMAT, transfer, volume_set, segment: number };
        write_line(&mut manifest, &Line::Manifest(head))?;
        Ok(Self {
            pipe: FramePipe::new(out, options.frame_bytes, options.zstd_level, options.workers),
            manifest,
            sums: Vec::new(),
            previous: None,
            objects: 0,
            buffer: vec![0; COPY_BYTES],
        })
    }

    /// Length of the tar stream so far: what counts against the segment's size before compression.
    pub fn tar_bytes(&self) -> u64 {
        self.pipe.tar_bytes()
    }

    /// Appends an object, checking on the way that its bytes are the ones that were captured; returns where its first
    /// byte lies in the tar stream. After an error the segment must be thrown away, unless it is
    /// [`Error::SegmentFull`]: then nothing was written.
    pub fn add(
        &mut self,
        study: &Arc<Study>,
        series: &Arc<Series>,
        mut object: Object,
        data: &mut dyn Read,
    ) -> Result<u64, Error> {
        let room = MAX_LISTING_BYTES.saturating_sub(self.manifest.len());
        if self.objects as usize >= manifest::MAX_SEGMENT_OBJECTS || room < LONGEST_LINES {
            return Err(Error::SegmentFull);
        }
        let member_bytes = tar_header::BLOCK + object.bytes + tar_header::padding(object.bytes);
        self.pipe.make_room(member_bytes)?;
        self.pipe.push(&tar_header::encode(&object.member, object.bytes)?)?;
        object.tar_offset = self.pipe.tar_bytes();
        let found = self.copy(data, object.bytes)?;
        if found != object.blake3 {
            return Err(Error::ObjectChanged { member: object.member, expected: object.blake3, found });
        }
        self.pad(object.bytes)?;
        self.sums.extend_from_slice(format!("{}  {}\n", object.blake3, object.member).as_bytes());
        self.objects += 1;
        let tar_offset = object.tar_offset;
        let entry = Entry { study: study.clone(), series: series.clone(), object };
        for line in lines_for(self.previous.as_ref(), &entry) {
            write_line(&mut self.manifest, &line)?;
        }
        self.previous = Some(entry);
        Ok(tar_offset)
    }

    fn copy(&mut self, data: &mut dyn Read, bytes: u64) -> Result<Digest, Error> {
        let mut digester = Digester::default();
        while digester.bytes() < bytes {
            let want = (bytes - digester.bytes()).min(COPY_BYTES as u64) as usize;
            let buffer = self.buffer.get_mut(..want).unwrap_or_default();
            data.read_exact(buffer).map_err(Error::io("read a spooled object"))?;
            digester.update(buffer);
            self.pipe.push(buffer)?;
        }
        Ok(digester.digest())
    }

    fn pad(&mut self, bytes: u64) -> Result<(), Error> {
        self.pipe.push(ZEROS.get(..tar_header::padding(bytes) as usize).unwrap_or_default())
    }

    /// Writes manifest and digest list and ends the segment.
    pub fn finish(mut self) -> Result<SealedSegment<W>, Error> {
        let manifest = std::mem::take(&mut self.manifest);
        let mut sums = std::mem::take(&mut self.sums);
        sums.extend_from_slice(format!("{}  {MANIFEST}\n", Digest::of(&manifest)).as_bytes());
        self.pipe.cut()?;
        for (name, content) in [(MANIFEST, manifest), (B3SUMS, sums)] {
            self.pipe.push(&tar_header::encode(name, content.len() as u64)?)?;
            self.pipe.push(&content)?;
            self.pad(content.len() as u64)?;
        }
        self.pipe.push(&ZEROS)?;
        let sealed = self.pipe.finish()?;
        Ok(SealedSegment {
            out: sealed.out,
            bytes: sealed.bytes,
            blake3: sealed.blake3,
            tar_bytes: sealed.tar_bytes,
            tar_blake3: sealed.tar_blake3,
            objects: self.objects,
            frames: sealed.frames,
        })
    }
}
