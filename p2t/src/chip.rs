//! What is written onto a cartridge's chip when a volume is begun on it, so that whoever has a drive learns whose it is without a
//! look at its tape (MAM host attributes, SPC-4 7.4.2.4).

use std::path::Path;

use catalogue::volumes::NewVolume;
use jiff::Timestamp;
use medium::scsi::{CartridgeHealth, HostText, Reading, write_host_text};

use crate::media::barcode::agree;

/// Writes the volume's names onto the chip of the cartridge in a drive, which told this of itself: why that was not done, if it was
/// not. That never stops anything.
///
/// # Errors
/// If another program has the drive open.
pub fn write(
    drive: &Path,
    volume: &NewVolume,
    told: &CartridgeHealth,
) -> Result<Option<String>, medium::Error> {
    let written = write_host_text(drive, &text(volume, told, Timestamp::now()))?;
    Ok(match written {
        Reading::Known(()) => None,
        Reading::NotAvailable { not_available } => {
            Some(format!("{} does not write the cartridge's chip: {not_available}", drive.display()))
        }
    })
}

fn text(volume: &NewVolume, told: &CartridgeHealth, now: Timestamp) -> HostText {
    let NewVolume { uuid, sequence, copy, barcode, .. } = volume;
    // A chip that knows its cartridge's barcode is what exchanged stickers are found by.
    let of_chip = told.memory.known().and_then(|memory| memory.barcode.as_ref());
    let contradicts = |barcode: &String| told.barcode().is_some_and(|told| !agree(told, barcode));
    let barcode = barcode.clone().filter(|barcode| of_chip.is_none() && !contradicts(barcode));
    HostText {
        application: "p2t".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        label: format!("p2t volume {sequence} copy {copy} {uuid}"),
        barcode,
        written: now.strftime("%Y%m%d%H%M").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use medium::scsi::CartridgeMemory;
    use uuid::Uuid;

    use super::*;

    fn told(barcode: Option<&str>) -> CartridgeHealth {
        let missing = || "not told".to_owned();
        CartridgeHealth {
            medium: Reading::NotAvailable { not_available: missing() },
            memory: Reading::Known(CartridgeMemory {
                barcode: barcode.map(str::to_owned),
                ..CartridgeMemory::default()
            }),
            statistics: Reading::NotAvailable { not_available: missing() },
            capacity: Reading::NotAvailable { not_available: missing() },
        }
    }

    #[test]
    fn a_chip_gets_the_volume_s_names_and_keeps_the_barcode_that_it_has() {
        let volume = NewVolume {
            uuid: Uuid::from_u128(7),
            sequence: 3,
            copy: 2,
            medium: "/dev/nst0".to_owned(),
            barcode: Some("P2T003L8".to_owned()),
        };
        let now: Timestamp = "2026-11-26T08:30:59Z".parse().unwrap();
        let written = text(&volume, &told(None), now);
        assert_eq!(written.label, "p2t volume 3 copy 2 00000000-0000-0000-0000-000000000007");
        assert_eq!(
            (written.written.as_str(), written.barcode.as_deref()),
            ("202611260830", Some("P2T003L8"))
        );
        assert_eq!(text(&volume, &told(Some("OTHER1L8")), now).barcode, None);
    }
}
