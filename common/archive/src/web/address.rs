//! Parts of addresses, encoded (RFC 3986).

use std::fmt::Write;

use dataset::Tag;

/// One segment of a path. What an archive calls a UID may be anything, so nothing in it may have a meaning.
pub fn segment(text: &str) -> String {
    // A browser of paths takes these for steps.
    if matches!(text, "." | "..") { text.replace('.', "%2E") } else { encoded(text) }
}

/// Matching keys, and attributes that are wanted back, as a query (PS3.18 section 8.3.4).
pub fn keys(matching: &[(Tag, &str)], wanted: &[Tag]) -> String {
    let name = |tag: &Tag| format!("{:04X}{:04X}", tag.0, tag.1);
    let matching = matching.iter().map(|(tag, value)| format!("{}={}", name(tag), encoded(value)));
    let wanted = wanted.iter().map(|tag| format!("includefield={}", name(tag)));
    matching.chain(wanted).collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use dataset::tags::{PATIENT_ID, STUDY_DATE};

    use super::*;

    #[test]
    fn nothing_in_a_value_has_a_meaning() {
        assert_eq!(segment("1.2.840"), "1.2.840");
        assert_eq!(segment("../a b?c#d&ü"), "..%2Fa%20b%3Fc%23d%26%C3%BC");
        assert_eq!((segment("..").as_str(), segment(".").as_str()), ("%2E%2E", "%2E"));
        let keys = keys(&[(PATIENT_ID, "A&B=1"), (STUDY_DATE, "20240101-")], &[STUDY_DATE]);
        assert_eq!(keys, "00100020=A%26B%3D1&00080020=20240101-&includefield=00080020");
    }
}
