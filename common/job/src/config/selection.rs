//! Which studies a plan takes.

use std::path::PathBuf;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::{check::Fault, page::Page};

/// `[selection]`: a study is taken if it fits every key that is set; of a list, one member is enough.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SelectionConfig {
    /// The first Study Date.
    #[serde(deserialize_with = "date", skip_serializing_if = "Option::is_none")]
    pub study_date_from: Option<Date>,
    /// The last Study Date, included.
    #[serde(deserialize_with = "date", skip_serializing_if = "Option::is_none")]
    pub study_date_to: Option<Date>,
    /// Modalities in Study.
    pub modalities: Vec<String>,
    /// Patient IDs.
    pub patient_ids: Vec<String>,
    /// Accession Numbers.
    pub accession_numbers: Vec<String>,
    /// Study Instance UIDs.
    pub study_uids: Vec<String>,
    /// A CSV file that names studies, patients or accession numbers, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<PathBuf>,
    /// Whether no answer of a PACS is taken as whole because of a sample of its parts.
    pub prove: bool,
}

impl SelectionConfig {
    pub(super) fn check(&self) -> Result<(), Fault> {
        match (self.study_date_from, self.study_date_to) {
            (Some(from), Some(to)) if from > to => {
                let message = format!("is {to}, which is before study_date_from, {from}");
                Err(Fault { key: "selection.study_date_to", message })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn render(&self, page: &mut Page) {
        page.table(
            "selection",
            "Which studies to take: those that fit every key that is set. Nothing set means everything.",
        );
        let date = |date: Option<Date>| date.map(|date| date.to_string());
        page.optional("First study date.", "study_date_from", date(self.study_date_from), "\"2015-01-01\"");
        page.optional(
            "Last study date, included.",
            "study_date_to",
            date(self.study_date_to),
            "\"2024-12-31\"",
        );
        page.list(
            "Studies with any of these modalities.",
            "modalities",
            self.modalities.clone(),
            "[\"CT\", \"MR\"]",
        );
        page.list("Studies of these patients.", "patient_ids", self.patient_ids.clone(), "[\"4711\"]");
        page.list("Accession numbers.", "accession_numbers", self.accession_numbers.clone(), "[\"A0815\"]");
        page.list("Study Instance UIDs.", "study_uids", self.study_uids.clone(), "[\"1.2.840.113619.2.1\"]");
        let csv = self.csv.as_ref().map(|path| path.display().to_string());
        page.optional("A CSV file that names them.", "csv", csv, "\"studies.csv\"");
        page.key(
            "Whether a PACS is asked for everything twice, as a whole and in parts, however long its answers are.",
            "prove",
            self.prove,
        );
    }
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let not_a_date = |_| de::Error::custom(format!("\"{text}\" is not a date: write it as \"2024-12-31\""));
    text.parse().map(Some).map_err(not_a_date)
}
