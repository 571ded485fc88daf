//! Decodes frames on all cores while those before them are digested, in order and in bounded memory.
//!
//! ```text
//! read(frame) -> worker (zstd) -> take(frame, content)
//! ```

use std::collections::VecDeque;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use manifest::Frame;

use super::decode_frame;
use crate::Error;

/// Sealed and decoded bytes of the frames that are under way; a single frame may be larger.
const AHEAD_BYTES: u64 = 64 << 20;
/// More cores than this cannot be fed by one reader.
const MAX_WORKERS: usize = 6;

/// A frame's bytes, sealed or decoded, or why there are none.
type Content = Result<Vec<u8>, String>;
/// Takes the content of a frame.
type Take<'a> = dyn FnMut(&Frame, Content) -> Result<(), Error> + 'a;

struct Job {
    frame: Frame,
    sealed: Vec<u8>,
    reply: Sender<Content>,
}

/// Frames whose content is still to be taken, oldest first.
struct UnderWay<'a> {
    frames: VecDeque<(&'a Frame, Receiver<Content>)>,
    bytes: u64,
}

/// Gives the content of every frame to `take`, in order. `read` brings the frames' sealed bytes, in order too, or says
/// why there are none; when it fails, all that was read before is taken first.
pub fn decode_ahead(
    frames: &[Frame],
    read: &mut dyn FnMut(&Frame) -> Result<Content, Error>,
    take: &mut Take<'_>,
) -> Result<(), Error> {
    let workers = thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    let (jobs, todo) = unbounded::<Job>();
    thread::scope(|scope| {
        for _ in 0..workers {
            let todo = todo.clone();
            scope.spawn(move || decode_all(&todo));
        }
        // Moved in here, so that every way out of this closure ends the workers.
        let jobs = jobs;
        let mut under_way = UnderWay { frames: VecDeque::new(), bytes: 0 };
        for frame in frames {
            while !under_way.has_room(frame) {
                under_way.take_oldest(take)?;
            }
            let (reply, content) = bounded(1);
            match read(frame) {
                Ok(Ok(sealed)) => send(&jobs, Job { frame: frame.clone(), sealed, reply })?,
                Ok(Err(why)) => reply.send(Err(why)).map_err(|_| gone())?,
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
        self.frames.is_empty() || self.bytes + cost(frame) <= AHEAD_BYTES
    }

    fn push(&mut self, frame: &'a Frame, content: Receiver<Content>) {
        self.bytes += cost(frame);
        self.frames.push_back((frame, content));
    }

    fn take_oldest(&mut self, take: &mut Take<'_>) -> Result<(), Error> {
        let Some((frame, content)) = self.frames.pop_front() else { return Ok(()) };
        let content = content.recv().map_err(|_| gone())?;
        self.bytes -= cost(frame);
        take(frame, content)
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

fn send(jobs: &Sender<Job>, job: Job) -> Result<(), Error> {
    jobs.send(job).map_err(|_| gone())
}

fn gone() -> Error {
    Error::io("decode the segment")(std::io::Error::other("a worker thread went away"))
}

fn decode_all(todo: &Receiver<Job>) {
    for Job { frame, sealed, reply } in todo {
        // Nobody waits any more once the reader gave up.
        let _ = reply.send(decode_frame(&frame, &sealed).map_err(|error| error.to_string()));
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
            &mut |_| {
                let (number, sealed) = next.next().unwrap();
                Ok(if number == 7 { Err("not there".to_owned()) } else { Ok(sealed) })
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
            &mut |_| {
                read.set(read.get() + 1);
                most = most.max(read.get() - taken.get());
                Ok(Ok(sealed[read.get() - 1].clone()))
            },
            &mut |_, _| {
                taken.set(taken.get() + 1);
                Ok(())
            },
        )
        .unwrap();
        assert_eq!(most, AHEAD_BYTES as usize / CONTENT_BYTES);
    }

    #[test]
    fn what_was_read_before_a_failure_is_taken() {
        let (frames, sealed) = sealed_frames();
        let mut next = sealed.into_iter().take(4);
        let mut taken = 0;
        let result = decode_ahead(
            &frames,
            &mut |_| Ok(Ok(next.next().ok_or(Error::SegmentFull)?)),
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
        let result =
            decode_ahead(&frames, &mut |_| Ok(Ok(next.next().unwrap())), &mut |_, _| Err(Error::SegmentFull));
        assert!(matches!(result, Err(Error::SegmentFull)), "{result:?}");
    }
}
