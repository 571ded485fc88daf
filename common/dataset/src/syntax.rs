//! Transfer syntaxes: how each encodes its dataset, and which ones an archive may hold.

/// How data elements are encoded (PS3.5 sections 7.1 and 7.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// No VR in the element header, little endian.
    ImplicitLe,
    /// VR in the element header, little endian.
    ExplicitLe,
    /// VR in the element header, big endian (retired, yet still in archives).
    ExplicitBe,
}

/// How a transfer syntax lays out a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Framing {
    /// The encoding of the data elements.
    pub encoding: Encoding,
    /// Whether the whole dataset is one raw deflate stream (RFC 1951).
    pub deflated: bool,
}

impl Encoding {
    /// The framing of a transfer syntax UID, padding allowed. Every compressed, private or unknown syntax is taken as
    /// Explicit VR Little Endian, as PS3.5 section 10 demands of all that encapsulate pixel data.
    pub fn of_transfer_syntax(uid: &str) -> Framing {
        let (encoding, deflated) = match uid.trim_matches(['\0', ' ']) {
            // GE's private syntax is implicit little endian but for its pixel data; Papyrus 3 is likewise implicit.
            "1.2.840.10008.1.2" | "1.2.840.113619.5.2" | "1.2.840.10008.1.20" => (Self::ImplicitLe, false),
            "1.2.840.10008.1.2.2" => (Self::ExplicitBe, false),
            "1.2.840.10008.1.2.1.99" | "1.2.840.10008.1.2.4.95" | "1.2.840.10008.1.2.4.205" => {
                (Self::ExplicitLe, true)
            }
            _ => (Self::ExplicitLe, false),
        };
        Framing { encoding, deflated }
    }

    /// The UID of the uncompressed transfer syntax with this encoding.
    pub const fn transfer_syntax(self) -> &'static str {
        match self {
            Self::ImplicitLe => "1.2.840.10008.1.2",
            Self::ExplicitLe => "1.2.840.10008.1.2.1",
            Self::ExplicitBe => "1.2.840.10008.1.2.2",
        }
    }

    /// The encoding's name as people say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ImplicitLe => "Implicit VR Little Endian",
            Self::ExplicitLe => "Explicit VR Little Endian",
            Self::ExplicitBe => "Explicit VR Big Endian",
        }
    }

    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        if self == Self::ExplicitBe { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        if self == Self::ExplicitBe { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    }
}

/// The storage transfer syntaxes that an archive may hold objects in (PS3.6 table A-1, retired ones that were in use
/// included), uncompressed ones first.
pub const TRANSFER_SYNTAXES: &[&str] = &[
    "1.2.840.10008.1.2.1",       // Explicit VR Little Endian
    "1.2.840.10008.1.2",         // Implicit VR Little Endian
    "1.2.840.10008.1.2.2",       // Explicit VR Big Endian
    "1.2.840.10008.1.2.1.99",    // Deflated Explicit VR Little Endian
    "1.2.840.10008.1.2.1.98",    // Encapsulated Uncompressed Explicit VR Little Endian
    "1.2.840.10008.1.2.8.1",     // Deflated Image Frame Compression
    "1.2.840.10008.1.2.5",       // RLE Lossless
    "1.2.840.10008.1.2.4.50",    // JPEG Baseline (process 1)
    "1.2.840.10008.1.2.4.51",    // JPEG Extended (processes 2 and 4)
    "1.2.840.10008.1.2.4.53",    // JPEG Spectral Selection (processes 6 and 8)
    "1.2.840.10008.1.2.4.55",    // JPEG Full Progression (processes 10 and 12)
    "1.2.840.10008.1.2.4.57",    // JPEG Lossless (process 14)
    "1.2.840.10008.1.2.4.70",    // JPEG Lossless, first-order prediction
    "1.2.840.10008.1.2.4.80",    // JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81",    // JPEG-LS Near-Lossless
    "1.2.840.10008.1.2.4.90",    // JPEG 2000 Lossless Only
    "1.2.840.10008.1.2.4.91",    // JPEG 2000
    "1.2.840.10008.1.2.4.92",    // JPEG 2000 Multi-component Lossless Only
    "1.2.840.10008.1.2.4.93",    // JPEG 2000 Multi-component
    "1.2.840.10008.1.2.4.94",    // JPIP Referenced
    "1.2.840.10008.1.2.4.95",    // JPIP Referenced Deflate
    "1.2.840.10008.1.2.4.100",   // MPEG2 Main Profile / Main Level
    "1.2.840.10008.1.2.4.100.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.101",   // MPEG2 Main Profile / High Level
    "1.2.840.10008.1.2.4.101.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.102",   // MPEG-4 AVC/H.264 High Profile / Level 4.1
    "1.2.840.10008.1.2.4.102.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.103",   // MPEG-4 AVC/H.264 BD-compatible
    "1.2.840.10008.1.2.4.103.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.104",   // MPEG-4 AVC/H.264 High Profile / Level 4.2 for 2D video
    "1.2.840.10008.1.2.4.104.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.105",   // MPEG-4 AVC/H.264 High Profile / Level 4.2 for 3D video
    "1.2.840.10008.1.2.4.105.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.106",   // MPEG-4 AVC/H.264 Stereo High Profile / Level 4.2
    "1.2.840.10008.1.2.4.106.1", // the same, fragmentable
    "1.2.840.10008.1.2.4.107",   // HEVC/H.265 Main Profile / Level 5.1
    "1.2.840.10008.1.2.4.108",   // HEVC/H.265 Main 10 Profile / Level 5.1
    "1.2.840.10008.1.2.4.110",   // JPEG XL Lossless
    "1.2.840.10008.1.2.4.111",   // JPEG XL JPEG Recompression
    "1.2.840.10008.1.2.4.112",   // JPEG XL
    "1.2.840.10008.1.2.4.201",   // High-Throughput JPEG 2000 Lossless Only
    "1.2.840.10008.1.2.4.202",   // High-Throughput JPEG 2000 with RPCL Lossless Only
    "1.2.840.10008.1.2.4.203",   // High-Throughput JPEG 2000
    "1.2.840.10008.1.2.4.204",   // JPIP HTJ2K Referenced
    "1.2.840.10008.1.2.4.205",   // JPIP HTJ2K Referenced Deflate
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn framing_follows_the_standard_and_falls_back_to_explicit() {
        let framing = |uid| Encoding::of_transfer_syntax(uid);
        assert_eq!(framing("1.2.840.10008.1.2\0").encoding, Encoding::ImplicitLe);
        assert_eq!(framing("1.2.840.10008.1.2.2").encoding, Encoding::ExplicitBe);
        assert_eq!(framing("1.2.840.113619.5.2").encoding, Encoding::ImplicitLe);
        assert_eq!(
            framing("1.2.840.10008.1.2.1.99"),
            Framing { encoding: Encoding::ExplicitLe, deflated: true }
        );
        assert_eq!(framing("1.2.3.unknown"), Framing { encoding: Encoding::ExplicitLe, deflated: false });
    }

    #[test]
    fn the_list_names_known_syntaxes_once() {
        let mut seen = std::collections::HashSet::new();
        assert!(TRANSFER_SYNTAXES.iter().all(|uid| seen.insert(uid) && crate::is_valid_uid(uid)));
    }
}
