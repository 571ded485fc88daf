use std::io;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Gives its bytes in pieces of these lengths, over and over.
struct Pieces {
    bytes: Vec<u8>,
    at: usize,
    lengths: Vec<usize>,
    turn: usize,
}

impl Read for Pieces {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let length = self.lengths[self.turn % self.lengths.len()];
        self.turn += 1;
        let rest = &self.bytes[self.at..];
        let length = length.min(target.len()).min(rest.len());
        target[..length].copy_from_slice(&rest[..length]);
        self.at += length;
        Ok(length)
    }
}

const BOUNDARY: &str = "b-1";

/// The whole parts, and how the body ended.
fn parts(bytes: &[u8], lengths: &[usize]) -> (Vec<Vec<u8>>, Result<(), Error>) {
    let body = Pieces { bytes: bytes.to_vec(), at: 0, lengths: lengths.to_vec(), turn: 0 };
    let mut multipart = Multipart::new(body, BOUNDARY).unwrap();
    let mut whole = Vec::new();
    let mut read = || loop {
        if multipart.next_part()?.is_none() {
            return Ok(());
        }
        let mut part = Vec::new();
        while let Some(chunk) = multipart.chunk()? {
            assert!(!chunk.is_empty());
            part.extend_from_slice(chunk);
        }
        whole.push(part);
    };
    let end = read();
    (whole, end)
}

fn body(parts: &[Vec<u8>], line_end: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        let head =
            format!("{line_end}--{BOUNDARY}{line_end}Content-Type: application/dicom{line_end}{line_end}");
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(part);
    }
    bytes.extend_from_slice(format!("{line_end}--{BOUNDARY}--{line_end}").as_bytes());
    bytes
}

#[test]
fn parts_are_read_with_their_headers() {
    let text = b"ignored\r\n--b-1 \t\r\ncontent-TYPE : application/dicom; a=b\r\nContent-Length: 3\r\n\r\nabc\r\n--b-1\r\n\r\n\r\n--b-1--\r\nignored";
    let mut multipart = Multipart::new(text.as_slice(), BOUNDARY).unwrap();
    let head = multipart.next_part().unwrap().unwrap();
    assert_eq!(head, PartHead { content_type: "application/dicom; a=b".into(), length: Some(3) });
    assert_eq!(multipart.chunk().unwrap(), Some(b"abc".as_slice()));
    assert_eq!(multipart.chunk().unwrap(), None);
    assert_eq!(multipart.next_part().unwrap(), Some(PartHead::default()));
    assert_eq!(multipart.chunk().unwrap(), None);
    assert_eq!(multipart.next_part().unwrap(), None);
    assert_eq!(multipart.next_part().unwrap(), None);
}

#[test]
fn what_is_not_read_of_a_part_is_skipped() {
    let bytes = body(&[vec![1; 700_000], b"second".to_vec()], "\r\n");
    let mut multipart = Multipart::new(bytes.as_slice(), BOUNDARY).unwrap();
    multipart.next_part().unwrap().unwrap();
    multipart.chunk().unwrap().unwrap();
    multipart.next_part().unwrap().unwrap();
    assert_eq!(multipart.chunk().unwrap(), Some(b"second".as_slice()));
}

#[test]
fn a_boundary_may_follow_the_headers_at_once() {
    let (whole, end) = parts(b"--b-1\r\na: b\r\n\r\n--b-1\r\n\r\nx\r\n--b-1--", &[1]);
    assert_eq!(whole, [b"".to_vec(), b"x".to_vec()]);
    end.unwrap();
}

#[test]
fn only_the_ends_of_lines_that_the_body_uses_belong_to_its_boundaries() {
    let odd = b"\r\n--b-1x \n--b-1\n\r--b-1\r\n--b-1 -- \r\r".to_vec();
    let (whole, end) = parts(&body(std::slice::from_ref(&odd), "\r\n"), &[3]);
    end.unwrap();
    assert_eq!(whole, [odd]);
    let (whole, end) = parts(&body(&[b"ends in CR\r".to_vec()], "\n"), &[2]);
    end.unwrap();
    assert_eq!(whole, [b"ends in CR\r".to_vec()]);
}

#[test]
fn a_body_without_its_closing_boundary_is_cut_short() {
    for text in [
        "",
        "--b-1",
        "--b-1\r\n",
        "--b-1\r\na: b\r\n\r\nabc",
        "--b-1\r\n\r\nabc\r\n--b-1",
        "--b-1\r\n\r\nabc\r\n--b-1-",
    ] {
        let (whole, end) = parts(text.as_bytes(), &[2]);
        assert!(whole.is_empty() && matches!(end, Err(Error::CutShort)), "{text:?}: {end:?}");
    }
}

#[test]
fn headers_and_preamble_without_end_are_refused() {
    let endless = io::repeat(b'x');
    let mut multipart = Multipart::new(endless, BOUNDARY).unwrap();
    assert!(multipart.next_part().unwrap_err().to_string().contains("longer than 64 KiB"));
    let lines = io::Cursor::new("line\r\n".repeat(1_000_000));
    let mut multipart = Multipart::new(lines, BOUNDARY).unwrap();
    assert!(multipart.next_part().unwrap_err().to_string().contains("first boundary is missing"));
    for filler in ["x", "a: b\r\n"] {
        let head = format!("--b-1\r\n{}", filler.repeat(1_000_000));
        let mut multipart = Multipart::new(head.as_bytes(), BOUNDARY).unwrap();
        let error = multipart.next_part().unwrap_err().to_string();
        assert!(error.contains("16 KiB"), "{error}");
    }
    assert!(Multipart::new(io::empty(), "").is_err());
}

/// Bytes that look like boundaries now and then.
fn tricky() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..6),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n--b-".to_vec()),
        Just(b"\r\n--b-11".to_vec()),
        Just(b"\r\n--b-1 x".to_vec()),
        Just(b"--b-1x".to_vec()),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn lengths() -> impl Strategy<Value = Vec<usize>> {
    vec(1_usize..40, 1..5)
}

proptest! {
    #[test]
    fn every_part_comes_back_exactly(
        given in vec(tricky(), 0..5), lengths in lengths(), line_end in prop_oneof![Just("\r\n"), Just("\n")],
    ) {
        // With LF alone, CR LF in front of a boundary ends a line, too.
        prop_assume!(line_end == "\r\n" || !given.iter().any(|part| part.windows(6).any(|w| w == b"\n--b-1")));
        prop_assume!(!given.iter().any(|part| part.windows(9).any(|w| w == b"\r\n--b-1\r\n" || w == b"\r\n--b-1--")));
        prop_assume!(!given.iter().any(|part| part.starts_with(b"--b-1\r\n") || part.starts_with(b"--b-1--")));
        let (whole, end) = parts(&body(&given, line_end), &lengths);
        prop_assert!(end.is_ok(), "{:?}", end);
        prop_assert_eq!(whole, given);
    }

    #[test]
    fn of_a_body_that_is_cut_only_whole_parts_come(
        given in vec(vec(any::<u8>(), 0..300), 1..5), lengths in lengths(), at in any::<prop::sample::Index>(),
    ) {
        let bytes = body(&given, "\r\n");
        let close = bytes.len() - 2;
        let (whole, end) = parts(&bytes[..at.index(close)], &lengths);
        prop_assert!(matches!(end, Err(Error::CutShort)), "{:?}", end);
        prop_assert!(whole.len() <= given.len());
        prop_assert_eq!(whole.as_slice(), &given[..whole.len()]);
    }

    #[test]
    fn nothing_makes_it_fail_otherwise_than_by_an_error(
        given in vec(tricky(), 0..4), lengths in lengths(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let mut bytes = body(&given, "\r\n");
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = parts(&bytes, &lengths);
    }
}
