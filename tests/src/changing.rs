//! A PACS that goes on working while volumes are on the road, and what `p2t plan --delta` says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::orthanc::Orthanc;
use crate::program::{Exit, Program};
use crate::synthetic::{self, Instance};
use crate::transfer;

/// Instances of each study, before anything changes.
pub const INSTANCES: u32 = 2;
const PIXELS: u32 = 200;

/// How many studies there are, and how many of them change in which way.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// Studies before anything changes.
    pub studies: u32,
    /// Studies that are added.
    pub new: u32,
    /// Studies that get one instance more.
    pub grew: u32,
    /// Studies that lose one.
    pub shrank: u32,
    /// Studies that are deleted.
    pub deleted: u32,
    /// Studies that become another patient's.
    pub reidentified: u32,
}

impl Scale {
    fn of(from: u32, count: u32) -> Range<u32> {
        from..from + count
    }

    /// Numbers of the studies that are added.
    pub fn added(&self) -> Range<u32> {
        Self::of(self.studies + 1, self.new)
    }

    /// Numbers of the studies that grow.
    pub fn grew(&self) -> Range<u32> {
        Self::of(1, self.grew)
    }

    /// Numbers of the studies that shrink.
    pub fn shrank(&self) -> Range<u32> {
        Self::of(self.grew().end, self.shrank)
    }

    /// Numbers of the studies that are deleted.
    pub fn deleted(&self) -> Range<u32> {
        Self::of(self.shrank().end, self.deleted)
    }

    /// Numbers of the studies that become another patient's.
    pub fn reidentified(&self) -> Range<u32> {
        Self::of(self.deleted().end, self.reidentified)
    }

    /// SOP Instance UIDs that are new.
    pub fn fresh(&self) -> BTreeSet<String> {
        let grew = self.grew().map(|study| instance(study, INSTANCES + 1).uid());
        let new =
            self.added().flat_map(|study| (1..=INSTANCES).map(move |number| instance(study, number).uid()));
        grew.chain(new).collect()
    }

    /// What the volumes tell: deleted instances of studies that are left, deleted studies, and those with other keys.
    pub fn told(&self) -> u32 {
        self.shrank + self.deleted + self.reidentified
    }

    /// What a delta must find.
    pub fn expected(&self) -> Delta {
        let Self { studies, new, grew, shrank, deleted, reidentified } = *self;
        let classes = [
            ("new", (new, new * INSTANCES)),
            ("grew", (grew, grew)),
            ("shrank", (shrank, shrank)),
            ("deleted", (deleted, deleted * INSTANCES)),
            ("reidentified", (reidentified, 0)),
        ];
        let count = |(class, (studies, instances)): (&str, (u32, u32))| {
            (class.to_owned(), (u64::from(studies), u64::from(instances)))
        };
        let unchanged = studies - grew - shrank - deleted - reidentified;
        Delta { unchanged: unchanged.into(), classes: classes.map(count).into() }
    }
}

/// An instance of the source.
pub fn instance(study: u32, number: u32) -> Instance {
    Instance { study, series: 1, number }
}

/// The source, and a job that exports it.
pub struct Site {
    /// Where everything is.
    pub folder: PathBuf,
    /// The PACS.
    pub source: Orthanc,
    /// The job.
    pub p2t: Program,
    medium: PathBuf,
}

impl Site {
    /// A PACS, and a job that has planned all of it.
    pub fn planned(folder: &Path, studies: u32) -> Self {
        let files = folder.join("files");
        synthetic::write_many(&files, studies, INSTANCES, PIXELS);
        let source = Orthanc::start("SITE_A", &folder.join("a"));
        source.load(&files);
        let medium = folder.join("disk-{seq}.tap");
        let p2t = transfer::new_export(&folder.join("export"), &source.node(), &medium);
        p2t.run(&["plan"]).expect(Exit::Clean);
        Self { folder: folder.to_owned(), source, p2t, medium }
    }

    /// The volumes so far.
    pub fn volumes(&self) -> Vec<PathBuf> {
        transfer::volumes(&self.medium)
    }

    /// What happens to the PACS while the volumes are on the road.
    pub fn change(&self, scale: &Scale) {
        let ids = self.source.instances();
        let delete = |study, number| self.source.delete(&ids[&instance(study, number).uid()]);
        let load = |study, number| self.source.load_bytes(&instance(study, number).small(PIXELS));
        for study in scale.added() {
            (1..=INSTANCES).for_each(|number| load(study, number));
        }
        scale.grew().for_each(|study| load(study, INSTANCES + 1));
        scale.shrank().for_each(|study| delete(study, 1));
        for study in scale.deleted() {
            (1..=INSTANCES).for_each(|number| delete(study, number));
        }
        for study in scale.reidentified() {
            for number in 1..=INSTANCES {
                delete(study, number);
                self.source.load_bytes(&of_another_patient(study, number));
            }
        }
    }

    /// What a delta says.
    pub fn delta(&self) -> Delta {
        Delta::of(&self.p2t.run(&["plan", "--delta"]).expect(Exit::Clean).json())
    }
}

/// The same image under a Patient ID of the same length.
fn of_another_patient(study: u32, number: u32) -> Vec<u8> {
    let mut file = instance(study, number).small(PIXELS);
    let old = format!("SYN{study:06}").into_bytes();
    let at = file.windows(old.len()).position(|window| window == old).expect("the file has its Patient ID");
    file.get_mut(at..at + 3).expect("it lies in the file").copy_from_slice(b"NEW");
    file
}

/// What `p2t plan --delta` says: studies and instances in each class.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Delta {
    /// Studies.
    pub unchanged: u64,
    /// Studies and instances.
    pub classes: BTreeMap<String, (u64, u64)>,
}

impl Delta {
    /// Reads what was printed.
    pub fn of(document: &Value) -> Self {
        let number = |value: &Value| value.as_u64().expect("it is a number");
        let row = |row: &Value| {
            let class = row["class"].as_str().expect("a class has a name").to_owned();
            (class, (number(&row["studies"]), number(&row["instances"])))
        };
        let classes = document["changes"].as_array().expect("changes are a list").iter().map(row).collect();
        Self { unchanged: number(&document["unchanged"]), classes }
    }
}
