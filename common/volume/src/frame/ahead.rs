//! Decodes frames on all cores while those before them are digested, in order and in bounded memory.
//!
//! ```text
//! read(frame) -> worker (zstd) -> take(frame, content)
//! ```

use std::collections::VecDeque;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use manifest::Frame;
use zstd::bulk::Decompressor;

use super::{decode_frame, decoder};
use crate::Error;

/// Sealed and decoded bytes of the frames that are under way; a single frame may be larger.
const AHEAD_BYTES: u64 = 64 << 20;
/// More cores than this cannot be fed by one reader.
const MAX_WORKERS: usize = 6;
/// Frames under way for each of them: one that it decodes, one that waits. More only makes the memory larger.
const FRAMES_PER_WORKER: usize = 2;

/// Puts a frame's sealed bytes in the place of what the memory holds that it is given, or says why it cannot.
type Read<'a> = dyn FnMut(&Frame, &mut Vec<u8>) -> Result<Result<(), String>, Error> + 'a;
/// Takes the content of a frame, or why there is none.
type Take<'a> = dyn FnMut(&Frame, Result<&[u8], String>) -> Result<(), Error> + 'a;

/// Memory of one frame. It is used again and again: the kernel makes fresh memory page by page, with a fault for each.
#[derive(Default)]
struct Buffers {
    sealed: Vec<u8>,
    plain: Vec<u8>,
}

impl Buffers {
    /// With room for the frame and not much more.
    fn fit(&mut self, frame: &Frame) {
        // Frames of one size, whose sealed lengths vary, are to find room in each other's memory.
        let bytes = frame.bytes.max(frame.tar_bytes) as usize;
        for buffer in [&mut self.sealed, &mut self.plain] {
            if buffer.capacity() > 2 * bytes {
                *buffer = Vec::new();
            }
            buffer.reserve_exact(bytes.saturating_sub(buffer.len()));
        }
    }
}

struct Job {
    frame: Frame,
    buffers: Buffers,
    reply: Sender<Done>,
}

/// A frame's memory, and why there is no content in it if there is none.
type Done = (Buffers, Result<(), String>);

/// Frames whose content is still to be taken, oldest first.
struct UnderWay<'a> {
    frames: VecDeque<(&'a Frame, Receiver<Done>)>,
    most: usize,
    bytes: u64,
    spare: Vec<Buffers>,
}

/// Gives the content of every frame to `take`, in order. `read` brings the frames' sealed bytes, in order too, or says
/// why there are none; when it fails, all that was read before is taken first.
pub fn decode_ahead(frames: &[Frame], read: &mut Read<'_>, take: &mut Take<'_>) -> Result<(), Error> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    let decoders = (0..workers).map(|_| decoder()).collect::<Result<Vec<_>, _>>()?;
    let (jobs, todo) = unbounded::<Job>();
    thread::scope(|scope| {
        for decoder in decoders {
            let todo = todo.clone();
            scope.spawn(move || decode_all(decoder, &todo));
        }
        // Moved in here, so that every way out of this closure ends the workers.
        let jobs = jobs;
        let most = FRAMES_PER_WORKER * workers;
        let mut under_way = UnderWay { frames: VecDeque::new(), most, bytes: 0, spare: Vec::new() };
        for frame in frames {
            while !under_way.has_room(frame) {
                under_way.take_oldest(take)?;
            }
            let (reply, content) = bounded(1);
            let mut buffers = under_way.spare.pop().unwrap_or_default();
            buffers.fit(frame);
            match read(frame, &mut buffers.sealed) {
                Ok(Ok(())) => {
                    jobs.send(Job { frame: frame.clone(), buffers, reply }).map_err(|_| gone())?;
                }
                Ok(Err(why)) => reply.send((buffers, Err(why))).map_err(|_| gone())?,
                Err(error) => {
                    under_way.take_all(take)?;
                    return Err(error);
                }
            }
            under_way.push(frame, content);
        }
        under_way.take_all(take)
    })
}

impl<'a> UnderWay<'a> {
    fn has_room(&self, frame: &Frame) -> bool {
        self.frames.is_empty() || (self.frames.len() < self.most && self.bytes + cost(frame) <= AHEAD_BYTES)
    }

    fn push(&mut self, frame: &'a Frame, content: Receiver<Done>) {
        self.bytes += cost(frame);
        self.frames.push_back((frame, content));
    }

    fn take_oldest(&mut self, take: &mut Take<'_>) -> Result<(), Error> {
        let Some((frame, content)) = self.frames.pop_front() else { return Ok(()) };
        let (buffers, decoded) = content.recv().map_err(|_| gone())?;
        self.bytes -= cost(frame);
        take(frame, decoded.map(|()| buffers.plain.as_slice()))?;
        // One waits for the frame that is read next; more would add up where frames are of many sizes.
        self.spare.truncate(1);
        self.spare.push(buffers);
        Ok(())
    }

    fn take_all(&mut self, take: &mut Take<'_>) -> Result<(), Error> {
        while !self.frames.is_empty() {
            self.take_oldest(take)?;
        }
        Ok(())
    }
}

fn cost(frame: &Frame) -> u64 {
    frame.bytes + frame.tar_bytes
}

fn gone() -> Error {
    Error::io("decode the segment")(std::io::Error::other("a worker thread went away"))
}

fn decode_all(mut decoder: Decompressor<'_>, todo: &Receiver<Job>) {
    for Job { frame, mut buffers, reply } in todo {
        let decoded = decode_frame(&mut decoder, &frame, &buffers.sealed, &mut buffers.plain);
        // Nobody waits any more once the reader gave up.
        let _ = reply.send((buffers, decoded.map_err(|error| error.to_string())));
    }
}

#[cfg(test)]
mod tests {
    use manifest::Codec;

    use super::*;

    const CONTENT_BYTES: usize = 9 << 20;

    /// Together far more than may be under way.
    fn sealed_frames() -> (Vec<Frame>, Vec<Vec<u8>>) {
        let sealed: Vec<Vec<u8>> =
            (0..20u8).map(|fill| zstd::bulk::compress(&vec![fill; CONTENT_BYTES], 1).unwrap()).collect();
        let mut at = 0;
        let frames = sealed.iter().enumerate().map(|(number, sealed)| {
            let bytes = sealed.len() as u64;
            at += bytes;
            let tar_at = (number * CONTENT_BYTES) as u64;
            Frame { at: at - bytes, bytes, tar_at, tar_bytes: CONTENT_BYTES as u64, codec: Codec::Zstd }
        });
        (frames.collect(), sealed)
    }

    #[test]
    fn contents_come_in_order_and_damage_stays_where_it_is() {
        let (frames, mut sealed) = sealed_frames();
        sealed[3][10] ^= 0xff;
        let mut next = sealed.into_iter().enumerate();
        let mut taken = Vec::new();
        decode_ahead(
            &frames,
            &mut |_, buffer| {
                let (number, sealed) = next.next().unwrap();
                *buffer = sealed;
                Ok(if number == 7 { Err("not there".to_owned()) } else { Ok(()) })
            },
            &mut |frame, content| {
                taken.push((frame.tar_at as usize / CONTENT_BYTES, content.map(|plain| plain[0])));
                Ok(())
            },
        )
        .unwrap();
        for (number, (frame, content)) in taken.iter().enumerate() {
            assert_eq!(*frame, number);
            match number {
                3 => assert!(content.is_err()),
                7 => assert_eq!(*content, Err("not there".to_owned())),
                _ => assert_eq!(*content, Ok(number as u8)),
            }
        }
        assert_eq!(taken.len(), 20);
    }

    #[test]
    fn no_more_is_read_ahead_than_may_be_under_way() {
        let (frames, sealed) = sealed_frames();
        let (read, taken) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let mut most = 0;
        decode_ahead(
            &frames,
            &mut |_, buffer| {
                read.set(read.get() + 1);
                most = most.max(read.get() - taken.get());
                buffer.clone_from(&sealed[read.get() - 1]);
                Ok(Ok(()))
            },
            &mut |_, _| {
                taken.set(taken.get() + 1);
                Ok(())
            },
        )
        .unwrap();
        let workers = thread::available_parallelism().unwrap().get().min(MAX_WORKERS);
        assert_eq!(most, (FRAMES_PER_WORKER * workers).min(AHEAD_BYTES as usize / CONTENT_BYTES));
    }

    #[test]
    fn what_was_read_before_a_failure_is_taken() {
        let (frames, sealed) = sealed_frames();
        let mut next = sealed.into_iter().take(4);
        let mut taken = 0;
        let result = decode_ahead(
            &frames,
            &mut |_, buffer| {
                *buffer = next.next().ok_or(Error::SegmentFull)?;
                Ok(Ok(()))
            },
            &mut |_, content| {
                taken += usize::from(content.is_ok());
                Ok(())
            },
        );
        assert!(matches!(result, Err(Error::SegmentFull)), "{result:?}");
        assert_eq!(taken, 4);
    }

    #[test]
    fn a_failing_taker_ends_it() {
        let (frames, sealed) = sealed_frames();
        let mut next = sealed.into_iter();
        let result = decode_ahead(
            &frames,
            &mut |_, buffer| {
                *buffer = next.next().unwrap();
                Ok(Ok(()))
            },
            &mut |_, _| Err(Error::SegmentFull),
        );
        assert!(matches!(result, Err(Error::SegmentFull)), "{result:?}");
    }
}
