//! Rows of a search in the DICOM JSON model (PS3.18 annex F), read one by one from an answer of any length.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufReader, Read};

use dataset::Tag;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;

use super::error::Error;

/// The attributes of one match that have a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row(BTreeMap<Tag, String>);

#[derive(Deserialize)]
struct Element {
    #[serde(rename = "Value", default)]
    values: Vec<Value>,
}

impl Row {
    /// An attribute's values as text, joined by backslashes as in a dataset; none if there are none.
    pub fn text(&self, tag: Tag) -> Option<String> {
        self.0.get(&tag).cloned()
    }

    /// By which the same row is known again.
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let elements = BTreeMap::<String, Element>::deserialize(deserializer)?;
        let known = elements.into_iter().filter_map(|(name, element)| {
            let text = text(&element.values);
            Some((tag(&name)?, text)).filter(|(_, text)| !text.is_empty())
        });
        Ok(Self(known.collect()))
    }
}

/// A tag as the model names it: eight hexadecimal digits.
fn tag(name: &str) -> Option<Tag> {
    let number = u32::from_str_radix(name, 16).ok().filter(|_| name.len() == 8)?;
    Some(Tag((number >> 16) as u16, number as u16))
}

fn text(values: &[Value]) -> String {
    let values: Vec<String> = values.iter().map(value).collect();
    values.join("\\").trim_matches(['\0', ' ']).to_owned()
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim_matches(['\0', ' ']).to_owned(),
        Value::Number(number) => number.to_string(),
        // A person's name, its groups as in a dataset (PS3.5 section 6.2.1).
        Value::Object(groups) => {
            let group = |name| groups.get(name).and_then(Value::as_str).unwrap_or_default();
            let name = ["Alphabetic", "Ideographic", "Phonetic"].map(group).join("=");
            name.trim_end_matches('=').to_owned()
        }
        Value::Null | Value::Bool(_) | Value::Array(_) => String::new(),
    }
}

/// No row is longer; bounds what a server that never ends a value can make us hold.
const MOST_ROW: u64 = 4 << 20;

/// A body of which only so much may be read until somebody allows more.
struct Bounded<'a, R> {
    body: R,
    left: &'a Cell<u64>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left.get()).unwrap_or(usize::MAX).min(target.len());
        let Some(target) = target.get_mut(..most).filter(|target| !target.is_empty()) else {
            return Err(Error::malformed("a list", "one of its rows is longer than 4 MiB").into());
        };
        let count = self.body.read(target)?;
        self.left.set(self.left.get().saturating_sub(count as u64));
        Ok(count)
    }
}

type OnRow<'a> = &'a mut dyn FnMut(Row) -> Result<(), Error>;

/// Reads the rows of an answer.
pub fn rows(body: impl Read, on_row: OnRow<'_>) -> Result<(), Error> {
    let mut stopped = None;
    let left = Cell::new(MOST_ROW);
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(Bounded { body, left: &left }));
    let mut on_row = |row| {
        left.set(MOST_ROW);
        on_row(row)
    };
    let read = Rows { on_row: &mut on_row, stopped: &mut stopped }.deserialize(&mut json);
    let read = read.and_then(|()| json.end());
    match (stopped, read) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) if error.is_io() => Err(io::Error::from(error).into()),
        (None, Err(error)) if error.is_eof() => Err(Error::CutShort),
        // The message may quote what came, which may name a patient.
        (None, Err(error)) => Err(Error::malformed(
            "a list",
            format!("it is not DICOM JSON at line {}, column {}", error.line(), error.column()),
        )),
    }
}

struct Rows<'a, 'b> {
    on_row: OnRow<'a>,
    stopped: &'b mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Rows<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Rows<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of matches")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(row) = sequence.next_element()? {
            if let Err(error) = (self.on_row)(row) {
                *self.stopped = Some(error);
                return Err(de::Error::custom("stopped"));
            }
        }
        sequence.next_element::<IgnoredAny>().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use dataset::tags::{MODALITIES_IN_STUDY, PATIENT_NAME, STUDY_DATE, STUDY_INSTANCE_UID};

    use super::*;

    fn read(text: &str) -> Result<Vec<Row>, Error> {
        let mut found = Vec::new();
        rows(text.as_bytes(), &mut |row| {
            found.push(row);
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn values_are_read_as_a_dataset_would_have_them() {
        let found = read(
            r#"[{"0020000D":{"vr":"UI","Value":["1.2.3 "]},"00080061":{"vr":"CS","Value":["CT","MR"]},
                "00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Phonetic":"C"}]},"00080020":{"vr":"DA"},
                "00201208":{"vr":"IS","Value":[3]},"0008002":{"vr":"XX"},"00404000":{"vr":"SQ","Value":[{"a":[]}]}}, {}]"#,
        )
        .unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text(STUDY_INSTANCE_UID).as_deref(), Some("1.2.3"));
        assert_eq!(found[0].text(MODALITIES_IN_STUDY).as_deref(), Some("CT\\MR"));
        assert_eq!(found[0].text(PATIENT_NAME).as_deref(), Some("A^B==C"));
        assert_eq!(found[0].text(Tag(0x0020, 0x1208)).as_deref(), Some("3"));
        assert_eq!(found[0].text(STUDY_DATE), None);
        assert_ne!(found[0].digest(), found[1].digest());
        assert!(read(" [ ] ").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_list_is_refused_without_a_word_of_it() {
        for text in ["{}", "[1]", "[{}] x", "<html>Doe^John</html>", "[{\"00100010\":\"Doe^John\"}]"] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("not DICOM JSON") && !error.contains("Doe"), "{text}: {error}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
        for text in ["", "[", "[{\"0020000D\":{\"Value\":[\"1.2"] {
            assert!(matches!(read(text), Err(Error::CutShort)), "{text}");
        }
    }

    #[test]
    fn a_value_without_end_is_refused() {
        let endless = io::Cursor::new("[{\"00100010\":\"").chain(io::repeat(b'a'));
        let error = rows(endless, &mut |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("longer than 4 MiB"), "{error}");
        let row = format!("{{\"00081030\":{{\"vr\":\"LO\",\"Value\":[\"{}\"]}}}}", "a".repeat(1 << 20));
        assert_eq!(read(&format!("[{}]", vec![row; 6].join(","))).unwrap().len(), 6);
    }

    #[test]
    fn a_taker_that_fails_ends_the_reading_with_its_error() {
        let error = rows("[{},{},{}]".as_bytes(), &mut |_| Err(Error::Stopped)).unwrap_err();
        assert!(matches!(error, Error::Stopped), "{error}");
    }
}
