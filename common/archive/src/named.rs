//! Lists of studies that others keep, as CSV files with a heading: of a RIS, of a department.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

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
    let wrong = |reason: String| Error::Selection(format!("the list {} {reason}", path.display()));
    let file = File::open(path).map_err(|error| wrong(format!("cannot be opened: {error}")))?;
    read(file).map_err(wrong)
}

fn read(file: impl Read) -> Result<Vec<NamedStudy>, String> {
    let mut reader = reader(file);
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
            let line = record.position().map_or(0, csv::Position::line);
            named.push(NamedStudy { line, study_uid, accession });
        }
    }
    Ok(named)
}

/// A reader for lists as people make them.
pub(crate) fn reader<R: Read>(file: R) -> csv::Reader<R> {
    csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file)
}

/// The columns by their headings, without case, spaces and signs.
pub(crate) fn columns<R: Read>(reader: &mut csv::Reader<R>) -> Result<HashMap<String, usize>, String> {
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
}
