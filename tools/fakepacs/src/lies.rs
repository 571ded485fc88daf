//! How the PACS misbehaves.

use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use dataset::{Tag, tags};
use dimse::Status;

use crate::lie::{Kind, Lie, kinds};
use crate::object::Instance;

/// What it does wrong; nothing by default.
#[derive(Debug, Clone, Args, Default)]
pub struct Lies {
    /// Give at most so many rows to a C-FIND
    #[arg(long, value_name = "ROWS")]
    pub cap: Option<u64>,
    /// Give at most so many rows to a C-FIND at IMAGE level
    #[arg(long, value_name = "ROWS")]
    pub cap_images: Option<u64>,
    /// Status, in hexadecimal, with which a capped C-FIND ends; 0000 says nothing of the cap
    #[arg(long, value_name = "STATUS", default_value = "0000", value_parser = status)]
    pub cap_status: Status,
    /// Refuse a C-FIND that matches more rows, with status A700
    #[arg(long, value_name = "ROWS")]
    pub refuse_above: Option<u64>,
    /// Take at most so many associations at once; not to be changed while it runs
    #[arg(long, value_name = "ASSOCIATIONS")]
    pub associations: Option<usize>,
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
    /// Lies about retrievals.
    #[arg(long = "lie", value_name = "LIE", help = help())]
    pub lies: Vec<Lie>,
    /// Milliseconds that each answer and each object takes
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub latency: u64,
    /// So many requests at once are answered without getting slower
    #[arg(long, value_name = "REQUESTS", default_value_t = 1)]
    pub knee: usize,
    /// How much of the latency each request beyond the knee adds to every one, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 100)]
    pub slope: u64,
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
            "InstanceNumber" => tags::INSTANCE_NUMBER,
            _ => return Err(format!("{name} is none of the keys that can be ignored")),
        }))
    }
}

impl Lies {
    /// What is wrong, the listing left out.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.lies.iter().map(|lie| lie.kind)
    }

    /// What is wrong with a request for these instances.
    pub(crate) fn about_any(&self, instances: &[Instance<'_>]) -> impl Iterator<Item = Kind> {
        let about = |lie: &&Lie| instances.iter().any(|instance| lie.is_about(instance));
        self.lies.iter().filter(about).map(|lie| lie.kind)
    }

    /// What is wrong with this instance.
    pub(crate) fn about(&self, instance: &Instance<'_>) -> impl Iterator<Item = Kind> {
        self.lies.iter().filter(move |lie| lie.is_about(instance)).map(|lie| lie.kind)
    }

    /// How long an answer takes while so many requests are at work.
    pub(crate) fn wait(&self, at_work: usize) -> Duration {
        let beyond = at_work.saturating_sub(self.knee) as u64;
        Duration::from_millis(self.latency + self.latency * beyond * self.slope / 100)
    }

    pub(crate) fn ignores(&self, tag: Tag) -> bool {
        self.ignore.iter().any(|ignored| ignored.0 == tag)
    }
}

fn help() -> String {
    format!(
        "Lie about a retrieval: KIND or KIND=NUMBER (1 if left out), either with @UID of a study, series or instance; may be \
         repeated. Kinds: {}",
        kinds()
    )
}

fn status(text: &str) -> Result<Status, String> {
    u16::from_str_radix(text, 16).map(Status).map_err(|error| format!("{text}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_get_slower_beyond_the_knee() {
        let lies = Lies { latency: 10, knee: 2, slope: 50, ..Lies::default() };
        let waits = [1, 2, 3, 6].map(|at_work| lies.wait(at_work).as_millis());
        assert_eq!(waits, [10, 10, 15, 30]);
        assert_eq!(Lies::default().wait(100), Duration::ZERO);
    }

    #[test]
    fn a_lie_is_read_with_its_number_and_whom_it_is_about() {
        let lie: Lie = "send-fewer=3@1.2.3".parse().unwrap();
        assert_eq!(lie, Lie::about(Kind::SendFewer(3), "1.2.3"));
        assert_eq!("abort".parse::<Lie>().unwrap(), Kind::Abort(1).into());
        assert_eq!(
            "wrong-syntax=1.2.840.10008.1.2".parse::<Lie>().unwrap().kind,
            Kind::WrongSyntax("1.2.840.10008.1.2")
        );
        for no in ["truth", "abort=x", "wrong-syntax=1.2", "late=-1"] {
            assert!(no.parse::<Lie>().is_err(), "{no}");
        }
        let told = "truth".parse::<Lie>().unwrap_err();
        assert!(told.contains("no-series, no-get") && told.contains("wrong-syntax=UID, twice"), "{told}");
    }
}
