//! One request and its answer on a connection: HTTP/1.1 (RFC 9112) by ureq-proto, input and output by us, so that a silent
//! peer is noticed whatever it has sent before, and a request to stop is heard.

use std::io;
use std::time::{Duration, Instant};

use ureq_proto::BodyMode;
use ureq_proto::client::state::RecvBody;
use ureq_proto::client::{Call, RecvBodyResult, RecvResponseResult, SendRequestResult};
use ureq_proto::http::{HeaderMap, Request, Response};
use wire::Stream;

use super::error::Error;

/// Most bytes of an answer's head, or of the frame of a chunk.
const MOST_PENDING: usize = 64 * 1024;
const REQUEST_BUFFER: usize = 64 * 1024;
/// How records of TLS begin (RFC 8446 section 5.1), which no answer does.
const TLS_ALERT: [u8; 2] = [0x15, 0x03];

/// Asked while waiting.
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// The head of an answer, and the way to its body.
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// What follows.
    pub body: Body<'a>,
}

/// A body, read as it comes.
pub struct Body<'a> {
    /// Gone when the body has ended and the connection does not outlive it.
    stream: Option<Stream>,
    /// Gone when the body has ended.
    call: Option<Call<RecvBody>>,
    stop: Stop<'a>,
}

/// Sends a request and waits for the head of its answer.
pub fn exchange(mut stream: Stream, request: Request<()>, stop: Stop<'_>) -> Result<Answer<'_>, Error> {
    let unsound = |error: ureq_proto::Error| Error::malformed("an answer", error.to_string());
    let mut call = Call::new(request).map_err(unsound)?.proceed();
    let mut buffer = vec![0; REQUEST_BUFFER];
    while !call.can_proceed() {
        let length = call.write(&mut buffer).map_err(unsound)?;
        stream.output().extend_from_slice(buffer.get(..length).unwrap_or_default());
    }
    stream.flush()?;
    let Some(SendRequestResult::RecvResponse(mut call)) = call.proceed().map_err(unsound)? else {
        return Err(unsound_request());
    };
    let asked = Instant::now();
    let head = loop {
        let (used, head) = call.try_response(stream.buffered(), false).map_err(|error| {
            if stream.buffered().starts_with(&TLS_ALERT) { Error::SpeaksTls } else { unsound(error) }
        })?;
        stream.consume(used);
        if let Some(head) = head {
            break head;
        }
        if used == 0 {
            // A head that comes byte by byte must not take for ever.
            wait(&mut stream, asked, stop)?;
        }
    };
    let (stream, call) = match call.proceed() {
        Some(RecvResponseResult::RecvBody(call)) => (Some(stream), Some(call)),
        Some(RecvResponseResult::Redirect(call)) => (kept(stream, call.must_close_connection()), None),
        Some(RecvResponseResult::Cleanup(call)) => (kept(stream, call.must_close_connection()), None),
        None => return Err(unsound_request()),
    };
    Ok(answer(head, Body { stream, call, stop }))
}

fn answer(head: Response<()>, body: Body<'_>) -> Answer<'_> {
    let (parts, ()) = head.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

fn kept(stream: Stream, must_close: bool) -> Option<Stream> {
    (!must_close).then_some(stream)
}

fn unsound_request() -> Error {
    Error::malformed("an answer", "it came before the request was sent")
}

/// Waits for more input, until the peer has been silent for too long.
fn wait(stream: &mut Stream, silent_since: Instant, stop: Stop<'_>) -> Result<(), Error> {
    if stream.buffered().len() >= MOST_PENDING {
        return Err(Error::malformed("an answer", "its head or the frame of a chunk has more than 64 KiB"));
    }
    loop {
        if stop() {
            return Err(Error::Stopped);
        }
        if stream.receive()? {
            return Ok(());
        }
        let after = stream.idle();
        if silent_since.elapsed() >= after {
            return Err(wire::Error::TimedOut { what: "answer, or go on with its answer,", after }.into());
        }
    }
}

impl Body<'_> {
    /// The next bytes; none at the end.
    pub fn more(&mut self, target: &mut [u8]) -> Result<usize, Error> {
        loop {
            let (Some(stream), Some(call)) = (&mut self.stream, &mut self.call) else { return Ok(0) };
            let (used, length) = call
                .read(stream.buffered(), target)
                .map_err(|error| Error::malformed("an answer", error.to_string()))?;
            stream.consume(used);
            if length > 0 {
                return Ok(length);
            }
            let until_closed = call.body_mode() == BodyMode::CloseDelimited;
            if call.can_proceed() && !until_closed {
                self.end();
            } else if used == 0 {
                match wait(stream, Instant::now(), self.stop) {
                    Err(Error::Wire(wire::Error::Lost { source }))
                        if until_closed && source.kind() == io::ErrorKind::UnexpectedEof =>
                    {
                        self.end();
                        self.stream = None;
                    }
                    waited => waited?,
                }
            }
        }
    }

    /// Whether its end is told by the protocol, and not by the end of the connection, which may have been cut.
    pub fn has_an_end(&self) -> bool {
        self.call.as_ref().is_none_or(|call| call.body_mode() != BodyMode::CloseDelimited)
    }

    fn end(&mut self) {
        let must_close = match self.call.take().and_then(Call::<RecvBody>::proceed) {
            Some(RecvBodyResult::Cleanup(call)) => call.must_close_connection(),
            Some(RecvBodyResult::Redirect(call)) => call.must_close_connection(),
            None => true,
        };
        if must_close {
            self.stream = None;
        }
    }

    /// The connection, for another request, if the body is over or ends within `most` bytes.
    pub fn into_connection(mut self, most: usize) -> Option<Stream> {
        let mut scratch = [0; 8192];
        let mut read = 0;
        while self.call.is_some() {
            read += self.more(&mut scratch).ok()?;
            if read > most {
                return None;
            }
        }
        self.stream
    }
}

impl io::Read for Body<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if target.is_empty() { Ok(0) } else { Ok(self.more(target)?) }
    }
}

/// How long a server asks to be left alone (RFC 9110 section 10.2.3); `usual` if it does not say.
pub fn retry_after(headers: &HeaderMap, now: jiff::Timestamp, usual: Duration) -> Duration {
    let text = headers.get("retry-after").and_then(|value| value.to_str().ok()).unwrap_or_default().trim();
    if let Ok(seconds) = text.parse() {
        return Duration::from_secs(seconds);
    }
    let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text);
    until.map_or(usual, |until| Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_in_seconds_or_by_a_date_how_long_to_wait() {
        let now = "2026-11-30T22:00:00Z".parse().unwrap();
        let usual = Duration::from_secs(10);
        for (text, seconds) in [
            ("120", 120),
            (" 0 ", 0),
            ("Mon, 30 Nov 2026 22:01:30 GMT", 90),
            ("Mon, 30 Nov 2026 21:00:00 GMT", 0),
            ("soon", 10),
            ("-5", 10),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("retry-after", text.parse().unwrap());
            assert_eq!(retry_after(&headers, now, usual), Duration::from_secs(seconds), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now, usual), usual);
    }
}
