//! DCMTK's `dcmqrscp`: a PACS that nobody tuned, filled through its own indexing tool so that files stay as they are.
//!
//! It sends every object of a SOP class in one context accepted for that class, whatever the object is in: in one
//! association it can serve one compressed transfer syntax a class, and recodes what is not compressed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::part10::Part10;
use crate::process::{Server, free_port};

const AET: &str = "DCMQR";

/// A running `dcmqrscp`. Dropping it stops it.
#[derive(Debug)]
pub struct Dcmqrscp {
    /// Held for its end: dropping it stops the server.
    _server: Server,
    port: u16,
}

impl Dcmqrscp {
    /// Starts it in `dir` with these files; it may C-MOVE to `receivers`, given as AE title and port.
    pub fn start(dir: &Path, files: &[PathBuf], receivers: &[(&str, u16)]) -> Self {
        let database = dir.join(AET);
        std::fs::create_dir_all(&database).expect("a folder can be made");
        index(&database, files);
        let port = free_port();
        let (configuration, profile) = (dir.join("dcmqrscp.cfg"), dir.join("contexts.cfg"));
        std::fs::write(&configuration, settings(&database, port, receivers)).expect("a file can be written");
        std::fs::write(&profile, contexts(files)).expect("a file can be written");
        let mut command = Command::new("dcmqrscp");
        command.arg("-c").arg(configuration).arg("-xf").arg(profile).args(["Accept", "Propose"]);
        command.env_remove("TCP_NODELAY");
        Self { _server: Server::start(command, port, &dir.join("dcmqrscp.log")), port }
    }

    /// How the programs name this node.
    pub fn node(&self) -> String {
        format!("{AET}@127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Copies the files into the database folder and registers them there.
fn index(database: &Path, files: &[PathBuf]) {
    let mut copies = Vec::new();
    for (number, path) in files.iter().enumerate() {
        let copy = database.join(format!("{number:06}.dcm"));
        std::fs::copy(path, &copy).expect("a file can be copied");
        copies.push(copy);
    }
    for some in copies.chunks(100) {
        let output =
            Command::new("dcmqridx").arg(database).args(some).output().expect("dcmqridx is installed");
        assert!(output.status.success(), "dcmqridx: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn settings(database: &Path, port: u16, receivers: &[(&str, u16)]) -> String {
    let hosts: String = receivers.iter().fold(String::new(), |mut hosts, (aet, port)| {
        writeln!(hosts, "host{port} = ({aet}, 127.0.0.1, {port})").expect("a string takes text");
        hosts
    });
    let database = database.display();
    format!(
        "NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n\
         HostTable BEGIN\n{hosts}HostTable END\nVendorTable BEGIN\nVendorTable END\n\
         AETable BEGIN\n{AET} {database} RW (500, 1024mb) ANY\nAETable END\n"
    )
}

/// DCMTK's association profiles: each SOP class in the transfer syntaxes that its objects are sent in.
fn contexts(files: &[PathBuf]) -> String {
    let classes = syntaxes_of_classes(files);
    let mut text = String::from("[[TransferSyntaxes]]\n[Native]\nTransferSyntax1 = 1.2.840.10008.1.2\n");
    text += "TransferSyntax2 = 1.2.840.10008.1.2.1\n";
    for (class, syntaxes) in &classes {
        writeln!(text, "[{}]", name(class)).expect("a string takes text");
        numbered(&mut text, "TransferSyntax", syntaxes.iter().cloned());
    }
    let storage: Vec<String> = classes.keys().map(|class| format!("{class}\\{}", name(class))).collect();
    let services = SERVICES.iter().map(|service| format!("{service}\\Native"));
    text += "[[PresentationContexts]]\n[Accept]\n";
    numbered(&mut text, "PresentationContext", services.chain(storage.iter().cloned()));
    text += "[Propose]\n";
    numbered(&mut text, "PresentationContext", storage.iter().cloned());
    text += "[[SCPSCURoleSelection]]\n[Get]\n";
    numbered(&mut text, "Role", classes.keys().map(|class| format!("{class}\\SCP")));
    text += "[[Profiles]]\n[Accept]\nPresentationContexts = Accept\nSCPSCURoleSelection = Get\n";
    text + "[Propose]\nPresentationContexts = Propose\n"
}

fn name(class: &str) -> String {
    format!("T{}", class.replace('.', ""))
}

/// Of a class in several syntaxes, dcmqrscp sends everything uncompressed as Explicit VR Little Endian, if it may.
fn syntaxes_of_classes(files: &[PathBuf]) -> BTreeMap<String, BTreeSet<String>> {
    let mut classes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (class, syntax) in files.iter().map(|path| class_and_syntax(path)) {
        classes.entry(class).or_default().insert(syntax);
    }
    for syntaxes in classes.values_mut().filter(|syntaxes| syntaxes.len() > 1) {
        *syntaxes = syntaxes.iter().map(|syntax| sent_as(syntax).to_owned()).collect();
    }
    classes
}

fn sent_as(syntax: &str) -> &str {
    if UNCOMPRESSED.contains(&syntax) { UNCOMPRESSED[0] } else { syntax }
}

/// The files in groups in each of which every SOP class is sent in one syntax, so that one association serves a group.
pub fn layers(files: &[PathBuf]) -> Vec<Vec<PathBuf>> {
    let mut syntaxes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut layers: Vec<Vec<PathBuf>> = Vec::new();
    for path in files {
        let (class, syntax) = class_and_syntax(path);
        let (known, syntax) = (syntaxes.entry(class).or_default(), sent_as(&syntax).to_owned());
        let at = known.iter().position(|other| *other == syntax).unwrap_or_else(|| {
            known.push(syntax);
            known.len() - 1
        });
        layers.resize(layers.len().max(at + 1), Vec::new());
        layers[at].push(path.clone());
    }
    layers
}

/// Of these files, those in the rarest transfer syntax of their SOP class, so that as many syntaxes as possible are served.
pub fn one_syntax_a_class(files: &[PathBuf]) -> Vec<PathBuf> {
    let described: Vec<(PathBuf, (String, String))> =
        files.iter().map(|path| (path.clone(), class_and_syntax(path))).collect();
    let mut syntax_of_class: BTreeMap<String, String> = BTreeMap::new();
    for (_, (class, syntax)) in &described {
        let uses = |syntax: &String| described.iter().filter(|(_, (_, other))| other == syntax).count();
        let best = syntax_of_class.entry(class.clone()).or_insert_with(|| syntax.clone());
        if uses(syntax) < uses(best) {
            best.clone_from(syntax);
        }
    }
    let served = |(class, syntax): &(String, String)| syntax_of_class.get(class) == Some(syntax);
    described.into_iter().filter(|(_, pair)| served(pair)).map(|(path, _)| path).collect()
}

const UNCOMPRESSED: [&str; 4] =
    ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"];

/// Verification, and find, move and get of the study root model.
const SERVICES: [&str; 4] = [
    "1.2.840.10008.1.1",
    "1.2.840.10008.5.1.4.1.2.2.1",
    "1.2.840.10008.5.1.4.1.2.2.2",
    "1.2.840.10008.5.1.4.1.2.2.3",
];

fn numbered(text: &mut String, key: &str, values: impl Iterator<Item = String>) {
    for (index, value) in values.enumerate() {
        writeln!(text, "{key}{} = {value}", index + 1).expect("a string takes text");
    }
}

fn class_and_syntax(path: &Path) -> (String, String) {
    let object = Part10::read(path);
    (object.sop_class, object.transfer_syntax)
}
