//! What can go wrong with a drive, and at which of its operations.

/// What a drive is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Opening the device node.
    Open,
    /// Writing a record.
    Write,
    /// Writing a filemark into the drive's buffer.
    Filemark,
    /// Waiting until everything is on the tape.
    Flush,
    /// Rewinding, spacing and locating.
    Move,
    /// READ POSITION.
    Position,
    /// Asking for the state.
    Status,
    /// Reading a record.
    Read,
    /// Closing the device node.
    Close,
    /// The time before a record or a filemark is written, in which nothing is asked for.
    Pause,
}

use Operation::{Close, Filemark, Flush, Move, Open, Pause, Position, Read, Status, Write};

/// All that send a command to the drive.
const COMMANDS: &[Operation] = &[Write, Filemark, Flush, Move, Position, Read, Close];
/// All that put a block on the tape.
const BLOCKS: &[Operation] = &[Write, Filemark];

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident at $operations:expr;)+) => {
        /// Kinds of faults. Each happens at one operation, of those at which it can.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind { $($(#[$doc])* $kind),+ }

        impl FaultKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$kind),+];

            /// The operations at which the fault can happen.
            pub fn operations(self) -> &'static [Operation] {
                match self { $(Self::$kind => $operations),+ }
            }
        }
    };
}

kinds! {
    /// The power of machine and drive goes: what the drive had in its buffer is gone, but for some of its beginning,
    /// and nothing answers until the power is back.
    PowerCut at COMMANDS;
    /// The same, and the drive finds the end of the data no more until something is written: what it was about to write there
    /// is what marks it.
    EndLost at COMMANDS;
    /// The program is killed: st ends what it wrote with a filemark. Nothing answers it any more.
    Kill at COMMANDS;
    /// The drive's own power goes for a moment, and the buffer with it; the driver tells, and wants to be given a
    /// position (Linux 6.12).
    DriveRestart at COMMANDS;
    /// A reset by somebody else: the buffer is saved, the tape rewound; the driver tells once, and then goes on at the
    /// beginning (Linux 6.1).
    Reset at COMMANDS;
    /// The tape is rewound while the drive waits for something to do, and nobody tells. No drive does so by itself: the news went
    /// to another program.
    SilentReset at &[Pause, Flush, Move, Position, Read, Close];
    /// The same, all of it between two commands in a row.
    SuddenReset at BLOCKS;
    /// The position is lost: nothing works before a motion, unless the drive is opened anew, when the driver has forgotten
    /// it and the tape is somewhere.
    PositionLost at &[Write, Filemark, Flush];
    /// A record is taken and never written: drive and host disagree about the position from here on.
    PositionSlip at &[Write];
    /// A record and all behind it are taken and never written; the error comes three operations later.
    DeferredError at BLOCKS;
    /// One byte of a record is not written.
    ShortWrite at &[Write];
    /// EIO; nothing is written.
    WriteError at BLOCKS;
    /// EIO; it is written all the same.
    ErrorButWritten at BLOCKS;
    /// EIO when the buffer is to be brought to the tape, of which only some arrives.
    CommitError at &[Flush];
    /// ENOSPC; it is written all the same.
    NoSpaceButWritten at BLOCKS;
    /// ENOSPC twice in a row with nothing written, and early warning from here on.
    NoSpaceTwice at BLOCKS;
    /// Early warning is here: from now on every other write is refused.
    EarlyWarning at BLOCKS;
    /// The tape ends here, together with early warning.
    EndOfTape at BLOCKS;
    /// EBUSY: the host adapter does not move records of this size, from here on until the drive is opened anew.
    RecordLimit at &[Write];
    /// ENOMEM: the record is said to be longer than the buffer, and passed.
    LongRecord at &[Read];
    /// A bit of the record changes on the tape.
    BitRot at &[Write];
    /// The record can never be read.
    Unreadable at &[Write];
    /// A record cannot be read this time.
    ReadError at &[Read];
    /// A filemark that nobody asked for is written, too.
    ExtraFilemark at BLOCKS;
    /// A filemark is taken and never written.
    MissingFilemark at &[Filemark];
    /// The cartridge's tab is found to forbid writing.
    WriteProtect at &[Write, Filemark, Flush, Open];
    /// What is on the tape now can never be overwritten.
    Worm at &[Write, Filemark, Move];
    /// The operation takes twenty minutes.
    Stall at COMMANDS;
    /// The cartridge is taken out.
    CartridgeRemoved at COMMANDS;
    /// A blank cartridge is put in its place.
    SwappedForBlank at COMMANDS;
    /// Somebody else's cartridge is put in its place.
    SwappedForForeign at COMMANDS;
    /// The drive's cable is pulled out: ENODEV.
    DriveGone at &[Open, Write, Filemark, Flush, Move, Position, Status, Read, Close];
    /// EIO on a motion, which is not made.
    MoveError at &[Move];
    /// EIO when the drive is asked where it is.
    PositionError at &[Position];
    /// Another program has the drive open.
    Busy at &[Open];
    /// The drive still loads its cartridge.
    NotReady at &[Open];
    /// Closing brings EIO.
    CloseError at &[Close];
}

/// Faults that wait, and how many operations of each kind's have been.
pub(super) struct Faults {
    placed: Vec<(FaultKind, u64)>,
    met: Vec<FaultKind>,
    seen: [u64; FaultKind::ALL.len()],
}

impl Default for Faults {
    fn default() -> Self {
        Self { placed: Vec::new(), met: Vec::new(), seen: [0; FaultKind::ALL.len()] }
    }
}

impl Faults {
    pub fn place(&mut self, kind: FaultKind, index: u64) {
        self.placed.push((kind, index));
    }

    pub fn operations(&self, kind: FaultKind) -> u64 {
        self.seen.get(kind as usize).copied().unwrap_or_default()
    }

    pub fn met(&self) -> &[FaultKind] {
        &self.met
    }

    /// The fault that is to happen at this operation, and how many there were before at which it could have.
    pub fn next(&mut self, operation: Operation) -> Option<(FaultKind, u64)> {
        let mut found = None;
        for (kind, seen) in FaultKind::ALL.iter().zip(&mut self.seen) {
            if !kind.operations().contains(&operation) {
                continue;
            }
            if found.is_none() && self.placed.contains(&(*kind, *seen)) {
                found = Some((*kind, *seen));
            }
            *seen += 1;
        }
        self.met.extend(found.map(|(kind, _)| kind));
        found
    }
}
