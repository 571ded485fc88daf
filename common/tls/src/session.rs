//! TLS on a socket whose reads time out: nothing here waits longer than the socket does.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::{AlertDescription as Alert, Connection, Error};

use crate::Fault;
use crate::client::Demand;

/// How far one step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes; 0 is the orderly end.
    Bytes(usize),
    /// Nothing yet: the socket timed out, or what came was no data.
    Nothing,
}

/// One side of a TLS connection; the socket stays with the caller.
pub struct Session {
    connection: Connection,
    demand: Option<Arc<Demand>>,
    /// Whether any data has come.
    heard: bool,
    closed: bool,
}

impl Session {
    pub(crate) fn new(mut connection: Connection, demand: Option<Arc<Demand>>) -> Self {
        // The caller bounds what it writes at once.
        connection.set_buffer_limit(None);
        Self { connection, demand, heard: false, closed: false }
    }

    /// Whether the handshake is still under way.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// One step of the handshake, or of whatever the protocol has to do besides data. True if anything came.
    pub fn advance(&mut self, socket: &mut (impl Read + Write)) -> io::Result<bool> {
        self.flush(socket)?;
        let came = self.take_in(socket)?;
        self.flush(socket)?;
        Ok(came)
    }

    /// Data from the peer. Errors of TLS hold a [`Fault`].
    pub fn read(&mut self, socket: &mut (impl Read + Write), target: &mut [u8]) -> io::Result<Progress> {
        loop {
            match self.connection.reader().read(target) {
                Ok(0) if self.lacks_our_certificate() => return Err(wrapped(Fault::CertificateDemanded)),
                Ok(count) => {
                    self.heard = true;
                    return Ok(Progress::Bytes(count));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(self.cut(error)),
            }
            if !self.advance(socket)? {
                return Ok(Progress::Nothing);
            }
        }
    }

    /// Sends all of `data`.
    pub fn write_all(&mut self, socket: &mut (impl Read + Write), data: &[u8]) -> io::Result<()> {
        self.connection.writer().write_all(data)?;
        let written = self.flush(socket);
        match written {
            Err(error) if is_cut(&error) => Err(self.last_words(socket).unwrap_or_else(|| self.cut(error))),
            other => other,
        }
    }

    /// Says goodbye, as far as the socket still takes it.
    pub fn close(&mut self, socket: &mut (impl Read + Write)) {
        if !std::mem::replace(&mut self.closed, true) {
            self.connection.send_close_notify();
            // Whoever has gone already does not hear it.
            let _ = self.flush(socket);
        }
    }

    /// The alert by which the peer said why it cut the connection that we write to.
    fn last_words(&mut self, socket: &mut (impl Read + Write)) -> Option<io::Error> {
        const MOST_READS: usize = 16;
        let failed = (0..MOST_READS).find_map(|_| self.take_in(socket).err());
        failed.filter(|error| fault_in(error).is_some())
    }

    fn flush(&mut self, socket: &mut (impl Read + Write)) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(socket)?;
        }
        Ok(())
    }

    fn take_in(&mut self, socket: &mut (impl Read + Write)) -> io::Result<bool> {
        match self.connection.read_tls(socket) {
            Ok(0) if self.is_handshaking() => return Err(self.cut(ErrorKind::UnexpectedEof.into())),
            Ok(_) => {}
            Err(error) if is_timeout(&error) || error.kind() == ErrorKind::Interrupted => return Ok(false),
            Err(error) => return Err(self.cut(error)),
        }
        match self.connection.process_new_packets() {
            Ok(_) => Ok(true),
            Err(error) => {
                // Our alert tells the peer why; it may be gone already.
                let _ = self.flush(socket);
                Err(wrapped(self.explain(&error)))
            }
        }
    }

    /// Why the peer hung up, as far as the protocol tells.
    fn cut(&self, error: io::Error) -> io::Error {
        if self.lacks_our_certificate() {
            wrapped(Fault::CertificateDemanded)
        } else if self.is_handshaking() {
            wrapped(Fault::Closed)
        } else {
            error
        }
    }

    fn explain(&self, error: &Error) -> Fault {
        let vague = [Alert::HandshakeFailure, Alert::BadCertificate, Alert::AccessDenied];
        if matches!(error, Error::AlertReceived(alert) if vague.contains(alert))
            && self.lacks_our_certificate()
        {
            return Fault::CertificateDemanded;
        }
        match Fault::of(error) {
            // It spoke TLS before.
            Fault::NotTls if !self.is_handshaking() => Fault::Other(error.to_string()),
            fault => fault,
        }
    }

    /// Whether the peer asked for a certificate that we do not have, and has sent no data since.
    fn lacks_our_certificate(&self) -> bool {
        !self.heard && self.demand.as_ref().is_some_and(|demand| demand.is_unmet())
    }
}

fn wrapped(fault: Fault) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, fault)
}

/// The TLS fault that an error of [`Session`] holds.
pub fn fault_in(error: &io::Error) -> Option<&Fault> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn is_cut(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted)
}
