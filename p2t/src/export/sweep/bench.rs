//! One job with one fault: exported, mended and exported again, until it is complete.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use catalogue::balance::Stage;
use catalogue::{Catalogue, CommitGate};
use job::config::{DriveConfig, Verify};
use job::{Common, ExitCode, JobDir, Stop, Void, Watchdog};
use medium::model::{Cartridge, FaultKind, ModelDrive};
use tempfile::TempDir;

use super::library::{Handling, Library};
use super::sample::{Sample, config};
use super::{Trouble, judge};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::export::{self, Exported};
use crate::media::Media;

/// After so many exports somebody would give up. Four volumes put in by hand are four.
const MOST_EXPORTS: u64 = 16;
/// After so many that end alike, somebody takes another cartridge.
const PATIENCE: u32 = 2;

/// A job and its libraries.
pub struct Bench<'a> {
    pub sample: &'a Sample,
    /// One for each copy; the fault is the first one's.
    pub libraries: Vec<Library>,
    pub trouble: Option<Trouble>,
    pub job: JobDir,
    _dir: TempDir,
    commits: Arc<AtomicU64>,
    /// The program is dead: nothing that it still does may have an effect.
    dead: Arc<AtomicBool>,
}

/// How it went.
pub struct Ended {
    /// How the export ended that met the fault.
    pub first: String,
    pub exports: u64,
    pub replaced: u64,
    /// Whether the fault took a volume or a part of it, as it may.
    pub harmed: bool,
}

impl<'a> Bench<'a> {
    pub fn new(sample: &'a Sample, handling: Handling, trouble: Option<Trouble>) -> Self {
        let (dir, job) = sample.copy();
        let libraries: Vec<_> = (1..=handling.copies()).map(|copy| Library::new(handling, copy)).collect();
        let dead = Arc::new(AtomicBool::new(false));
        let faulty = libraries[0].drive();
        if let Some(Trouble::Drive(kind, at)) = trouble {
            faulty.fail_at(kind, at);
        }
        let (died, others) = (dead.clone(), libraries[1..].to_vec());
        faulty.on_end(move || {
            died.store(true, Ordering::SeqCst);
            // What ends the program or the machine takes the other drives' buffers as well.
            cut_power(&others);
        });
        Self { sample, libraries, trouble, job, _dir: dir, commits: Arc::default(), dead }
    }

    /// The drive in which the fault is.
    pub fn drive(&self) -> ModelDrive {
        self.libraries[0].drive()
    }

    /// All cartridges of all copies.
    pub fn cartridges(&self) -> Vec<Cartridge> {
        self.libraries.iter().flat_map(Library::cartridges).collect()
    }

    /// Commits of the thread that writes, so far.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Exports until everything is written and every volume is done with, and judges after each export.
    pub fn to_the_end(&self) -> std::result::Result<Ended, String> {
        let mut ended = Ended { first: String::new(), exports: 0, replaced: 0, harmed: false };
        let mut alike = 0;
        let mut last = String::new();
        while ended.exports < MOST_EXPORTS {
            ended.exports += 1;
            let (outcome, complete) = self.export()?;
            if self.has_struck() && ended.first.is_empty() {
                ended.first.clone_from(&outcome);
            }
            ended.harmed |= judge::acknowledged(self)?;
            let unnoticed =
                ended.harmed && matches!(self.trouble, Some(Trouble::Drive(FaultKind::SuddenReset, _)));
            if unnoticed && !ended.first.ends_with("PositionLost") {
                return Err(format!("a volume was overwritten, and the export ended with {}", ended.first));
            }
            self.dead.store(false, Ordering::SeqCst);
            self.libraries.iter().try_for_each(Library::mend)?;
            if complete {
                ended.harmed |= judge::content(self)?;
                return Ok(ended);
            }
            alike = if outcome == last { alike + 1 } else { 1 };
            if outcome == WANTED {
                self.libraries[0].replace();
            } else if alike >= PATIENCE {
                self.libraries[0].replace();
                (ended.replaced, alike) = (ended.replaced + 1, 0);
            }
            last = outcome;
        }
        Err(format!("still not complete after {MOST_EXPORTS} exports: {last}"))
    }

    /// Whether the trouble was.
    fn has_struck(&self) -> bool {
        match self.trouble {
            None => false,
            Some(Trouble::Drive(..)) => !self.drive().faults_met().is_empty(),
            Some(Trouble::CutBeforeCommit(at) | Trouble::CutAfterCommit(at)) => self.commits() > at,
        }
    }

    /// One run of the program: how it ended, and whether nothing is left to do.
    fn export(&self) -> std::result::Result<(String, bool), String> {
        let context = self.context();
        let (outcome, complete) = match self.run(&context) {
            Ok(exported) => {
                let complete = exported.catalogue.balance(Stage::Export).unwrap().is_complete();
                match (&exported.wanted_medium, complete) {
                    (Some(_), false) => (WANTED.to_owned(), false),
                    (None, true) => ("done".to_owned(), true),
                    other => return Err(format!("ended without error, and {other:?}")),
                }
            }
            // What a program says that is dead already, nobody hears.
            Err(_) if self.dead.load(Ordering::SeqCst) => (DEAD.to_owned(), false),
            Err(error) => (judge::error(&error)?, false),
        };
        Ok((outcome, complete && !self.dead.load(Ordering::SeqCst)))
    }

    pub fn context(&self) -> Context {
        let common = Common { job: self.job.path().to_owned(), json: false, quiet: true, verbose: 0 };
        let watchdog = Watchdog::start(&common, DriveConfig::default(), Arc::new(Void), Some(&self.job));
        let (job, config, monitor) = (self.job.clone(), config(), Arc::new(Void));
        Context { job, config, stop: Stop::new(), monitor, watchdog }
    }

    fn run(&self, context: &Context) -> Result<Exported> {
        let mut catalogue = Catalogue::open(&self.job.catalogue_file())?;
        catalogue.gate_commits(self.gate());
        let libraries = self.libraries.clone();
        let specs = libraries.iter().map(Library::specs).collect();
        let find = move |name: &str| {
            let own = libraries.iter().find(|library| library.has(name));
            Ok(own.expect("each name is a copy's").find(name))
        };
        let media = Media::found_by(specs, Arc::new(find));
        let mut exported = export::run(context, catalogue, self.sample.source(), media, Verify::Full)?;
        exported.failure.take().map_or(Ok(exported), Err)
    }

    /// Counts the commits of the thread that writes, and keeps a dead program from making any.
    fn gate(&self) -> CommitGate {
        let (commits, dead) = (self.commits.clone(), self.dead.clone());
        let (libraries, trouble) = (self.libraries.clone(), self.trouble);
        Box::new(move |durable| {
            if durable && libraries.iter().any(Library::is_used_here) && !dead.load(Ordering::SeqCst) {
                let at = commits.fetch_add(1, Ordering::SeqCst);
                match trouble {
                    Some(Trouble::CutBeforeCommit(cut)) if cut == at => cut_power(&libraries),
                    Some(Trouble::CutAfterCommit(cut)) if cut == at => {
                        cut_power(&libraries);
                        return true;
                    }
                    _ => {}
                }
            }
            !dead.load(Ordering::SeqCst)
        })
    }
}

fn cut_power(libraries: &[Library]) {
    for library in libraries {
        library.drive().cut_power();
    }
}

/// How an export ends that wants the next cartridge, and how one ends that is killed.
const WANTED: &str = "next cartridge";
const DEAD: &str = "died";

/// An error by its exit code and its kind.
pub fn kind_of(error: &Error) -> String {
    let code = match error.exit_code() {
        ExitCode::Incomplete => "4",
        ExitCode::Failed => "1",
        ExitCode::Usage => "2",
        _ => "?",
    };
    let debug = format!("{error:?}");
    let kind: String = debug.chars().take_while(|c| c.is_alphanumeric() || *c == '(').collect();
    format!("{code} {}", kind.trim_end_matches('(').replace('(', ":"))
}
