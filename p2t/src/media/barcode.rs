//! Barcodes of one cartridge, told by several: its label, its chip, the library that read the sticker.

use medium::scsi::Format;

/// Whether two barcodes can be one cartridge's. Some libraries leave out the two characters for the kind of cartridge.
pub fn agree(one: &str, other: &str) -> bool {
    one == other || without_kind(one) == other || one == without_kind(other)
}

fn without_kind(barcode: &str) -> &str {
    match Format::of_barcode(barcode) {
        Some(_) => barcode.get(..barcode.len() - 2).unwrap_or(barcode),
        None => barcode,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_cartridge_may_be_left_out() {
        assert!(agree("P2T001L8", "P2T001L8") && agree("P2T001L8", "P2T001") && agree("P2T001", "P2T001L8"));
        assert!(
            !agree("P2T001L8", "P2T002L8") && !agree("P2T001L8", "P2T001L9") && !agree("P2T001L8", "P2T00")
        );
    }
}
