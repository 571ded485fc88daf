//! What `p2t` writes to, and how: `[media]`.

use medium::scsi::{FORMATS, Format};
use pace::ByteSize;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    check::{Fault, at_least, in_range},
    page::Page,
};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// `[media]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MediaConfig {
    /// The media in the order in which they are filled; `{seq}` stands for the volume's number, `{copy}` for the copy's.
    pub to: Vec<String>,
    /// How many identical volume sets are written, 1 to 4.
    pub copies: u32,
    /// How much a volume may hold, for media that do not know their own end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_bytes: Option<ByteSize>,
    /// What cartridges there will be, for the forecast.
    #[serde(
        serialize_with = "format_name",
        deserialize_with = "named_format",
        skip_serializing_if = "Option::is_none"
    )]
    pub cartridge: Option<Format>,
    /// The size of a tape record, in whole pages of 4 KiB up to 4 MiB.
    pub record_bytes: ByteSize,
    /// At most so much is written between two commits, if segments are not larger; at least 1 MiB.
    pub commit_bytes: ByteSize,
    /// At most so long is written between two commits, but for the segment at hand; 1 second to an hour.
    pub commit_seconds: u32,
    /// How much is gathered in the spool before it is written in one go, up to the limit of the spool; none: as suits
    /// the medium.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst_bytes: Option<ByteSize>,
    /// How each volume is checked when it is complete.
    pub verify: Verify,
    /// What happens when a drive needs its next cartridge and no library brings one.
    pub change: Change,
    /// How long a cartridge is waited for, in hours, from 1 to 720.
    pub change_hours: u32,
}

/// What an export does that needs a cartridge which only an operator can bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Asks for it and waits.
    #[default]
    Wait,
    /// Ends.
    Stop,
}

impl Change {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Stop => "stop",
        }
    }
}

/// How a volume is checked when it is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// All of it is read back, every digest checked
    #[default]
    Full,
    /// Label, index, trailer and some of the segments are read back
    Sample,
    /// Nothing is read back
    None,
}

impl Verify {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Sample => "sample",
            Self::None => "none",
        }
    }
}

#[allow(clippy::ref_option, reason = "serde hands the field over so")]
fn format_name<S: Serializer>(format: &Option<Format>, serializer: S) -> Result<S::Ok, S::Error> {
    format.map(|format| format.name).serialize(serializer)
}

fn named_format<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Format>, D::Error> {
    let name = String::deserialize(deserializer)?;
    let known = || FORMATS.map(|format| format.name).join(", ");
    let unknown = || de::Error::custom(format!("`{name}` is no LTO format that is known: {}", known()));
    Format::named(&name).map(Some).ok_or_else(unknown)
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            to: Vec::new(),
            copies: 1,
            volume_bytes: None,
            cartridge: None,
            record_bytes: ByteSize(256 * KIB),
            commit_bytes: ByteSize(32_000_000_000),
            commit_seconds: 120,
            burst_bytes: None,
            verify: Verify::Full,
            change: Change::Wait,
            change_hours: 24,
        }
    }
}

impl MediaConfig {
    /// The most copies that can be written.
    pub const MOST_COPIES: u32 = 4;

    pub(super) fn check(&self, spool_limit: ByteSize) -> Result<(), Fault> {
        in_range("media.copies", self.copies, 1..=Self::MOST_COPIES)?;
        in_range("media.record_bytes", self.record_bytes, ByteSize(4 * KIB)..=ByteSize(4 * MIB))?;
        if !self.record_bytes.0.is_multiple_of(4 * KIB) {
            let message = format!("is {}, but must be a multiple of 4 KiB", self.record_bytes);
            return Err(Fault { key: "media.record_bytes", message });
        }
        at_least("media.commit_bytes", self.commit_bytes, ByteSize(MIB))?;
        in_range("media.commit_seconds", self.commit_seconds, 1..=3600)?;
        in_range("media.change_hours", self.change_hours, 1..=720)?;
        self.burst_bytes
            .map_or(Ok(()), |burst| in_range("media.burst_bytes", burst, ByteSize(0)..=spool_limit))
    }

    pub(super) fn render(&self, page: &mut Page) {
        page.table("media", "What is written.");
        page.list(
            "Tape drives (/dev/nst0), virtual tapes (FILE.tap) or directories, filled in this order. {seq} stands for the volume's number in four\n\
             digits, so that one name serves for all volumes: vol-0001.tap, vol-0002.tap. Without it, each serves for one.",
            "to",
            self.to.clone(),
            "[\"vol-{seq}.tap\"]",
        );
        page.key(
            "How many identical volume sets are written in one pass, 1 to 4. With more than one, `to` says which medium is for which:\n\
             one drive for each copy in order; [\"copy1=/dev/nst0\", \"copy2=/dev/nst1\"]; names with {copy} in them; or a single drive,\n\
             which the copies then share volume by volume: no volume is larger than the spool in that case.",
            "copies",
            i64::from(self.copies),
        );
        let volume_bytes = self.volume_bytes.map(|size| size.to_string());
        page.optional("How much one volume may hold.", "volume_bytes", volume_bytes, "\"2 TB\"");
        page.optional(
            "The cartridges, for the forecast, if none is in the drive when the plan is made: LTO-5 to LTO-10, or the ending of\n\
             their barcodes, such as L8.",
            "cartridge",
            self.cartridge.map(|format| format.name),
            "\"LTO-8\"",
        );
        page.key("The size of a tape record.", "record_bytes", self.record_bytes.to_string());
        page.key(
            "What is written is made durable, and the spool freed of it, at the latest after so many bytes or seconds.",
            "commit_bytes",
            self.commit_bytes.to_string(),
        );
        page.bare_key("commit_seconds", i64::from(self.commit_seconds));
        let burst_bytes = self.burst_bytes.map(|size| size.to_string());
        page.optional(
            "Segments gather in the spool until there are so many bytes of them, and then are written without a pause, so that a\n\
             drive that is faster than the source need not stop and start. If left out: for tape half of the spool, at most\n\
             100 GB; for disks 0, which means at once.",
            "burst_bytes",
            burst_bytes,
            "\"32 GB\"",
        );
        page.key(
            "When a volume is complete: \"full\" reads all of it back and checks every digest; \"sample\" label, index, trailer and some\n\
             segments; \"none\" nothing: then run `p2t verify` for each before it leaves. The report says which.",
            "verify",
            self.verify.name(),
        );
        page.key(
            "When a tape drive needs its next cartridge and no library ([changer]) brings one: \"wait\" gives the full one out, asks for a\n\
             blank one and waits for it, so many hours; \"stop\" ends, to be run again.",
            "change",
            self.change.name(),
        );
        page.bare_key("change_hours", i64::from(self.change_hours));
    }
}
