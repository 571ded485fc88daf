//! Data elements in the encoding of a transfer syntax (PS3.5 section 7 and annex A).

use std::io::Write;

use dataset::{Encoding, Tag};
use flate2::Compression;
use flate2::write::DeflateEncoder;

const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const SEQUENCE_DELIMITATION: Tag = Tag(0xFFFE, 0xE0DD);
const UNDEFINED: u32 = u32::MAX;

const RLE_LOSSLESS: &str = "1.2.840.10008.1.2.5";
/// Header of an RLE frame: sixteen numbers of four bytes (PS3.5 section G.5).
const RLE_HEADER: u32 = 64;
/// Longest run of bytes as they are.
const RLE_RUN: usize = 128;

/// A dataset that grows, its elements in the order of their tags.
pub(crate) struct Elements<'a> {
    transfer_syntax: &'a str,
    encoding: Encoding,
    bytes: Vec<u8>,
}

impl<'a> Elements<'a> {
    pub fn new(transfer_syntax: &'a str) -> Self {
        let encoding = Encoding::of_transfer_syntax(transfer_syntax).encoding;
        Self { transfer_syntax, encoding, bytes: Vec::new() }
    }

    /// A text or UID, padded to an even length.
    pub fn text(&mut self, tag: Tag, vr: [u8; 2], value: &str) {
        let pad = if vr == *b"UI" { 0 } else { b' ' };
        let mut value = value.as_bytes().to_vec();
        if !value.len().is_multiple_of(2) {
            value.push(pad);
        }
        self.short(tag, vr, &value);
    }

    /// A number of VR US.
    pub fn number(&mut self, tag: Tag, value: u16) {
        let value = if self.is_big() { value.to_be_bytes() } else { value.to_le_bytes() };
        self.short(tag, *b"US", &value);
    }

    /// Pixel Data of one frame of an even number of bytes, a byte a sample: as it is, or as an encapsulated fragment. That
    /// decodes where the syntax is RLE Lossless; other codecs' bits are not made here.
    pub fn pixels(&mut self, frame: &[u8]) {
        let is_native = dataset::TRANSFER_SYNTAXES
            .iter()
            .take_while(|syntax| **syntax != "1.2.840.10008.1.2.1.98")
            .any(|syntax| *syntax == self.transfer_syntax);
        if is_native {
            self.tag(PIXEL_DATA);
            if self.encoding != Encoding::ImplicitLe {
                self.bytes.extend_from_slice(b"OB\0\0");
            }
            self.length(frame.len() as u32);
            return self.bytes.extend_from_slice(frame);
        }
        self.tag(PIXEL_DATA);
        self.bytes.extend_from_slice(b"OB\0\0");
        self.length(UNDEFINED);
        self.tag(ITEM);
        self.length(0);
        let fragment = if self.transfer_syntax == RLE_LOSSLESS { rle(frame) } else { frame.to_vec() };
        self.tag(ITEM);
        self.length(fragment.len() as u32);
        self.bytes.extend_from_slice(&fragment);
        self.tag(SEQUENCE_DELIMITATION);
        self.length(0);
    }

    /// The dataset; of even length also where it is deflated.
    pub fn finish(self) -> Vec<u8> {
        if !Encoding::of_transfer_syntax(self.transfer_syntax).deflated {
            return self.bytes;
        }
        let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
        let written = deflated.write_all(&self.bytes).and_then(|()| deflated.finish());
        let mut bytes = written.unwrap_or_default();
        if !bytes.len().is_multiple_of(2) {
            bytes.push(0);
        }
        bytes
    }

    fn is_big(&self) -> bool {
        self.encoding == Encoding::ExplicitBe
    }

    fn short(&mut self, tag: Tag, vr: [u8; 2], value: &[u8]) {
        self.tag(tag);
        if self.encoding == Encoding::ImplicitLe {
            self.length(value.len() as u32);
        } else {
            self.bytes.extend_from_slice(&vr);
            self.half(value.len() as u16);
        }
        self.bytes.extend_from_slice(value);
    }

    fn tag(&mut self, Tag(group, element): Tag) {
        self.half(group);
        self.half(element);
    }

    fn half(&mut self, number: u16) {
        let bytes = if self.is_big() { number.to_be_bytes() } else { number.to_le_bytes() };
        self.bytes.extend_from_slice(&bytes);
    }

    fn length(&mut self, number: u32) {
        let bytes = if self.is_big() { number.to_be_bytes() } else { number.to_le_bytes() };
        self.bytes.extend_from_slice(&bytes);
    }
}

/// One frame of one segment, nothing of it shortened.
fn rle(frame: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = [1, RLE_HEADER].into_iter().flat_map(u32::to_le_bytes).collect();
    out.resize(RLE_HEADER as usize, 0);
    for run in frame.chunks(RLE_RUN) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
    if !out.len().is_multiple_of(2) {
        out.push(0);
    }
    out
}
