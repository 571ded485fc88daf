//! The few attributes that identify an object.

use crate::{
    flat::trimmed,
    tag::{Tag, tags},
};
use std::fmt;

/// Longest text kept of an attribute, in characters.
pub(crate) const MOST_CHARS: usize = 1024;

/// The attributes that identify an object: decoded, without padding, at most 1,024 characters each; `None` if absent,
/// empty or not reached. They are what the object claims, valid or not.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Head {
    /// Specific Character Set (0008,0005).
    pub character_set: Option<String>,
    /// SOP Class UID (0008,0016).
    pub sop_class: Option<String>,
    /// SOP Instance UID (0008,0018).
    pub sop_instance: Option<String>,
    /// Study Date (0008,0020).
    pub study_date: Option<String>,
    /// Study Time (0008,0030).
    pub study_time: Option<String>,
    /// Accession Number (0008,0050).
    pub accession: Option<String>,
    /// Modality (0008,0060).
    pub modality: Option<String>,
    /// Study Description (0008,1030).
    pub study_description: Option<String>,
    /// Series Description (0008,103E).
    pub series_description: Option<String>,
    /// Patient's Name (0010,0010).
    pub patient_name: Option<String>,
    /// Patient ID (0010,0020).
    pub patient_id: Option<String>,
    /// Issuer of Patient ID (0010,0021).
    pub patient_id_issuer: Option<String>,
    /// Study Instance UID (0020,000D).
    pub study: Option<String>,
    /// Series Instance UID (0020,000E).
    pub series: Option<String>,
    /// Study ID (0020,0010).
    pub study_id: Option<String>,
    /// Series Number (0020,0011).
    pub series_number: Option<String>,
    /// Instance Number (0020,0013).
    pub instance_number: Option<String>,
}

impl Head {
    /// The highest tag that is read.
    pub(crate) const LAST: Tag = tags::INSTANCE_NUMBER;

    /// The place for the value of `tag`, if it is one of the attributes read.
    pub(crate) fn slot(&mut self, tag: Tag) -> Option<&mut Option<String>> {
        Some(match tag {
            tags::SPECIFIC_CHARACTER_SET => &mut self.character_set,
            tags::SOP_CLASS_UID => &mut self.sop_class,
            tags::SOP_INSTANCE_UID => &mut self.sop_instance,
            tags::STUDY_DATE => &mut self.study_date,
            tags::STUDY_TIME => &mut self.study_time,
            tags::ACCESSION_NUMBER => &mut self.accession,
            tags::MODALITY => &mut self.modality,
            tags::STUDY_DESCRIPTION => &mut self.study_description,
            tags::SERIES_DESCRIPTION => &mut self.series_description,
            tags::PATIENT_NAME => &mut self.patient_name,
            tags::PATIENT_ID => &mut self.patient_id,
            tags::ISSUER_OF_PATIENT_ID => &mut self.patient_id_issuer,
            tags::STUDY_INSTANCE_UID => &mut self.study,
            tags::SERIES_INSTANCE_UID => &mut self.series,
            tags::STUDY_ID => &mut self.study_id,
            tags::SERIES_NUMBER => &mut self.series_number,
            tags::INSTANCE_NUMBER => &mut self.instance_number,
            _ => return None,
        })
    }

    /// The UIDs without which an object cannot be placed, with their tags.
    pub(crate) fn uids(&self) -> [(Tag, Option<&str>); 4] {
        [
            (tags::SOP_CLASS_UID, self.sop_class.as_deref()),
            (tags::SOP_INSTANCE_UID, self.sop_instance.as_deref()),
            (tags::STUDY_INSTANCE_UID, self.study.as_deref()),
            (tags::SERIES_INSTANCE_UID, self.series.as_deref()),
        ]
    }
}

/// Shows the UIDs only, because what is printed for debugging ends in logs, and logs hold no patient data.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("sop_class", &self.sop_class)
            .field("sop_instance", &self.sop_instance)
            .field("study", &self.study)
            .field("series", &self.series)
            .finish_non_exhaustive()
    }
}

/// Text as a [`Head`] keeps it: `None` if only padding.
pub(crate) fn kept(text: &str) -> Option<String> {
    let text: String = trimmed(text).chars().take(MOST_CHARS).collect();
    (!text.is_empty()).then_some(text)
}
