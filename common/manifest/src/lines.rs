//! The typed lines of `MANIFEST.jsonl` (one segment) and `INDEX.jsonl` (one volume).
//!
//! A series line belongs to the study line before it, an object line to the series line before it, a frame
//! line to the segment line before it: so nothing that many objects share is repeated on each.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::baseline::Baseline;
use crate::changes::{Presence, Reidentified};
use crate::{Codec, Digest, Error};

/// One line. The field `type` names the kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// First line of a `MANIFEST.jsonl`.
    Manifest(SegmentHead),
    /// First line of an `INDEX.jsonl`.
    Index(IndexHead),
    /// A volume written before this one.
    EarlierVolume(EarlierVolume),
    /// A segment on this volume; its frames, studies, series and objects follow.
    Segment(Segment),
    /// A frame of the segment.
    Frame(Frame),
    /// A study, of which at least one object lies in the segment.
    Study(Study),
    /// A series of the study.
    Series(Series),
    /// An object of the series.
    Object(Object),
    /// How the source answered a small workload.
    Baseline(Baseline),
    /// The source deleted a study or an instance.
    Deleted(Presence),
    /// What the source had deleted is there again.
    Restored(Presence),
    /// The source changed the keys of a study.
    Reidentified(Box<Reidentified>),
    /// Last line of an index: how far the whole transfer had come.
    TransferState(TransferState),
    /// A kind that this reader does not know. It says nothing about the kinds that it knows.
    #[serde(other, skip_serializing)]
    Other,
}

/// How the findings of an object begin that cannot be what it came as: it is not whole, or of another instance, SOP class, study or
/// transfer syntax.
pub const IN_DOUBT: &str = "in doubt: ";

/// Whose manifest it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHead {
    /// Format version.
    pub format: u32,
    /// The transfer.
    pub transfer: Uuid,
    /// The volume set.
    pub volume_set: Uuid,
    /// Number of the segment in the transfer, from 1.
    pub segment: u32,
}

/// Whose index it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexHead {
    /// Format version.
    pub format: u32,
    /// The transfer.
    pub transfer: Uuid,
    /// The volume set.
    pub volume_set: Uuid,
    /// The volume.
    pub volume: Uuid,
    /// Its copy number.
    pub copy: u32,
    /// Its place in the set.
    pub sequence: u32,
}

/// Link of the chain to a volume that was sealed earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierVolume {
    /// Its place in the set.
    pub sequence: u32,
    /// Its id.
    pub volume: Uuid,
    /// Digest of its index file as it lies on the medium.
    pub index_blake3: Digest,
}

/// A segment file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Number in the transfer, from 1.
    pub number: u32,
    /// Number of the file on the medium; the label is file 0.
    pub file: u32,
    /// Name of the file on a directory medium.
    pub name: String,
    /// Length of the file as it lies on the medium.
    pub bytes: u64,
    /// Digest of the file as it lies on the medium.
    pub blake3: Digest,
    /// Length of the tar stream inside.
    pub tar_bytes: u64,
    /// Digest of the tar stream inside.
    pub tar_blake3: Digest,
    /// How many objects.
    pub objects: u32,
}

/// An independently decodable piece of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Where it begins in the (decrypted) segment file.
    pub at: u64,
    /// Its length there.
    pub bytes: u64,
    /// Where its content begins in the tar stream.
    pub tar_at: u64,
    /// Length of its content, at most [`crate::MAX_FRAME_BYTES`].
    pub tar_bytes: u64,
    /// How to decode it.
    pub codec: Codec,
}

/// A study. Values are as the source gave them, decoded to Unicode.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Study {
    /// Study Instance UID (0020,000D); absent when the object has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Patient ID (0010,0020).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_id: Option<String>,
    /// Issuer of Patient ID (0010,0021).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Patient's Name (0010,0010).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_name: Option<String>,
    /// Study Date (0008,0020).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Study Time (0008,0030).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Accession Number (0008,0050).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accession: Option<String>,
    /// Study Description (0008,1030).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A series of the study line before it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Series {
    /// Series Instance UID (0020,000E); absent when the object has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Modality (0008,0060).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modality: Option<String>,
}

/// An object of the series line before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Name of its member in the segment's tar.
    pub member: String,
    /// Where its first byte lies in the tar stream.
    pub tar_offset: u64,
    /// SOP Instance UID; absent when the object has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sop_instance: Option<String>,
    /// SOP Class UID; absent when the object has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sop_class: Option<String>,
    /// Transfer Syntax UID of the dataset; absent when nothing says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_syntax: Option<String>,
    /// Length of the object's file.
    pub bytes: u64,
    /// Digest of the object's file.
    pub blake3: Digest,
    /// Where the dataset begins in the file: behind preamble and File Meta.
    pub dataset_offset: u64,
    /// Digest of the dataset, from `dataset_offset` to the end.
    pub dataset_blake3: Digest,
    /// The path below the source folder, when the source was a folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What was odd about the object when it was captured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

/// The balance of the whole transfer when the volume was sealed: listed = written + excluded + failed + pending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferState {
    /// Instances that the plan lists.
    pub listed: u64,
    /// Instances on this and the earlier volumes.
    pub written: u64,
    /// Instances left out, with a reason in the source's report.
    pub excluded: u64,
    /// Instances that could not be captured, with a reason in the source's report.
    pub failed: u64,
    /// Instances still to come.
    pub pending: u64,
    /// Whether this was the last volume of the transfer as planned so far.
    pub last: bool,
}

/// Appends a line with its line feed; nothing, if it is longer than [`crate::MAX_LINE_BYTES`].
pub fn write_line(out: &mut Vec<u8>, line: &Line) -> Result<(), Error> {
    let begin = out.len();
    serde_json::to_writer(&mut *out, line).map_err(Error::malformed("a manifest line"))?;
    out.push(b'\n');
    let bytes = out.len() - begin;
    if bytes > crate::MAX_LINE_BYTES {
        out.truncate(begin);
        return Err(Error::LineTooLong { bytes });
    }
    Ok(())
}

/// Reads one line, without or with its line feed.
pub fn read_line(text: &[u8]) -> Result<Line, Error> {
    let line: Line = serde_json::from_slice(text).map_err(Error::malformed("a manifest line"))?;
    match &line {
        Line::Manifest(head) => crate::error::check_format("the manifest", head.format)?,
        Line::Index(head) => crate::error::check_format("the index", head.format)?,
        _ => {}
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_no_reader_takes_is_not_written() {
        let study =
            |length: usize| Line::Study(Study { description: Some("x".repeat(length)), ..Study::default() });
        let mut out = Vec::new();
        write_line(&mut out, &study(0)).unwrap();
        let empty = out.len();
        write_line(&mut out, &study(crate::MAX_LINE_BYTES - empty)).unwrap();
        assert_eq!(out.len(), empty + crate::MAX_LINE_BYTES);
        let error = write_line(&mut out, &study(crate::MAX_LINE_BYTES - empty + 1)).unwrap_err();
        assert!(matches!(error, Error::LineTooLong { .. }), "{error}");
        assert_eq!(out.len(), empty + crate::MAX_LINE_BYTES);
    }

    #[test]
    fn what_stands_in_a_line_that_is_not_understood_is_not_quoted() {
        let forged = [
            r#"{"type":"frame","at":"Mustermann^Erika"}"#,
            r#"{"type":"frame","Mustermann^Erika"}"#,
            "Mustermann^Erika",
        ];
        for line in forged {
            let message = read_line(line.as_bytes()).unwrap_err().to_string();
            assert!(message.contains("cannot be understood") && !message.contains("Erika"), "{message}");
        }
    }
}
