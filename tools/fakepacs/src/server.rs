//! The PACS on the network.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use dataset::{FlatSet, tags};
use dimse::{
    AeTitle, Error, Incoming, Intake, Level, Node, Options, Originator, QueryRetrieve, Receiver, Refusal,
    Rejection, Request, ScpConfig, Service, Status, StorageScp,
};

use crate::archive::Archive;
use crate::carry::{Carrier, Tally, Work};
use crate::find;
use crate::lie::Kind;
use crate::lies::Lies;
use crate::script::{End, Script};

const MAX_ASSOCIATIONS: usize = 64;
/// How often one that hangs looks up.
const TICK: Duration = Duration::from_millis(20);
/// How the SOP classes of C-GET and C-MOVE end, patient root and study root alike (PS3.4 section C.6).
const GET: &str = ".3";
const MOVE: &str = ".2";
/// Refused: Move Destination unknown.
const UNKNOWN_DESTINATION: Status = Status(0xA801);

/// A request as the PACS saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Service and level, such as `C-FIND STUDY`.
    pub what: String,
    /// The keys with a value, without the level.
    pub keys: String,
    /// Rows that it answered, or objects that it sent.
    pub rows: u64,
}

/// A running PACS. Dropping it stops it.
pub struct FakePacs {
    scp: StorageScp,
    inner: Arc<Inner>,
}

struct Inner {
    aet: AeTitle,
    archive: Archive,
    lies: Mutex<Lies>,
    /// Grows with each change of the lies: who hangs because of one, hangs no longer.
    changes: AtomicU64,
    destinations: Mutex<BTreeMap<String, Node>>,
    queries: AtomicU64,
    /// Requests that are being answered at this moment.
    at_work: AtomicUsize,
    stopping: AtomicBool,
    asked: Mutex<Vec<Asked>>,
    on_asked: Box<dyn Fn(&Asked) + Send + Sync>,
}

impl FakePacs {
    /// Starts it on `address` (port 0 takes a free one); `on_asked` is told each request when it was answered.
    pub fn start(
        address: SocketAddr,
        aet: AeTitle,
        archive: Archive,
        lies: Lies,
        on_asked: impl Fn(&Asked) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let config = ScpConfig {
            address,
            aet: aet.clone(),
            check_called_aet: false,
            allowed: None,
            tls: None,
            max_associations: lies.associations.unwrap_or(MAX_ASSOCIATIONS),
            options: Options::default(),
        };
        let (changes, destinations, queries, at_work, stopping, asked) = Default::default();
        let inner = Arc::new(Inner {
            aet,
            archive,
            lies: Mutex::new(lies),
            changes,
            destinations,
            queries,
            at_work,
            stopping,
            asked,
            on_asked: Box::new(on_asked),
        });
        let scp = StorageScp::start_with(config, Arc::new(NoStorage), Arc::new(Answers(Arc::clone(&inner))))?;
        Ok(Self { scp, inner })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.scp.address()
    }

    /// What it holds.
    pub fn archive(&self) -> &Archive {
        &self.inner.archive
    }

    /// From now on it misbehaves like this.
    pub fn set_lies(&self, lies: Lies) {
        *lock(&self.inner.lies) = lies;
        self.inner.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// From now on it knows this destination of C-MOVE.
    pub fn know(&self, destination: Node) {
        lock(&self.inner.destinations).insert(destination.aet.as_str().to_owned(), destination);
    }

    /// How many C-FIND it was asked so far.
    pub fn queries(&self) -> u64 {
        self.inner.queries.load(Ordering::Relaxed)
    }

    /// What it was asked so far, in the order in which it was done with it.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.inner.asked).clone()
    }
}

impl Drop for FakePacs {
    fn drop(&mut self) {
        self.inner.stopping.store(true, Ordering::Release);
    }
}

struct Answers(Arc<Inner>);

impl QueryRetrieve for Answers {
    fn admit(&self, _: &str) -> Result<(), Rejection> {
        for kind in self.0.lies().kinds() {
            match kind {
                Kind::RejectTransient => return Err(Rejection::LOCAL_LIMIT),
                Kind::RejectPermanent => return Err(Rejection::CALLING_AE_TITLE),
                Kind::HangAssociation => self.0.hang(),
                _ => {}
            }
        }
        Ok(())
    }

    fn offers(&self, sop_class: &str) -> bool {
        !self.0.lies().kinds().any(|kind| match kind {
            Kind::NoGet => sop_class.ends_with(GET),
            Kind::NoMove => sop_class.ends_with(MOVE),
            _ => false,
        })
    }

    fn prefers(&self) -> Option<&str> {
        Some(&self.0.archive.look().transfer_syntax)
    }

    fn verifying(&self) {
        let _at_work = AtWork::new(&self.0);
        self.0.work();
    }

    fn answer(&self, request: Request<'_>) -> Result<(), Error> {
        let _at_work = AtWork::new(&self.0);
        self.0.work();
        match (request.service(), request.level()) {
            (Service::Find, Some(level)) => self.0.find(request, level),
            (Service::Get, Some(level)) => self.0.get(request, level),
            (Service::Move, Some(level)) => self.0.move_to(request, level),
            _ => request.finish(Status::UNRECOGNIZED_OPERATION, None, None),
        }
    }
}

impl Inner {
    fn find(&self, request: Request<'_>, level: Level) -> Result<(), Error> {
        let query = self.queries.fetch_add(1, Ordering::Relaxed);
        let answer = find::answer(&self.archive, &self.lies(), level, request.keys(), query);
        let asked = asked(&request, level);
        let sent = find::send(request, level, &answer);
        self.note(Asked { rows: answer.rows.len() as u64, ..asked });
        sent
    }

    fn get(&self, request: Request<'_>, level: Level) -> Result<(), Error> {
        let asked = asked(&request, level);
        let script = Script::new(&self.archive, &self.lies(), request.keys());
        let (rows, ended) = self.carrier().get(request, &script);
        self.note(Asked { rows, ..asked });
        ended
    }

    fn move_to(self: &Arc<Self>, request: Request<'_>, level: Level) -> Result<(), Error> {
        let asked = asked(&request, level);
        let known = lock(&self.destinations).get(request.destination()).cloned();
        let Some(destination) = known else {
            self.note(asked);
            return request.finish(UNKNOWN_DESTINATION, None, None);
        };
        let lies = self.lies();
        let names_us = !lies.kinds().any(|kind| kind == Kind::NoOriginator);
        let job = Move {
            destination,
            originator: names_us.then(|| (request.caller().to_owned(), request.message_id())),
            keys: request.keys().clone(),
            asked,
            lies,
        };
        let late = |kind| if let Kind::Late(late) = kind { Some(Duration::from_millis(late)) } else { None };
        let script = Script::new(&self.archive, &job.lies, &job.keys);
        let asked = script.objects().map(|sent| sent.instance);
        let Some(late) = job.lies.about_any(&asked.collect::<Vec<_>>()).find_map(late) else {
            let tally = self.carry_out(&job, &script)?;
            return self.carrier().end(request, script.end, &tally);
        };
        let end = End { completed: Some(script.objects().count() as u64), ..script.end };
        self.carrier().end(request, end, &Tally::default())?;
        let inner = Arc::clone(self);
        thread::spawn(move || {
            thread::sleep(late);
            let script = Script::new(&inner.archive, &job.lies, &job.keys);
            // Whoever asked has gone; there is nobody to tell.
            let _ = inner.carry_out(&job, &script);
        });
        Ok(())
    }

    /// The sub-operations of a C-MOVE.
    fn carry_out(&self, job: &Move, script: &Script<'_>) -> Result<Tally, Error> {
        let Move { destination, originator, asked, .. } = job;
        let originator =
            originator.as_ref().map(|(aet, message_id)| Originator { aet, message_id: *message_id });
        let mut tally = Tally::default();
        let carried = self.carrier().move_to(destination, &self.aet, originator, script, &mut tally);
        self.note(Asked { rows: tally.sent, ..asked.clone() });
        carried.map(|()| tally)
    }

    fn carrier(&self) -> Carrier<'_> {
        Carrier { look: self.archive.look(), work: self }
    }

    fn note(&self, asked: Asked) {
        (self.on_asked)(&asked);
        lock(&self.asked).push(asked);
    }

    fn lies(&self) -> Lies {
        lock(&self.lies).clone()
    }
}

impl Work for Inner {
    /// Takes the time that an answer takes while so much is going on.
    fn work(&self) {
        let wait = self.lies().wait(self.at_work.load(Ordering::Acquire));
        if !wait.is_zero() {
            thread::sleep(wait);
        }
    }

    /// Waits until the lies change.
    fn hang(&self) {
        let since = self.changes.load(Ordering::Acquire);
        while since == self.changes.load(Ordering::Acquire) && !self.stopping.load(Ordering::Acquire) {
            thread::sleep(TICK);
        }
    }
}

/// A C-MOVE, and how it is lied about.
struct Move {
    destination: Node,
    /// AE title and message id, for the C-STOREs to name.
    originator: Option<(String, u16)>,
    keys: FlatSet,
    lies: Lies,
    asked: Asked,
}

/// A request that is being answered.
struct AtWork<'a>(&'a Inner);

impl<'a> AtWork<'a> {
    fn new(inner: &'a Inner) -> Self {
        inner.at_work.fetch_add(1, Ordering::AcqRel);
        Self(inner)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.at_work.fetch_sub(1, Ordering::AcqRel);
    }
}

fn asked(request: &Request<'_>, level: Level) -> Asked {
    Asked {
        what: format!("{} {}", request.service(), level.as_str()),
        keys: keys_with_values(request),
        rows: 0,
    }
}

fn keys_with_values(request: &Request<'_>) -> String {
    let keys = request.keys();
    let with_value = keys.tags().filter(|tag| *tag != tags::QUERY_RETRIEVE_LEVEL).filter_map(|tag| {
        let value = keys.text(tag).filter(|value| !value.is_empty())?;
        Some(format!("{tag}={value}"))
    });
    with_value.collect::<Vec<_>>().join(" ")
}

/// The PACS is a source only.
struct NoStorage;

impl Receiver for NoStorage {
    fn begin(&self, _: &Incoming) -> Result<Box<dyn Intake + '_>, Refusal> {
        Err(Refusal::out_of_resources("this archive takes nothing"))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
