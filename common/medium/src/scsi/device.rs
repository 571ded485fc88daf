//! The way to a device: `SG_IO` through its node.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use super::command::{Command, Direction};
use super::failure::Failure;
use super::node::{self, Way};
use super::sense::{Sense, SenseKey};
use crate::calls::{CallKind, UnderWay};
use crate::st::ioctl::{self, Completion, Transfer};

/// Takes commands: a device, or a model of one.
pub trait Transport: Send {
    /// Gives the command to the device and waits for its end: the data that came, or why none did.
    fn execute(&mut self, command: &Command) -> Result<Vec<u8>, Failure>;
}

/// Status bytes (SAM-5 table 44).
mod status {
    pub const GOOD: u8 = 0x00;
    pub const CHECK_CONDITION: u8 = 0x02;
    pub const CONDITION_MET: u8 = 0x04;
    pub const BUSY: u8 = 0x08;
    pub const RESERVATION_CONFLICT: u8 = 0x18;
    pub const TASK_SET_FULL: u8 = 0x28;
}

/// The kernel's `DID_TIME_OUT`.
const DID_TIME_OUT: u16 = 0x03;

/// A node of the kernel.
struct Node {
    file: File,
}

impl Node {
    /// For reading and writing, if that is allowed: what a node that was opened only for reading lets through without the
    /// privilege `CAP_SYS_RAWIO` is INQUIRY, LOG SENSE and little else. Never waits for a cartridge.
    fn open(path: &Path) -> Result<Self, Failure> {
        let open = |write| Self::file(path, write, OFlag::O_NONBLOCK);
        let denied = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
        };
        let file = match open(true) {
            Err(error) if denied(&error) => open(false),
            other => other,
        };
        let file = file.map_err(|error| system(&error))?;
        Ok(Self { file })
    }

    /// So that no other program can open it meanwhile: a promise that only sg keeps.
    fn open_alone(path: &Path) -> Result<Self, Failure> {
        let file = Self::file(path, true, OFlag::O_NONBLOCK | OFlag::O_EXCL);
        Ok(Self { file: file.map_err(|error| system(&error))? })
    }

    fn file(path: &Path, write: bool, flags: OFlag) -> io::Result<File> {
        OpenOptions::new().read(true).write(write).custom_flags(flags.bits()).open(path)
    }
}

impl Transport for Node {
    fn execute(&mut self, command: &Command) -> Result<Vec<u8>, Failure> {
        let mut sense = [0; 252];
        let mut data = match command.direction {
            Direction::FromDevice(length) => vec![0; length],
            _ => Vec::new(),
        };
        let transfer = match &command.direction {
            Direction::Nothing => Transfer::Nothing,
            Direction::FromDevice(_) => Transfer::FromDevice(&mut data),
            Direction::ToDevice(out) => Transfer::ToDevice(out),
        };
        let ended = ioctl::scsi(&self.file, &command.cdb, transfer, &mut sense, command.timeout)
            .map_err(Failure::system)?;
        judge(&ended, &sense)?;
        data.truncate(ended.transferred);
        Ok(data)
    }
}

fn system(error: &io::Error) -> Failure {
    Failure::system(Errno::from_raw(error.raw_os_error().unwrap_or(0)))
}

/// Whether the command did what it should.
fn judge(ended: &Completion, sense: &[u8]) -> Result<(), Failure> {
    let sense = sense.get(..ended.sense_length).and_then(Sense::parse);
    match (ended.host, ended.status) {
        (0, status::GOOD | status::CONDITION_MET) => Ok(()),
        (0, status::CHECK_CONDITION) => match sense {
            Some(Sense { key: SenseKey::NoSense | SenseKey::RecoveredError, deferred: false, .. }) => Ok(()),
            Some(sense) => Err(Failure::Sense(sense)),
            None => Err(Failure::Status(status::CHECK_CONDITION)),
        },
        (0, status::BUSY | status::TASK_SET_FULL) => Err(Failure::Busy),
        (0, status::RESERVATION_CONFLICT) => Err(Failure::Reserved),
        (0, other) => Err(Failure::Status(other)),
        (DID_TIME_OUT, _) => Err(Failure::TimedOut),
        (host, _) => Err(Failure::Adapter(host)),
    }
}

/// A device that is spoken to. UNIT ATTENTION conditions are taken note of, and the command is given again.
///
/// **The kernel's tape driver does not learn of a condition that was taken here.** If the drive was reset or its cartridge
/// changed, st would go on writing at the beginning of the tape. So: while a tape is written, ask only between the flush
/// and the position check of a commit, and write no more if [`attentions`](Self::attentions) tells of such a condition.
pub struct Device {
    path: PathBuf,
    transport: Box<dyn Transport>,
    attentions: Vec<Sense>,
}

/// A device has a few conditions in store at most: power on, then a changed mode, then a new cartridge.
const MOST_ATTENTIONS: usize = 8;

impl Device {
    /// Opens a drive (`/dev/nst0`, `/dev/sg1`) or a library (`/dev/sg2`, `/dev/sch0`).
    ///
    /// Of a tape or changer node, the generic node is used: it can be opened while the drive is in use, and lets members of its
    /// group send everything.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let transport = match node::way(path) {
            Way::Itself => Node::open(path)?,
            Way::Generic(node) => Node::open(&node)?,
            Way::None => return Err(Failure::NoGeneric),
        };
        Ok(Self::over(path, Box::new(transport)))
    }

    /// As [`open`](Self::open) for a tape drive, and as long as this is there no other program can open its generic node.
    ///
    /// # Errors
    /// If another program has it open, this user may not write to it, or there is none.
    pub(super) fn open_alone(tape: &Path) -> Result<Self, Failure> {
        let Way::Generic(node) = node::way(tape) else { return Err(Failure::NoGeneric) };
        Ok(Self::over(tape, Box::new(Node::open_alone(&node)?)))
    }

    /// As [`open`](Self::open) for a tape node that is open here; through which commands go, with the privilege
    /// `CAP_SYS_RAWIO`, if there is no generic node.
    pub(super) fn of_claimed(path: &Path, claim: &File) -> Result<Self, Failure> {
        match Self::open(path) {
            Err(Failure::NoGeneric) => {
                let file = claim.try_clone().map_err(|error| system(&error))?;
                Ok(Self::over(path, Box::new(Node { file })))
            }
            other => other,
        }
    }

    /// Speaks to a device by another way, such as a model for tests. `path` is for messages.
    pub fn over(path: &Path, transport: Box<dyn Transport>) -> Self {
        Self { path: path.to_owned(), transport, attentions: Vec::new() }
    }

    /// As it was opened.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives a command to the device.
    pub fn run(&mut self, command: &Command) -> Result<Vec<u8>, Failure> {
        let before = self.attentions.len();
        let _under_way = UnderWay::begin(&self.path, "answer a command", CallKind::Motion);
        loop {
            match self.transport.execute(command) {
                Err(Failure::Sense(sense))
                    if sense.key == SenseKey::UnitAttention
                        && self.attentions.len() < before + MOST_ATTENTIONS =>
                {
                    self.attentions.push(sense);
                }
                other => return other,
            }
        }
    }

    /// What the device told besides its answers: a reset, another cartridge. In the order of telling.
    pub fn attentions(&self) -> &[Sense] {
        &self.attentions
    }
}

#[cfg(test)]
mod tests {
    use super::super::sense::tests::fixed;
    use super::super::testing::Script;
    use super::*;

    fn ended(host: u16, status: u8, sense: &[u8]) -> Result<(), Failure> {
        judge(&Completion { status, host, sense_length: sense.len(), transferred: 0 }, sense)
    }

    #[test]
    fn status_and_sense_decide() {
        assert_eq!(ended(0, 0, &[]), Ok(()));
        assert_eq!(ended(0, 2, &fixed(1, 0x17, 0)), Ok(()));
        assert!(matches!(ended(0, 2, &fixed(2, 4, 1)), Err(Failure::Sense(sense)) if sense.is(4, 1)));
        assert_eq!(ended(0, 2, &[]), Err(Failure::Status(2)));
        assert_eq!(ended(0, 8, &[]), Err(Failure::Busy));
        assert_eq!(ended(0, 0x18, &[]), Err(Failure::Reserved));
        assert_eq!(ended(0, 0x40, &[]), Err(Failure::Status(0x40)));
        assert_eq!(ended(3, 0, &[]), Err(Failure::TimedOut));
        assert_eq!(ended(1, 0, &[]), Err(Failure::Adapter(1)));
        let mut deferred = fixed(1, 0x0c, 0);
        deferred[0] = 0x71;
        assert!(ended(0, 2, &deferred).is_err());
    }

    #[test]
    fn attentions_are_kept_and_the_command_is_given_again() {
        let attention = |asc| Err(Failure::Sense(Sense::parse(&fixed(6, asc, 0)).unwrap()));
        let script = Script::new([attention(0x29), attention(0x28), Ok(b"data".to_vec())]);
        let mut device = Device::over(Path::new("/dev/sg0"), Box::new(script));
        assert_eq!(device.run(&Command::test_unit_ready()), Ok(b"data".to_vec()));
        let codes: Vec<u8> = device.attentions().iter().map(|sense| sense.asc).collect();
        assert_eq!(codes, [0x29, 0x28]);
        assert!(device.attentions().iter().all(Sense::loses_position));
    }

    #[test]
    fn a_device_that_only_has_attentions_is_not_asked_for_ever() {
        let attention = Failure::Sense(Sense::parse(&fixed(6, 0x29, 0)).unwrap());
        let script = Script::new(std::iter::repeat_n(Err(attention), 100));
        let mut device = Device::over(Path::new("/dev/sg0"), Box::new(script));
        assert_eq!(device.run(&Command::test_unit_ready()), Err(attention));
        assert_eq!(device.attentions().len(), MOST_ATTENTIONS);
    }

    #[test]
    fn what_is_no_device_is_told_apart() {
        let open = |path: &str| {
            Device::open(Path::new(path)).map(|mut device| device.run(&Command::test_unit_ready()))
        };
        assert!(matches!(open("/dev/null"), Ok(Err(Failure::NotScsi))));
        assert!(matches!(open("/dev/none"), Err(Failure::Missing)));
    }
}
