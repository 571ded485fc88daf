//! Sense data: what a command that did not end well says about it (SPC-4 4.5, fixed format).

/// The sense keys that a tape drive or a library uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Nothing wrong, but a filemark, an odd length or the end was met.
    NoSense = 0x0,
    /// Done, with the drive's own recovery.
    Recovered = 0x1,
    /// No cartridge, or not loaded.
    NotReady = 0x2,
    /// The tape is bad.
    Medium = 0x3,
    /// The drive is bad.
    Hardware = 0x4,
    /// The command is bad.
    IllegalRequest = 0x5,
    /// Something happened since the last command.
    UnitAttention = 0x6,
    /// Write-protected, or WORM.
    DataProtect = 0x7,
    /// End of data.
    BlankCheck = 0x8,
    /// Given up, try again.
    Aborted = 0xb,
    /// The hard end: what was to be written did not fit.
    VolumeOverflow = 0xd,
}

impl Key {
    const ALL: [Self; 11] = [
        Self::NoSense,
        Self::Recovered,
        Self::NotReady,
        Self::Medium,
        Self::Hardware,
        Self::IllegalRequest,
        Self::UnitAttention,
        Self::DataProtect,
        Self::BlankCheck,
        Self::Aborted,
        Self::VolumeOverflow,
    ];

    /// The key with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|key| *key as u8 == code)
    }
}

/// Sense data of one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "they are the bits of sense data")]
pub struct Sense {
    /// The class of the finding.
    pub key: Key,
    /// The additional sense code and its qualifier.
    pub code: (u8, u8),
    /// A filemark was met.
    pub filemark: bool,
    /// The end, or its early warning, was met.
    pub end_of_medium: bool,
    /// The record is not as long as was asked for.
    pub incorrect_length: bool,
    /// What is left of the request; goes out with the VALID bit.
    pub information: Option<i64>,
    /// About an earlier command, one that had been reported as good (response code 71h); this one was not executed.
    pub deferred: bool,
}

/// How a command ended: GOOD, or CHECK CONDITION.
pub type Outcome = Result<(), Sense>;

impl Sense {
    /// Sense data without flags and information.
    pub const fn new(key: Key, asc: u8, ascq: u8) -> Self {
        Self {
            key,
            code: (asc, ascq),
            filemark: false,
            end_of_medium: false,
            incorrect_length: false,
            information: None,
            deferred: false,
        }
    }

    /// INVALID COMMAND OPERATION CODE.
    pub const fn invalid_operation() -> Self {
        Self::new(Key::IllegalRequest, 0x20, 0)
    }

    /// INVALID FIELD IN CDB.
    pub const fn invalid_field() -> Self {
        Self::new(Key::IllegalRequest, 0x24, 0)
    }

    /// INVALID FIELD IN PARAMETER LIST.
    pub const fn invalid_parameter() -> Self {
        Self::new(Key::IllegalRequest, 0x26, 0)
    }

    /// PARAMETER LIST LENGTH ERROR.
    pub const fn parameter_length() -> Self {
        Self::new(Key::IllegalRequest, 0x1a, 0)
    }

    /// SAVING PARAMETERS NOT SUPPORTED.
    pub const fn saving_parameters() -> Self {
        Self::new(Key::IllegalRequest, 0x39, 0)
    }

    /// MEDIUM REMOVAL PREVENTED (by the data transport element).
    pub const fn removal_prevented() -> Self {
        Self::new(Key::IllegalRequest, 0x53, 2)
    }

    /// MEDIA LOAD OR EJECT FAILED.
    pub const fn eject_failed() -> Self {
        Self::new(Key::Hardware, 0x53, 0)
    }

    /// MEDIUM NOT PRESENT.
    pub const fn no_medium() -> Self {
        Self::new(Key::NotReady, 0x3a, 0)
    }

    /// A unit attention with this code.
    pub const fn attention(code: (u8, u8)) -> Self {
        Self::new(Key::UnitAttention, code.0, code.1)
    }

    /// INTERNAL TARGET FAILURE: the laboratory itself failed, by a full disk for example.
    pub const fn internal() -> Self {
        Self::new(Key::Hardware, 0x44, 0)
    }

    /// A filemark was met with `rest` of the request left.
    pub const fn at_filemark(rest: i64) -> Self {
        let mut sense = Self::new(Key::NoSense, 0, 1).with_information(rest);
        sense.filemark = true;
        sense
    }

    /// END-OF-DATA DETECTED with `rest` of the request left.
    pub const fn end_of_data(rest: i64) -> Self {
        Self::new(Key::BlankCheck, 0, 5).with_information(rest)
    }

    /// END-OF-DATA NOT FOUND.
    pub const fn no_end_of_data() -> Self {
        Self::new(Key::Medium, 0x14, 3)
    }

    /// BEGINNING-OF-PARTITION DETECTED with `rest` of the request left.
    pub const fn beginning(rest: i64) -> Self {
        let mut sense = Self::new(Key::NoSense, 0, 4).with_information(rest);
        sense.end_of_medium = true;
        sense
    }

    /// END-OF-PARTITION DETECTED: written, and the early warning is passed.
    pub const fn early_warning() -> Self {
        let mut sense = Self::new(Key::NoSense, 0, 2).with_information(0);
        sense.end_of_medium = true;
        sense
    }

    /// The hard end with `rest` of the request not written.
    pub const fn overflow(rest: i64) -> Self {
        let mut sense = Self::new(Key::VolumeOverflow, 0, 2).with_information(rest);
        sense.end_of_medium = true;
        sense
    }

    /// A record of another length than asked for; `rest` as SSC-4 6.4 defines it for either mode.
    pub const fn odd_length(rest: i64) -> Self {
        let mut sense = Self::new(Key::NoSense, 0, 0).with_information(rest);
        sense.incorrect_length = true;
        sense
    }

    /// The same with information.
    #[must_use]
    pub const fn with_information(mut self, information: i64) -> Self {
        self.information = Some(information);
        self
    }

    /// The same about an earlier command.
    #[must_use]
    pub const fn deferred(mut self) -> Self {
        self.deferred = true;
        self
    }

    /// The eighteen bytes of fixed format (SPC-4 4.5.3).
    pub fn bytes(&self) -> [u8; 18] {
        let mut bytes = [0; 18];
        bytes[0] = if self.deferred { 0x71 } else { 0x70 };
        if let Some(information) = self.information {
            bytes[0] |= 0x80;
            bytes[3..7].copy_from_slice(&(information as i32).to_be_bytes());
        }
        let flags = [(self.filemark, 0x80), (self.end_of_medium, 0x40), (self.incorrect_length, 0x20)];
        bytes[2] = flags.iter().filter(|(set, _)| *set).fold(self.key as u8, |byte, (_, bit)| byte | bit);
        bytes[7] = 10;
        bytes[12] = self.code.0;
        bytes[13] = self.code.1;
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filemark_has_its_flag_and_a_negative_rest_is_two_complement() {
        let bytes = Sense::at_filemark(-3).bytes();
        assert_eq!(bytes[0], 0xf0);
        assert_eq!(bytes[2], 0x80);
        assert_eq!(bytes[3..7], [0xff, 0xff, 0xff, 0xfd]);
        assert_eq!((bytes[7], bytes[12], bytes[13]), (10, 0, 1));
    }

    #[test]
    fn a_deferred_error_has_its_own_response_code_and_no_valid_bit_without_information() {
        let bytes = Sense::new(Key::Medium, 0x0c, 0).deferred().bytes();
        assert_eq!((bytes[0], bytes[2], bytes[12]), (0x71, 3, 0x0c));
    }

    #[test]
    fn keys_are_found_by_their_number() {
        assert_eq!(Key::from_code(0xd), Some(Key::VolumeOverflow));
        assert_eq!(Key::from_code(0xf), None);
    }
}
