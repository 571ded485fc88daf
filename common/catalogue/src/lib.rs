//! A job's own database: what is planned, captured, packed, written, loaded, delivered and found.
//!
//! One `SQLite` file a job, the same schema for `p2t` and `t2p`; each fills its part. [`Catalogue`] is the one
//! writer, [`Reader`] any number of read-only views beside it. Every row that the balance counts has a state, and
//! only legal transitions succeed, so that `listed = done + excluded + failed + pending` holds at every commit.
//!
//! - [`plan`] what the transfer must carry, [`listing`] how that was found, [`comparison`] what others
//!   list; [`capture`], [`intake`], [`pack`], [`write`](mod@write) its way to a volume
//! - [`choice`] what of the plan is left out, what waits, and in which order the rest goes
//! - [`delta`] what the source changed since it was planned
//! - [`register`], [`load`], [`deliver`], [`answers`], [`audit`] its way from a volume into the destinations
//! - [`segments`], [`volumes`] what both ends know of them; [`copies`], [`damage`], [`loss`] what of them is on how many volumes
//! - [`balance`], [`reasons`], [`standing`] what reports tell; [`events`] what happened when, [`canary`] how the archive bore it, [`baseline`] how
//!   it answers otherwise, [`preflight`] what was found about it beforehand

pub mod answers;
mod attempts;
pub mod audit;
pub mod balance;
pub mod baseline;
pub mod canary;
pub mod capture;
pub mod choice;
mod claims;
pub mod comparison;
mod connection;
pub mod copies;
pub mod damage;
pub mod deliver;
pub mod delta;
pub mod doubt;
mod error;
pub mod events;
mod ids;
pub mod intake;
pub mod listing;
pub mod load;
pub mod loss;
mod object;
pub mod pack;
pub mod plan;
pub mod preflight;
pub mod reasons;
mod recount;
pub mod register;
mod rows;
mod schema;
pub mod segments;
pub mod shortfall;
pub mod standing;
mod states;
mod study;
mod tally;
mod time;
mod transition;
pub mod volumes;
pub mod write;

#[cfg(feature = "faults")]
pub use connection::CommitGate;
pub use connection::{Catalogue, Reader};
pub use error::{Error, Result};
pub use ids::{DestinationId, InstanceId, IntakeId, ListingId, SegmentId, StudyId, VolumeId};
pub use object::{Dataset, Digest, Object, PackedObject};
pub use states::{
    ChangeClass, DeliveryState, DeltaScope, InstanceState, IntakeState, Level, OddityState, SegmentState,
    StudyListing, Verdict, VolumeState,
};
pub use study::{PlanPosition, PlannedStudy, StudyRow};
