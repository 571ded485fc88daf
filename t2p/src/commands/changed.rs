//! What the source has changed since it was exported, and what of that is at a destination. Nobody applies it but people.

use catalogue::{ChangeClass, Reader};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// Instances that are named; the others are counted.
const LISTED: usize = 1000;

/// Instances that the source deleted and a destination holds.
#[derive(Default)]
pub struct StillThere {
    count: u64,
    named: Vec<(String, String)>,
}

impl StillThere {
    pub fn put(&mut self, study_uid: &str, sop_instance: &str) {
        self.count += 1;
        if self.named.len() < LISTED {
            self.named.push((study_uid.to_owned(), sop_instance.to_owned()));
        }
    }

    pub fn line(&self, destination: &str) -> Option<String> {
        (self.count > 0).then(|| {
            format!(
                "{destination}: {} instances were deleted at the source since, and are still at the destination: your decision",
                self.count
            )
        })
    }

    pub fn document(&self) -> Value {
        let named = self.named.iter().map(|(study, sop)| json!({ "study": study, "sop_instance": sop }));
        json!({ "count": self.count, "instances": named.collect::<Vec<_>>() })
    }
}

/// What the volumes tell of the source's changes.
#[derive(Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Told {
    deleted_studies: u64,
    deleted_instances: u64,
    restored_studies: u64,
    restored_instances: u64,
    reidentified_studies: u64,
}

impl Told {
    pub fn by(reader: &Reader) -> Result<Self> {
        let mut told = Self::default();
        for class in [ChangeClass::Deleted, ChangeClass::Restored, ChangeClass::Reidentified] {
            reader.each_change(class, |change| {
                *match (class, change.sop_instance) {
                    (ChangeClass::Deleted, None) => &mut told.deleted_studies,
                    (ChangeClass::Deleted, Some(_)) => &mut told.deleted_instances,
                    (ChangeClass::Restored, None) => &mut told.restored_studies,
                    (ChangeClass::Restored, Some(_)) => &mut told.restored_instances,
                    _ => &mut told.reidentified_studies,
                } += 1;
                Ok::<_, Error>(())
            })?;
        }
        Ok(told)
    }

    pub fn line(&self) -> Option<String> {
        let Self {
            deleted_studies,
            deleted_instances,
            restored_studies,
            restored_instances,
            reidentified_studies,
        } = self;
        (*self != Self::default()).then(|| {
            format!(
                "the source has since deleted {deleted_studies} studies and {deleted_instances} instances of others, restored \
                 {restored_studies} studies and {restored_instances} instances, and re-identified {reidentified_studies} studies; none of it is applied here"
            )
        })
    }
}
