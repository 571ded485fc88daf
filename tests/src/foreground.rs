//! People who use a PACS: queries and retrievals at a steady rate, timed, whatever else goes on.

use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use dataset::tags::{STUDY_DATE, STUDY_INSTANCE_UID};
use dimse::{Association, Incoming, Intake, Level, Node, Options, Proposal, Receiver, Refusal, Watch};

const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// One study by its UID.
    Find,
    /// The images of one study.
    Get,
}

/// One request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When it was due.
    pub due: Instant,
    /// What was asked for.
    pub request: Request,
    /// From when it was due until it was answered in full.
    pub took: Duration,
}

/// Two people, one who searches and one who looks at images. Dropping it ends them.
pub struct Foreground {
    over: Arc<AtomicBool>,
    samples: Arc<Mutex<Vec<Sample>>>,
    people: Vec<JoinHandle<()>>,
}

impl Foreground {
    /// Each asks once in his interval, for these studies in turn.
    pub fn start(node: &str, studies: &[String], search: Duration, look: Duration) -> Self {
        let node: Node = node.parse().expect("it is a node");
        let (over, samples) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let person = |request, interval| {
            let (over, samples, node) = (over.clone(), samples.clone(), node.clone());
            let studies = studies.to_vec();
            thread::spawn(move || ask(&node, request, interval, &studies, &over, &samples))
        };
        let people = vec![person(Request::Find, search), person(Request::Get, look)];
        Self { over, samples, people }
    }

    /// Ends them, and tells what they waited.
    pub fn finish(mut self) -> Vec<Sample> {
        self.over.store(true, Ordering::Relaxed);
        for person in self.people.drain(..) {
            person.join().expect("the PACS answers people");
        }
        std::mem::take(&mut *self.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn ask(
    node: &Node,
    request: Request,
    interval: Duration,
    studies: &[String],
    over: &AtomicBool,
    samples: &Mutex<Vec<Sample>>,
) {
    let proposals = [Proposal::find(), Proposal::get(), Proposal::scp(CT_IMAGE, EXPLICIT_LITTLE)];
    let title = "PERSON".parse().expect("it is an AE title");
    let mut association =
        Association::open(node, &title, &proposals, &Options::default()).expect("the PACS lets people in");
    let mut due = Instant::now();
    for study in studies.iter().cycle() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let keys = [(STUDY_INSTANCE_UID, study.as_str()), (STUDY_DATE, "")];
        match request {
            Request::Find => {
                let end = association.find(Level::Study, &keys, &mut |_| ControlFlow::Continue(()));
                assert_eq!(end.expect("a query is answered").rows, 1);
            }
            Request::Get => {
                let keys = keys.get(..1).unwrap_or_default();
                let end = association.get(Level::Study, keys, &Screen, &Watch::default());
                assert!(end.expect("a retrieval is answered").status.is_success());
            }
        }
        let sample = Sample { due, request, took: due.elapsed() };
        samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        // People wait for an answer before they ask again.
        due = (due + interval).max(Instant::now());
    }
    association.release().expect("the PACS lets people go");
}

/// Looks at images and keeps nothing.
struct Screen;

impl Receiver for Screen {
    fn begin(&self, _: &Incoming) -> Result<Box<dyn Intake + '_>, Refusal> {
        Ok(Box::new(Self))
    }
}

impl Intake for Screen {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Refusal> {
        Ok(())
    }
}

/// Milliseconds that so many per cent of the requests took at most; 0 without any.
pub fn rank(samples: &[Sample], request: Request, per_cent: usize) -> f64 {
    let mut took: Vec<f64> = samples
        .iter()
        .filter(|sample| sample.request == request)
        .map(|sample| sample.took.as_secs_f64() * 1000.0)
        .collect();
    took.sort_by(f64::total_cmp);
    let at = (took.len() * per_cent).div_ceil(100);
    took.get(at.saturating_sub(1)).copied().unwrap_or_default()
}
