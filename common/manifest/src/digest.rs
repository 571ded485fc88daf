//! BLAKE3 digests, written as 64 lower-case hexadecimal digits wherever people or `b3sum` see them.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// A BLAKE3 digest of 256 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of bytes that are already in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // Upper case is refused so that a digest has one spelling and no flipped bit of it goes unnoticed.
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        blake3::Hash::from_hex(text)
            .ok()
            .filter(|_| lower)
            .map(|hash| Self(*hash.as_bytes()))
            .ok_or_else(|| Error::NotADigest { text: text.chars().take(80).collect() })
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Computes a [`Digest`] and counts bytes while they pass by.
#[derive(Clone, Default)]
pub struct Digester {
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Digester {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// How many bytes were taken so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest of everything taken so far.
    pub fn digest(&self) -> Digest {
        Digest(*self.hasher.finalize().as_bytes())
    }
}

/// A digester takes bytes like a file does.
impl Write for Digester {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes bytes on and digests what was taken.
pub struct DigestingWriter<W> {
    out: W,
    digester: Digester,
}

impl<W: Write> DigestingWriter<W> {
    /// Passes bytes on to `out`.
    pub fn new(out: W) -> Self {
        Self { out, digester: Digester::default() }
    }

    /// What has passed so far.
    pub fn digester(&self) -> &Digester {
        &self.digester
    }
}

impl<W: Write> Write for DigestingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.digester.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_as_b3sum_does() {
        let digest = Digest::of(b"");
        let text = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse::<Digest>().unwrap(), digest);
        assert!("af13".parse::<Digest>().is_err());
        assert!(text.to_uppercase().parse::<Digest>().is_err());
    }

    #[test]
    fn digester_equals_digest_of_whole() {
        let mut digester = Digester::default();
        digester.update(b"ab");
        digester.update(b"c");
        assert_eq!(digester.digest(), Digest::of(b"abc"));
        assert_eq!(digester.bytes(), 3);
    }

    #[test]
    fn a_writer_digests_what_was_taken_and_no_more() {
        let mut short = [0; 5];
        let mut writer = DigestingWriter::new(short.as_mut_slice());
        assert_eq!(writer.write(b"hello, world").unwrap(), 5);
        assert_eq!(writer.digester().digest(), Digest::of(b"hello"));
    }
}
