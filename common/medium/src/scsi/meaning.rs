//! What sense codes mean to the person at the drive or the library (SPC-4 annex D; only what tapes and changers send).

use super::sense::SenseKey;

/// (ASC, ASCQ, meaning). The first match counts.
const MEANINGS: &[(u8, u8, &str)] = &[
    (0x00, 0x01, "a filemark was met"),
    (0x00, 0x02, "the end of the tape is near or reached"),
    (0x00, 0x04, "the beginning of the tape was met"),
    (0x00, 0x05, "the end of what is written was met"),
    (0x00, 0x17, "the drive asks to be cleaned"),
    (0x03, 0x00, "the drive has a fault while writing; clean it, then have it serviced"),
    (0x04, 0x00, "it is not ready and does not say why; look at its display"),
    (0x04, 0x01, "the drive is loading its cartridge; wait"),
    (0x04, 0x02, "the cartridge is in and not loaded; load it (`mt load`)"),
    (0x04, 0x03, "somebody has to help at the device; look at its display"),
    (0x04, 0x07, "it is still busy with an operation; wait"),
    (0x04, 0x09, "it is testing itself; wait"),
    (0x04, 0x12, "the drive is offline; look at its display"),
    (
        0x04,
        0x13,
        "the cartridge is being prepared for its first use; this takes up to two hours, do not interrupt it",
    ),
    (0x04, 0x8d, "the library or drive is offline; set it online"),
    (0x05, 0x00, "it does not answer; see that it is switched on and connected"),
    (0x08, 0x00, "the connection to the drive failed; check the cable"),
    (0x09, 0x00, "the heads lost the track; clean the drive, then use another cartridge"),
    (0x0b, 0x01, "it is too hot; let it cool down"),
    (0x0c, 0x00, "the tape could not be written, after all attempts; use another cartridge, clean the drive"),
    (0x10, 0x01, "a record's protection did not match"),
    (0x11, 0x00, "the tape could not be read, after all attempts"),
    (0x11, 0x01, "the tape could not be read: too many attempts"),
    (0x14, 0x00, "what was looked for is not on the tape"),
    (0x14, 0x03, "the end of data was not found; the cartridge was not unloaded properly, or is damaged"),
    (0x15, 0x01, "the mechanism could not go to the place; look into the device"),
    (0x15, 0x02, "the drive read to another place than it was sent to"),
    (0x1a, 0x00, "the length of the parameters is wrong"),
    (0x20, 0x00, "the device does not know this command"),
    (0x21, 0x01, "there is no element with this address"),
    (0x21, 0x00, "the address is out of range"),
    (0x24, 0x00, "the device does not know this option"),
    (0x25, 0x00, "there is no device of this number"),
    (0x26, 0x00, "the device does not take one of the parameters"),
    (0x27, 0x00, "the cartridge is write-protected"),
    (0x28, 0x00, "another cartridge may be in the drive"),
    (0x28, 0x01, "somebody opened the mail slot"),
    (0x29, 0x00, "it was switched on or reset"),
    (0x2a, 0x01, "somebody changed its settings"),
    (0x2a, 0x03, "its reservations were changed"),
    (0x2f, 0x00, "its commands were cleared by another computer"),
    (0x30, 0x01, "the cartridge has a format that this drive cannot read"),
    (0x30, 0x02, "the cartridge has a format that this drive cannot read"),
    (0x30, 0x03, "a cleaning cartridge is in"),
    (0x30, 0x05, "the cartridge has a format that this drive cannot write"),
    (0x30, 0x07, "cleaning failed; use another cleaning cartridge"),
    (0x30, 0x0c, "this is a WORM cartridge, and what is on it cannot be overwritten"),
    (0x30, 0x0d, "this is a WORM cartridge, and it is damaged or tampered with"),
    (0x30, 0x00, "the cartridge does not fit this drive"),
    (0x31, 0x00, "the format of the tape is damaged"),
    (0x33, 0x00, "the tape is not as long as it must be"),
    (0x37, 0x00, "it rounded a parameter"),
    (0x39, 0x00, "it cannot keep settings"),
    (0x3a, 0x04, "no cartridge is in; one is at the door or in the drive's mouth"),
    (0x3a, 0x00, "no cartridge is in"),
    (0x3b, 0x00, "the tape is at a place where this cannot be done"),
    (0x3b, 0x01, "the tape is at its beginning"),
    (0x3b, 0x02, "the tape is at its end"),
    (0x3b, 0x08, "the drive does not know where on the tape it is"),
    (0x3b, 0x0d, "the place to put the cartridge is taken"),
    (0x3b, 0x0e, "the place to take the cartridge from is empty"),
    (0x3b, 0x11, "a magazine is not in"),
    (0x3b, 0x12, "a magazine was taken out"),
    (0x3b, 0x13, "a magazine was put in"),
    (0x3b, 0x18, "this element is switched off"),
    (0x3b, 0x1a, "the drive is not in its place"),
    (0x3d, 0x00, "the device does not take a bit that must be zero"),
    (0x3e, 0x00, "it has not configured itself yet; wait"),
    (0x3f, 0x01, "its firmware was changed"),
    (0x3f, 0x0e, "the devices of the library changed"),
    (0x40, 0x00, "its own diagnostics found a fault; have it serviced"),
    (0x44, 0x00, "it has an internal fault; switch it off and on, then have it serviced"),
    (0x4b, 0x00, "data went wrong on the way; check the cable"),
    (0x4e, 0x00, "two commands were given at once"),
    (0x50, 0x00, "the drive cannot append here"),
    (0x51, 0x00, "the tape could not be erased"),
    (0x52, 0x00, "the cartridge has a fault"),
    (0x53, 0x00, "the cartridge could not be loaded or ejected; look into the device"),
    (0x53, 0x01, "the cartridge could not be unloaded; look into the drive"),
    (0x53, 0x02, "removal of the cartridge is locked by a program"),
    (0x53, 0x03, "data could not be passed between drive and library"),
    (0x53, 0x04, "the tape could not be threaded, or ran off its reel"),
    (0x55, 0x00, "it has too much to do; try again"),
    (0x5a, 0x01, "somebody asked at the device to have the cartridge out"),
    (0x5d, 0x00, "it expects to fail soon; have it replaced"),
    (0x74, 0x00, "there is trouble with encryption by the drive; switch that off, p2t encrypts itself"),
    (0x82, 0x00, "the maker's own code: the drive asks to be cleaned"),
];

/// The code's meaning; by its first half, or by the key alone, where the table does not have it.
pub fn of(key: SenseKey, asc: u8, ascq: u8) -> &'static str {
    let exact = MEANINGS.iter().find(|known| (known.0, known.1) == (asc, ascq));
    // Without a qualifier of its own a code has the meaning of its family; code 00 is none.
    let family = || MEANINGS.iter().find(|known| asc != 0 && asc < 0x80 && (known.0, known.1) == (asc, 0x00));
    exact.or_else(family).map_or(by_key(key), |known| known.2)
}

fn by_key(key: SenseKey) -> &'static str {
    match key {
        SenseKey::NoSense | SenseKey::Completed => "it has nothing to say",
        SenseKey::RecoveredError => "it had trouble and mended it",
        SenseKey::NotReady => "it is not ready",
        SenseKey::MediumError => "the cartridge is bad; use another one",
        SenseKey::HardwareError => "it has a fault; switch it off and on, then have it serviced",
        SenseKey::IllegalRequest => "it does not know this command, or not like this",
        SenseKey::UnitAttention => "something happened to it since the last command",
        SenseKey::DataProtect => "what is there is protected",
        SenseKey::BlankCheck => "nothing is written there",
        SenseKey::AbortedCommand | SenseKey::CopyAborted => "it gave the command up; check the cable",
        SenseKey::VolumeOverflow => "the tape is full",
        SenseKey::VendorSpecific | SenseKey::Miscompare | SenseKey::Reserved => {
            "it gave a code that only its manual explains"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_told_once_and_as_part_of_a_sentence() {
        for (number, (asc, ascq, meaning)) in MEANINGS.iter().enumerate() {
            let first = MEANINGS.iter().position(|known| (known.0, known.1) == (*asc, *ascq));
            assert_eq!(first, Some(number), "{asc:02x}/{ascq:02x} is there twice");
            assert!(!meaning.ends_with('.') && !meaning.starts_with(char::is_uppercase), "{meaning}");
        }
    }

    #[test]
    fn unknown_codes_are_told_by_family_and_then_by_key() {
        assert_eq!(of(SenseKey::NotReady, 0x3a, 0x02), "no cartridge is in");
        assert_eq!(of(SenseKey::MediumError, 0x99, 0x01), "the cartridge is bad; use another one");
        assert_eq!(of(SenseKey::BlankCheck, 0x00, 0x00), "nothing is written there");
        assert!(of(SenseKey::DataProtect, 0x30, 0x0c).contains("WORM"));
    }
}
