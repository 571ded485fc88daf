//! The few HTTP requests the tests send to Orthanc's REST interface.
//!
//! Written out instead of taking a client crate: requests go to loopback, one per connection, and HTTP/1.0 needs
//! neither chunks nor keep-alive. That is less code than the options of a client.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Orthanc may think for a while about a large object, but a request that hangs must fail the test.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A REST server on loopback.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    port: u16,
}

/// Status code and body of an answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The body, as sent.
    pub body: Vec<u8>,
}

impl Rest {
    /// The server on this port of 127.0.0.1.
    pub fn on(port: u16) -> Self {
        Self { port }
    }

    /// Sends one request and reads the whole answer.
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> Answer {
        let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).expect("the REST port answers");
        socket.set_read_timeout(Some(TIMEOUT)).expect("a timeout can be set");
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n");
        socket.write_all(head.as_bytes()).expect("the request can be sent");
        // A refused upload may be answered before it was read: the answer says why.
        let _ = socket.write_all(body);
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        parse(&answer).unwrap_or_else(|| panic!("{method} {path}: not an HTTP answer"))
    }

    /// The body of a GET that must succeed.
    pub fn get(&self, path: &str) -> Vec<u8> {
        let answer = self.request("GET", path, &[]);
        assert_eq!(answer.status, 200, "GET {path}: {}", String::from_utf8_lossy(&answer.body));
        answer.body
    }

    /// The JSON of a GET that must succeed.
    pub fn get_json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.get(path)).unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(answer.get(..end)?).ok()?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some(Answer { status, body: answer.get(end + 4..)?.to_vec() })
}
