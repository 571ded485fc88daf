//! The names of a volume's files, and the order they have on the volume (docs/VOLUME-FORMAT.md).

use crate::Error;

/// Ends the name of a directory volume's file that is not committed yet.
pub(crate) const UNFINISHED: &str = ".part";

/// Longest name in bytes: what file systems take, less [`UNFINISHED`].
const LONGEST: usize = 255 - UNFINISHED.len();

/// Refuses names that are not a volume's, and so everything that could lead out of the directory.
pub(crate) fn check(name: &str) -> Result<(), Error> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if plain && name.len() <= LONGEST && kind(name).is_some() && !name.ends_with(UNFINISHED) {
        return Ok(());
    }
    Err(Error::Name { name: name.to_owned() })
}

/// Whether this is a file of payload, which ends where room must be left for index and trailer.
pub(crate) fn is_segment(name: &str) -> bool {
    name.starts_with("segment-")
}

/// Sorts names as the files follow each other on a volume; unknown ones come last.
/// Shorter names first, so that segment numbers that have outgrown their leading zeros stay in order.
pub(crate) fn order(name: &str) -> (u8, usize, &str) {
    (kind(name).unwrap_or(u8::MAX), name.len(), name)
}

fn kind(name: &str) -> Option<u8> {
    const IN_ORDER: [&str; 4] = ["VOLUME", "segment-", "INDEX", "TRAILER"];
    IN_ORDER.iter().zip(0..).find(|(prefix, _)| name.starts_with(**prefix)).map(|(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_a_volume_pass() {
        for name in ["VOLUME.tar", "segment-000001.tar.zst.age", "INDEX.jsonl.zst", "TRAILER.json.sig"] {
            check(name).unwrap();
        }
        let long = format!("segment-{}", "1".repeat(LONGEST));
        for name in
            ["", ".", "..", "notes.txt", "segment-../../etc", "INDEX/x", "/VOLUME.tar", "VOLUME.part", &long]
        {
            assert!(matches!(check(name), Err(Error::Name { .. })), "{name:?}");
        }
    }

    #[test]
    fn order_is_the_volume_s() {
        let in_order = [
            "VOLUME.tar",
            "segment-000002.tar.zst",
            "segment-999999.tar.zst",
            "segment-1000000.tar.zst",
            "INDEX.jsonl.zst",
            "TRAILER.json",
            "TRAILER.json.sig",
            "A.txt",
        ];
        let mut names = in_order;
        names.sort_unstable();
        names.sort_by_key(|name| order(name));
        assert_eq!(names, in_order);
    }
}
