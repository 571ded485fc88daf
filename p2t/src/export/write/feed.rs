//! Reads and digests segments ahead of the drive, in a thread of its own and in a bounded ring of record buffers.
//!
//! ```text
//! spool -> read, digest -> filled -> the drive writes from the very buffer -> empty -> …
//! ```
//! The ring spans segments, so that the next one is at hand when the drive ends a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread::Scope;

use catalogue::segments::SegmentRow;
use manifest::{Digest, Digester};
use medium::RecordBuffer;
use volume::SegmentSource;

use crate::error::{Error, Result};

/// Bytes that are read ahead, as whole records.
const RING_BYTES: usize = 32 << 20;
/// However large records are, one is written while others are read.
const LEAST_RECORDS: usize = 4;

/// The drive's end of the ring.
pub struct Feed {
    filled: Receiver<Piece>,
    empty: Sender<RecordBuffer>,
    /// The record that the drive was given last.
    current: Option<RecordBuffer>,
    digest: Digest,
    /// In a segment whose end has not come yet.
    in_segment: bool,
    /// How often the drive had to wait for a record.
    pub waits: u64,
}

enum Piece {
    Segment(Result<Box<SegmentRow>>),
    Record(RecordBuffer, usize),
    End(io::Result<Digest>),
}

impl Feed {
    /// Starts to read the segments that `next` gives, each from the file that `open` opens.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        record_bytes: usize,
        mut next: impl FnMut() -> Result<Option<SegmentRow>> + Send + 'scope,
        open: impl Fn(&SegmentRow) -> Result<File> + Send + 'scope,
    ) -> Self {
        let records = (RING_BYTES / record_bytes.max(1)).max(LEAST_RECORDS);
        // Room for a segment's beginning and end beside the records.
        let (filled, pieces) = sync_channel(records + 2);
        let (empty, returned) = channel();
        let mut filler = Filler { record_bytes, left: records, empty: returned, filled };
        scope.spawn(move || while filler.segment(&mut next, &open).is_some() {});
        Self {
            filled: pieces,
            empty,
            current: None,
            digest: Digester::default().digest(),
            in_segment: false,
            waits: 0,
        }
    }

    /// The next segment; none when there are no more. What was not written of the one before is passed over.
    pub fn next_segment(&mut self) -> Result<Option<SegmentRow>> {
        while self.in_segment {
            // An error in what nobody wants is nobody's error.
            let _ = self.next_record();
        }
        match self.filled.recv() {
            Ok(Piece::Segment(row)) => {
                self.in_segment = true;
                row.map(|row| Some(*row))
            }
            Ok(_) => Err(Error::Crashed("reading ahead")),
            Err(_) => Ok(None),
        }
    }

    fn next_piece(&mut self) -> Option<Piece> {
        match self.filled.try_recv() {
            Ok(piece) => Some(piece),
            Err(TryRecvError::Disconnected) => None,
            Err(TryRecvError::Empty) => {
                self.waits += 1;
                self.filled.recv().ok()
            }
        }
    }
}

impl SegmentSource for Feed {
    fn next_record(&mut self) -> Result<Option<&[u8]>, volume::Error> {
        if let Some(written) = self.current.take() {
            // Nobody to return it to when all is read.
            let _ = self.empty.send(written);
        }
        let reading = || volume::Error::io("read a segment in the spool");
        let ended = match self.next_piece() {
            Some(Piece::Record(buffer, bytes)) => return Ok(Some(self.current.insert(buffer).first(bytes))),
            Some(Piece::End(digest)) => digest.map_err(reading()),
            Some(Piece::Segment(_)) | None => Err(reading()(io::ErrorKind::BrokenPipe.into())),
        };
        self.in_segment = false;
        self.digest = ended?;
        Ok(None)
    }

    fn digest(&self) -> Digest {
        self.digest
    }
}

/// The reading end of the ring. Its steps end with `None` when the drive's end is gone.
struct Filler {
    record_bytes: usize,
    /// Buffers that may still be made.
    left: usize,
    empty: Receiver<RecordBuffer>,
    filled: SyncSender<Piece>,
}

impl Filler {
    /// Reads one segment; `None` also when there are no more.
    fn segment(
        &mut self,
        next: &mut impl FnMut() -> Result<Option<SegmentRow>>,
        open: &impl Fn(&SegmentRow) -> Result<File>,
    ) -> Option<()> {
        let opened = next().transpose()?.and_then(|row| open(&row).map(|file| (Box::new(row), file)));
        let (row, file) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.send(Piece::Segment(Err(error)))?;
                return None;
            }
        };
        self.send(Piece::Segment(Ok(row)))?;
        let digest = self.records(file)?;
        self.send(Piece::End(digest))
    }

    fn records(&mut self, mut file: File) -> Option<io::Result<Digest>> {
        let mut digester = Digester::default();
        loop {
            let mut buffer = self.buffer()?;
            let bytes = match read_full(&mut file, buffer.all_mut()) {
                Ok(bytes) => bytes,
                Err(error) => return Some(Err(error)),
            };
            let record = buffer.first(bytes);
            if record.is_empty() {
                // No record, and so nobody returns it.
                self.left += 1;
                return Some(Ok(digester.digest()));
            }
            digester.update(record);
            let is_last = bytes < self.record_bytes;
            self.send(Piece::Record(buffer, bytes))?;
            if is_last {
                return Some(Ok(digester.digest()));
            }
        }
    }

    /// A buffer that the drive has emptied, or a new one while there are few.
    fn buffer(&mut self) -> Option<RecordBuffer> {
        match self.empty.try_recv() {
            Ok(buffer) => Some(buffer),
            Err(_) if self.left > 0 => {
                self.left -= 1;
                Some(RecordBuffer::new(self.record_bytes))
            }
            Err(_) => self.empty.recv().ok(),
        }
    }

    fn send(&self, piece: Piece) -> Option<()> {
        self.filled.send(piece).ok()
    }
}

/// Fills the buffer; less only at the end of the file.
fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Opens a segment in the spool, to be read once from its beginning to its end.
pub fn open(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(Error::file("open", path))?;
    job::read_once(&file);
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::path::PathBuf;
    use std::thread;

    use catalogue::segments::NewSegment;
    use catalogue::{SegmentId, SegmentState};
    use tempfile::TempDir;

    use super::*;

    const RECORD: usize = 4096;

    fn row(number: u64) -> SegmentRow {
        let segment = NewSegment {
            number,
            file: format!("{number}"),
            bytes: 0,
            blake3: [0; 32],
            plain_bytes: 0,
            plain_blake3: [0; 32],
            objects: 0,
            frames: String::new(),
            indexed: true,
        };
        SegmentRow {
            id: SegmentId::default(),
            state: SegmentState::Sealed,
            sealed_at: jiff::Timestamp::UNIX_EPOCH,
            segment,
        }
    }

    /// Files of these lengths, and the segments that they are.
    fn spool(lengths: &[usize]) -> (TempDir, VecDeque<SegmentRow>) {
        let dir = tempfile::tempdir().unwrap();
        let rows: VecDeque<SegmentRow> = (1..).take(lengths.len()).map(row).collect();
        for (row, length) in rows.iter().zip(lengths) {
            let content: Vec<u8> = (0..*length).map(|at| (at * 7 + length) as u8).collect();
            std::fs::write(dir.path().join(&row.segment.file), content).unwrap();
        }
        (dir, rows)
    }

    /// Runs `drive` at the other end of a ring that reads these segments.
    fn with_feed<T>(dir: &Path, mut rows: VecDeque<SegmentRow>, drive: impl FnOnce(&mut Feed) -> T) -> T {
        let dir: PathBuf = dir.to_owned();
        thread::scope(|scope| {
            let next = move || Ok(rows.pop_front());
            let open = move |row: &SegmentRow| open(&dir.join(&row.segment.file));
            drive(&mut Feed::start(scope, RECORD, next, open))
        })
    }

    #[test]
    fn segments_come_record_by_record_from_aligned_memory_with_their_digests() {
        let lengths = [0, 1, RECORD, RECORD + 1, 5 * RECORD, 40_000];
        let (dir, rows) = spool(&lengths);
        with_feed(dir.path(), rows, |feed| {
            for length in lengths {
                let row = feed.next_segment().unwrap().unwrap();
                let expected = std::fs::read(dir.path().join(&row.segment.file)).unwrap();
                let mut found = Vec::new();
                while let Some(record) = feed.next_record().unwrap() {
                    assert_eq!(record.as_ptr().align_offset(4096), 0);
                    assert_eq!(record.len(), RECORD.min(length - found.len()));
                    found.extend_from_slice(record);
                }
                assert!(found == expected && feed.digest() == Digest::of(&expected));
            }
            assert!(feed.next_segment().unwrap().is_none());
        });
    }

    #[test]
    fn what_the_drive_leaves_of_a_segment_is_passed_over_and_memory_is_bounded() {
        let (dir, rows) = spool(&[0, 10]);
        // Several times what the ring holds.
        let long = File::options().write(true).open(dir.path().join("1")).unwrap();
        long.set_len(3 * RING_BYTES as u64).unwrap();
        with_feed(dir.path(), rows, |feed| {
            feed.next_segment().unwrap().unwrap();
            assert_eq!(feed.next_record().unwrap().unwrap().len(), RECORD);
            assert_eq!(feed.next_segment().unwrap().unwrap().segment.number, 2);
            assert_eq!(feed.next_record().unwrap().unwrap().len(), 10);
            // The reader ends when the drive does, in the middle of a segment.
        });
    }

    #[test]
    fn a_segment_that_cannot_be_read_is_an_error_and_not_the_end() {
        let (dir, rows) = spool(&[10, 10]);
        std::fs::remove_file(dir.path().join("2")).unwrap();
        with_feed(dir.path(), rows, |feed| {
            feed.next_segment().unwrap().unwrap();
            assert!(matches!(feed.next_segment(), Err(Error::File { action: "open", .. })));
        });
        // A directory opens and does not read.
        std::fs::create_dir(dir.path().join("3")).unwrap();
        with_feed(dir.path(), [row(3)].into(), |feed| {
            feed.next_segment().unwrap().unwrap();
            assert!(matches!(feed.next_record(), Err(volume::Error::Io { .. })));
            assert!(feed.next_segment().unwrap().is_none());
        });
    }
}
