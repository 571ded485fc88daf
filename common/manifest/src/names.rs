//! Names on a medium and inside a segment: always short, plain and harmless to any file system.

use crate::Digest;

/// File 0 of a volume.
pub const LABEL: &str = "VOLUME.tar";
/// The file behind the last segment.
pub const INDEX: &str = "INDEX.jsonl.zst";
/// The file behind the index; its presence means that the volume is complete.
pub const TRAILER: &str = "TRAILER.json";
/// The trailer's SSHSIG signature, the last file where there is one.
pub const SIGNATURE: &str = "TRAILER.json.sig";

/// The name of a segment's file; `number` counts from 1 over the whole transfer.
pub fn segment_name(number: u32) -> String {
    format!("segment-{number:06}.tar.zst")
}

/// What encryption appends to the name of a segment or index.
pub const ENCRYPTED_SUFFIX: &str = ".age";

/// What a file on a medium is, by its name, encrypted or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// `VOLUME.tar`
    Label,
    /// `segment-000001.tar.zst`, with its number.
    Segment(u32),
    /// `INDEX.jsonl.zst`
    Index,
    /// `TRAILER.json`
    Trailer,
    /// `TRAILER.json.sig`
    Signature,
    /// Anything else: not ours.
    Foreign,
}

impl FileKind {
    /// The kind of the file with this name.
    pub fn of(name: &str) -> Self {
        match name {
            LABEL => Self::Label,
            TRAILER => Self::Trailer,
            SIGNATURE => Self::Signature,
            _ => Self::of_content(name.strip_suffix(ENCRYPTED_SUFFIX).unwrap_or(name)),
        }
    }

    fn of_content(name: &str) -> Self {
        if name == INDEX {
            return Self::Index;
        }
        name.strip_prefix("segment-")
            .and_then(|rest| rest.strip_suffix(".tar.zst"))
            .and_then(|digits| digits.parse().ok())
            .filter(|number| segment_name(*number) == name)
            .map_or(Self::Foreign, Self::Segment)
    }
}

/// An object's name in the tar, `<StudyUID>/<SeriesUID>/<SOPInstanceUID>.dcm`, made safe.
pub struct Member;

impl Member {
    /// The plain name. A UID that is absent becomes `none`; one that is not 1 to 64 letters, digits, `.`, `-`
    /// or `_`, beginning with a letter or digit, becomes `x-` and 16 digits of its digest.
    pub fn name(study: Option<&str>, series: Option<&str>, sop_instance: Option<&str>) -> String {
        format!("{}/{}/{}.dcm", safe(study), safe(series), safe(sop_instance))
    }

    /// The name for a further object that claims the same UIDs: 12 digits of its digest tell it apart.
    pub fn clashing_name(
        study: Option<&str>,
        series: Option<&str>,
        sop_instance: Option<&str>,
        digest: &Digest,
    ) -> String {
        let tail: String = digest.to_string().chars().take(12).collect();
        format!("{}/{}/{}_{tail}.dcm", safe(study), safe(series), safe(sop_instance))
    }

    /// Whether a name read from a volume has exactly the shape that [`Member::name`] gives: three harmless
    /// components, so that joining it to a folder can never leave that folder.
    pub fn is_safe(name: &str) -> bool {
        let mut parts = name.split('/');
        let (study, series, file) = (parts.next(), parts.next(), parts.next());
        parts.next().is_none()
            && study.is_some_and(|part| is_plain(part, 64))
            && series.is_some_and(|part| is_plain(part, 64))
            && file.and_then(|part| part.strip_suffix(".dcm")).is_some_and(|part| is_plain(part, 80))
    }
}

fn safe(uid: Option<&str>) -> String {
    match uid {
        None | Some("") => "none".to_owned(),
        Some(uid) if is_plain(uid, 64) => uid.to_owned(),
        Some(uid) => format!("x-{}", Digest::of(uid.as_bytes()).to_string().get(..16).unwrap_or_default()),
    }
}

fn is_plain(part: &str, longest: usize) -> bool {
    part.len() <= longest
        && part.starts_with(|c: char| c.is_ascii_alphanumeric())
        && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_uids_stay_readable() {
        let name = Member::name(Some("1.2.3"), Some("1.2.3.4"), Some("1.2.3.4.5"));
        assert_eq!(name, "1.2.3/1.2.3.4/1.2.3.4.5.dcm");
        assert!(Member::is_safe(&name));
    }

    #[test]
    fn hostile_uids_become_harmless() {
        for uid in ["../../etc/passwd", "..", ".", "/", "a/b", "a\0b", " ", "-rf", &"1".repeat(65), "Größe"]
        {
            let name = Member::name(Some(uid), None, Some(uid));
            assert!(Member::is_safe(&name), "{name}");
            assert!(name.starts_with("x-"), "{name}");
        }
        for name in
            ["../x/y.dcm", "/a/b.dcm", "a/b", "a/b/c", "a/../c.dcm", "a/b/c/d.dcm", "a//c.dcm", "a/b/.dcm"]
        {
            assert!(!Member::is_safe(name), "{name}");
        }
    }

    #[test]
    fn longest_names_fit_plain_ustar() {
        let uid = "1".repeat(64);
        let name = Member::clashing_name(Some(&uid), Some(&uid), Some(&uid), &Digest::of(b""));
        assert!(Member::is_safe(&name));
        assert!(name.len() - name.rfind('/').unwrap() <= 100);
        assert!(name.rfind('/').unwrap() <= 155);
    }

    #[test]
    fn kinds_by_name() {
        assert_eq!(FileKind::of(&segment_name(17)), FileKind::Segment(17));
        assert_eq!(FileKind::of("segment-000017.tar.zst.age"), FileKind::Segment(17));
        assert_eq!(FileKind::of("INDEX.jsonl.zst.age"), FileKind::Index);
        assert_eq!(FileKind::of("segment-17.tar.zst"), FileKind::Foreign);
        assert_eq!(FileKind::of("TRAILER.json"), FileKind::Trailer);
        assert_eq!(FileKind::of(".DS_Store"), FileKind::Foreign);
    }
}
