//! The program: its lines for each request, and its lies by option and by file.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use dimse::{Association, Error, Proposal};

struct Program {
    child: Child,
    lines: BufReader<ChildStdout>,
    address: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Program {
    fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fakepacs"));
        let mut child = command.args(["--port", "0"]).args(options).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut program = Self { child, lines, address: String::new() };
        program.address = program.next("listening on ");
        program
    }

    /// What follows these words in the next line that begins with them.
    fn next(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "it ended before it said \"{words}\"");
            if let Some(rest) = line.trim_end().strip_prefix(words) {
                return rest.to_owned();
            }
        }
    }

    fn open(&self) -> Result<Association, Error> {
        let node = format!("FAKEPACS@{}", self.address).parse().unwrap();
        Association::open(&node, &"TEST".parse().unwrap(), &[Proposal::get()], &dimse::Options::default())
    }
}

fn write(file: &Path, lies: &str) {
    // In one step, so that no half is read.
    let new = file.with_extension("new");
    std::fs::write(&new, lies).unwrap();
    std::fs::rename(new, file).unwrap();
}

#[test]
fn it_lies_as_its_options_say_until_a_file_says_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("lies");
    let options = ["--studies", "5", "--lie", "reject-transient", "--lies-file", file.to_str().unwrap()];
    let mut program = Program::start(&options);
    assert!(matches!(program.open(), Err(Error::Rejected(rejection)) if rejection.is_transient()));
    write(&file, "");
    assert_eq!(program.next("lies"), "");
    program.open().unwrap().release().unwrap();
    write(&file, "--lie reject-permanent\n--cap 3\n");
    assert_eq!(program.next("lies "), "--lie reject-permanent");
    assert!(matches!(program.open(), Err(Error::Rejected(rejection)) if !rejection.is_transient()));
    write(&file, "--lie truth");
    program.next("error: ");
    assert!(matches!(program.open(), Err(Error::Rejected(_))), "what cannot be read changes nothing");
}

#[test]
fn it_tells_each_request_in_a_line() {
    let mut program = Program::start(&["--studies", "5"]);
    let port = program.address.rsplit(':').next().unwrap().to_owned();
    let mut find = Command::new("findscu");
    find.args(["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "PatientID=P*", "127.0.0.1", &port]);
    assert!(find.output().unwrap().status.success());
    assert_eq!(program.next("C-FIND "), "STUDY 5 (0010,0020)=P*");
}
