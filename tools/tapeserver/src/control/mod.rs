//! The control socket: a line with a command in, its answer out. Tests and people make things go wrong through it.

mod request;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::changer::{Library, Shared, lock};
use crate::drive::Drive;

pub use request::Request;

/// Where the socket is in the laboratory's machine.
pub const SOCKET: &str = "/run/tapeserver";

/// The units that commands are about.
#[derive(Debug)]
pub struct Laboratory {
    /// The drives.
    pub drives: Vec<Shared<Drive>>,
    /// The library.
    pub library: Shared<Library>,
}

impl Laboratory {
    /// Executes one line: the words of a [`Request`].
    fn answer(&self, line: &str) -> String {
        match Request::parse(line.split_whitespace()) {
            Ok(request) => match request.execute(self) {
                Ok(text) => format!("ok\n{text}"),
                Err(message) => format!("error\n{message}"),
            },
            Err(message) => format!("error\n{message}"),
        }
    }

    /// Answers requests, one for each connection, for as long as the socket lives.
    pub fn serve(&self, listener: &UnixListener) -> io::Result<()> {
        for connection in listener.incoming() {
            let mut connection = connection?;
            let mut line = String::new();
            // Whoever goes away in the middle does not disturb the next.
            if BufReader::new(&connection).read_line(&mut line).is_ok() {
                let _ = connection.write_all(self.answer(&line).as_bytes());
            }
        }
        Ok(())
    }

    /// Makes everything durable: the machine goes down.
    pub fn finish(&self) {
        self.drives.iter().for_each(|drive| lock(drive).finish());
    }
}

/// Sends a request. The answer is what to print, or why it was not done.
pub fn send(socket: &Path, words: &[String]) -> io::Result<Result<String, String>> {
    let mut connection = UnixStream::connect(socket)?;
    connection.write_all(format!("{}\n", words.join(" ")).as_bytes())?;
    connection.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let (verdict, text) = answer.split_once('\n').unwrap_or((&answer, ""));
    Ok(if verdict == "ok" { Ok(text.to_owned()) } else { Err(text.to_owned()) })
}
