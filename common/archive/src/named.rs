//! Lists of studies that others keep, as CSV files with a heading: of a RIS, of a department.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use dataset::Tag;
use dataset::tags::{ACCESSION_NUMBER, PATIENT_ID, STUDY_INSTANCE_UID};

use crate::error::Error;

/// A study as a line of such a list names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedStudy {
    /// The line, counted from 1; the heading is the first.
    pub line: u64,
    /// Study Instance UID.
    pub study_uid: Option<String>,
    /// Accession Number.
    pub accession: Option<String>,
}

/// Reads the studies of a list by its columns of Study Instance UIDs and Accession Numbers, one of which may be missing.
/// Lines with neither are passed over.
pub fn named_studies(path: &Path) -> Result<Vec<NamedStudy>, Error> {
    of_file(path, read)
}

fn read(file: impl Read) -> Result<Vec<NamedStudy>, String> {
    let text = text(file)?;
    let (mut reader, mut lines) = (reader(&text), Lines::of(&text));
    let columns = columns(&mut reader)?;
    let column = |names: &[&str]| names.iter().find_map(|name| columns.get(*name).copied());
    let uids = column(&["studyinstanceuid", "studyuid", "studyiuid"]);
    let accessions = column(&["accessionnumber", "accession", "accessionno"]);
    if uids.is_none() && accessions.is_none() {
        return Err("needs a heading line with StudyInstanceUID or AccessionNumber in it".to_owned());
    }
    let mut named = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("cannot be read: {error}"))?;
        let value = |column: Option<usize>| {
            column.and_then(|at| record.get(at)).filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let (study_uid, accession) = (value(uids), value(accessions));
        if study_uid.is_some() || accession.is_some() {
            let line = lines.of_record(&record);
            named.push(NamedStudy { line, study_uid, accession });
        }
    }
    Ok(named)
}

/// Studies, patients and accession numbers that are named, here and in a file.
pub(crate) struct Names<'a> {
    pub study_uids: &'a [String],
    pub patient_ids: &'a [String],
    pub accession_numbers: &'a [String],
    pub csv: Option<&'a Path>,
}

impl Names<'_> {
    /// Each once, by the attribute that names it.
    pub fn read(&self) -> Result<BTreeSet<(Tag, String)>, Error> {
        let mut named = BTreeSet::new();
        for (tag, values) in [
            (STUDY_INSTANCE_UID, self.study_uids),
            (PATIENT_ID, self.patient_ids),
            (ACCESSION_NUMBER, self.accession_numbers),
        ] {
            named.extend(values.iter().map(|value| (tag, value.trim().to_owned())));
        }
        if let Some(path) = self.csv {
            named.extend(listed(path)?);
        }
        named.retain(|(_, value)| !value.is_empty());
        Ok(named)
    }
}

/// Reads what a list names, line by line: the first column that it has of Study Instance UIDs, Accession Numbers and Patient
/// IDs counts.
fn listed(path: &Path) -> Result<Vec<(Tag, String)>, Error> {
    const COLUMNS: [(&str, Tag); 3] = [
        ("studyinstanceuid", STUDY_INSTANCE_UID),
        ("accessionnumber", ACCESSION_NUMBER),
        ("patientid", PATIENT_ID),
    ];
    of_file(path, |file| column_of(file, &COLUMNS, "StudyInstanceUID, AccessionNumber or PatientID"))
}

/// Reads the Patient IDs of a list, in its order.
pub fn patient_list(path: &Path) -> Result<Vec<String>, Error> {
    let listed = of_file(path, |file| column_of(file, &[("patientid", PATIENT_ID)], "PatientID"))?;
    Ok(listed.into_iter().map(|(_, id)| id).collect())
}

fn of_file<T>(path: &Path, read: impl FnOnce(File) -> Result<T, String>) -> Result<T, Error> {
    let wrong = |reason: String| Error::Selection(format!("the list {} {reason}", path.display()));
    let file = File::open(path).map_err(|error| wrong(format!("cannot be opened: {error}")))?;
    read(file).map_err(wrong)
}

/// The values of the first of these columns that a list has.
fn column_of(file: impl Read, wanted: &[(&str, Tag)], headings: &str) -> Result<Vec<(Tag, String)>, String> {
    let text = text(file)?;
    let (mut reader, mut lines) = (reader(&text), Lines::of(&text));
    let columns = columns(&mut reader)?;
    let column = wanted.iter().find_map(|(name, tag)| columns.get(*name).map(|at| (*at, *tag)));
    let (at, tag) = column.ok_or_else(|| format!("needs a heading line with {headings} in it"))?;
    let mut values = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("cannot be read: {error}"))?;
        let value = record.get(at).filter(|value| !value.is_empty());
        let line = lines.of_record(&record);
        let value = value.ok_or_else(|| format!("has nothing in its column for line {line}"))?;
        values.push((tag, value.to_owned()));
    }
    Ok(values)
}

/// A list as a whole, without a byte order mark.
fn text(mut file: impl Read) -> Result<String, String> {
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => "is not in UTF-8: save it as \"CSV UTF-8\"".to_owned(),
        _ => format!("cannot be read: {error}"),
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A reader for lists as people make them.
fn reader(text: &str) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes())
}

/// Lines as editors count them, whether they end with LF, CRLF or CR; those within quoted fields included. The reader of
/// records counts LF alone.
struct Lines<'a> {
    rest: &'a [u8],
    passed: u64,
    ends: u64,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        Self { rest: text.as_bytes(), passed: 0, ends: 0 }
    }

    /// The line on which a record begins, from 1; records must come in their order.
    fn of_record(&mut self, record: &csv::StringRecord) -> u64 {
        let begins = record.position().map_or(self.passed, csv::Position::byte);
        let (before, from) = self
            .rest
            .split_at_checked(begins.saturating_sub(self.passed) as usize)
            .unwrap_or((self.rest, &[]));
        // Behind the end of the record before it, and empty lines.
        let blank = from.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (passed, rest) = self.rest.split_at_checked(before.len() + blank).unwrap_or((self.rest, &[]));
        let next = passed.iter().skip(1).chain(&[0]);
        let ends = passed
            .iter()
            .zip(next)
            .filter(|pair| matches!(pair, (b'\n', _)) || (*pair.0 == b'\r' && *pair.1 != b'\n'));
        self.ends += ends.count() as u64;
        self.passed += passed.len() as u64;
        self.rest = rest;
        self.ends + 1
    }
}

/// The columns by their headings, without case, spaces and signs.
fn columns(reader: &mut csv::Reader<&[u8]>) -> Result<HashMap<String, usize>, String> {
    let headings = reader.headers().map_err(|error| format!("cannot be read: {error}"))?;
    let plain =
        |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    Ok(headings.iter().map(plain).zip(0..).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_have_either_column_and_odd_headings() {
        let list = "Name; ,Accession No.,Study-Instance UID\nx, A1 ,1.2\ny,,\nz,\"A,2\",\n";
        let named = |line, uid: Option<&str>, accession: &str| NamedStudy {
            line,
            study_uid: uid.map(str::to_owned),
            accession: Some(accession.to_owned()),
        };
        assert_eq!(read(list.as_bytes()).unwrap(), [named(2, Some("1.2"), "A1"), named(4, None, "A,2")]);
        assert!(read("\u{feff}StudyInstanceUID\n1.2\n".as_bytes()).unwrap().len() == 1);
        assert!(read("name\nx\n".as_bytes()).unwrap_err().contains("heading"));
    }

    #[test]
    fn lines_are_counted_as_editors_count_them_however_they_end() {
        let list = "\u{feff}Name,AccessionNumber\nx,A1\n\n\"of two\nlines\",A2\n,A3\n\n";
        for end in ["\n", "\r\n", "\r"] {
            let list = list.replace('\n', end);
            let named = read(list.as_bytes()).unwrap();
            let lines: Vec<_> =
                named.iter().map(|study| (study.line, study.accession.as_deref().unwrap())).collect();
            assert_eq!(lines, [(2, "A1"), (4, "A2"), (6, "A3")], "{end:?}");
            let column = |list: &str| column_of(list.as_bytes(), &[("name", PATIENT_ID)], "Name");
            assert!(column(&list).unwrap_err().ends_with("line 6"), "{end:?}");
        }
        assert!(read(&b"StudyInstanceUID,M\xfcller\n1.2,x\n"[..]).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn the_first_column_of_a_list_that_is_known_counts() {
        const BOTH: [(&str, Tag); 2] = [("studyinstanceuid", STUDY_INSTANCE_UID), ("patientid", PATIENT_ID)];
        let found = |text: &str| column_of(text.as_bytes(), &BOTH, "either");
        let uids = ["1.2", "1.3"].map(|uid| (STUDY_INSTANCE_UID, uid.to_owned()));
        assert_eq!(found("Patient ID,Study Instance UID\nx, 1.2 \ny,1.3\n").unwrap(), uids);
        assert!(found("foo\n1\n").unwrap_err().contains("heading line with either"));
        assert!(found("PatientID,b\n,2\n").unwrap_err().contains("line 2"));
    }
}
