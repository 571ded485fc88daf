//! GET requests to one DICOMweb server: who we are, kept connections, redirects, and a server that wants to be left alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use job::{JobError, Login, WebAddress};
use ureq_proto::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, LOCATION, USER_AGENT,
};
use ureq_proto::http::{HeaderValue, Request};
use wire::{Peer, Stream, Waits};

use super::error::Error;
use super::exchange::{Answer, Body, Stop, exchange, retry_after};

const MOST_REDIRECTS: usize = 5;
/// What is read of a body that nobody needs, to keep the connection.
const MOST_IGNORED: usize = 64 * 1024;
/// How long a server is left alone that does not say how long, ...
const USUAL_REST: Duration = Duration::from_secs(10);
/// ... and at most: a clock that is wrong there must not stop a transfer.
const MOST_REST: Duration = Duration::from_secs(600);
const TICK: Duration = Duration::from_millis(100);
const AGENT: &str = concat!("p2t/", env!("CARGO_PKG_VERSION"));

/// Reads who we are to the server; again when it no longer takes a token.
pub type LoginReader = Arc<dyn Fn() -> Result<Login, JobError> + Send + Sync>;

/// How to talk to a DICOMweb server.
#[derive(Clone)]
pub struct WebSettings {
    /// The root of its service.
    pub address: WebAddress,
    /// For an address with https.
    pub tls: Option<tls::Client>,
    /// Who we are, where it wants to know.
    pub login: Option<LoginReader>,
    /// How long to wait for it.
    pub waits: Waits,
    /// Asked while waiting for it.
    pub stop: job::Stop,
}

/// What to get.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Below the root of the service, with a slash in front, encoded.
    pub resource: String,
    /// Behind the question mark, encoded; may be empty. It may name a patient, and is not shown.
    pub query: String,
    /// The media type wanted.
    pub accept: &'static str,
}

/// One server.
pub struct Client {
    pub(super) settings: WebSettings,
    kept: Mutex<Vec<Stream>>,
    authorization: Mutex<Option<HeaderValue>>,
    /// It wants to be left alone until then.
    rest_until: Mutex<Option<Instant>>,
    /// It has answered a search: there is such a service under this root.
    searches: AtomicBool,
}

impl Client {
    pub fn new(settings: WebSettings) -> Result<Self, JobError> {
        let login = settings.login.as_ref().map(|read| read()).transpose()?;
        let authorization = Mutex::new(login.as_ref().and_then(authorization));
        Ok(Self {
            settings,
            kept: Mutex::default(),
            authorization,
            rest_until: Mutex::default(),
            searches: AtomicBool::default(),
        })
    }

    /// Gets something, once the server need not be left alone any more: an answer with status 200 or 204. Everything else is an
    /// error.
    pub fn get<'a>(&'a self, ask: &Ask, stop: Stop<'a>) -> Result<Answer<'a>, Error> {
        self.rest(stop)?;
        self.get_at_once(ask, stop)
    }

    /// The same without waiting for that: then the server is busy.
    pub fn get_at_once<'a>(&'a self, ask: &Ask, stop: Stop<'a>) -> Result<Answer<'a>, Error> {
        if let Some(retry_after) = self.rest_left() {
            let (status, resource) = (503, ask.resource.clone());
            return Err(Error::Busy { status, resource, retry_after });
        }
        let query = if ask.query.is_empty() { String::new() } else { format!("?{}", ask.query) };
        let mut target = format!("{}{}{query}", self.settings.address.path, ask.resource);
        let mut renewed = false;
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.once(&target, ask, stop)?;
            let status = answer.status;
            match status {
                200 | 204 => return plain(answer, ask),
                301 | 302 | 303 | 307 | 308 => target = self.redirected(&answer)?,
                401 if !std::mem::replace(&mut renewed, true) && self.renew()? => {}
                401 | 407 => return Err(Error::NoEntry { status }),
                429 | 503 => {
                    let rest =
                        retry_after(&answer.headers, jiff::Timestamp::now(), USUAL_REST).min(MOST_REST);
                    self.keep(answer.body);
                    *locked(&self.rest_until) = Some(Instant::now() + rest);
                    return Err(Error::Busy { status, resource: ask.resource.clone(), retry_after: rest });
                }
                _ => {
                    self.keep(answer.body);
                    return Err(Error::Status { status, resource: ask.resource.clone() });
                }
            }
            self.keep(answer.body);
        }
        Err(Error::malformed("an answer", format!("it redirects more than {MOST_REDIRECTS} times")))
    }

    /// Takes note that it has answered a search.
    pub fn answered_search(&self) {
        self.searches.store(true, Ordering::Relaxed);
    }

    /// Whether it has answered any.
    pub fn has_answered_search(&self) -> bool {
        self.searches.load(Ordering::Relaxed)
    }

    /// Keeps the connection of a body that is over, or nearly, for another request.
    pub fn keep(&self, body: Body<'_>) {
        if let Some(stream) = body.into_connection(MOST_IGNORED) {
            locked(&self.kept).push(stream);
        }
    }

    /// Opens a connection for the next request, if none is kept.
    pub fn make_ready(&self) -> Result<(), Error> {
        if locked(&self.kept).is_empty() {
            let stream = self.connect()?;
            locked(&self.kept).push(stream);
        }
        Ok(())
    }

    /// Closes the connections that are kept.
    pub fn close(&self) {
        locked(&self.kept).drain(..).for_each(|mut stream| stream.close());
    }

    /// Waits as long as the server wants to be left alone.
    fn rest(&self, stop: Stop<'_>) -> Result<(), Error> {
        loop {
            if stop() {
                return Err(Error::Stopped);
            }
            let Some(left) = self.rest_left() else { return Ok(()) };
            std::thread::sleep(left.min(TICK));
        }
    }

    fn rest_left(&self) -> Option<Duration> {
        let until = *locked(&self.rest_until);
        until.map(|until| until.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }

    /// Asks on a kept connection. A server may have closed it at any time: then on a new one.
    fn once<'a>(&self, target: &str, ask: &Ask, stop: Stop<'a>) -> Result<Answer<'a>, Error> {
        let kept = locked(&self.kept).pop();
        if let Some(stream) = kept {
            match exchange(stream, self.request(target, ask)?, stop) {
                Err(error) if error.is_lost() => {}
                other => return other,
            }
        }
        exchange(self.connect()?, self.request(target, ask)?, stop).map_err(|error| match error {
            Error::Wire(wire::Error::Lost { source }) if self.settings.tls.is_none() => {
                Error::NoAnswer { source }
            }
            other => other,
        })
    }

    fn connect(&self) -> Result<Stream, Error> {
        let WebSettings { address, tls, waits, .. } = &self.settings;
        let name = address.authority();
        let peer = Peer { host: &address.host, port: address.port, name: &name };
        Ok(Stream::connect(peer, tls.as_ref(), *waits)?)
    }

    fn request(&self, target: &str, ask: &Ask) -> Result<Request<()>, Error> {
        let address = format!("{}{target}", self.settings.address.origin());
        let mut request = Request::get(address)
            .header(ACCEPT, ask.accept)
            // The bytes as they are stored are wanted.
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, AGENT);
        if let Some(value) = locked(&self.authorization).as_ref() {
            request = request.header(AUTHORIZATION, value);
        }
        request.body(()).map_err(|error| Error::malformed("an address", error.to_string()))
    }

    /// Where a redirect leads, on this server.
    fn redirected(&self, answer: &Answer<'_>) -> Result<String, Error> {
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| Error::malformed("a redirect", "it does not say where to"))?;
        if location.starts_with('/') && !location.starts_with("//") {
            return Ok(location.to_owned());
        }
        let elsewhere = |origin| Error::Redirected { origin };
        let (path, query) =
            location.split_once('?').map_or((location, None), |(path, query)| (path, Some(query)));
        let there: WebAddress = path.parse().map_err(|_| elsewhere("another address".to_owned()))?;
        if there.origin() != self.settings.address.origin() {
            return Err(elsewhere(there.origin()));
        }
        let path = path.splitn(4, '/').nth(3).unwrap_or_default();
        Ok(query.map_or_else(|| format!("/{path}"), |query| format!("/{path}?{query}")))
    }

    /// Reads passcode or token again. Whether it is another one now.
    fn renew(&self) -> Result<bool, Error> {
        let Some(read) = &self.settings.login else { return Ok(false) };
        let new = authorization(&read().map_err(Error::Login)?);
        let old = std::mem::replace(&mut *locked(&self.authorization), new.clone());
        Ok(old != new)
    }
}

/// An answer whose body is as the server has it, not compressed for the way.
fn plain<'a>(answer: Answer<'a>, ask: &Ask) -> Result<Answer<'a>, Error> {
    let coding =
        answer.headers.get(CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("identity");
    if coding.eq_ignore_ascii_case("identity") {
        return Ok(answer);
    }
    let (resource, got) = (ask.resource.clone(), format!("content coding {coding:?}"));
    Err(Error::MediaType { resource, got, wanted: "no content coding" })
}

/// HTTP Basic (RFC 7617) or Bearer (RFC 6750).
fn authorization(login: &Login) -> Option<HeaderValue> {
    let text = match login {
        Login::User { name, passcode } => {
            let passcode = passcode.as_ref().map(job::Secret::reveal).unwrap_or_default();
            format!("Basic {}", STANDARD.encode(format!("{name}:{passcode}")))
        }
        Login::Token(token) => format!("Bearer {}", token.reveal()),
    };
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
