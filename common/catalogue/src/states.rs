//! The states of everything the balance counts, their stored numbers and the transitions that are legal.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// A state kept as a small integer, with the moves out of it that are legal.
pub(crate) trait State: Copy + Eq + std::fmt::Debug + ToSql + FromSql + 'static {
    /// The kind of row that has this state, as messages name it.
    const WHAT: &'static str;
    /// The table that holds the rows.
    const TABLE: &'static str;
    /// The states from which this one may be reached.
    fn reached_from(self) -> &'static [Self];
}

macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$vdoc])* $variant = $number),+ }

        impl ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok((*self as i64).into())
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                match i64::column_result(value)? {
                    $($number => Ok(Self::$variant),)+
                    other => Err(FromSqlError::OutOfRange(other)),
                }
            }
        }
    };
}

states! {
    /// How far the listing of a study has come.
    StudyListing {
        /// The study is known, its instances are not yet.
        Listed = 0,
        /// All its instances are rows of the catalogue.
        Enumerated = 1,
    }
}

states! {
    /// Where an instance is on its way. `p2t` goes by Captured, Packed, Written; `t2p` by Loaded.
    InstanceState {
        /// Listed, and still to be captured (`p2t`) or loaded (`t2p`).
        Pending = 0,
        /// Its bytes are durable in an intake.
        Captured = 1,
        /// It is in a sealed segment.
        Packed = 2,
        /// Its segment is committed on a volume of every copy.
        Written = 3,
        /// It is in `t2p`'s spool and its digest was right.
        Loaded = 4,
        /// Left out on purpose, with a reason.
        Excluded = 8,
        /// Given up, with a reason; may be tried again.
        Failed = 9,
    }
}

states! {
    /// What became of a listed file that is no DICOM object.
    OddityState {
        /// Not DICOM, left out.
        Excluded = 8,
        /// Could not be read.
        Failed = 9,
    }
}

states! {
    /// Whether an intake still grows.
    IntakeState {
        /// Objects are being appended.
        Open = 0,
        /// It grows no more.
        Closed = 1,
    }
}

states! {
    /// Where a segment is: Sealed, Written at `p2t`; Known, Loaded, Damaged, Done at `t2p`.
    SegmentState {
        /// Complete and durable in the spool.
        Sealed = 0,
        /// Committed on a volume of every copy; its spool file is gone.
        Written = 1,
        /// Known from a volume's index or manifest.
        Known = 2,
        /// In `t2p`'s spool.
        Loaded = 3,
        /// Could not be read whole from any volume seen so far.
        Damaged = 4,
        /// Delivered; its spool file is gone.
        Done = 5,
    }
}

states! {
    /// Where a volume is: Labelling, Open, Sealed, Abandoned at `p2t`; Known, Verified, Done at `t2p`.
    VolumeState {
        /// Its label is being written.
        Labelling = 0,
        /// Segments may be written to it.
        Open = 1,
        /// Index and trailer are committed.
        Sealed = 2,
        /// Seen by `t2p`.
        Known = 3,
        /// Every digest on it was right.
        Verified = 4,
        /// All its segments are done.
        Done = 5,
        /// Closed without a trailer; what was committed on it can still be read.
        Abandoned = 6,
    }
}

states! {
    /// What is known of one instance at one destination.
    DeliveryState {
        /// To be sent (again).
        Pending = 0,
        /// The destination answered Success or a warning: a claim.
        Sent = 1,
        /// Evidence from the destination: it lists or returned the instance.
        Delivered = 2,
        /// The destination refused it.
        Failed = 3,
    }
}

states! {
    /// What an audit found of one instance at one destination.
    Verdict {
        /// The destination holds it.
        Delivered = 0,
        /// The destination does not hold it.
        Missing = 1,
        /// The destination holds it, the manifest does not.
        Extra = 2,
        /// It could not be delivered.
        Failed = 3,
    }
}

states! {
    /// What a delta found of a study or an instance.
    ChangeClass {
        /// The plan did not know the study.
        New = 0,
        /// The study has instances that the plan did not know.
        Grew = 1,
        /// The study has lost instances.
        Shrank = 2,
        /// The study's keys have changed.
        Reidentified = 3,
        /// The source has it no more.
        Deleted = 4,
        /// What was found deleted is there again.
        Restored = 5,
    }
}

states! {
    /// What a delta lists again.
    DeltaScope {
        /// The source, by the selection.
        Source = 0,
        /// The studies of a volume, before it is sealed.
        Volume = 1,
        /// Studies that have waited.
        Waiting = 2,
    }
}

states! {
    /// How grave an event is.
    Level {
        /// Part of the normal run.
        Info = 0,
        /// Odd, and the work goes on.
        Warning = 1,
        /// Something was given up or stopped.
        Error = 2,
    }
}

impl State for InstanceState {
    const WHAT: &'static str = "instance";
    const TABLE: &'static str = "instance";
    fn reached_from(self) -> &'static [Self] {
        use InstanceState::{Captured, Excluded, Failed, Loaded, Packed, Pending, Written};
        match self {
            // Spool files can be lost, and so can volumes; what failed can be tried again, what was deleted be restored.
            Self::Pending => &[Captured, Packed, Written, Loaded, Failed, Excluded],
            // A failed instance may still arrive with the rest of its study.
            Self::Captured | Self::Loaded => &[Pending, Failed],
            Self::Packed => &[Captured],
            Self::Written => &[Packed],
            // What is in doubt is left out when another object of its instance is loaded.
            Self::Excluded => &[Pending, Loaded],
            Self::Failed => &[Pending],
        }
    }
}

impl State for IntakeState {
    const WHAT: &'static str = "intake";
    const TABLE: &'static str = "intake";
    fn reached_from(self) -> &'static [Self] {
        match self {
            Self::Open => &[],
            // Closing again after a crash does no harm.
            Self::Closed => &[Self::Open, Self::Closed],
        }
    }
}

impl State for SegmentState {
    const WHAT: &'static str = "segment";
    const TABLE: &'static str = "segment";
    fn reached_from(self) -> &'static [Self] {
        match self {
            Self::Sealed => &[],
            // Saying so again after a crash does no harm.
            Self::Written => &[Self::Sealed, Self::Written],
            // The spool file was lost, or objects must be sent again.
            Self::Known => &[Self::Loaded, Self::Damaged, Self::Done],
            // Another copy may be whole, or damaged too.
            Self::Loaded | Self::Damaged => &[Self::Known, Self::Damaged],
            Self::Done => &[Self::Loaded, Self::Damaged],
        }
    }
}

impl State for VolumeState {
    const WHAT: &'static str = "volume";
    const TABLE: &'static str = "volume";
    fn reached_from(self) -> &'static [Self] {
        match self {
            Self::Labelling | Self::Known => &[],
            Self::Open => &[Self::Labelling],
            Self::Sealed => &[Self::Open],
            Self::Abandoned => &[Self::Labelling, Self::Open, Self::Sealed],
            Self::Verified => &[Self::Known, Self::Verified],
            Self::Done => &[Self::Known, Self::Verified, Self::Done],
        }
    }
}

impl DeliveryState {
    /// The states from which this one may be reached; `None` is "never tried".
    pub(crate) fn reached_from(self) -> &'static [Option<Self>] {
        use DeliveryState::{Delivered, Failed, Pending, Sent};
        match self {
            // An audit that misses what was sent, or evidence withdrawn.
            Self::Pending => &[Some(Sent), Some(Delivered), Some(Failed)],
            // What is delivered is never sent again without being reopened first.
            Self::Sent => &[None, Some(Pending), Some(Failed), Some(Sent)],
            // It may be at the destination already, before we ever sent it.
            Self::Delivered => &[None, Some(Pending), Some(Sent), Some(Failed), Some(Delivered)],
            Self::Failed => &[None, Some(Pending), Some(Sent), Some(Failed)],
        }
    }
}
