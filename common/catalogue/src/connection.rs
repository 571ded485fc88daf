//! The one writing connection and the read-only ones, their durability and the modes of their files.

use std::fs::{OpenOptions, Permissions, set_permissions};
use std::ops::Deref;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::error::{Error, Result};
use crate::schema;

/// How long to wait for another process's lock before giving up.
const BUSY: Duration = Duration::from_secs(30);
const CACHED_STATEMENTS: usize = 128;

/// A view of the catalogue: all questions, no changes. Cheap to open while another process writes.
#[derive(Debug)]
pub struct Reader {
    pub(crate) conn: Connection,
    path: PathBuf,
}

/// The job's writer: everything a [`Reader`] answers, and all changes. One for each job.
pub struct Catalogue {
    reader: Reader,
    durability: Durability,
    #[cfg(feature = "faults")]
    gate: Option<CommitGate>,
}

/// Decides whether a commit happens; told whether it is to be on disk when it has. Called with the change made and not
/// committed.
#[cfg(feature = "faults")]
pub type CommitGate = Box<dyn FnMut(bool) -> bool + Send>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Durability {
    Durable,
    Quick,
}

impl Reader {
    /// Opens an existing catalogue for reading. Refuses one whose schema is not this program's.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        std::fs::metadata(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        let conn = Connection::open_with_flags(path, flags)?;
        configure(&conn)?;
        let (found, known) = (schema::found(&conn)?, schema::known());
        let path = path.to_owned();
        match found.cmp(&known) {
            std::cmp::Ordering::Greater => Err(Error::NewerSchema { path, found, known }),
            std::cmp::Ordering::Less => Err(Error::OlderSchema { path, found, known }),
            std::cmp::Ordering::Equal => Ok(Self { conn, path }),
        }
    }

    /// Where the catalogue is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Catalogue {
    /// Opens the catalogue at `path` for writing, makes it (mode 0600) when there is none, and migrates it to the
    /// newest schema. Refuses a newer one.
    pub fn open(path: &Path) -> Result<Self> {
        private_files(path).map_err(|source| Error::File { path: path.to_owned(), source })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags)?;
        configure(&conn)?;
        conn.pragma_update(None, "journal_mode", "WAL")?;
        conn.pragma_update(None, "foreign_keys", true)?;
        conn.pragma_update(None, "synchronous", "FULL")?;
        // A WAL that a long-lived reader made large shrinks again at the next checkpoint.
        conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
        schema::migrate(&mut conn, path)?;
        Ok(Self {
            reader: Reader { conn, path: path.to_owned() },
            durability: Durability::Durable,
            #[cfg(feature = "faults")]
            gate: None,
        })
    }

    /// Lets `gate` decide about every commit from here on. One that it refuses is rolled back and fails, as one that a
    /// power cut or a broken disk came before.
    #[cfg(feature = "faults")]
    pub fn gate_commits(&mut self, gate: CommitGate) {
        self.gate = Some(gate);
    }

    /// A further, read-only view of the same catalogue, for another thread.
    pub fn reader(&self) -> Result<Reader> {
        Reader::open(&self.reader.path)
    }

    /// Runs `work` in a transaction that is on disk when this returns: it survives a power cut.
    pub(crate) fn durable<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.transaction(Durability::Durable, work)
    }

    /// Runs `work` in a transaction that survives the death of the process, and a power cut only once a durable one
    /// or a checkpoint has followed.
    pub(crate) fn quick<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        self.transaction(Durability::Quick, work)
    }

    fn transaction<T>(
        &mut self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T>,
    ) -> Result<T> {
        let conn = &mut self.reader.conn;
        if self.durability != durability {
            let mode = if durability == Durability::Durable { "FULL" } else { "NORMAL" };
            conn.pragma_update(None, "synchronous", mode)?;
            self.durability = durability;
        }
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&tx)?;
        #[cfg(feature = "faults")]
        if let Some(gate) = &mut self.gate
            && !gate(durability == Durability::Durable)
        {
            let refused = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
            return Err(rusqlite::Error::SqliteFailure(refused, None).into());
        }
        tx.commit()?;
        Ok(value)
    }
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue").field("reader", &self.reader).finish_non_exhaustive()
    }
}

impl Deref for Catalogue {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        &self.reader
    }
}

fn configure(conn: &Connection) -> Result<()> {
    conn.busy_timeout(BUSY)?;
    conn.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // Negative: KiB of page cache.
    conn.pragma_update(None, "cache_size", -16_384)?;
    // Without it, every value bound to `state` has its statement prepared anew, in search of a partial index.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Makes the file before `SQLite` can, so that the umask has no say; `-wal` and `-shm` get the mode of the main file
/// when `SQLite` makes them, and are tightened here when an earlier run left them.
fn private_files(path: &Path) -> std::io::Result<()> {
    use std::io::ErrorKind::{AlreadyExists, NotFound};
    // An existing file is not opened: closing it would drop the locks of this process's other connections.
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(error) if error.kind() != AlreadyExists => return Err(error),
        _ => {}
    }
    set_permissions(path, Permissions::from_mode(0o600))?;
    for suffix in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(suffix);
        match set_permissions(&beside, Permissions::from_mode(0o600)) {
            Err(error) if error.kind() != NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
