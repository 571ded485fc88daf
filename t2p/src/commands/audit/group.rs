//! Studies that a destination is asked for together.

use std::collections::BTreeSet;

use archive::Wanted;
use catalogue::plan::InstanceRow;
use catalogue::{Catalogue, PlannedStudy};

use crate::context::Target;
use crate::error::{Error, Result};

/// So many studies and instances are asked for before what was told is judged.
const STUDIES: usize = 400;
const INSTANCES: u64 = 20_000;
/// A larger study is asked for by itself.
const MOST_INSTANCES: u64 = 1000;

/// Studies that the destination is asked for together, with the instances that the volumes have of each.
#[derive(Default)]
pub struct Group {
    pub studies: Vec<PlannedStudy>,
    pub wanted: Vec<Wanted>,
    claimed: Vec<BTreeSet<String>>,
    instances: u64,
}

impl Group {
    pub fn add(&mut self, catalogue: &Catalogue, target: &Target, study: PlannedStudy) -> Result<()> {
        let (mut claimed, mut instances) = (BTreeSet::new(), 0);
        catalogue.each_claimed(target.id, study.id, |row| {
            instances += 1;
            if instances <= MOST_INSTANCES {
                claimed.insert(row.sop_instance);
            }
            Ok::<_, Error>(())
        })?;
        self.wanted.push(Wanted { uid: study.study.uid.clone(), instances });
        self.claimed.push(if instances > MOST_INSTANCES { BTreeSet::new() } else { claimed });
        self.studies.push(study);
        self.instances += instances;
        Ok(())
    }

    /// Whether it is time to ask.
    pub fn is_full(&self) -> bool {
        self.studies.len() >= STUDIES || self.instances >= INSTANCES
    }

    /// Whether the destination tells the very instances that the volumes have: no more, no fewer, each once.
    pub fn agrees(&self, at: usize, told: &[InstanceRow]) -> bool {
        let told_once: BTreeSet<&str> = told.iter().map(|row| row.sop_instance.as_str()).collect();
        let claimed = self.claimed.get(at);
        told_once.len() == told.len()
            && claimed.is_some_and(|claimed| claimed.iter().map(String::as_str).eq(told_once))
    }
}
