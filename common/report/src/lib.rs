//! Audit reports of both programs: one plain data model, written as HTML, JSON and CSV.
//!
//! A report holds no patient names or ids: UIDs, dates and modalities only. Whoever fills the model sees
//! to that, also in reasons and queries that quote a peer. Memory stays bounded: studies and instances are
//! not part of [`Report`] but pass by as iterators, see [`write_all`].

mod clock;
mod error;
mod files;
pub mod filled;
mod footing;
mod html;
mod human;
mod model;
mod plot;
mod select;
mod svg;
mod ticks;
mod write;

pub use error::{Error, RowError};
pub use footing::Footing;
pub use model::{
    Allowance, Balance, BaselineRow, Baselines, CanaryRow, ChangeRow, Check, CheckRow, ClassRow, Compared,
    Conflict, ConflictObject, DamagedSegment, DeltaRun, Deltas, Equation, EventRow, Figure, InstanceRow,
    InstanceScope, Kind, Listing, Measured, MissingVolume, Outcome, Overall, PaceRow, PlanProof, PlanQuery,
    Program, RateSample, ReasonGroup, Report, Severity, Stage, StudyRow, TransferInfo, Verdict, VerdictCount,
    Verified, VolumeRow, VolumeState, class_word,
};
pub use select::{MOST_DISCREPANCIES, MOST_OTHERS};
pub use write::{Written, write_all};
