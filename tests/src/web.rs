//! A DICOMweb server of a test's own, on a bare socket: it holds synthetic studies, answers as PS3.18 says, and misbehaves where
//! the test tells it to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use dataset::{Tag, tags};
use fakepacs::{Archive, Study};
use serde_json::{Value, json};

use crate::synthetic::Instance;

const BOUNDARY: &str = "0f9a-boundary";
const CLASS: &str = "1.2.840.10008.5.1.4.1.1.2";

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// Below the root, without the query.
    pub path: String,
    /// The query's keys and values; of a key that comes twice the last.
    pub query: BTreeMap<String, String>,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How many requests for the same path came before.
    pub before: usize,
    /// When it came.
    pub at: Instant,
}

impl Request {
    /// Whether it wants objects, and not a list.
    pub fn is_for_objects(&self) -> bool {
        self.headers.get("accept").is_some_and(|accept| accept.contains("multipart/related"))
    }

    /// Whether it wants a whole study's objects.
    pub fn is_for_study(&self) -> bool {
        self.is_for_objects() && self.path.split('/').count() == 3
    }

    /// The keys that narrow a search.
    fn matching(&self) -> Vec<(Tag, String)> {
        let tag = |key: &str| {
            let number = |at| u16::from_str_radix(key.get(at..at + 4)?, 16).ok();
            (key.len() == 8).then_some(Tag(number(0)?, number(4)?))
        };
        self.query.iter().filter_map(|(key, value)| Some((tag(key)?, decoded(value)))).collect()
    }

    /// A parameter of the query that is a number.
    pub fn number(&self, key: &str) -> Option<usize> {
        self.query.get(key)?.parse().ok()
    }
}

/// Bytes to send, and whether the connection ends with them.
#[derive(Debug)]
pub struct Reply {
    /// Head and body.
    pub bytes: Vec<u8>,
    /// Whether nothing follows.
    pub last: bool,
}

impl Reply {
    /// A whole answer.
    pub fn new(status: &str, headers: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        Self { bytes: [head.as_bytes(), body].concat(), last: false }
    }

    /// The same answer, cut after so many bytes.
    #[must_use]
    pub fn cut(mut self, bytes: usize) -> Self {
        self.bytes.truncate(bytes);
        self.last = true;
        self
    }
}

/// The studies that a server holds.
#[derive(Debug, Clone, Copy)]
pub struct Shelf {
    /// How many.
    pub studies: u32,
    /// How many instances each has.
    pub instances: u32,
    /// Bytes of each, about.
    pub bytes: u32,
    /// Rows in a page, whatever was asked for; it says nothing of the rest.
    pub cap: usize,
    /// Whether it takes notice of an offset, and of other keys than a study's UID.
    pub pages: bool,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { studies: 3, instances: 4, bytes: 2_000_000, cap: 100_000, pages: true }
    }
}

impl Shelf {
    /// An honest answer.
    pub fn answer(&self, request: &Request) -> Reply {
        let parts: Vec<&str> = request.path.split('/').skip(1).collect();
        let wanted = |instance: &Instance| {
            parts.get(1).is_none_or(|study| *study == instance.study_uid())
                && parts.get(5).is_none_or(|uid| *uid == instance.uid())
        };
        let instances: Vec<Instance> = self.all().filter(wanted).collect();
        if request.is_for_objects() {
            return self.objects(&instances);
        }
        match parts.as_slice() {
            ["studies"] => {
                let first = instances.iter().filter(|instance| instance.number == 1);
                let rows: Vec<Value> = first.map(|instance| study(*instance, self.instances)).collect();
                let fitting = Archive::new(rows.iter().map(known).collect());
                let mut keys = request.matching();
                keys.retain(|(tag, _)| self.pages || *tag == tags::STUDY_INSTANCE_UID);
                let fitting = fitting.matching(keys);
                let fits = |row: &Value| fitting.iter().any(|study| study.uid == told_text(row, "0020000D"));
                self.page(request, rows.into_iter().filter(fits).collect())
            }
            ["studies", _, "series"] => {
                self.page(request, instances.iter().take(1).map(|instance| row(*instance)).collect())
            }
            [.., "instances"] => {
                self.page(request, instances.iter().map(|instance| row(*instance)).collect())
            }
            _ => Reply::new("404 Not Found", "", b""),
        }
    }

    /// All instances.
    pub fn all(&self) -> impl Iterator<Item = Instance> + use<> {
        let instances = self.instances;
        (1..=self.studies)
            .flat_map(move |study| (1..=instances).map(move |number| Instance { study, series: 1, number }))
    }

    /// An instance's file.
    pub fn file(&self, instance: Instance) -> Vec<u8> {
        instance.small(self.bytes)
    }

    fn page(&self, request: &Request, rows: Vec<Value>) -> Reply {
        let offset = request.number("offset").filter(|_| self.pages).unwrap_or(0);
        let limit = request.number("limit").unwrap_or(usize::MAX).min(self.cap);
        list(rows.into_iter().skip(offset).take(limit).collect())
    }

    /// Files as a multipart answer.
    pub fn objects(&self, instances: &[Instance]) -> Reply {
        let mut body = Vec::new();
        for instance in instances {
            body.extend(format!("\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n").bytes());
            body.extend(self.file(*instance));
        }
        body.extend(format!("\r\n--{BOUNDARY}--").bytes());
        let kind = format!(
            "Content-Type: multipart/related; type=\"application/dicom\"; boundary=\"{BOUNDARY}\"\r\n"
        );
        Reply::new("200 OK", &kind, &body)
    }
}

/// Percent-decoded (RFC 3986 section 2.1); of ASCII.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |decoded, part| {
        let (code, rest) = part.split_at(2);
        let byte = u8::from_str_radix(code, 16).expect("what is encoded is in hexadecimal");
        format!("{decoded}{}{rest}", char::from(byte))
    })
}

fn list(page: Vec<Value>) -> Reply {
    if page.is_empty() {
        return Reply::new("204 No Content", "", b"");
    }
    let body = Value::Array(page).to_string();
    Reply::new("200 OK", "Content-Type: application/dicom+json\r\n", body.as_bytes())
}

/// A server that only tells what it has, and not all of it at once.
#[derive(Debug)]
pub struct Index {
    /// What it has.
    pub archive: Archive,
    /// Rows in all pages of a search together; it says nothing of the rest.
    pub most: usize,
    /// Whether it takes notice of an offset.
    pub pages: bool,
    /// Rows above which it refuses a search with status 413 instead.
    pub refuse_above: usize,
}

impl Index {
    /// An answer.
    pub fn answer(&self, request: &Request) -> Reply {
        let parts: Vec<&str> = request.path.split('/').skip(1).collect();
        let rows: Vec<Value> = match parts.as_slice() {
            ["studies"] => self.archive.matching(request.matching()).into_iter().map(told).collect(),
            ["studies", uid, below @ ..] => {
                let study = self.archive.study(uid).into_iter();
                match below {
                    ["series"] => study.flat_map(|study| &study.series).map(told_of_series).collect(),
                    ["instances"] => study.flat_map(Study::instances).map(told_of_instance).collect(),
                    ["series", series, _] => study
                        .flat_map(Study::instances)
                        .filter(|instance| instance.series.uid == *series)
                        .map(told_of_instance)
                        .collect(),
                    _ => Vec::new(),
                }
            }
            _ => return Reply::new("404 Not Found", "", b""),
        };
        if rows.len() > self.refuse_above {
            return Reply::new("413 Content Too Large", "", b"");
        }
        let offset = request.number("offset").filter(|_| self.pages).unwrap_or(0);
        let limit = request.number("limit").unwrap_or(usize::MAX);
        list(rows.into_iter().take(self.most).skip(offset).take(limit).collect())
    }
}

fn told(study: &Study) -> Value {
    let asked = [
        (tags::STUDY_INSTANCE_UID, "UI"),
        (tags::STUDY_DATE, "DA"),
        (tags::STUDY_TIME, "TM"),
        (tags::ACCESSION_NUMBER, "SH"),
        (tags::PATIENT_ID, "LO"),
        (tags::MODALITIES_IN_STUDY, "CS"),
        (Tag(0x0020, 0x1208), "IS"),
    ];
    let known = asked.into_iter().filter_map(|(tag, vr)| {
        let value = study.value(tag).filter(|value| !value.is_empty())?;
        let values: Vec<&str> = value.split('\\').collect();
        Some((format!("{:04X}{:04X}", tag.0, tag.1), json!({ "vr": vr, "Value": values })))
    });
    Value::Object(known.collect())
}

fn told_of_series(series: &fakepacs::Series) -> Value {
    json!({
        "0020000E": attribute("UI", series.uid.as_str()),
        "00080060": attribute("CS", series.modality.as_str()),
    })
}

fn told_of_instance(instance: fakepacs::Instance<'_>) -> Value {
    json!({
        "0020000E": attribute("UI", instance.series.uid.as_str()),
        "00080016": attribute("UI", CLASS),
        "00080018": attribute("UI", instance.uid()),
    })
}

fn attribute(vr: &str, value: impl Into<Value>) -> Value {
    json!({ "vr": vr, "Value": [value.into()] })
}

/// What a study's row tells that a search may ask for.
fn known(row: &Value) -> Study {
    let modality = told_text(row, "00080061");
    Study {
        uid: told_text(row, "0020000D"),
        date: told_text(row, "00080020"),
        series: vec![fakepacs::Series { modality, ..fakepacs::Series::default() }],
        ..Study::default()
    }
}

fn told_text(row: &Value, attribute: &str) -> String {
    row[attribute]["Value"][0].as_str().unwrap_or_default().to_owned()
}

fn study(instance: Instance, instances: u32) -> Value {
    json!({
        "0020000D": attribute("UI", instance.study_uid()),
        "00080020": attribute("DA", format!("202201{:02}", instance.study % 28 + 1)),
        "00080061": attribute("CS", "CT"),
        "00201208": attribute("IS", instances),
        "00100010": attribute("PN", json!({ "Alphabetic": format!("Synthetic^{}", instance.study) })),
    })
}

fn row(instance: Instance) -> Value {
    let uid = instance.uid();
    let series = uid.rsplit_once(".3.").map(|(series, _)| series).unwrap_or_default();
    json!({
        "0020000E": attribute("UI", series),
        "00080060": attribute("CS", "CT"),
        "00080016": attribute("UI", CLASS),
        "00080018": attribute("UI", uid),
    })
}

/// A running server. Its threads end with the test's process.
#[derive(Debug)]
pub struct WebServer {
    port: u16,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl WebServer {
    /// Starts a server that answers so.
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let (asked, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let server = Self { port, asked: Arc::clone(&asked) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
                thread::spawn(move || serve(client, &asked, answer.as_ref()));
            }
        });
        server
    }

    /// The root of its service.
    pub fn node(&self) -> String {
        format!("http://127.0.0.1:{}/rs", self.port)
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Request> {
        self.asked.lock().expect("no thread panics here").clone()
    }
}

fn serve(client: TcpStream, asked: &Mutex<Vec<Request>>, answer: &dyn Fn(&Request) -> Reply) {
    let mut reader = BufReader::new(client.try_clone().expect("a socket can be shared"));
    let mut client = client;
    while let Some(mut request) = request(&mut reader) {
        {
            let mut asked = asked.lock().expect("no thread panics here");
            request.before = asked.iter().filter(|earlier| earlier.path == request.path).count();
            asked.push(request.clone());
        }
        let reply = answer(&request);
        if client.write_all(&reply.bytes).is_err() || reply.last {
            return;
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let target = lines.first()?.split(' ').nth(1)?.strip_prefix("/rs")?.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pair = |text: &str, at: char| {
        text.split_once(at).map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
    };
    let headers = lines.iter().skip(1).filter_map(|line| pair(line, ':'));
    Some(Request {
        path: path.to_owned(),
        query: query.split('&').filter_map(|text| pair(text, '=')).collect(),
        headers: headers.map(|(key, value)| (key.to_ascii_lowercase(), value)).collect(),
        before: 0,
        at: Instant::now(),
    })
}
