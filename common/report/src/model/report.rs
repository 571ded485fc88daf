//! The report as a whole: whose it is, what it concludes, and everything but the studies and instances.

use catalogue::choice::{PlanOrder, StudyReason};
use catalogue::comparison::Comparison;
use catalogue::listing::ListingProof;
use catalogue::shortfall::Shortfall;
use jiff::Timestamp;
use serde::Serialize;

use super::{
    Balance, Baselines, CanaryRow, CheckRow, Conflict, DamagedSegment, Deltas, MissingVolume, PaceRow,
    Preflight, RateSample, ReasonGroup, VerdictCount, VolumeRow,
};

/// Everything a report says, except studies and instances, which pass by as rows.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The program that made it.
    pub program: Program,
    /// The program's version.
    pub version: String,
    /// What the report is about.
    pub kind: Kind,
    /// When it was made.
    pub generated_at: Timestamp,
    /// Time zone of every civil time in the HTML: an IANA name or a POSIX TZ string. Unknown ones count as UTC.
    pub time_zone: String,
    /// The transfer.
    pub transfer: TransferInfo,
    /// The conclusion. A balance that does not hold overrules `Clean`.
    pub verdict: Overall,
    /// The conclusion in one sentence.
    pub summary: String,
    /// The balance of law 1.
    pub balance: Balance,
    /// Instances per verdict; `Extra` ones are not part of the balance.
    pub verdicts: Vec<VerdictCount>,
    /// What is not cleanly done, grouped by reason.
    pub reasons: Vec<ReasonGroup>,
    /// Which checks were done, and which were not.
    pub evidence: Vec<CheckRow>,
    /// The volumes, by sequence and copy.
    pub volumes: Vec<VolumeRow>,
    /// Volumes known from other volumes or a shipping list, but not seen.
    pub missing_volumes: Vec<MissingVolume>,
    /// Segments of which not every object could be read.
    pub damage: Vec<DamagedSegment>,
    /// SOP Instance UIDs that more than one object claims.
    pub conflicts: Vec<Conflict>,
    /// How the plan was enumerated.
    pub plan: PlanProof,
    /// Work done over time, in any order; thin it out to a few thousand samples per stage.
    pub rates: Vec<RateSample>,
    /// The pace log, oldest first.
    pub pace: Vec<PaceRow>,
    /// What the archive's answers took while work went on, oldest first; thin it out to a few hundred rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canary: Vec<CanaryRow>,
    /// What was found about the source beforehand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preflight: Option<Preflight>,
    /// How the archives answered the same small workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baselines: Option<Baselines>,
    /// What the source changed meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deltas: Option<Deltas>,
    /// Events that matter to the reader, oldest first.
    pub events: Vec<EventRow>,
    /// Which instances the file of instances lists.
    pub instance_scope: InstanceScope,
}

impl Report {
    /// The conclusion after the balance had its say: with a broken balance, nothing is clean.
    pub fn overall(&self) -> Overall {
        match self.verdict {
            Overall::Clean if !self.balance.holds() => Overall::Discrepancies,
            verdict => verdict,
        }
    }
}

/// The program that made the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// The exporting program.
    P2t,
    /// The ingesting program.
    T2p,
}

impl Program {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::P2t => "p2t",
            Self::T2p => "t2p",
        }
    }
}

/// What the report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// From the source onto volumes.
    Export,
    /// From volumes into the destination.
    Ingest,
    /// The destination compared with the manifest.
    Audit,
}

impl Kind {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Export => "Export",
            Self::Ingest => "Ingest",
            Self::Audit => "Audit",
        }
    }

    /// What a reader should take the report for.
    pub fn subject(self) -> &'static str {
        match self {
            Self::Export => "What left the source and lies on the volumes",
            Self::Ingest => "What came off the volumes and went to the destination",
            Self::Audit => "What the destination holds, compared with what the volumes carry",
        }
    }
}

/// The conclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    /// All done, nothing to explain.
    Clean,
    /// All done, but something needs a human's eye.
    Discrepancies,
    /// Work is pending; a rerun continues.
    Incomplete,
    /// It cannot go on.
    Failed,
}

impl Overall {
    /// The conclusion in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clean => "Clean",
            Self::Discrepancies => "Discrepancies",
            Self::Incomplete => "Incomplete",
            Self::Failed => "Failed",
        }
    }
}

/// The transfer and who ran it.
#[derive(Debug, Clone, Serialize)]
pub struct TransferInfo {
    /// Transfer id.
    pub id: String,
    /// Volume set id.
    pub volume_set: String,
    /// The source: a node, an address or a folder.
    pub source: String,
    /// The destinations; empty at the exporting end.
    pub destinations: Vec<String>,
    /// `user@host`.
    pub operator: String,
    /// BLAKE3 of the configuration in force.
    pub config_digest: String,
    /// When the transfer's first work was done.
    pub started_at: Option<Timestamp>,
    /// When its last work was done.
    pub finished_at: Option<Timestamp>,
}

/// How the plan was enumerated, and what came of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PlanProof {
    /// In a sentence: how the list was made, and why it is whole.
    pub method: String,
    /// The selection in words, without values that identify a patient.
    pub selection: String,
    /// In which order studies go, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<PlanOrder>,
    /// Why studies are left out as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_studies: Vec<StudyReason>,
    /// What studies wait for before they are fetched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting_studies: Vec<StudyReason>,
    /// The queries, or a line per kind of query with their sum where there are many.
    pub queries: Vec<PlanQuery>,
    /// Instances that the source's own counters claim, where it gives them.
    pub claimed_instances: Option<u64>,
    /// Studies of which the source claims more instances than it lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_studies: Option<Shortfall>,
    /// The finished listings of a PACS, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listings: Vec<Listing>,
    /// The last comparison with a list that others keep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Compared>,
}

/// What was listed, held against a list that others keep.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// When.
    pub at: Timestamp,
    /// What came of it, in words.
    pub text: String,
    /// The same in numbers.
    #[serde(flatten)]
    pub comparison: Comparison,
}

/// One enumeration of a PACS.
#[derive(Debug, Clone, Serialize)]
pub struct Listing {
    /// When it was finished.
    pub finished_at: Timestamp,
    /// What it came to, in words.
    pub text: String,
    /// The same in numbers.
    #[serde(flatten)]
    pub proof: ListingProof,
}

/// A query, or queries of one kind taken together.
#[derive(Debug, Clone, Serialize)]
pub struct PlanQuery {
    /// When the (first) query was sent.
    pub at: Timestamp,
    /// Level and keys, such as `STUDY StudyDate=20200101-20200131`; no values that identify a patient.
    pub query: String,
    /// How many queries this row stands for.
    pub count: u64,
    /// Matches returned.
    pub matches: u64,
    /// What was noticed: truncated and split, timed out and repeated.
    pub note: String,
}

/// An event that matters to the reader.
#[derive(Debug, Clone, Serialize)]
pub struct EventRow {
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub severity: Severity,
    /// What, as a sentence without patient data.
    pub message: String,
}

/// How grave an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Needs a look.
    Warning,
    /// Harmed the work.
    Error,
}

impl Severity {
    /// The severity in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Which instances the file of instances lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceScope {
    /// Every instance.
    All,
    /// Those that are not cleanly done.
    NotClean,
}
