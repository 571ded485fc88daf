//! The PACS on the network.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dataset::tags;
use dimse::{
    AeTitle, Error, Incoming, Intake, Level, Options, QueryRetrieve, Receiver, Refusal, Request, ScpConfig,
    Service, Status, StorageScp,
};

use crate::archive::Archive;
use crate::find;
use crate::lies::Lies;

const MAX_ASSOCIATIONS: usize = 16;

/// A request as the PACS saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Service and level, such as `C-FIND STUDY`.
    pub what: String,
    /// The keys with a value, without the level.
    pub keys: String,
    /// Rows that it answered.
    pub rows: u64,
}

/// A running PACS. Dropping it stops it.
pub struct FakePacs {
    scp: StorageScp,
    inner: Arc<Inner>,
}

struct Inner {
    archive: Archive,
    lies: Mutex<Lies>,
    queries: AtomicU64,
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
            aet,
            check_called_aet: false,
            allowed: None,
            tls: None,
            max_associations: MAX_ASSOCIATIONS,
            options: Options::default(),
        };
        let inner = Arc::new(Inner {
            archive,
            lies: Mutex::new(lies),
            queries: AtomicU64::new(0),
            asked: Mutex::default(),
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
    }

    /// How many C-FIND it was asked so far.
    pub fn queries(&self) -> u64 {
        self.inner.queries.load(Ordering::Relaxed)
    }

    /// What it was asked so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.inner.asked).clone()
    }
}

struct Answers(Arc<Inner>);

impl QueryRetrieve for Answers {
    fn answer(&self, request: Request<'_>) -> Result<(), Error> {
        let (service, level) = (request.service(), request.level());
        match (service, level) {
            (Service::Find, Some(level)) => self.0.find(request, level),
            _ => request.finish(Status::UNRECOGNIZED_OPERATION, None, None),
        }
    }
}

impl Inner {
    fn find(&self, request: Request<'_>, level: Level) -> Result<(), Error> {
        let lies = lock(&self.lies).clone();
        let query = self.queries.fetch_add(1, Ordering::Relaxed);
        let answer = find::answer(&self.archive, &lies, level, request.keys(), query);
        let asked = Asked {
            what: format!("{} {}", request.service(), level.as_str()),
            keys: keys_with_values(&request),
            rows: answer.rows.len() as u64,
        };
        let sent = find::send(request, level, &answer);
        (self.on_asked)(&asked);
        lock(&self.asked).push(asked);
        sent
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
