//! The storage provider: a listener that takes objects which others send, above all those of our own C-MOVE.

use std::collections::{BTreeSet, HashMap};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::net::sockopt::{Timeout, set_socket_timeout};

use crate::command::next_message_id;
use crate::serve::serve;
use crate::{AeTitle, Error, Options, QueryRetrieve, Receiver};

/// How often the listener looks up from waiting.
const TICK: Duration = Duration::from_millis(100);

/// How long associations may take to end by themselves when the listener stops.
const GRACE: Duration = Duration::from_secs(2);

/// Connections beyond the allowed associations that are still answered, with a rejection.
const REJECTED_AT_ONCE: usize = 8;

/// A receiver that several associations share.
pub type SharedReceiver = Arc<dyn Receiver + Send + Sync>;

/// Settings of a [`StorageScp`].
#[derive(Debug, Clone)]
pub struct ScpConfig {
    /// Address to listen on; port 0 takes a free one.
    pub address: SocketAddr,
    /// Our AE title.
    pub aet: AeTitle,
    /// Whether associations that call another AE title are rejected.
    pub check_called_aet: bool,
    /// The AE titles that may call; `None` lets everybody in. AE titles are no proof of anything: see `tls` for that.
    pub allowed: Option<BTreeSet<AeTitle>>,
    /// What clients are shown and must show; `None` listens without TLS.
    pub tls: Option<tls::Server>,
    /// Associations at the same time; further ones are rejected as transient.
    pub max_associations: usize,
    /// PDU length and waiting times.
    pub options: Options,
}

/// A running storage provider (PS3.4 annex B) for every SOP class and transfer syntax; it answers C-ECHO too. Dropping
/// it ends its associations and joins its threads.
pub struct StorageScp {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

pub(crate) struct Shared {
    pub config: ScpConfig,
    pub serving: AtomicUsize,
    stop: AtomicBool,
    fallback: SharedReceiver,
    pub query_retrieve: Option<Arc<dyn QueryRetrieve>>,
    routes: Mutex<HashMap<u16, Destination>>,
    connections: Mutex<HashMap<u64, TcpStream>>,
}

/// Where an object goes, and who counts its bytes.
#[derive(Clone)]
pub(crate) struct Destination {
    pub receiver: SharedReceiver,
    pub arrived: Arc<AtomicU64>,
}

impl StorageScp {
    /// Starts listening. Objects that belong to no [`Route`] go to `fallback`.
    pub fn start(config: ScpConfig, fallback: SharedReceiver) -> Result<Self, Error> {
        Self::listen(config, fallback, None)
    }

    /// The same, for a provider of Query/Retrieve too.
    pub fn start_with(
        config: ScpConfig,
        fallback: SharedReceiver,
        query_retrieve: Arc<dyn QueryRetrieve>,
    ) -> Result<Self, Error> {
        Self::listen(config, fallback, Some(query_retrieve))
    }

    fn listen(
        config: ScpConfig,
        fallback: SharedReceiver,
        query_retrieve: Option<Arc<dyn QueryRetrieve>>,
    ) -> Result<Self, Error> {
        let wanted = config.address;
        let (listener, address) =
            listen(wanted).map_err(|source| Error::Listen { address: wanted.to_string(), source })?;
        let shared = Arc::new(Shared {
            config,
            serving: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            fallback,
            query_retrieve,
            routes: Mutex::default(),
            connections: Mutex::default(),
        });
        let for_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("storage-scp".to_owned())
            .spawn(move || accept_all(&listener, &for_thread))
            .map_err(|source| Error::Listen { address: wanted.to_string(), source })?;
        Ok(Self { address, shared, listener: Some(thread) })
    }

    /// The address that it listens on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, objects of the C-MOVE with the message id of the returned route go to `receiver`.
    pub fn route(&self, receiver: SharedReceiver) -> Route {
        let arrived = Arc::new(AtomicU64::new(0));
        let destination = Destination { receiver, arrived: Arc::clone(&arrived) };
        let mut routes = lock(&self.shared.routes);
        let mut message_id = next_message_id();
        while routes.contains_key(&message_id) {
            message_id = next_message_id();
        }
        routes.insert(message_id, destination);
        Route { message_id, arrived, shared: Arc::clone(&self.shared) }
    }
}

impl Drop for StorageScp {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.listener.take()
            && thread.join().is_err()
        {
            tracing::error!("the storage listener had panicked");
        }
    }
}

/// A running C-MOVE that waits for its objects. Dropping it sends late ones to the fallback.
pub struct Route {
    message_id: u16,
    arrived: Arc<AtomicU64>,
    shared: Arc<Shared>,
}

impl Route {
    /// Message id to send the C-MOVE with.
    pub fn message_id(&self) -> u16 {
        self.message_id
    }

    /// Data set bytes that have come in so far: the activity for [`crate::Watch`].
    pub fn arrived(&self) -> u64 {
        self.arrived.load(Ordering::Relaxed)
    }
}

impl Drop for Route {
    fn drop(&mut self) {
        lock(&self.shared.routes).remove(&self.message_id);
    }
}

impl Shared {
    /// Where an object goes that names `move_originator_id`. The attribute is optional (PS3.7 table 9.3-1), and some peers
    /// put another number there: then the object belongs to the running C-MOVE that waits for its instance, or else, if
    /// it names none, to the only one that is running.
    pub fn destination(&self, move_originator_id: Option<u16>, sop_instance: &str) -> Destination {
        let routes = lock(&self.routes);
        let waiting = || routes.values().find(|route| route.receiver.expects(sop_instance));
        let only = || routes.values().next().filter(|_| routes.len() == 1);
        let routed = match move_originator_id {
            Some(id) => routes.get(&id).or_else(waiting),
            None => waiting().or_else(only),
        };
        routed
            .cloned()
            .unwrap_or_else(|| Destination { receiver: Arc::clone(&self.fallback), arrived: Arc::default() })
    }

    /// Tells the fallback about somebody who was not let in.
    pub fn turn_away(&self, peer: SocketAddr, error: &Error) {
        self.fallback.turned_away(peer, error);
    }

    pub fn is_stopping(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}

fn listen(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)?;
    set_socket_timeout(&listener, Timeout::Recv, Some(TICK))?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

fn accept_all(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    let mut next_id = 0_u64;
    while !shared.is_stopping() {
        threads.retain(|thread| !thread.is_finished());
        let Ok((tcp, peer)) = listener.accept() else { continue };
        if threads.len() >= shared.config.max_associations + REJECTED_AT_ONCE {
            tracing::warn!(%peer, "too many connections, one was dropped");
            continue;
        }
        next_id += 1;
        match spawn(next_id, tcp, peer, shared) {
            Ok(thread) => threads.push(thread),
            Err(error) => tracing::warn!(%peer, %error, "a connection could not be served"),
        }
    }
    end_all(threads, shared);
}

fn spawn(id: u64, tcp: TcpStream, peer: SocketAddr, shared: &Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
    lock(&shared.connections).insert(id, tcp.try_clone()?);
    let shared = Arc::clone(shared);
    thread::Builder::new().name(format!("storage-scp-{id}")).spawn(move || {
        if let Err(error) = serve(tcp, peer, &shared) {
            tracing::warn!(%peer, %error, "an association with the storage listener failed");
        }
        lock(&shared.connections).remove(&id);
    })
}

/// Waits for associations that heed the stop by themselves, then cuts the connections of the others.
fn end_all(threads: Vec<JoinHandle<()>>, shared: &Shared) {
    let asked = Instant::now();
    while asked.elapsed() < GRACE && threads.iter().any(|thread| !thread.is_finished()) {
        thread::sleep(TICK);
    }
    for tcp in lock(&shared.connections).values() {
        if let Err(error) = tcp.shutdown(Shutdown::Both) {
            tracing::trace!(%error, "a connection had ended already");
        }
    }
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("an association of the storage listener had panicked");
        }
    }
}

/// The maps stay usable when a receiver has panicked in another thread.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
