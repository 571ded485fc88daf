//! A part of an archive: the studies whose attributes lie where a query looks.

use catalogue::StudyRow;
use dataset::Tag;
use dataset::tags::{ACCESSION_NUMBER, MODALITIES_IN_STUDY, PATIENT_ID, STUDY_DATE, STUDY_TIME};

use super::span::{SECOND, Span, days_text, times_text};

/// An attribute by which a part can be divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    Date,
    Time,
    Patient,
    Accession,
    Modality,
}

impl Dimension {
    /// In the order in which they are tried: ranges divide best.
    pub const ALL: [Self; 5] = [Self::Date, Self::Time, Self::Patient, Self::Accession, Self::Modality];

    pub fn name(self) -> &'static str {
        match self {
            Self::Date => "Study Date",
            Self::Time => "Study Time",
            Self::Patient => "Patient ID",
            Self::Accession => "Accession Number",
            Self::Modality => "Modalities in Study",
        }
    }
}

/// Which texts an attribute may have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Texts {
    /// All that begin like this.
    Prefix(String),
    /// This one.
    Exactly(String),
}

impl Texts {
    fn key(&self) -> String {
        match self {
            Self::Prefix(prefix) => format!("{prefix}*"),
            Self::Exactly(text) => text.clone(),
        }
    }

    /// Archives may take no notice of case.
    fn fit(&self, text: &str) -> bool {
        let head = |length| text.chars().take(length).collect::<String>();
        match self {
            // A wildcard in a value matches more than itself.
            Self::Prefix(wanted) | Self::Exactly(wanted) if wanted.contains(['*', '?']) => true,
            Self::Prefix(prefix) => head(prefix.chars().count()).eq_ignore_ascii_case(prefix),
            Self::Exactly(wanted) => text.eq_ignore_ascii_case(wanted),
        }
    }
}

/// The studies that fit all of these; where there is none, also those without the attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Part {
    pub dates: Option<Span>,
    pub times: Option<Span>,
    pub patient: Option<Texts>,
    pub accession: Option<Texts>,
    pub modality: Option<String>,
}

/// What an answer tells of a study.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// A number that is the study's.
    pub study: u64,
    pub date: Option<u64>,
    pub time: Option<u64>,
    pub patient: Option<String>,
    pub accession: Option<String>,
    pub modalities: Vec<String>,
}

impl Row {
    /// Whether the archive tells no value of this attribute.
    pub fn lacks(&self, dimension: Dimension) -> bool {
        match dimension {
            Dimension::Date => self.date.is_none(),
            Dimension::Time => self.time.is_none(),
            Dimension::Patient => self.patient.is_none(),
            Dimension::Accession => self.accession.is_none(),
            Dimension::Modality => self.modalities.is_empty(),
        }
    }
}

impl Part {
    /// The keys of its query.
    pub fn keys(&self) -> Vec<(Tag, String)> {
        [
            (STUDY_DATE, self.dates.map(days_text)),
            (STUDY_TIME, self.times.map(times_text)),
            (ACCESSION_NUMBER, self.accession.as_ref().map(Texts::key)),
            (MODALITIES_IN_STUDY, self.modality.clone()),
            (PATIENT_ID, self.patient.as_ref().map(Texts::key)),
        ]
        .into_iter()
        .filter_map(|(tag, value)| value.map(|value| (tag, value)))
        .collect()
    }

    /// Whether the part is narrowed by this attribute.
    pub fn has(&self, dimension: Dimension) -> bool {
        match dimension {
            Dimension::Date => self.dates.is_some(),
            Dimension::Time => self.times.is_some(),
            Dimension::Patient => self.patient.is_some(),
            Dimension::Accession => self.accession.is_some(),
            Dimension::Modality => self.modality.is_some(),
        }
    }

    /// Whether a text is given in full.
    pub fn is_spelt_out(&self) -> bool {
        [&self.patient, &self.accession].into_iter().any(|texts| matches!(texts, Some(Texts::Exactly(_))))
    }

    /// Whether it asks for a patient or accession number by name, and this study has another one.
    pub fn names_another(&self, study: &StudyRow) -> bool {
        let other = |texts: &Option<Texts>, value: &Option<String>| match (texts, value) {
            (Some(texts @ Texts::Exactly(_)), Some(value)) => !texts.fit(value.trim()),
            _ => false,
        };
        other(&self.patient, &study.patient_id) || other(&self.accession, &study.accession)
    }

    /// Whether it is of one microsecond of the day.
    pub fn is_a_moment(&self) -> bool {
        self.times.is_some_and(|span| span.from == span.to)
    }

    /// The attributes whose values do not lie in the part, though the archive has put the study there. A day and a second
    /// more or less are no fault: archives convert time zones and leave out fractions.
    pub fn misfits(&self, row: &Row) -> impl Iterator<Item = Dimension> {
        let outside = |span: Option<Span>, value: Option<u64>, slack| match (span, value) {
            (Some(span), Some(value)) => value + slack < span.from || value > span.to + slack,
            _ => false,
        };
        let other = |texts: &Option<Texts>, value: &Option<String>| match (texts, value) {
            (Some(texts), Some(value)) => !texts.fit(value),
            _ => false,
        };
        let modality = self.modality.as_ref();
        let foreign = modality.is_some_and(|it| !row.modalities.is_empty() && !row.modalities.contains(it));
        let misfits = [
            (Dimension::Date, outside(self.dates, row.date, 1)),
            (Dimension::Time, outside(self.times, row.time, SECOND)),
            (Dimension::Patient, other(&self.patient, &row.patient)),
            (Dimension::Accession, other(&self.accession, &row.accession)),
            (Dimension::Modality, foreign),
        ];
        misfits.into_iter().filter_map(|(dimension, misfits)| misfits.then_some(dimension))
    }

    /// Whether all values of a study that are known lie in the part.
    pub fn fits(&self, row: &Row) -> bool {
        self.misfits(row).next().is_none()
    }

    /// The attribute by which this part is narrower than `whole`.
    pub fn narrowed_by(&self, whole: &Self) -> Option<Dimension> {
        Dimension::ALL.into_iter().find(|dimension| match dimension {
            Dimension::Date => self.dates != whole.dates,
            Dimension::Time => self.times != whole.times,
            Dimension::Patient => self.patient != whole.patient,
            Dimension::Accession => self.accession != whole.accession,
            Dimension::Modality => self.modality != whole.modality,
        })
    }
}
