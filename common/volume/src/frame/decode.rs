//! Decodes frames one at a time, never trusting what they say about their size.

use std::io::{self, Read};

use manifest::{Codec, Frame, MAX_FRAME_BYTES};
use zstd::bulk::Decompressor;

use crate::Error;

/// Decodes one frame into `plain`, in place of what it holds, and checks that these are exactly the bytes that the frame table says.
pub fn decode_frame(
    decoder: &mut Decompressor<'_>,
    frame: &Frame,
    sealed: &[u8],
    plain: &mut Vec<u8>,
) -> Result<(), Error> {
    match frame.codec {
        Codec::Zstd => decode_zstd(decoder, frame.at, sealed, Some(frame.tar_bytes), plain),
    }
}

fn decode_zstd(
    decoder: &mut Decompressor<'_>,
    at: u64,
    sealed: &[u8],
    expected: Option<u64>,
    plain: &mut Vec<u8>,
) -> Result<(), Error> {
    let bad = |reason: String| Error::BadFrame { at, reason };
    let stated = zstd_safe::get_frame_content_size(sealed)
        .map_err(|_| bad("no zstd frame begins here".into()))?
        .ok_or_else(|| bad("the frame does not state its content's length".into()))?;
    if stated == 0 {
        return Err(bad("it holds nothing, as no frame of a segment does".into()));
    }
    if stated > MAX_FRAME_BYTES {
        return Err(bad(format!("it claims {stated} bytes of content; {MAX_FRAME_BYTES} are allowed")));
    }
    if let Some(expected) = expected.filter(|expected| *expected != stated) {
        return Err(bad(format!("it claims {stated} bytes of content; the index says {expected}")));
    }
    plain.clear();
    plain.reserve_exact(stated as usize);
    decoder.decompress_to_buffer(sealed, plain).map_err(|error| bad(error.to_string()))?;
    if plain.len() as u64 == stated {
        Ok(())
    } else {
        Err(bad(format!("it holds {} bytes of content and claims {stated}", plain.len())))
    }
}

/// A decoder, to be made once: to make it costs more than to decode a small frame.
pub fn decoder() -> Result<Decompressor<'static>, Error> {
    Decompressor::new().map_err(Error::io("make a decoder"))
}

/// Finds the frames of a segment without an index, one behind the other.
pub struct FrameSplitter<R> {
    source: R,
    buffer: Vec<u8>,
    /// How much of the buffer is behind us.
    passed: usize,
    decoder: Option<Decompressor<'static>>,
    at: u64,
    ended: bool,
}

/// Incompressible content makes a frame slightly longer than its content.
const MAX_SEALED_BYTES: usize = MAX_FRAME_BYTES as usize + 1024 * 1024;
const STEP: usize = 256 * 1024;

impl<R: Read> FrameSplitter<R> {
    /// Frames from the beginning of a segment file.
    pub fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), passed: 0, decoder: None, at: 0, ended: false }
    }

    /// Puts the next frame's content in the place of what `plain` holds; false behind the last. After an error nothing more can be
    /// found.
    pub fn next_frame(&mut self, plain: &mut Vec<u8>) -> Result<bool, Error> {
        loop {
            let ahead = self.buffer.get(self.passed..).unwrap_or_default();
            if ahead.is_empty() && self.ended {
                return Ok(false);
            }
            if let Ok(bytes) = zstd_safe::find_frame_compressed_size(ahead)
                && let Some(sealed) = ahead.get(..bytes)
            {
                let decoder = match &mut self.decoder {
                    Some(decoder) => decoder,
                    none => none.insert(decoder()?),
                };
                decode_zstd(decoder, self.at, sealed, None, plain)?;
                self.passed += bytes;
                self.at += bytes as u64;
                return Ok(true);
            }
            if self.ended || ahead.len() > MAX_SEALED_BYTES {
                let reason = "no whole zstd frame is here".to_owned();
                return Err(Error::BadFrame { at: self.at, reason });
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), Error> {
        self.buffer.drain(..self.passed);
        self.passed = 0;
        // Doubling keeps the number of searches for a frame's end small.
        let more = self.buffer.len().max(STEP) as u64;
        let read = (&mut self.source).take(more).read_to_end(&mut self.buffer);
        self.ended = read.map_err(Error::io("read the segment"))? == 0;
        Ok(())
    }
}

/// The tar stream of a segment as a reader, frame by frame.
impl<R: Read> FrameSplitter<R> {
    /// Reads like a file; errors carry the frame's error.
    pub fn into_reader(self) -> impl Read {
        PlainReader { frames: self, plain: Vec::new(), at: 0 }
    }
}

struct PlainReader<R> {
    frames: FrameSplitter<R>,
    plain: Vec<u8>,
    at: usize,
}

impl<R: Read> Read for PlainReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.plain.len() {
            if !self.frames.next_frame(&mut self.plain).map_err(io::Error::other)? {
                return Ok(0);
            }
            self.at = 0;
        }
        let mut rest = self.plain.get(self.at..).unwrap_or_default();
        let bytes = rest.read(buffer)?;
        self.at += bytes;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn frame(sealed: &[u8], tar_bytes: u64) -> Frame {
        Frame { at: 0, bytes: sealed.len() as u64, tar_at: 0, tar_bytes, codec: Codec::Zstd }
    }

    fn decoded(frame: &Frame, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        let mut plain = b"of the frame before".to_vec();
        decode_frame(&mut decoder()?, frame, sealed, &mut plain).map(|()| plain)
    }

    /// The next frame's content, and none behind the last.
    fn next<R: Read>(splitter: &mut FrameSplitter<R>) -> Result<Option<Vec<u8>>, Error> {
        let mut plain = Vec::new();
        Ok(splitter.next_frame(&mut plain)?.then_some(plain))
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_unpacked() {
        let bomb = zstd::bulk::compress(&vec![0; MAX_FRAME_BYTES as usize + 1], 1).unwrap();
        assert!(bomb.len() < 10_000);
        let error = decoded(&frame(&bomb, 10), &bomb).unwrap_err();
        assert!(error.to_string().contains("allowed"), "{error}");
        assert!(next(&mut FrameSplitter::new(bomb.as_slice())).is_err());
    }

    #[test]
    fn a_frame_without_length_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.write_all(b"content of").unwrap();
        encoder.flush().unwrap();
        encoder.write_all(b" unknown length").unwrap();
        let sealed = encoder.finish().unwrap();
        assert!(decoded(&frame(&sealed, 25), &sealed).is_err());
    }

    #[test]
    fn splitter_finds_what_was_concatenated() {
        let parts: Vec<Vec<u8>> = (0u8..5).map(|i| vec![i; 300_000 * usize::from(i) + 1]).collect();
        let sealed: Vec<u8> = parts.iter().flat_map(|part| zstd::bulk::compress(part, 1).unwrap()).collect();
        let mut splitter = FrameSplitter::new(sealed.as_slice());
        for part in &parts {
            assert_eq!(next(&mut splitter).unwrap().as_ref(), Some(part));
        }
        assert_eq!(next(&mut splitter).unwrap(), None);
        let mut whole = Vec::new();
        FrameSplitter::new(sealed.as_slice()).into_reader().read_to_end(&mut whole).unwrap();
        assert_eq!(whole, parts.concat());
    }

    #[test]
    fn many_small_frames_are_found_and_empty_ones_are_refused() {
        // Ends of reads lie inside frames.
        let one = zstd::bulk::compress(&[7], 1).unwrap();
        let mut splitter = FrameSplitter::new(io::Cursor::new(one.repeat(2 * STEP / one.len())));
        let mut found = 0;
        while let Some(plain) = next(&mut splitter).unwrap() {
            assert_eq!(plain, [7]);
            found += 1;
        }
        assert_eq!(found, 2 * STEP / one.len());
        let empty = zstd::bulk::compress(&[], 1).unwrap();
        let skippable = [b"\x50\x2a\x4d\x18\x04\0\0\0rest".as_slice(), &one].concat();
        for sealed in [empty.repeat(3), skippable] {
            let error = next(&mut FrameSplitter::new(sealed.as_slice())).unwrap_err();
            assert!(error.to_string().contains("holds nothing"), "{error}");
        }
        assert!(decoded(&frame(&empty, 0), &empty).is_err());
    }

    #[test]
    fn a_cut_frame_is_an_error() {
        let sealed = zstd::bulk::compress(&[7; 1000], 1).unwrap();
        for cut in 1..sealed.len() {
            assert!(next(&mut FrameSplitter::new(&sealed[..cut])).is_err(), "{cut}");
        }
    }
}
