//! What makes a UID a valid one.

/// Whether `uid` obeys PS3.5 section 9.1: 1 to 64 characters, components of digits joined by single dots, and no
/// component with a leading zero.
pub fn is_valid_uid(uid: &str) -> bool {
    uid.len() <= 64
        && uid.split('.').all(|component| {
            !component.is_empty()
                && component.bytes().all(|byte| byte.is_ascii_digit())
                && (component == "0" || !component.starts_with('0'))
        })
}

#[cfg(test)]
mod tests {
    use super::is_valid_uid;

    #[test]
    fn only_well_formed_uids_are_valid() {
        for good in ["1", "1.2.840.10008.1.2", "2.25.0", &"1".repeat(64)] {
            assert!(is_valid_uid(good), "{good}");
        }
        for bad in ["", ".", "1.", "1..2", "1.02", "1.2.abc", "../../etc/passwd", "1.2 ", &"1".repeat(65)] {
            assert!(!is_valid_uid(bad), "{bad}");
        }
    }
}
