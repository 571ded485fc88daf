//! Media types with their parameters (RFC 9110 section 8.3.1).

use ureq_proto::http::HeaderMap;
use ureq_proto::http::header::CONTENT_TYPE;

/// A media type: names in lower case, values as they are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MediaType {
    /// Such as `application/dicom`; empty if none was named.
    pub name: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// That of an answer or of a part.
    pub fn of(headers: &HeaderMap) -> Self {
        headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(Self::parse).unwrap_or_default()
    }

    pub fn parse(text: &str) -> Self {
        let (name, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let mut parameters = Vec::new();
        while !rest.trim().is_empty() {
            let (key, value) = rest.split_once('=').unwrap_or((rest, ""));
            let (value, behind) = take_value(value.trim_start());
            parameters.push((key.trim_matches([' ', '\t', ';']).to_ascii_lowercase(), value));
            rest = behind;
        }
        Self { name: name.trim().to_ascii_lowercase(), parameters }
    }

    /// A parameter's value, quotes taken off.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// A token or a quoted string, and what stands behind it.
fn take_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, behind) = text.split_once(';').unwrap_or((text, ""));
        return (value.trim().to_owned(), behind);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parameters_are_read_with_and_without_quotes() {
        for text in [
            "multipart/related; type=\"application/dicom\"; boundary=\"a;b=\\\"c\"",
            "Multipart/Related;Type=\"application/dicom\" ;BOUNDARY=\"a;b=\\\"c\";",
        ] {
            let found = MediaType::parse(text);
            assert_eq!(found.name, "multipart/related");
            assert_eq!(found.parameter("type"), Some("application/dicom"));
            assert_eq!(found.parameter("boundary"), Some("a;b=\"c"));
        }
        let found = MediaType::parse("multipart/related; boundary=abc-1 ; type=application/dicom");
        assert_eq!(found.parameter("boundary"), Some("abc-1"));
        assert_eq!(MediaType::parse("text/html"), MediaType { name: "text/html".into(), parameters: vec![] });
        assert_eq!(MediaType::parse("text/html; charset").parameter("charset"), Some(""));
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail(text in ".{0,60}|[a-z/;=\" \\\\]{0,40}") {
            let _ = MediaType::parse(&text);
        }
    }
}
