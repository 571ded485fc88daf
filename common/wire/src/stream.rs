//! The one place that owns the transport: a TCP socket without delayed packets, bare or under TLS, with our own buffers and
//! deadlines.
//!
//! DCMTK-based peers write each PDU as header and body with Nagle's algorithm on, so every message waits for our
//! acknowledgement. `TCP_QUICKACK`, set again after each read, makes them about 15 times faster.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use tls::{Client, Fault, Progress, Server, Session};

use crate::Error;

/// How often a waiting read looks up, so that a request to stop is heard soon.
const TICK: Duration = Duration::from_millis(200);

const INPUT_BUFFER: usize = 256 * 1024;

/// Output is collected up to this size and leaves in one write.
const OUTPUT_BUFFER: usize = 256 * 1024;

/// Whom to connect to.
#[derive(Debug, Clone, Copy)]
pub struct Peer<'a> {
    /// Host name or address, without brackets.
    pub host: &'a str,
    /// TCP port.
    pub port: u16,
    /// What errors call it.
    pub name: &'a str,
}

/// How long to wait for a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// For a TCP connection, per address of the host.
    pub connect: Duration,
    /// For the whole handshake of TLS.
    pub handshake: Duration,
    /// For the next byte, in or out.
    pub idle: Duration,
}

/// One connection.
pub struct Stream {
    tcp: TcpStream,
    tls: Option<Session>,
    /// Whom errors of TLS name.
    peer: String,
    input: Box<[u8]>,
    start: usize,
    end: usize,
    output: Vec<u8>,
    idle: Duration,
    deadline: Option<(Instant, Duration)>,
}

impl Stream {
    /// Opens a connection, at the first of the host's addresses that answers; under TLS if there is a client of it.
    pub fn connect(peer: Peer<'_>, client: Option<&Client>, waits: Waits) -> Result<Self, Error> {
        let addresses = (peer.host, peer.port)
            .to_socket_addrs()
            .map_err(|source| Error::Resolve { host: peer.host.to_owned(), source })?;
        let mut last = io::Error::new(ErrorKind::NotFound, "the host has no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, waits.connect) {
                Ok(tcp) => return Self::requested(tcp, peer, client, waits),
                Err(error) => last = error,
            }
        }
        Err(Error::Connect { peer: peer.name.to_owned(), source: last })
    }

    /// A connection that we have opened.
    fn requested(
        tcp: TcpStream,
        peer: Peer<'_>,
        client: Option<&Client>,
        waits: Waits,
    ) -> Result<Self, Error> {
        let mut stream = Self::new(tcp, peer.name.to_owned(), waits.idle)?;
        if let Some(client) = client {
            stream.secure(client.session(peer.host), waits.handshake)?;
        }
        Ok(stream)
    }

    /// A connection that `peer` has opened.
    pub fn accepted(
        tcp: TcpStream,
        peer: SocketAddr,
        server: Option<&Server>,
        waits: Waits,
    ) -> Result<Self, Error> {
        let mut stream = Self::new(tcp, peer.to_string(), waits.idle)?;
        if let Some(server) = server {
            stream.secure(server.session(), waits.handshake)?;
        }
        Ok(stream)
    }

    /// Puts TLS on the connection.
    fn secure(&mut self, session: Result<Session, Fault>, within: Duration) -> Result<(), Error> {
        let mut session = session.map_err(|fault| Error::Tls { peer: self.peer.clone(), fault })?;
        let started = Instant::now();
        while session.is_handshaking() {
            session.advance(&mut self.tcp).map_err(|error| self.broken(error))?;
            self.acknowledge_at_once();
            if started.elapsed() >= within {
                return Err(Error::TimedOut { what: "speak TLS", after: within });
            }
        }
        self.tls = Some(session);
        Ok(())
    }

    fn new(tcp: TcpStream, peer: String, idle: Duration) -> Result<Self, Error> {
        let idle = idle.max(TICK);
        tcp.set_nodelay(true)
            .and_then(|()| tcp.set_read_timeout(Some(TICK)))
            .and_then(|()| tcp.set_write_timeout(Some(idle)))
            .map_err(|source| Error::Lost { source })?;
        Ok(Self {
            tcp,
            tls: None,
            peer,
            input: vec![0; INPUT_BUFFER].into_boxed_slice(),
            start: 0,
            end: 0,
            output: Vec::with_capacity(OUTPUT_BUFFER + OUTPUT_BUFFER / 2),
            idle,
            deadline: None,
        })
    }

    /// Limits the time for everything that is read from now on, in addition to the idle time.
    pub fn set_deadline(&mut self, after: Option<Duration>) {
        self.deadline = after.map(|after| (Instant::now() + after, after));
    }

    /// Waits a short while for input; true if there is some.
    pub fn poll(&mut self) -> Result<bool, Error> {
        if self.start < self.end {
            return Ok(true);
        }
        self.receive()
    }

    /// How long a peer may be silent.
    pub fn idle(&self) -> Duration {
        self.idle
    }

    /// Exactly `N` bytes.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Fills `target`.
    pub fn read_exact(&mut self, target: &mut [u8]) -> Result<(), Error> {
        let mut rest = target;
        while !rest.is_empty() {
            let chunk = self.chunk(rest.len())?;
            let (head, tail) = rest.split_at_mut(chunk.len());
            head.copy_from_slice(chunk);
            rest = tail;
        }
        Ok(())
    }

    /// The next 1 to `max` bytes, straight from the input buffer.
    pub fn chunk(&mut self, max: usize) -> Result<&[u8], Error> {
        let waiting_since = Instant::now();
        while self.start == self.end {
            if !self.receive()? && waiting_since.elapsed() >= self.idle {
                return Err(Error::TimedOut { what: "send anything", after: self.idle });
            }
        }
        let start = self.start;
        self.start = self.end.min(start.saturating_add(max));
        Ok(self.input.get(start..self.start).unwrap_or_default())
    }

    /// What has come and was not consumed.
    pub fn buffered(&self) -> &[u8] {
        self.input.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes bytes out of what is buffered.
    pub fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start.saturating_add(count));
    }

    /// One read behind what is buffered; false if nothing came within a tick, or the buffer is full.
    pub fn receive(&mut self) -> Result<bool, Error> {
        self.input.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let room = self.input.get_mut(self.end..).unwrap_or_default();
        if room.is_empty() {
            return Ok(false);
        }
        let result = match &mut self.tls {
            None => self.tcp.read(room),
            Some(session) => match session.read(&mut self.tcp, room) {
                Ok(Progress::Bytes(count)) => Ok(count),
                Ok(Progress::Nothing) => Err(ErrorKind::WouldBlock.into()),
                Err(error) => Err(error),
            },
        };
        match result {
            Ok(0) => Err(Error::Lost { source: ErrorKind::UnexpectedEof.into() }),
            Ok(count) => {
                self.acknowledge_at_once();
                self.end += count;
                self.check_deadline()?;
                Ok(true)
            }
            Err(error) if is_timeout(&error) => {
                self.check_deadline()?;
                Ok(false)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(false),
            Err(error) => Err(self.broken(error)),
        }
    }

    /// What an error of the connection means.
    fn broken(&self, error: io::Error) -> Error {
        match tls::fault_in(&error) {
            Some(fault) => Error::Tls { peer: self.peer.clone(), fault: fault.clone() },
            None => Error::Lost { source: error },
        }
    }

    fn check_deadline(&self) -> Result<(), Error> {
        match self.deadline {
            Some((at, after)) if Instant::now() >= at => Err(Error::TimedOut { what: "answer", after }),
            _ => Ok(()),
        }
    }

    /// The kernel drops out of quick-ack mode by itself, so this is needed after every read.
    fn acknowledge_at_once(&self) {
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::net::sockopt::set_tcp_quickack(&self.tcp, true) {
            tracing::trace!(%error, "TCP_QUICKACK refused");
        }
    }

    /// The output buffer, to append whole messages to.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Writes out if a good write has come together.
    pub fn flush_if_full(&mut self) -> Result<(), Error> {
        if self.output.len() >= OUTPUT_BUFFER { self.flush() } else { Ok(()) }
    }

    /// Writes out everything, in one write if the system allows.
    pub fn flush(&mut self) -> Result<(), Error> {
        let result = match &mut self.tls {
            None => self.tcp.write_all(&self.output),
            Some(session) => session.write_all(&mut self.tcp, &self.output),
        };
        self.output.clear();
        result.map_err(|error| {
            if is_timeout(&error) {
                Error::TimedOut { what: "take what we send", after: self.idle }
            } else {
                self.broken(error)
            }
        })
    }

    /// Limits how long a write may block.
    pub fn set_write_timeout(&self, after: Duration) {
        if let Err(error) = self.tcp.set_write_timeout(Some(after)) {
            tracing::trace!(%error, "write timeout refused");
        }
    }

    /// Ends the connection for good.
    pub fn close(&mut self) {
        self.output.clear();
        if let Some(session) = &mut self.tls {
            session.close(&mut self.tcp);
        }
        if let Err(error) = self.tcp.shutdown(Shutdown::Both) {
            tracing::trace!(%error, "the connection was closed already");
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
