//! What the drive counts and warns of: the source of the log pages.

/// Flags of TapeAlert (SSC-4 4.2.20) that this drive raises by itself.
#[derive(Debug, Clone, Copy)]
pub enum Alert {
    /// An error that could not be corrected.
    HardError = 3,
    /// A record could not be read.
    ReadFailure = 5,
    /// A record could not be written.
    WriteFailure = 6,
    /// A write to a write-protected cartridge.
    WriteProtect = 9,
    /// An unload while removal is prevented.
    NoRemoval = 10,
    /// Cleaning is needed now.
    CleanNow = 20,
    /// Cleaning is due.
    CleanPeriodic = 21,
    /// The cleaning cartridge is used up.
    ExpiredCleaning = 22,
}

/// Counters since the drive was switched on, or since the cartridge was loaded.
#[derive(Debug, Default)]
pub struct Tally {
    /// Bytes that hosts sent.
    pub from_host: u64,
    /// Bytes written to media.
    pub to_medium: u64,
    /// Bytes read from media, and sent to hosts.
    pub to_host: u64,
    /// Errors that could not be corrected, on writing and on reading.
    pub write_errors: u64,
    /// See `write_errors`.
    pub read_errors: u64,
    /// Of `from_host` and `to_host`, what was before this cartridge was loaded.
    before: (u64, u64),
    errors_before: (u64, u64),
    alerts: u64,
    /// Whether the drive wants to be cleaned, and whether it has said so with sense data.
    pub cleaning: Option<CleaningRequest>,
}

/// A request to be cleaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CleaningRequest {
    /// Not yet said with sense data.
    New,
    /// Said.
    Said,
}

impl Tally {
    /// Counts from 0 again. A wish to be cleaned outlives it.
    pub fn reset(&mut self) {
        *self = Self { cleaning: self.cleaning, ..Self::default() };
    }

    /// A cartridge was loaded.
    pub fn begin_load(&mut self) {
        self.before = (self.from_host, self.to_host);
        self.errors_before = (self.write_errors, self.read_errors);
    }

    /// Bytes written and read since the cartridge was loaded.
    pub fn since_load(&self) -> (u64, u64) {
        (self.from_host - self.before.0, self.to_host - self.before.1)
    }

    /// Errors on writing and reading since the cartridge was loaded.
    pub fn errors_since_load(&self) -> (u64, u64) {
        (self.write_errors - self.errors_before.0, self.read_errors - self.errors_before.1)
    }

    /// Raises a flag.
    pub fn raise(&mut self, alert: Alert) {
        self.set_alert(alert as u8, true);
    }

    /// Raises or lowers flag 1 to 64.
    pub fn set_alert(&mut self, flag: u8, on: bool) {
        let bit = 1 << (flag - 1);
        if on {
            self.alerts |= bit;
        } else {
            self.alerts &= !bit;
        }
    }

    /// Whether flag 1 to 64 is up.
    pub fn alert(&self, flag: u8) -> bool {
        self.alerts & 1 << (flag - 1) != 0
    }

    /// Lowers all flags: they were read.
    pub fn lower_alerts(&mut self) {
        self.alerts = 0;
    }

    /// Asks to be cleaned, or no longer.
    pub fn request_cleaning(&mut self, wanted: bool) {
        self.cleaning = wanted.then_some(CleaningRequest::New);
        self.set_alert(Alert::CleanNow as u8, wanted);
        if !wanted {
            self.set_alert(Alert::CleanPeriodic as u8, false);
        }
    }
}
