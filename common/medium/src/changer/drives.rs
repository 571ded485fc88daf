//! Which tape node of this machine is which drive of a library.

use std::path::PathBuf;

use crate::scsi::{Designator, TapeNode};

/// The one node whose drive has this name: by the same designator, or by the serial number in it.
/// `None` if there is none, or more than one; then nobody knows.
pub fn node_of(designator: &Designator, nodes: &[TapeNode]) -> Option<PathBuf> {
    let serial = designator.serial();
    let same =
        |node: &TapeNode| node.designators.contains(designator) || serial.is_some() && node.serial == serial;
    let mut found = nodes.iter().filter(|node| same(node));
    let first = found.next()?;
    found.next().is_none().then(|| first.path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(path: &str, serial: &str, designators: &[Designator]) -> TapeNode {
        TapeNode { path: path.into(), serial: Some(serial.into()), designators: designators.to_vec() }
    }

    fn designator(code_set: u8, kind: u8, value: &[u8]) -> Designator {
        Designator { code_set, kind, value: value.to_vec() }
    }

    #[test]
    fn a_drive_is_found_by_designator_or_serial_number() {
        let naa = designator(1, 3, &[0x50, 5, 7, 0x63, 1, 2, 3, 4]);
        let nodes = [
            node("/dev/nst0", "1013000123", &[]),
            node("/dev/nst1", "1013000124", std::slice::from_ref(&naa)),
        ];
        let of = |found: &Designator| node_of(found, &nodes);
        assert_eq!(of(&naa), Some("/dev/nst1".into()));
        assert_eq!(of(&designator(2, 0, b"1013000123")), Some("/dev/nst0".into()));
        let t10 = designator(2, 1, b"IBM     ULT3580-HH8     1013000124");
        assert_eq!(of(&t10), Some("/dev/nst1".into()));
        assert_eq!(of(&designator(2, 0, b"101300012")), None);
        assert_eq!(of(&designator(1, 3, &[0x50])), None);
    }

    #[test]
    fn two_drives_with_one_serial_number_are_nobody() {
        let nodes = [node("/dev/nst0", "S", &[]), node("/dev/nst1", "S", &[])];
        assert_eq!(node_of(&designator(2, 0, b"S"), &nodes), None);
    }
}
