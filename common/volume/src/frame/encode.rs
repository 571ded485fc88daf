//! Compresses frames on all cores and writes them in order, in bounded memory.
//!
//! ```text
//! push(tar bytes) -> frame -> worker (zstd) -> writer (BLAKE3, file)
//! ```

use std::io::{self, Write};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use manifest::{Codec, Digest, Digester, Frame};

use crate::Error;

/// All frames of a segment, written.
pub struct SealedFrames<W> {
    /// Where they were written.
    pub out: W,
    /// Every frame in order.
    pub frames: Vec<Frame>,
    /// Length of all frames together.
    pub bytes: u64,
    /// Digest of all frames together.
    pub blake3: Digest,
    /// Length of what went in.
    pub tar_bytes: u64,
    /// Digest of what went in.
    pub tar_blake3: Digest,
}

struct Job {
    plain: Vec<u8>,
    reply: Sender<Compressed>,
}

struct Compressed {
    plain: Vec<u8>,
    sealed: io::Result<Vec<u8>>,
}

struct Written<W> {
    out: W,
    frames: Vec<Frame>,
    digester: Digester,
}

/// Takes the bytes of a tar stream, cuts them into frames where it is told to, and writes the frames.
pub struct FramePipe<W> {
    frame_bytes: usize,
    plain: Vec<u8>,
    tar: Digester,
    jobs: Sender<Job>,
    in_order: Sender<Receiver<Compressed>>,
    spare: Receiver<Vec<u8>>,
    workers: Vec<JoinHandle<()>>,
    writer: JoinHandle<io::Result<Written<W>>>,
}

impl<W: Write + Send + 'static> FramePipe<W> {
    /// Frames of at most `frame_bytes` (1 byte to [`manifest::MAX_FRAME_BYTES`]) at zstd `level`, on `workers`
    /// threads. Holds at most about `2 * workers + 4` frames in memory.
    pub fn new(out: W, frame_bytes: usize, level: i32, workers: usize) -> Self {
        let workers = workers.max(1);
        let frame_bytes = frame_bytes.clamp(1, manifest::MAX_FRAME_BYTES as usize);
        let (jobs, todo) = bounded::<Job>(1);
        let (in_order, ordered) = bounded::<Receiver<Compressed>>(workers);
        let (recycle, spare) = bounded::<Vec<u8>>(workers + 2);
        let workers = (0..workers)
            .map(|_| {
                let todo = todo.clone();
                std::thread::spawn(move || compress_all(&todo, level))
            })
            .collect();
        let writer = std::thread::spawn(move || write_all(out, &ordered, &recycle));
        let plain = Vec::with_capacity(frame_bytes);
        Self { frame_bytes, plain, tar: Digester::default(), jobs, in_order, spare, workers, writer }
    }

    /// How many bytes of the tar stream went in so far.
    pub fn tar_bytes(&self) -> u64 {
        self.tar.bytes()
    }

    /// Ends the frame, unless `bytes` more fit into it: members are not cut if they need not be.
    pub fn make_room(&mut self, bytes: u64) -> Result<(), Error> {
        let fits = (self.plain.len() as u64).saturating_add(bytes) <= self.frame_bytes as u64;
        if fits { Ok(()) } else { self.cut() }
    }

    /// Takes the next bytes of the tar stream.
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        self.tar.update(bytes);
        while !bytes.is_empty() {
            let room = self.frame_bytes - self.plain.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.plain.extend_from_slice(now);
            bytes = later;
            if self.plain.len() == self.frame_bytes {
                self.cut()?;
            }
        }
        Ok(())
    }

    /// Ends the frame, if anything is in it.
    pub fn cut(&mut self) -> Result<(), Error> {
        if self.plain.is_empty() {
            return Ok(());
        }
        let mut next = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(self.frame_bytes));
        next.clear();
        let plain = std::mem::replace(&mut self.plain, next);
        let (reply, compressed) = bounded(1);
        let taken = self.in_order.send(compressed).is_ok() && self.jobs.send(Job { plain, reply }).is_ok();
        // The writer only hangs up early when it failed; `finish` brings its error to light.
        if taken { Ok(()) } else { Err(Error::io("write the segment")(io::ErrorKind::BrokenPipe.into())) }
    }

    /// Ends the last frame and waits until all is written (not yet synced).
    pub fn finish(mut self) -> Result<SealedFrames<W>, Error> {
        let cut = self.cut();
        drop((self.jobs, self.in_order));
        let panicked = || io::Error::other("a worker thread panicked");
        for worker in self.workers {
            worker.join().map_err(|_| Error::io("compress the segment")(panicked()))?;
        }
        let written = self.writer.join().unwrap_or_else(|_| Err(panicked()));
        let written = written.map_err(Error::io("write the segment"))?;
        cut?;
        Ok(SealedFrames {
            out: written.out,
            frames: written.frames,
            bytes: written.digester.bytes(),
            blake3: written.digester.digest(),
            tar_bytes: self.tar.bytes(),
            tar_blake3: self.tar.digest(),
        })
    }
}

fn compress_all(todo: &Receiver<Job>, level: i32) {
    let mut compressor = compressor(level);
    for Job { plain, reply } in todo {
        let sealed = match &mut compressor {
            Ok(compressor) => compressor.compress(&plain),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        };
        // Nobody waits any more once the writer failed.
        let _ = reply.send(Compressed { plain, sealed });
    }
}

/// Every frame states its content's length and carries zstd's own checksum.
fn compressor(level: i32) -> io::Result<zstd::bulk::Compressor<'static>> {
    let mut compressor = zstd::bulk::Compressor::new(level)?;
    compressor.include_checksum(true)?;
    compressor.include_contentsize(true)?;
    Ok(compressor)
}

fn write_all<W: Write>(
    mut out: W,
    ordered: &Receiver<Receiver<Compressed>>,
    recycle: &Sender<Vec<u8>>,
) -> io::Result<Written<W>> {
    let mut digester = Digester::default();
    let mut frames = Vec::new();
    let mut tar_at = 0;
    for pending in ordered {
        let Ok(Compressed { plain, sealed }) = pending.recv() else {
            return Err(io::Error::other("a worker thread went away"));
        };
        let sealed = sealed?;
        out.write_all(&sealed)?;
        let (at, bytes, tar_bytes) = (digester.bytes(), sealed.len() as u64, plain.len() as u64);
        frames.push(Frame { at, bytes, tar_at, tar_bytes, codec: Codec::Zstd });
        digester.update(&sealed);
        tar_at += tar_bytes;
        // A full recycling bin just means that enough buffers are around.
        let _ = recycle.try_send(plain);
    }
    out.flush()?;
    Ok(Written { out, frames, digester })
}
