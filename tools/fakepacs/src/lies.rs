//! How the PACS misbehaves.

use std::str::FromStr;

use clap::{Args, ValueEnum};
use dataset::{Tag, tags};
use dimse::Status;

/// What it does wrong; nothing by default.
#[derive(Debug, Clone, Args, Default)]
pub struct Lies {
    /// Give at most so many rows to a C-FIND
    #[arg(long, value_name = "ROWS")]
    pub cap: Option<u64>,
    /// Status, in hexadecimal, with which a capped C-FIND ends; 0000 says nothing of the cap
    #[arg(long, value_name = "STATUS", default_value = "0000", value_parser = status)]
    pub cap_status: Status,
    /// Refuse a C-FIND that matches more rows, with status A700
    #[arg(long, value_name = "ROWS")]
    pub refuse_above: Option<u64>,
    /// Take no notice of this key; may be repeated
    #[arg(long, value_name = "KEY")]
    pub ignore: Vec<IgnoredKey>,
    /// Give each study in so many rows
    #[arg(long, value_name = "ROWS")]
    pub rows_per_study: Option<u32>,
    /// Leave Modalities in Study empty in answers
    #[arg(long)]
    pub hide_modalities: bool,
    /// In which order rows come
    #[arg(long, value_enum, default_value_t)]
    pub order: Order,
}

/// In which order rows come; a cap cuts what is last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// As the studies were stored.
    #[default]
    Stored,
    /// By Study Date, and those without a date last.
    NullsLast,
    /// The newest first.
    NewestFirst,
    /// Differently for each query.
    Shuffled,
}

/// A key that is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IgnoredKey(pub Tag);

impl FromStr for IgnoredKey {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Ok(Self(match name {
            "StudyDate" => tags::STUDY_DATE,
            "StudyTime" => tags::STUDY_TIME,
            "PatientID" => tags::PATIENT_ID,
            "AccessionNumber" => tags::ACCESSION_NUMBER,
            "ModalitiesInStudy" => tags::MODALITIES_IN_STUDY,
            _ => return Err(format!("{name} is none of the keys that can be ignored")),
        }))
    }
}

impl Lies {
    pub(crate) fn ignores(&self, tag: Tag) -> bool {
        self.ignore.iter().any(|ignored| ignored.0 == tag)
    }
}

fn status(text: &str) -> Result<Status, String> {
    u16::from_str_radix(text, 16).map(Status).map_err(|error| format!("{text}: {error}"))
}
