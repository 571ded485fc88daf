//! Finds out what a source can do before anything is taken from it: which small requests it takes, how many associations,
//! by which services it sends objects, and whether it sends the same study twice in the same bytes.

mod digests;
mod judge;

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalogue::capture::PendingInstance;
use catalogue::preflight::{Check, Preflight, Tried};
use jiff::Timestamp;
use job::Stop;
use pace::{Pace, Probe};

use self::digests::{Digests, Sums};
use crate::error::{Error, Outlook};
use crate::source::{Canary, Intake, Retrieve, Service, Source};

/// Small requests of each kind.
const ROUNDS: usize = 6;
/// A study of so many instances at most is retrieved, if there is one among those given.
const SMALL: usize = 20;
/// A larger study is not retrieved at all, ...
const MOST_INSTANCES: usize = 200;
/// ... and one of more bytes not to its end: before it comes, nobody tells how many it has.
const MOST_BYTES: u64 = 128 << 20;
/// Studies that are tried until one comes whole.
const STUDIES: usize = 3;

/// An answer to a small request, while nothing else of ours was under way.
pub type IdleAnswer = (Probe, Duration);

/// What was found, and the answers that were timed.
pub struct Found {
    /// To be kept and shown.
    pub preflight: Preflight,
    /// For the baseline of adaptive control.
    pub idle: Vec<IdleAnswer>,
}

/// Looks at a source. `studies` are some of those that it listed, `associations` as many as may ever be at work at once; where `beside`,
/// small requests have one more. What it retrieves comes within the ceilings of `pace`.
pub fn preflight(
    source: &dyn Source,
    studies: &[String],
    associations: u16,
    beside: bool,
    pace: &Arc<Pace>,
    stopped: &Stop,
) -> Result<Found, Error> {
    let stop = || stopped.requested();
    let at = Timestamp::now();
    let (mut checks, mut idle) = (Vec::new(), Vec::new());
    if let Some(mut canary) = source.canary() {
        for &probe in canary.probes() {
            small(canary.as_mut(), probe, studies, &mut idle, &mut checks);
        }
        canary.rest();
    }
    if stop() {
        return Err(Error::Stopped);
    }
    checks.extend(
        source
            .open_at_once(associations.saturating_add(beside.into()))
            .map(|(open, refusal)| at_once(associations, open, refusal.as_ref())),
    );
    let mut trial =
        Trial { source, pace, stop: stopped, study_uid: None, services: Vec::new(), sums: Vec::new() };
    let small = smallest(source, studies, &stop)?;
    let is_any = !small.is_empty();
    for (study_uid, wanted) in small {
        trial.retrieve(study_uid, &wanted)?;
        if trial.services.iter().any(|tried| tried.works) {
            break;
        }
    }
    checks.extend(judge::repeated(&trial.services));
    checks.extend(judge::compared(&trial.services, &trial.sums));
    let (choice, reason) = match judge::choice(&trial.services) {
        (None, _) if is_any && trial.services.is_empty() => {
            (None, format!("the studies that were tried hold more than {} MiB", MOST_BYTES >> 20))
        }
        judged => judged,
    };
    let Trial { study_uid, services, .. } = trial;
    let archive = source.describe();
    Ok(Found { preflight: Preflight { at, archive, checks, study_uid, services, choice, reason }, idle })
}

/// Sends a few small requests of one kind.
fn small(
    canary: &mut dyn Canary,
    probe: Probe,
    studies: &[String],
    idle: &mut Vec<IdleAnswer>,
    checks: &mut Vec<Check>,
) {
    let check = |good, found| Check { name: probe.name().to_owned(), good, found };
    if probe != Probe::Echo && studies.is_empty() {
        return;
    }
    let mut took = Vec::new();
    for number in 0..ROUNDS {
        let study = studies.get(number % studies.len().max(1)).map_or("", String::as_str);
        match canary.ask(probe, study) {
            Ok(Some(answer)) => took.push(answer),
            Ok(None) => return checks.push(check(false, "the source does not take it from us".to_owned())),
            Err(error) => return checks.push(check(false, error.to_string())),
        }
    }
    idle.extend(took.iter().map(|took| (probe, *took)));
    took.sort_unstable();
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    let found = format!("answered, median {:.1} ms when left alone", median.as_secs_f64() * 1000.0);
    checks.push(check(true, found));
}

fn at_once(wanted: u16, open: u16, refusal: Option<&Error>) -> Check {
    let found = match refusal {
        None if open > wanted => {
            format!("{wanted} at once, as many as are allowed, and one for small requests")
        }
        None => format!("{open} at once, as many as are allowed"),
        Some(error) if open == wanted => {
            format!(
                "{open} at once, as many as are allowed, but none beside them for small requests: {error}; have one more allowed \
                 for our AE title, or the source cannot be watched while all are at work"
            )
        }
        Some(error) => {
            format!("{open} of {wanted} at once, then: {error}; set `associations` under [pace.limits]")
        }
    };
    Check { name: "associations".to_owned(), good: refusal.is_none(), found }
}

/// Some of these studies that are small, the smallest first.
fn smallest<'a>(
    source: &dyn Source,
    studies: &'a [String],
    stop: &dyn Fn() -> bool,
) -> Result<Vec<(&'a str, Vec<PendingInstance>)>, Error> {
    if source.services().is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<(&str, Vec<PendingInstance>)> = Vec::new();
    for study_uid in studies {
        if stop() {
            return Err(Error::Stopped);
        }
        let listed = match source.list_study(study_uid) {
            Ok(listing) => listing.instances,
            Err(error) if error.outlook() == Outlook::Permanent => continue,
            Err(error) => return Err(error),
        };
        if (1..=MOST_INSTANCES).contains(&listed.len()) {
            found.push((study_uid.as_str(), listed.into_iter().map(PendingInstance::from).collect()));
        }
        // One object tells nothing about lists of them.
        let small = found.iter().filter(|(_, listed)| (2..=SMALL).contains(&listed.len()));
        if small.count() >= STUDIES {
            break;
        }
    }
    found.sort_by_key(|(_, listed)| (listed.len() < 2, listed.len()));
    found.truncate(STUDIES);
    Ok(found)
}

/// Retrieves one study by each service.
struct Trial<'a> {
    source: &'a dyn Source,
    pace: &'a Arc<Pace>,
    stop: &'a Stop,
    study_uid: Option<String>,
    services: Vec<Tried>,
    /// Of each service's first retrieval.
    sums: Vec<Sums>,
}

impl Trial<'_> {
    /// What was found before stays if the study turns out to be large.
    fn retrieve(&mut self, study_uid: &str, wanted: &[PendingInstance]) -> Result<(), Error> {
        let mut found = (Vec::new(), Vec::new());
        for &service in self.source.services() {
            let Some((mut tried, sums)) = self.once(service, study_uid, wanted)? else { return Ok(()) };
            if tried.works {
                let Some((again, second)) = self.once(service, study_uid, wanted)? else { return Ok(()) };
                tried.changing = again.works.then(|| digests::differing(&sums, &second));
                if !again.works {
                    (tried.works, tried.said, tried.for_good) = (false, again.said, false);
                }
            }
            found.0.push(tried);
            found.1.push(sums);
        }
        self.study_uid = Some(study_uid.to_owned());
        (self.services, self.sums) = found;
        Ok(())
    }

    /// None where more comes than a small study has.
    fn once(
        &self,
        service: Service,
        study_uid: &str,
        wanted: &[PendingInstance],
    ) -> Result<Option<(Tried, Sums)>, Error> {
        let objects = wanted.len().max(MOST_INSTANCES) as u64;
        let digests = Arc::new(Digests::new(self.pace.clone(), self.stop.clone(), objects, MOST_BYTES));
        let intake: Arc<dyn Intake> = digests.clone();
        let started = Instant::now();
        let request = Retrieve { study_uid, wanted, whole: true };
        let stop = || self.stop.requested() || digests.is_full();
        let end = self.source.retrieve_by(service, request, &intake, &stop);
        let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
        if self.stop.requested() {
            return Err(Error::Stopped);
        }
        if digests.is_full() {
            return Ok(None);
        }
        let sums = digests.take();
        let objects =
            wanted.iter().filter(|instance| sums.contains_key(&instance.sop_instance)).count() as u64;
        let works = objects == wanted.len() as u64;
        let for_good = match &end {
            Ok(end) => end.for_good,
            Err(error) => error.outlook() != Outlook::Transient,
        };
        let said = match end {
            Ok(end) => end.remarks.join("; "),
            Err(error) => error.to_string(),
        };
        let bytes = sums.values().map(|sum| sum.bytes).sum();
        let tried = Tried {
            service: service.name().to_owned(),
            works,
            objects,
            expected: wanted.len() as u64,
            bytes,
            milliseconds,
            changing: None,
            said: (!works && !said.is_empty()).then_some(said),
            for_good: for_good && !works,
        };
        Ok(Some((tried, sums)))
    }
}
