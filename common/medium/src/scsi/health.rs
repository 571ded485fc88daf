//! How drive and cartridge are, as far as they tell: at load, at a commit, or when an operator asks.

mod findings;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::alert::Alert;
use super::command::Command;
use super::density::Format;
use super::device::Device;
use super::failure::Failure;
use super::inquiry::Identity;
use super::log::{ErrorCounters, TapeCapacity, VolumeStatistics};
use super::memory::{CartridgeMemory, HostText};
use super::mode::Medium;
use super::sense::{Sense, SenseKey};
use crate::{Error, st};

pub use findings::HealthFinding;

/// What a device told, or why it did not: that never stops anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Reading<T> {
    /// Not told.
    NotAvailable {
        /// Why not.
        not_available: String,
    },
    /// Told.
    Known(T),
}

impl<T> Reading<T> {
    /// What was told.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::NotAvailable { .. } => None,
        }
    }

    fn missing(reason: &(impl ToString + ?Sized)) -> Self {
        Self::NotAvailable { not_available: reason.to_string() }
    }
}

impl<T> From<Result<T, Failure>> for Reading<T> {
    fn from(outcome: Result<T, Failure>) -> Self {
        match outcome {
            Ok(value) => Self::Known(value),
            Err(failure) => Self::missing(&failure),
        }
    }
}

/// Whether a drive can be written and read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// A cartridge is loaded.
    Ready,
    /// No cartridge is in.
    NoCartridge,
    /// It will be ready by itself.
    BecomingReady,
    /// It is not ready, and will not be by itself.
    NotReady,
}

/// How a drive is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriveHealth {
    /// Its node.
    pub path: PathBuf,
    /// Who it is.
    pub identity: Reading<Identity>,
    /// Whether it can be used.
    pub readiness: Reading<Readiness>,
    /// `TapeAlert` flags that were up; a flag is told once.
    pub alerts: Reading<Vec<Alert>>,
    /// Errors while writing.
    pub write_errors: Reading<ErrorCounters>,
    /// Errors while reading.
    pub read_errors: Reading<ErrorCounters>,
    /// Whether it asked to be cleaned, as st knows.
    #[serde(default)]
    pub cleaning_requested: bool,
    /// Resets and changes of cartridge that it told besides.
    pub attentions: Vec<Sense>,
}

/// How the loaded cartridge is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CartridgeHealth {
    /// Format and write protection.
    pub medium: Reading<Medium>,
    /// What its chip says.
    pub memory: Reading<CartridgeMemory>,
    /// What it has been through.
    pub statistics: Reading<VolumeStatistics>,
    /// Room on it.
    pub capacity: Reading<TapeCapacity>,
}

impl CartridgeHealth {
    /// Its format.
    pub fn format(&self) -> Option<Format> {
        let of_chip = self.memory.known().and_then(|memory| memory.format);
        of_chip.or_else(|| self.medium.known()?.format)
    }

    /// Its barcode, if its chip or the library told.
    pub fn barcode(&self) -> Option<&str> {
        let by_library = self.statistics.known().and_then(|told| told.barcode.as_deref());
        by_library.or_else(|| self.memory.known()?.barcode.as_deref())
    }

    /// Its serial number.
    pub fn serial(&self) -> Option<&str> {
        let of_chip = self.memory.known().and_then(|memory| memory.serial.as_deref());
        of_chip.or_else(|| self.statistics.known()?.serial.as_deref())
    }

    /// Whether it can be written only once; `None` if nobody tells.
    pub fn worm(&self) -> Option<bool> {
        let told = [
            self.medium.known().and_then(|told| told.worm),
            self.memory.known().map(|told| told.worm),
            self.statistics.known().and_then(|told| told.worm),
        ];
        told.into_iter().flatten().reduce(|left, right| left || right)
    }

    /// Bytes that remain, without compression.
    pub fn remaining_bytes(&self) -> Option<u64> {
        let by_drive = self.capacity.known().and_then(|told| told.remaining_bytes);
        by_drive.or_else(|| self.memory.known()?.remaining_bytes)
    }
}

/// How a drive and what is in it are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The drive.
    pub drive: DriveHealth,
    /// The cartridge; none if none is in, or nothing could be asked.
    pub cartridge: Option<CartridgeHealth>,
}

/// Whether the cartridge in a drive can be written only once; none if nobody tells. Nothing is asked for that is told only once.
///
/// # Errors
/// If another program has the drive open.
pub fn loaded_worm(path: &Path) -> Result<Option<bool>, Error> {
    let told = of_claimed(path, |device| match device.medium() {
        Ok(Medium { worm: Some(worm), .. }) => Ok(Some(worm)),
        _ => Ok(device.volume_statistics()?.worm),
    });
    Ok(told?.known().copied().flatten())
}

/// Writes a host's attributes onto the chip of the cartridge in a drive, and reads them back: why that is not so, if it is not.
///
/// # Errors
/// If another program has the drive open.
pub fn write_host_text(path: &Path, text: &HostText) -> Result<Reading<()>, Error> {
    let written = of_claimed(path, |device| {
        device.write_host_text(text)?;
        Ok(text.is_in(&device.cartridge_memory()?))
    })?;
    Ok(match written {
        Reading::Known(true) => Reading::Known(()),
        Reading::Known(false) => Reading::missing("the chip does not give back what was written to it"),
        Reading::NotAvailable { not_available } => Reading::NotAvailable { not_available },
    })
}

/// Asks a drive for something while its tape node is held open: so st is the one that learns of a reset or of another cartridge, and
/// no other program can be writing. An error only if one has it open.
fn of_claimed<T>(
    path: &Path,
    ask: impl FnOnce(&mut Device) -> Result<T, Failure>,
) -> Result<Reading<T>, Error> {
    match st::claim(path) {
        Ok(claim) => Ok(Device::of_claimed(path, &claim).and_then(|mut device| ask(&mut device)).into()),
        Err(error @ Error::InUse { .. }) => Err(error),
        Err(error) => Ok(Reading::missing(&error)),
    }
}

/// Why a commit does not ask for everything.
const AT_LOAD_ONLY: &str = "this is asked when a cartridge is loaded";

impl Health {
    /// Everything, of a drive that no program has open. The drive's tape node is held open meanwhile: so st is the one that learns of
    /// another cartridge, and no other program can be writing. If one is, only who the drive is is asked, because an answer to
    /// anything else may hide a reset from that program.
    pub fn of_idle(path: &Path) -> Self {
        Self::of_free(path).unwrap_or_else(|in_use| Self::unclaimed(path, &in_use))
    }

    /// The same.
    ///
    /// # Errors
    /// If another program has the drive open.
    pub fn of_free(path: &Path) -> Result<Self, Error> {
        match st::claim(path) {
            Ok(claim) => Ok(Self::everything(path, Device::of_claimed(path, &claim))),
            Err(error @ Error::InUse { .. }) => Err(error),
            Err(error) => Ok(Self::unclaimed(path, &error)),
        }
    }

    fn unclaimed(path: &Path, reason: &Error) -> Self {
        let identity = Device::open(path).and_then(|mut device| device.identity()).into();
        Self::unknown(path, identity, reason)
    }

    /// Everything, of a drive that this program has open with a cartridge just loaded; before anything is written.
    pub fn at_load(path: &Path) -> Self {
        Self::everything(path, Device::open(path))
    }

    fn everything(path: &Path, device: Result<Device, Failure>) -> Self {
        match device {
            Ok(mut device) => Self::read(&mut device),
            Err(failure) => Self::unknown(path, Reading::missing(&failure), &failure),
        }
    }

    /// What changes while a cartridge is written, of a drive that this program has open. **Only between the flush and the position
    /// check of a commit:** see [`Device`] on conditions that st does not learn of.
    pub fn at_commit(path: &Path) -> Self {
        match Device::open(path) {
            Ok(mut device) => Self::read_counters(&mut device),
            Err(failure) => Self::unknown(path, Reading::missing(&failure), &failure),
        }
    }

    /// Everything that the device tells.
    pub fn read(device: &mut Device) -> Self {
        let identity = device.identity().into();
        let readiness = device.readiness();
        let cartridge = (readiness == Ok(Readiness::Ready)).then(|| CartridgeHealth {
            medium: device.medium().into(),
            memory: device.cartridge_memory().into(),
            statistics: device.volume_statistics().into(),
            capacity: device.tape_capacity().into(),
        });
        Self { drive: DriveHealth::read(device, identity, readiness.into()), cartridge }
    }

    pub(crate) fn read_counters(device: &mut Device) -> Self {
        let cartridge = CartridgeHealth {
            medium: Reading::missing(AT_LOAD_ONLY),
            memory: Reading::missing(AT_LOAD_ONLY),
            statistics: device.volume_statistics().into(),
            capacity: device.tape_capacity().into(),
        };
        let (identity, readiness) = (Reading::missing(AT_LOAD_ONLY), Reading::missing(AT_LOAD_ONLY));
        Self { drive: DriveHealth::read(device, identity, readiness), cartridge: Some(cartridge) }
    }

    fn unknown(path: &Path, identity: Reading<Identity>, reason: &impl ToString) -> Self {
        let drive = DriveHealth {
            path: path.to_owned(),
            identity,
            readiness: Reading::missing(reason),
            alerts: Reading::missing(reason),
            write_errors: Reading::missing(reason),
            read_errors: Reading::missing(reason),
            cleaning_requested: false,
            attentions: Vec::new(),
        };
        Self { drive, cartridge: None }
    }
}

impl DriveHealth {
    fn read(device: &mut Device, identity: Reading<Identity>, readiness: Reading<Readiness>) -> Self {
        Self {
            path: device.path().to_owned(),
            identity,
            readiness,
            alerts: device.alerts().into(),
            write_errors: device.write_errors().into(),
            read_errors: device.read_errors().into(),
            cleaning_requested: false,
            attentions: device.attentions().to_vec(),
        }
    }
}

impl Device {
    /// Whether the drive can be written and read (TEST UNIT READY).
    pub fn readiness(&mut self) -> Result<Readiness, Failure> {
        match self.run(&Command::test_unit_ready()) {
            Ok(_) => Ok(Readiness::Ready),
            Err(Failure::Sense(sense)) if sense.key == SenseKey::NotReady => {
                Ok(match (sense.asc, sense.ascq) {
                    (0x3a, _) => Readiness::NoCartridge,
                    (0x04, 0x00 | 0x01 | 0x07 | 0x09 | 0x13) | (0x3e, 0x00) => Readiness::BecomingReady,
                    _ => Readiness::NotReady,
                })
            }
            Err(failure) => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::log::tests::page;
    use super::super::sense::tests::fixed;
    use super::super::testing::Model;
    use super::*;

    fn refusal(key: u8, asc: u8) -> Failure {
        Failure::Sense(Sense::parse(&fixed(key, asc, 0)).unwrap())
    }

    /// A drive that tells its counters and `TapeAlert` flag 4, and nothing of the rest.
    fn drive(ready: Result<(), Failure>) -> Device {
        let model = move |command: &Command| match (command.cdb[0], command.cdb[2] & 0x3f) {
            (0x00, _) => ready.map(|()| Vec::new()),
            (0x12, _) if command.cdb[1] == 0 => {
                Ok([&[1, 0x80, 6, 2, 31, 0, 0, 2][..], b"IBM     ULT3580-HH8     L9F1"].concat())
            }
            (0x12, _) => Ok(b"\x01\x80\0\x04S123".to_vec()),
            (0x4d, 0x02) => Ok(page(0x02, &[(6, &[3])])),
            (0x4d, 0x17) => Ok(page(0x17, &[(0x42, b"P2T001L8"), (0x81, &[1]), (0x102, &[0x40, 0])])),
            (0x4d, 0x2e) => Ok(page(0x2e, &[(4, &[1]), (5, &[0])])),
            _ => Err(refusal(5, 0x24)),
        };
        Device::over(Path::new("/dev/nst0"), Box::new(Model(model)))
    }

    #[test]
    fn what_is_told_is_known_and_the_rest_has_a_reason() {
        let health = Health::read(&mut drive(Ok(())));
        assert_eq!(health.drive.readiness, Reading::Known(Readiness::Ready));
        assert_eq!(health.drive.identity.known().unwrap().serial.as_deref(), Some("S123"));
        assert_eq!(health.drive.write_errors.known().unwrap().uncorrected, Some(3));
        assert_eq!(
            health.drive.read_errors,
            Reading::missing("the device does not know this option (sense 5/24/00)")
        );
        let cartridge = health.cartridge.as_ref().unwrap();
        assert_eq!((cartridge.barcode(), cartridge.worm()), (Some("P2T001L8"), Some(true)));
        assert_eq!((cartridge.serial(), cartridge.remaining_bytes(), cartridge.format()), (None, None, None));

        let text = serde_json::to_string(&health).unwrap();
        assert_eq!(serde_json::from_str::<Health>(&text).unwrap(), health);
        assert!(text.contains(r#""read_errors":{"not_available":"the device"#), "{text}");
    }

    #[test]
    fn an_empty_drive_has_no_cartridge_and_a_loading_one_will_have() {
        let readiness = |failure| Health::read(&mut drive(Err(failure))).drive.readiness;
        assert_eq!(readiness(refusal(2, 0x3a)), Reading::Known(Readiness::NoCartridge));
        assert_eq!(readiness(refusal(2, 0x04)), Reading::Known(Readiness::BecomingReady));
        assert_eq!(readiness(refusal(2, 0x53)), Reading::Known(Readiness::NotReady));
        assert!(matches!(readiness(Failure::NotPermitted), Reading::NotAvailable { .. }));
        assert_eq!(Health::read(&mut drive(Err(refusal(2, 0x3a)))).cartridge, None);
    }

    #[test]
    fn a_commit_asks_for_counters_only() {
        let health = Health::read_counters(&mut drive(Err(refusal(2, 0x3a))));
        assert_eq!(health.drive.readiness, Reading::missing(AT_LOAD_ONLY));
        assert_eq!(health.drive.alerts.known().unwrap().len(), 1);
        assert!(health.cartridge.unwrap().statistics.known().is_some());
    }

    #[test]
    fn a_drive_that_is_not_there_is_not_available_and_no_error() {
        for path in ["/dev/nst-none", "/dev/null"] {
            let health = Health::of_idle(Path::new(path));
            assert!(matches!(health.drive.alerts, Reading::NotAvailable { .. }), "{path}");
            assert_eq!((health.cartridge, health.drive.attentions), (None, Vec::new()));
        }
        let mut health = Health::at_commit(Path::new("/dev/nst-none"));
        assert_eq!(health.findings(), []);
        health.drive.cleaning_requested = true;
        assert!(health.findings()[0].text.starts_with("The drive asks to be cleaned"));
        assert!(
            matches!(health.drive.alerts, Reading::NotAvailable { not_available } if not_available.contains("not there"))
        );
    }
}
