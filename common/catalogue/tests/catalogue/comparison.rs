//! What a source lists, held against a list of others.

use catalogue::StudyRow;

use crate::lab::{Lab, study_row, study_uid};

#[test]
fn a_line_with_a_uid_is_compared_by_it_alone() {
    let mut lab = Lab::new();
    for (number, accession) in [(1, "A1"), (2, "A1"), (3, "A3")] {
        lab.listed(&StudyRow { accession: Some(accession.into()), ..study_row(number) });
    }
    let line =
        |line, uid: Option<&str>, accession: &str| (line, uid.map(str::to_owned), Some(accession.to_owned()));
    // The study of line 3 is missing, and two others have its accession number.
    let named = [line(2, Some(&study_uid(1)), "A1"), line(3, Some("1.9"), "A1"), line(4, None, "A3")];
    let told = lab.catalogue.compare("ris.csv", &named).unwrap();
    assert_eq!((told.in_both, told.only_source, told.only_list), (2, 1, 1));
    assert_eq!((told.lines, told.studies), (vec![3], vec![study_uid(2)]));
}
