//! What the PACS holds: studies as its database has them.

use dataset::{Tag, tags};

use crate::object::Instance;

/// A study. Texts are as DICOM writes them; empty where the PACS knows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Study {
    /// Study Instance UID.
    pub uid: String,
    /// Study Date.
    pub date: String,
    /// Study Time.
    pub time: String,
    /// Accession Number.
    pub accession: String,
    /// Patient ID.
    pub patient_id: String,
    /// Patient's Name.
    pub patient_name: String,
    /// Its series; none for a study without images.
    pub series: Vec<Series>,
}

/// A series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    /// Series Instance UID.
    pub uid: String,
    /// Modality.
    pub modality: String,
    /// How many instances it has.
    pub instances: u32,
}

/// Number of Study Related Instances.
pub(crate) const STUDY_INSTANCES: Tag = Tag(0x0020, 0x1208);
/// Number of Series Related Instances.
const SERIES_INSTANCES: Tag = Tag(0x0020, 0x1209);
/// CT Image Storage, which everything is.
pub(crate) const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";

impl Study {
    /// The value of an attribute at STUDY level; none if the PACS does not have the attribute.
    pub fn value(&self, tag: Tag) -> Option<String> {
        Some(match tag {
            tags::STUDY_INSTANCE_UID => self.uid.clone(),
            tags::STUDY_DATE => self.date.clone(),
            tags::STUDY_TIME => self.time.clone(),
            tags::ACCESSION_NUMBER => self.accession.clone(),
            tags::PATIENT_ID => self.patient_id.clone(),
            tags::PATIENT_NAME => self.patient_name.clone(),
            tags::MODALITIES_IN_STUDY => self.modalities().join("\\"),
            STUDY_INSTANCES => self.series.iter().map(|series| series.instances).sum::<u32>().to_string(),
            _ => return None,
        })
    }

    /// Its instances, series by series.
    pub fn instances(&self) -> impl Iterator<Item = Instance<'_>> {
        self.series.iter().flat_map(move |series| {
            (1..=series.instances).map(move |number| Instance { study: self, series, number })
        })
    }

    fn modalities(&self) -> Vec<&str> {
        let mut modalities: Vec<&str> = self.series.iter().map(|series| series.modality.as_str()).collect();
        modalities.sort_unstable();
        modalities.dedup();
        modalities
    }
}

impl Series {
    /// The value of an attribute at SERIES level.
    pub fn value(&self, tag: Tag) -> Option<String> {
        Some(match tag {
            tags::SERIES_INSTANCE_UID => self.uid.clone(),
            tags::MODALITY => self.modality.clone(),
            SERIES_INSTANCES => self.instances.to_string(),
            _ => return None,
        })
    }

    /// SOP Instance UID of an instance, counted from 1.
    pub fn instance_uid(&self, number: u32) -> String {
        format!("{}.{number}", self.uid)
    }

    /// The value of an attribute of an instance at IMAGE level.
    pub fn instance_value(&self, number: u32, tag: Tag) -> Option<String> {
        Some(match tag {
            tags::SOP_INSTANCE_UID => self.instance_uid(number),
            tags::SOP_CLASS_UID => CT_IMAGE.to_owned(),
            tags::INSTANCE_NUMBER => number.to_string(),
            _ => return None,
        })
    }
}
