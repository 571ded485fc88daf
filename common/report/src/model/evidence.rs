//! Which checks stand behind a verdict, in plain words: a status code is a claim, these are the proofs.

use serde::Serialize;

/// One check and what came of it.
#[derive(Debug, Clone, Serialize)]
pub struct CheckRow {
    /// The check.
    pub check: Check,
    /// What came of it.
    pub outcome: Outcome,
    /// Numbers and limits, such as `3 of 3 volumes`.
    pub detail: String,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done on everything, and everything passed.
    Passed,
    /// Done on everything; what did not pass is in this report.
    Findings,
    /// Done on a part.
    Partial,
    /// Not done.
    NotDone,
}

impl Outcome {
    /// The outcome in words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "done, passed",
            Self::Findings => "done, with findings",
            Self::Partial => "done in part",
            Self::NotDone => "not done",
        }
    }
}

/// The checks that the suite knows, from the source to the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Balance of the plan.
    Balance,
    /// Captured UIDs equal the source's IMAGE-level list.
    SourceSets,
    /// A digest of each object at capture.
    ObjectDigests,
    /// Volumes read back after writing.
    ReadBack,
    /// Volumes checked on arrival.
    VolumeDigests,
    /// Status of each C-STORE.
    StoreStatus,
    /// UID sets at the destination, both ways.
    DestinationSets,
    /// Storage Commitment (PS3.4 Annex J).
    StorageCommitment,
    /// Retrieving objects back from the destination.
    RetrieveBack,
    /// Comparing decoded pixels.
    PixelDigests,
    /// Encryption on the medium.
    Encryption,
    /// Signature over the volumes.
    Signature,
}

impl Check {
    /// Its name for the reader.
    pub fn title(self) -> &'static str {
        match self {
            Self::Balance => "Balance equation",
            Self::SourceSets => "UID sets at the source",
            Self::ObjectDigests => "Digest of every object",
            Self::ReadBack => "Volumes read back after writing",
            Self::VolumeDigests => "Volumes checked on arrival",
            Self::StoreStatus => "C-STORE status of every instance",
            Self::DestinationSets => "UID sets at the destination, both ways",
            Self::StorageCommitment => "Storage commitment",
            Self::RetrieveBack => "Retrieved back and compared",
            Self::PixelDigests => "Decoded pixels compared",
            Self::Encryption => "Encryption on the medium",
            Self::Signature => "Signature over the volumes",
        }
    }

    /// What the check shows when it passes.
    pub fn shows(self) -> &'static str {
        match self {
            Self::Balance => {
                "Everything listed is done, excluded, failed or pending; nothing vanished inside."
            }
            Self::SourceSets => {
                "The UIDs captured are those that the source lists one by one, whatever its counters say."
            }
            Self::ObjectDigests => "BLAKE3 over every object's bytes as received; any later change is seen.",
            Self::ReadBack => "Every segment was read from the medium again and matches its digest.",
            Self::VolumeDigests => "What arrived is bit for bit what was written, checked before delivery.",
            Self::StoreStatus => "The destination answered for each instance; a claim, not yet a proof.",
            Self::DestinationSets => "The destination lists every instance, and none that was not carried.",
            Self::StorageCommitment => "The destination takes responsibility for keeping each instance.",
            Self::RetrieveBack => "The destination gives back the same bytes.",
            Self::PixelDigests => "The images decode to the same pixels.",
            Self::Encryption => "Nobody could read the volumes on the way.",
            Self::Signature => "The volumes are from the named exporter and none was exchanged.",
        }
    }
}
