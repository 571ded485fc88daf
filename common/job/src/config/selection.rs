//! Which studies a plan takes.

use std::path::PathBuf;

use catalogue::choice::PlanOrder;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, de};

use super::check::{Fault, in_range};
use super::page::Page;

/// The most days that can be counted back from a day of this century.
const MOST_DAYS: u32 = 36_500;

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
    /// Study Dates of the day on which the plan is made, in the time zone of the pace, and of so many days before it; from 1 to
    /// 36,500. Takes the place of `study_date_from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_days: Option<u32>,
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
    /// Study Status IDs (0032,000A); a study of which none is told is taken.
    pub study_status: Vec<String>,
    /// Studies, patients and accession numbers that are left out, whatever else selects them.
    pub exclude: ExcludeConfig,
    /// In which order studies go; as in the plan before, or as they were listed, if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<PlanOrder>,
    /// A CSV file of the patients whose studies go first, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patient_list: Option<PathBuf>,
    /// Studies wait until so many hours have passed since their date and time; 0 to 8,760.
    pub min_age_hours: u32,
    /// Studies whose instances changed between two listings wait for so many minutes without a change; 0 to 10,080.
    pub settle_minutes: u32,
    /// Whether no answer of a PACS is taken as whole because of a sample of its parts.
    pub prove: bool,
}

/// `[selection.exclude]`: what is never taken.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExcludeConfig {
    /// Patient IDs.
    pub patient_ids: Vec<String>,
    /// Accession Numbers.
    pub accession_numbers: Vec<String>,
    /// Study Instance UIDs.
    pub study_uids: Vec<String>,
    /// A CSV file that names studies, patients or accession numbers, one a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<PathBuf>,
}

impl SelectionConfig {
    /// What cannot be meant together.
    pub fn check(&self) -> Result<(), Fault> {
        if let Some(days) = self.last_days {
            in_range("selection.last_days", days, 1..=MOST_DAYS)?;
            if let Some(from) = self.study_date_from {
                let message = format!("is {days}, and study_date_from is {from}: set only one of them");
                return Err(Fault { key: "selection.last_days", message });
            }
        }
        if let (Some(from), Some(to)) = (self.study_date_from, self.study_date_to)
            && from > to
        {
            let message = format!("is {to}, which is before study_date_from, {from}");
            return Err(Fault { key: "selection.study_date_to", message });
        }
        if self.order == Some(PlanOrder::PatientList) && self.patient_list.is_none() {
            let message = "is \"patient-list\", and there is no list: set patient_list".to_owned();
            return Err(Fault { key: "selection.order", message });
        }
        in_range("selection.min_age_hours", self.min_age_hours, 0..=8760)?;
        in_range("selection.settle_minutes", self.settle_minutes, 0..=10_080)
    }

    /// The selection on a day: the last days before it are dates like others. An error if none of them is selected.
    pub fn on(&self, today: Date) -> Result<Self, Fault> {
        let Some(days) = self.last_days else { return Ok(self.clone()) };
        let first = today.saturating_sub(i64::from(days).days());
        let selection = Self { study_date_from: Some(first), last_days: None, ..self.clone() };
        selection.check()?;
        Ok(selection)
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
        let last_days = self.last_days.map(i64::from);
        page.alternative(
            "Or, instead of a first date, the day of the plan and so many before it, each time anew:",
            "last_days",
            last_days,
            "90",
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
        page.list(
            "Study Status IDs, where the source tells them; a study without one is taken.",
            "study_status",
            self.study_status.clone(),
            "[\"VERIFIED\", \"READ\"]",
        );
        self.render_order(page);
        page.key(
            "Whether a PACS is asked for everything twice, as a whole and in parts, however long its answers are.",
            "prove",
            self.prove,
        );
        self.exclude.render(page);
    }

    fn render_order(&self, page: &mut Page) {
        page.optional(
            "\"newest\", \"oldest\" (first; without a date last), \"patient-list\", or \"listed\": as the source lists them.",
            "order",
            self.order.map(|order| order.name().to_owned()),
            "\"newest\"",
        );
        let list = self.patient_list.as_ref().map(|path| path.display().to_string());
        page.optional(
            "A CSV file with PatientID in its heading: for \"patient-list\".",
            "patient_list",
            list,
            "\"patients.csv\"",
        );
        page.key(
            "Studies wait until so many hours have passed since their date and time.",
            "min_age_hours",
            i64::from(self.min_age_hours),
        );
        page.key(
            "Studies whose images changed between two listings wait for so many minutes without a change.",
            "settle_minutes",
            i64::from(self.settle_minutes),
        );
    }
}

impl ExcludeConfig {
    /// Whether nothing is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn render(&self, page: &mut Page) {
        page.table("selection.exclude", "What is left out, whatever else selects it.");
        page.list("Patients.", "patient_ids", self.patient_ids.clone(), "[\"4711\"]");
        page.list("Accession numbers.", "accession_numbers", self.accession_numbers.clone(), "[\"A0815\"]");
        page.list("Study Instance UIDs.", "study_uids", self.study_uids.clone(), "[\"1.2.840.113619.2.1\"]");
        let csv = self.csv.as_ref().map(|path| path.display().to_string());
        page.optional("A CSV file that names them.", "csv", csv, "\"exclude.csv\"");
    }
}

fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let not_a_date = |_| de::Error::custom(format!("\"{text}\" is not a date: write it as \"2024-12-31\""));
    text.parse().map(Some).map_err(not_a_date)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_last_days_are_counted_from_the_day_of_the_plan() {
        let rolling = SelectionConfig { last_days: Some(90), ..SelectionConfig::default() };
        for (today, first) in [(date(2026, 12, 1), date(2026, 9, 2)), (date(2024, 3, 1), date(2023, 12, 2))] {
            let that_day = rolling.on(today).unwrap();
            assert_eq!((that_day.study_date_from, that_day.last_days), (Some(first), None));
        }
        let fixed = SelectionConfig { study_date_from: Some(date(2020, 1, 1)), ..SelectionConfig::default() };
        assert_eq!(fixed.on(date(2026, 12, 1)).unwrap(), fixed);
        let ended = SelectionConfig { study_date_to: Some(date(2026, 8, 1)), ..rolling };
        assert_eq!(ended.on(date(2026, 12, 1)).unwrap_err().key, "selection.study_date_to");
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let fault = |selection: SelectionConfig| selection.check().unwrap_err();
        let both = SelectionConfig {
            last_days: Some(9),
            study_date_from: Some(date(2020, 1, 1)),
            ..SelectionConfig::default()
        };
        let fault_of_both = fault(both);
        assert!(fault_of_both.message.contains("set only one"), "{fault_of_both:?}");
        for (selection, key) in [
            (SelectionConfig { last_days: Some(0), ..SelectionConfig::default() }, "selection.last_days"),
            (
                SelectionConfig { order: Some(PlanOrder::PatientList), ..SelectionConfig::default() },
                "selection.order",
            ),
            (
                SelectionConfig { min_age_hours: 9000, ..SelectionConfig::default() },
                "selection.min_age_hours",
            ),
            (
                SelectionConfig { settle_minutes: 20_000, ..SelectionConfig::default() },
                "selection.settle_minutes",
            ),
        ] {
            assert_eq!(fault(selection).key, key);
        }
    }
}
