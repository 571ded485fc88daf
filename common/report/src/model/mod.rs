//! The data model of a report: plain data that `p2t` and `t2p` fill and every rendering reads.

mod balance;
mod baseline;
mod delta;
mod evidence;
mod pace;
mod preflight;
mod report;
mod rows;
mod verdict;
mod volume;

pub use balance::{Balance, Equation};
pub use baseline::{BaselineRow, Baselines, Figure, Measured};
pub use delta::{ChangeRow, ClassRow, DeltaRun, Deltas, class_word};
pub use evidence::{Check, CheckRow, Outcome};
pub use pace::{Allowance, CanaryRow, PaceRow, RateSample, Stage};
pub use preflight::{Preflight, PreflightCheck};
pub use report::{
    Compared, EventRow, InstanceScope, Kind, Listing, Overall, PlanProof, PlanQuery, Program, Report,
    Severity, TransferInfo,
};
pub use rows::{Conflict, ConflictObject, InstanceRow, StudyRow};
pub use verdict::{ReasonGroup, Verdict, VerdictCount};
pub use volume::{DamagedSegment, MissingVolume, Verified, VolumeRow, VolumeState};
