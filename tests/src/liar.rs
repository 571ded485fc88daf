//! A PACS that lies as told (`tools/fakepacs`), and a job that exports from it without patience.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fakepacs::{Archive, FakePacs, Kind, Lie, Lies, Look, Population};

use crate::part10::Part10;
use crate::process::free_port;
use crate::program::{Finished, Program};
use crate::transfer::{self, text};
use crate::tree;

/// What is in its studies: a few instances each, of a few kilobytes.
const STUDIES: u32 = 4;

/// A PACS with a job that exports from it.
pub struct Liar {
    /// The PACS.
    pub pacs: FakePacs,
    /// The job.
    pub p2t: Program,
    folder: PathBuf,
}

impl Liar {
    /// An honest one yet, whose objects have so many pixels.
    pub fn new(folder: &Path, pixels: u32) -> Self {
        let population = Population { studies: STUDIES, days: 3, ..Population::default() };
        let look = Look { pixels, ..Look::default() };
        Self::of(folder, Archive::new(population.make()).looking(look))
    }

    /// One that holds this.
    pub fn of(folder: &Path, archive: Archive) -> Self {
        let title = "FAKE".parse().expect("it is an AE title");
        let pacs = FakePacs::start(([127, 0, 0, 1], 0).into(), title, archive, Lies::default(), |_| {});
        let pacs = pacs.expect("loopback has a free port");
        let source = format!("FAKE@{}", pacs.address());
        let p2t = transfer::new_export(&folder.join("export"), &source, &folder.join("disk-{seq}"));
        p2t.configure("source", "retrieve", "c-get");
        // What its answers say of its load is the pace's own test.
        p2t.configure("pace.adaptive", "enabled", false);
        p2t.configure("retry", "attempts", 2);
        p2t.configure("retry", "delay_seconds", 0);
        Self { pacs, p2t, folder: folder.to_owned() }
    }

    /// From now on the job waits a second and no longer.
    #[must_use]
    pub fn impatient(self) -> Self {
        for key in ["connect_seconds", "associate_seconds", "idle_seconds"] {
            self.p2t.configure("timeouts", key, 1);
        }
        self
    }

    /// From now on objects are moved to the job's listener.
    #[must_use]
    pub fn moving(self, associations: i64) -> Self {
        let port = free_port();
        self.p2t.configure("source", "retrieve", "c-move");
        self.p2t.configure("receiver", "port", i64::from(port));
        self.p2t.configure("pace.limits", "associations", associations);
        self.pacs.know(format!("P2T@127.0.0.1:{port}").parse().expect("it is a node"));
        self
    }

    /// From now on it lies like this.
    pub fn lie(&self, lies: &[Kind]) {
        self.lie_about(&lies.iter().map(|kind| Lie::from(*kind)).collect::<Vec<_>>());
    }

    /// The same, of one study or instance or all.
    pub fn lie_about(&self, lies: &[Lie]) {
        self.pacs.set_lies(Lies { lies: lies.to_vec(), ..Lies::default() });
    }

    /// How many instances it holds.
    pub fn instances(&self) -> u64 {
        self.pacs.archive().data_sets().len() as u64
    }

    /// Everything that the job says: what it told people, and its report.
    pub fn said(&self, run: &Finished) -> String {
        let report = self.p2t.run(&["report"]).json();
        let page = report["json"].as_str().expect("there is a report");
        let page = std::fs::read_to_string(page).expect("a report can be read");
        format!("{}\n{}\n{page}", run.stderr, run.stdout)
    }

    /// The datasets on all volumes by SOP Instance UID, once or several times each.
    pub fn exported(&self) -> BTreeMap<String, Vec<Vec<u8>>> {
        let out = self.folder.join("out");
        let t2p = transfer::without_job(&self.folder);
        for (number, volume) in transfer::volumes(&self.folder.join("disk-{seq}")).iter().enumerate() {
            let out = out.join(number.to_string());
            t2p.run(&["extract", &text(volume), "--out", &text(&out)]);
        }
        let mut objects: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
        for path in tree::files(&out) {
            let object = Part10::read(&path);
            objects.entry(object.sop_instance).or_default().push(object.dataset);
        }
        objects
    }
}
