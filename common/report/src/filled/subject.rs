//! What a report is about, and what that makes of an instance: one verdict each, on the side that the balance counts.

use catalogue::balance::{Stage, Tally};
use catalogue::standing::{InstanceStanding, StandingCursor};
use catalogue::{DeliveryState, DestinationId, InstanceState};

use crate::{Equation, Kind, Program, Verdict};

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// From the source onto volumes.
    Export,
    /// From volumes to a destination; its answers count.
    Ingest(DestinationId),
    /// A destination as it was audited; only evidence counts.
    Audit(DestinationId),
}

impl Subject {
    pub fn program(self) -> Program {
        match self {
            Self::Export => Program::P2t,
            Self::Ingest(_) | Self::Audit(_) => Program::T2p,
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            Self::Export => Kind::Export,
            Self::Ingest(_) => Kind::Ingest,
            Self::Audit(_) => Kind::Audit,
        }
    }

    pub fn stage(self) -> Stage {
        match self {
            Self::Export => Stage::Export,
            Self::Ingest(destination) => Stage::Deliver(destination),
            Self::Audit(destination) => Stage::Audit(destination),
        }
    }

    pub fn destination(self) -> Option<DestinationId> {
        match self {
            Self::Export => None,
            Self::Ingest(destination) | Self::Audit(destination) => Some(destination),
        }
    }

    /// The verdict on what is done.
    pub fn done(self) -> Verdict {
        if self == Self::Export { Verdict::Written } else { Verdict::Delivered }
    }

    /// Where to go on after an instance: at an export, what is written needs no look.
    pub fn cursor_after(self, instance: &InstanceStanding) -> StandingCursor {
        if self == Self::Export && instance.state == InstanceState::Written {
            StandingCursor::before(InstanceState::Excluded)
        } else {
            StandingCursor::after(instance)
        }
    }

    /// The verdict on an instance and why; nothing is said of what is done.
    pub fn verdict(self, instance: &InstanceStanding) -> (Verdict, &str) {
        match (self, instance.delivery) {
            (Self::Export, _) | (_, None) => on_its_way(self, instance),
            _ if instance.state == InstanceState::Excluded => on_its_way(self, instance),
            (_, Some(DeliveryState::Failed)) => {
                (Verdict::Failed, instance.comment.as_deref().unwrap_or("refused, no reason given"))
            }
            (Self::Audit(_), Some(_)) if instance.verdict == Some(catalogue::Verdict::Missing) => {
                (Verdict::Missing, "it was sent, and the destination does not list it")
            }
            (_, Some(DeliveryState::Delivered)) | (Self::Ingest(_), Some(DeliveryState::Sent)) => {
                (Verdict::Delivered, "")
            }
            (_, Some(DeliveryState::Sent)) => {
                (Verdict::Pending, "the destination accepted it; no audit has found it there yet")
            }
            (_, Some(DeliveryState::Pending)) => (Verdict::Pending, "to be sent again"),
        }
    }
}

fn on_its_way(subject: Subject, instance: &InstanceStanding) -> (Verdict, &str) {
    let reason = instance.reason.as_deref().unwrap_or("no reason recorded");
    match instance.state {
        InstanceState::Excluded => (Verdict::Excluded, reason),
        InstanceState::Failed => (Verdict::Failed, reason),
        InstanceState::Written if subject == Subject::Export => (Verdict::Written, ""),
        InstanceState::Pending if subject == Subject::Export => (Verdict::Pending, "not fetched yet"),
        InstanceState::Captured => (Verdict::Pending, "captured, not packed yet"),
        InstanceState::Packed | InstanceState::Written => (Verdict::Pending, "packed, not on a volume yet"),
        InstanceState::Loaded => (Verdict::Pending, "loaded from its volume, not sent yet"),
        InstanceState::Pending => (Verdict::Pending, "known from a volume, not loaded yet"),
    }
}

impl From<Tally> for Equation {
    fn from(tally: Tally) -> Self {
        let Tally { listed, done, excluded, failed, pending } = tally;
        Self { listed, done, excluded, failed, pending }
    }
}
