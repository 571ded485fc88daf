//! What a tape drive does for the writer and the reader: the calls of Linux `st`, with its error numbers (st.rst).

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;

use crate::Error;
use crate::scsi::Health;

/// How a filemark is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filemark {
    /// Into the drive's buffer, without waiting (MTWEOFI): the drive does not stop for it.
    Buffered,
    /// Onto the medium, with all that came before (MTWEOF).
    Synchronous,
    /// None is written, but all that came before is on the medium when the call has succeeded (MTWEOF 0, IMMED = 0).
    FlushOnly,
}

/// The part of a drive's state (MTIOCGET) that is relied on. File and block numbers are not: st cannot know
/// them after MTSEEK, and after a filemark that was refused at the end of the tape they are wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct DriveStatus {
    /// A motion met the end of data (`GMT_EOD`). A read that does leaves no trace here.
    pub at_end_of_data: bool,
    /// The cartridge's tab forbids writing (`GMT_WR_PROT`).
    pub write_protected: bool,
    /// Files before the position, where st knows it (`mt_fileno`).
    pub files_before: Option<u32>,
    /// The density code of the cartridge (`mt_dsreg`), where it is told.
    pub density: Option<u8>,
    /// The drive wants to be cleaned (`GMT_CLN`): st tells it whoever may send commands.
    pub cleaning_requested: bool,
}

/// An open drive with a cartridge, in variable block mode.
///
/// Errors are those of the system calls. The position they leave is known only from [`block`](Self::block).
pub(crate) trait TapeDevice: Send {
    /// The device node, for messages.
    fn path(&self) -> &Path;

    /// Writes one record; fewer bytes than given mean that a torn record is on the tape. ENOSPC at early warning, and
    /// then at every other call, says nothing about whether the record was written.
    fn write_record(&mut self, record: &[u8]) -> Result<usize, Errno>;

    /// Reads one record. 0: a filemark was passed, or the end of data met. EIO: a record that cannot be read, or the end of
    /// data. ENOMEM: the record is longer than
    /// `buffer`, and was passed.
    fn read_record(&mut self, buffer: &mut [u8]) -> Result<usize, Errno>;

    /// Writes a filemark, or waits for what was written before.
    fn filemark(&mut self, filemark: Filemark) -> Result<(), Errno>;

    /// Goes to the beginning of the tape.
    fn rewind(&mut self) -> Result<(), Errno>;

    /// Passes so many filemarks and stops behind the last.
    fn forward_filemarks(&mut self, count: u32) -> Result<(), Errno>;

    /// Passes so many filemarks backwards and stops in front of the last.
    fn back_filemarks(&mut self, count: u32) -> Result<(), Errno>;

    /// Goes behind everything that was written.
    fn to_end_of_data(&mut self) -> Result<(), Errno>;

    /// Goes in front of a block: records and filemarks count, from 0.
    fn seek(&mut self, block: u64) -> Result<(), Errno>;

    /// Asks the drive for the block at the position (READ POSITION).
    fn block(&mut self) -> Result<u64, Errno>;

    /// How long ago the drive was last asked for something that depends on the position.
    fn idle(&mut self) -> Duration;

    /// Asks for the state.
    fn status(&mut self) -> Result<DriveStatus, Errno>;

    /// Asks drive and cartridge how they are; none where they cannot be asked. The answer may take the unit attention that
    /// would tell of a reset: only for between a flush and the check of the position.
    fn health_at_commit(&mut self) -> Option<Health> {
        None
    }

    /// Closes the drive and shows the error that this may bring.
    fn close(self: Box<Self>) -> Result<(), Error>;
}
