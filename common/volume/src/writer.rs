//! Writes a volume: label, segments, index, trailer. What is durable is decided by [`VolumeWriter::commit`].

use std::io::Write;

use jiff::Timestamp;
use manifest::{
    Digest, DigestingWriter, EarlierVolume, INDEX, IndexEntry, IndexHead, LABEL, Label, SegmentEntry,
    TRAILER, Trailer, TransferState, segment_name,
};
use medium::scsi::Health;
use medium::{CommittedFile, EarlyWarning, FileWriter, Medium, MediumWriter, Settings};

use crate::error::medium_or_io;
use crate::index::IndexWriter;
use crate::resume::{check_label, require_label_at_most, require_segment};
use crate::{Error, label};

/// A volume being written.
pub struct VolumeWriter {
    medium: Box<dyn MediumWriter>,
    label: Label,
    label_blake3: Digest,
    segments: Vec<SegmentEntry>,
    objects: u64,
    /// Room that the index needs besides its segments.
    reserved_bytes: u64,
}

/// What a sealed volume ends with.
#[derive(Debug, Clone)]
pub struct SealedVolume {
    /// The trailer as written.
    pub trailer: Trailer,
    /// Bytes on the medium, framing included.
    pub bytes: u64,
}

/// Gives an index everything between its first lines and its last.
pub type WriteObjects<'a> = dyn FnMut(&mut IndexWriter<&mut dyn Write>) -> Result<(), Error> + 'a;

/// What must be known of a segment to put it on a volume.
#[derive(Debug, Clone)]
pub struct SegmentFile {
    /// Number in the transfer.
    pub number: u32,
    /// Length of the sealed file.
    pub bytes: u64,
    /// Digest of the sealed file.
    pub blake3: Digest,
    /// Number of objects.
    pub objects: u32,
    /// Number of frames.
    pub frames: u32,
}

/// A sealed segment file, record by record: whoever gives them decides how they are read ahead and in whose memory they
/// lie.
pub trait SegmentSource {
    /// The next record, as long as the volume's records are, but for the file's last; none at its end.
    fn next_record(&mut self) -> Result<Option<&[u8]>, Error>;

    /// Digest of the records given so far.
    fn digest(&self) -> Digest;
}

/// More than a change of two UIDs and the keys of a study takes in an index, on average.
pub const CHANGE_BYTES: u64 = 512;
/// More than a label and its framing take.
const LABEL_BYTES: u64 = 64 * 1024;

impl VolumeWriter {
    /// Labels a blank medium and commits the label.
    pub fn create(medium: &dyn Medium, settings: &Settings, label: Label) -> Result<Self, Error> {
        Self::begin(medium.create(settings)?, label)
    }

    /// Labels a medium whose labelling was cut off before it was committed. Refuses one that holds anything but this
    /// label or the beginning of it: between two runs somebody may have put another medium in.
    pub fn recreate(medium: &dyn Medium, settings: &Settings, label: Label) -> Result<Self, Error> {
        if medium.is_blank()? {
            return Self::create(medium, settings, label);
        }
        let mut reopened = medium.reopen(settings)?;
        require_label_at_most(medium, reopened.as_mut(), &label)?;
        Self::begin(reopened.append(&[])?, label)
    }

    /// Labels a medium over whatever is on it, of which nothing can be read any more.
    pub fn overwrite(medium: &dyn Medium, settings: &Settings, label: Label) -> Result<Self, Error> {
        Self::begin(medium.reopen(settings)?.append(&[])?, label)
    }

    fn begin(mut medium: Box<dyn MediumWriter>, label: Label) -> Result<Self, Error> {
        let tar = label::encode(&label)?;
        let mut file = FileWriter::begin(medium.as_mut(), LABEL)?;
        file.write_all(&tar).map_err(medium_or_io("write the label"))?;
        file.finish()?;
        medium.commit()?;
        let (label_blake3, segments) = (Digest::of(&tar), Vec::new());
        Ok(Self { medium, label, label_blake3, segments, objects: 0, reserved_bytes: 0 })
    }

    /// Labels a volume anew that holds nothing but its label, as when that promised records that the drive does not take. What
    /// is on the medium must be the label of the same volume, or else nothing is written; what follows it is overwritten.
    pub fn relabel(medium: &dyn Medium, settings: &Settings, label: Label) -> Result<Self, Error> {
        let mut reopened = medium.reopen(settings)?;
        check_label(medium, reopened.reader(), &label)?;
        Self::begin(reopened.append(&[])?, label)
    }

    /// Goes on behind the last committed segment of a volume that is labelled and not sealed. It must be the volume that the
    /// label names, or else nothing is written; the records are as long as the label on it says. The last segment is
    /// read back: what follows it is overwritten.
    pub fn resume(
        medium: &dyn Medium,
        settings: &Settings,
        label: &Label,
        segments: Vec<SegmentEntry>,
        objects: u64,
    ) -> Result<Self, Error> {
        let mut reopened = medium.reopen(settings)?;
        let (label, tar) = check_label(medium, reopened.reader(), label)?;
        let committed_file = |name: &str, bytes| CommittedFile { name: name.to_owned(), bytes };
        let committed: Vec<_> = std::iter::once(committed_file(LABEL, tar.len() as u64))
            .chain(segments.iter().map(|segment| committed_file(&segment.name, segment.bytes)))
            .collect();
        reopened.set_record_bytes(label.record_bytes as usize);
        if let Some(last) = segments.last() {
            require_segment(medium, reopened.reader(), last)?;
        }
        let medium = reopened.append(&committed)?;
        Ok(Self { medium, label, label_blake3: Digest::of(&tar), segments, objects, reserved_bytes: 0 })
    }

    /// The label.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// Bytes in every record but a file's last.
    pub fn record_bytes(&self) -> usize {
        self.medium.record_bytes()
    }

    /// Bytes on the medium so far, framing included.
    pub fn used_bytes(&self) -> u64 {
        self.medium.used_bytes()
    }

    /// What the cartridge had taken when its drive told that the end is near.
    pub fn early_warning(&self) -> Option<EarlyWarning> {
        self.medium.early_warning()
    }

    /// Keeps room free for so many changes, which the index will tell.
    pub fn reserve_changes(&mut self, changes: u64) {
        self.reserved_bytes = changes * CHANGE_BYTES;
    }

    /// How many changes find room in the index as the volume is now, given how many frames it has to index; none where the
    /// medium does not tell how much it takes.
    pub fn room_for_changes(&self, indexed_frames: u64) -> Option<u64> {
        let end = end_bytes(self.objects, indexed_frames, self.segments.len() as u64);
        let taken = self.medium.file_bytes(end) + self.medium.file_bytes(1024);
        Some(self.medium.remaining_bytes()?.saturating_sub(taken) / CHANGE_BYTES)
    }

    /// Whether the segment fits together with the index and trailer that it will need, given how many objects
    /// and frames the volume already has to index. `false` on an empty volume means: it fits on none of this kind.
    pub fn fits(&self, segment: &SegmentFile, indexed_frames: u64) -> bool {
        let objects = self.objects + u64::from(segment.objects);
        let frames = indexed_frames + u64::from(segment.frames);
        let end = end_bytes(objects, frames, self.segments.len() as u64 + 1) + self.reserved_bytes;
        let need = self.medium.file_bytes(segment.bytes)
            + self.medium.file_bytes(end)
            + self.medium.file_bytes(1024);
        self.segments.len() < manifest::MAX_VOLUME_SEGMENTS
            && self.medium.remaining_bytes().is_none_or(|remaining| need <= remaining)
            && self.medium.largest_file_bytes().is_none_or(|largest| segment.bytes.max(end) <= largest)
    }

    /// Copies a sealed segment file to the medium, unless its digest shows at the end that it is not what was sealed.
    /// Returns its file number. Not durable yet. On error nothing of it stays on the volume.
    pub fn append_segment(
        &mut self,
        segment: &SegmentFile,
        sealed: &mut dyn SegmentSource,
    ) -> Result<u32, Error> {
        let name = segment_name(segment.number);
        let file = self.medium.next_file();
        if let Err(error) = copy_checked(self.medium.as_mut(), &name, segment, sealed) {
            self.medium.abandon_file()?;
            return Err(error);
        }
        let SegmentFile { number, bytes, blake3, .. } = *segment;
        self.segments.push(SegmentEntry { number, file, name, bytes, blake3 });
        self.objects += u64::from(segment.objects);
        Ok(file)
    }

    /// Makes everything appended so far durable; only now may anyone rely on it.
    pub fn commit(&mut self) -> Result<(), Error> {
        let ended = self.medium.commit()?;
        let expected = 1 + self.segments.len() as u32;
        if ended == expected { Ok(()) } else { Err(Error::Position { ended, expected }) }
    }

    /// Closes the medium with no more on it than is committed.
    pub fn close(self) -> Result<(), Error> {
        Ok(self.medium.close()?)
    }

    /// What drive and cartridge told of themselves at the last commit; each time once.
    pub fn health(&mut self) -> Option<Health> {
        self.medium.health()
    }

    /// Writes index and trailer, commits, and closes the medium. `write_objects` gives the index all segments.
    pub fn seal(
        mut self,
        earlier: &[EarlierVolume],
        state: TransferState,
        write_objects: &mut WriteObjects<'_>,
    ) -> Result<SealedVolume, Error> {
        let Label { transfer, volume_set, volume, copy, sequence, .. } = self.label;
        let head = IndexHead { format: manifest::FORMAT, transfer, volume_set, volume, copy, sequence };
        let last = state.last;
        let index = self.write_index(head, earlier, state, write_objects)?;
        let trailer = Trailer {
            format: manifest::FORMAT,
            transfer,
            volume_set,
            volume,
            copy,
            sequence,
            label_blake3: self.label_blake3,
            segments: self.segments,
            index,
            objects: self.objects,
            last,
            sealed_at: Timestamp::now(),
        };
        let mut file = FileWriter::begin(self.medium.as_mut(), TRAILER)?;
        file.write_all(&trailer.to_json()?).map_err(medium_or_io("write the trailer"))?;
        file.finish()?;
        let ended = self.medium.commit()?;
        let expected = trailer.index.file + 2;
        if ended != expected {
            return Err(Error::Position { ended, expected });
        }
        let bytes = self.medium.used_bytes();
        self.medium.close()?;
        Ok(SealedVolume { trailer, bytes })
    }

    fn write_index(
        &mut self,
        head: IndexHead,
        earlier: &[EarlierVolume],
        state: TransferState,
        write_objects: &mut WriteObjects<'_>,
    ) -> Result<IndexEntry, Error> {
        let number = self.medium.next_file();
        let mut file = FileWriter::begin(self.medium.as_mut(), INDEX)?;
        let mut digesting = DigestingWriter::new(&mut file);
        let mut index = IndexWriter::new(&mut digesting as &mut dyn Write, head, earlier)?;
        write_objects(&mut index)?;
        index.finish(state)?;
        let (bytes, blake3) = (digesting.digester().bytes(), digesting.digester().digest());
        file.finish()?;
        Ok(IndexEntry { file: number, name: INDEX.to_owned(), bytes, blake3 })
    }
}

/// About what a volume with this segment alone takes on a disk or virtual tape: never less.
pub fn bytes_alone(segment: &SegmentFile) -> u64 {
    let end = end_bytes(u64::from(segment.objects), u64::from(segment.frames), 1);
    // The framing of records is far below one in a thousand.
    segment.bytes + segment.bytes / 1000 + end + LABEL_BYTES
}

/// Room kept for index and trailer, in bytes: per object a line with two digests and UIDs that compress badly,
/// per frame its table row, per segment its lines in both files.
fn end_bytes(objects: u64, frames: u64, segments: u64) -> u64 {
    64 * 1024 + objects * 320 + frames * 64 + segments * 512
}

fn copy_checked(
    medium: &mut dyn MediumWriter,
    name: &str,
    segment: &SegmentFile,
    sealed: &mut dyn SegmentSource,
) -> Result<(), Error> {
    medium.begin_file(name)?;
    while let Some(record) = sealed.next_record()? {
        medium.write_record(record)?;
    }
    let found = sealed.digest();
    if found != segment.blake3 {
        return Err(Error::SegmentChanged { name: name.to_owned(), expected: segment.blake3, found });
    }
    Ok(medium.end_file()?)
}
