//! How a command ends: its result or its error, as text for people or as one JSON document.

use std::{
    error::Error,
    io::{self, ErrorKind, Write},
};

use serde::Serialize;
use serde_json::json;

use crate::{ExitCode, JobError};

/// What a command that came to its end has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<T> {
    /// What `--json` prints.
    pub document: T,
    /// What is printed otherwise.
    pub text: String,
    /// How it ended.
    pub exit_code: ExitCode,
}

impl<T: Serialize> Outcome<T> {
    /// A clean end.
    pub fn clean(document: T, text: impl Into<String>) -> Self {
        Self { document, text: text.into(), exit_code: ExitCode::Clean }
    }

    /// The same with another exit code.
    #[must_use]
    pub fn with_exit_code(mut self, exit_code: ExitCode) -> Self {
        self.exit_code = exit_code;
        self
    }
}

/// What stopped a command. Any error becomes one with `?`.
#[derive(Debug)]
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    exit_code: ExitCode,
}

impl Failure {
    /// An error with an exit code of its own.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>, exit_code: ExitCode) -> Self {
        Self { error: error.into(), exit_code }
    }

    /// The exit code that the process should end with.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        self.exit_code
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    /// Errors of the job directory know their exit code, wherever in the chain they are; all others have
    /// [`ExitCode::Failed`].
    fn from(error: E) -> Self {
        let exit_code = chain(&error).find_map(|error| error.downcast_ref().map(JobError::exit_code));
        Self { error: error.into(), exit_code: exit_code.unwrap_or(ExitCode::Failed) }
    }
}

/// Prints how a command ended and gives the exit code for `main` to return. A reader of stdout that has gone away
/// is no error.
pub fn conclude<T: Serialize>(json: bool, result: Result<Outcome<T>, Failure>) -> ExitCode {
    conclude_on(json, result, &mut io::stdout(), &mut io::stderr())
}

fn conclude_on<T: Serialize>(
    json: bool,
    result: Result<Outcome<T>, Failure>,
    stdout: &mut dyn Write,
    stderr: &mut dyn Write,
) -> ExitCode {
    match result {
        Ok(outcome) => {
            let written =
                if json { write_json(stdout, &outcome.document) } else { write_text(stdout, &outcome.text) };
            match written {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                    explain(stderr, &OutputError { source: error });
                    ExitCode::Failed
                }
                _ => outcome.exit_code,
            }
        }
        Err(failure) => {
            explain(stderr, failure.error.as_ref());
            if json {
                write_error_document(stdout, failure.error.as_ref(), failure.exit_code);
            }
            failure.exit_code
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write the result to stdout: make room there, or write it elsewhere, and run the command again"
)]
struct OutputError {
    source: io::Error,
}

/// Writes the error as JSON. Failing to is passed over: stderr has told it already.
pub fn write_error_document(stdout: &mut dyn Write, error: &(dyn Error + 'static), exit_code: ExitCode) {
    let mut messages = messages(error).into_iter();
    let message = messages.next().unwrap_or_default();
    let causes: Vec<String> = messages.collect();
    let document =
        json!({ "error": { "message": message, "causes": causes }, "exit_code": exit_code.code() });
    let _ = write_json(stdout, &document);
}

fn write_json(stdout: &mut dyn Write, document: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *stdout, document)?;
    write_text(stdout, "")
}

fn write_text(stdout: &mut dyn Write, text: &str) -> io::Result<()> {
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    stdout.flush()
}

fn explain(stderr: &mut dyn Write, error: &(dyn Error + 'static)) {
    for (position, message) in messages(error).iter().enumerate() {
        let label = if position == 0 { "error" } else { "  because" };
        // Nobody is left to tell if stderr is gone.
        let _ = writeln!(stderr, "{label}: {message}");
    }
}

/// The messages along the chain of sources, without those that an earlier one already quotes.
fn messages(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for error in chain(error) {
        let message = error.to_string();
        if !messages.iter().any(|earlier| earlier.contains(&message)) {
            messages.push(message);
        }
    }
    messages
}

/// No honest chain is longer; one that runs in a circle must end.
const MAX_CHAIN: usize = 32;

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).take(MAX_CHAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the study could not be fetched: {source}. Check the source and run the command again.")]
    struct Quoting {
        source: io::Error,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the export stopped")]
    struct Outer {
        source: Box<dyn Error + Send + Sync>,
    }

    fn run(json: bool, result: Result<Outcome<serde_json::Value>, Failure>) -> (ExitCode, String, String) {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let exit = conclude_on(json, result, &mut stdout, &mut stderr);
        (exit, String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    fn refused() -> Failure {
        let quoting = Quoting { source: io::Error::other("connection refused") };
        Outer { source: quoting.into() }.into()
    }

    #[test]
    fn a_result_is_text_or_one_document() {
        let outcome =
            Outcome::clean(json!({ "studies": 3 }), "3 studies").with_exit_code(ExitCode::Discrepancies);
        let text = run(false, Ok(outcome.clone()));
        assert_eq!(text, (ExitCode::Discrepancies, "3 studies\n".to_owned(), String::new()));
        let (exit, stdout, stderr) = run(true, Ok(outcome));
        assert_eq!((exit, stderr.as_str()), (ExitCode::Discrepancies, ""));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&stdout).unwrap(), json!({ "studies": 3 }));
    }

    #[test]
    fn an_error_tells_its_causes_once() {
        let (exit, stdout, stderr) = run(false, Err(refused()));
        assert_eq!((exit, stdout.as_str()), (ExitCode::Failed, ""));
        let expected = "error: the export stopped\n  because: the study could not be fetched: connection refused. \
                        Check the source and run the command again.\n";
        assert_eq!(stderr, expected);
    }

    #[test]
    fn an_error_is_a_document_too() {
        let (_, stdout, stderr) = run(true, Err(refused()));
        let cause =
            "the study could not be fetched: connection refused. Check the source and run the command again.";
        let expected =
            json!({ "error": { "message": "the export stopped", "causes": [cause] }, "exit_code": 1 });
        assert_eq!(serde_json::from_str::<serde_json::Value>(&stdout).unwrap(), expected);
        assert!(stderr.starts_with("error: the export stopped\n"));
    }

    #[test]
    fn errors_of_the_job_know_their_exit_code_wherever_they_are() {
        let job = || JobError::NotAJobDirectory { path: "/x".into(), program: crate::Program::P2t };
        assert_eq!(Failure::from(job()).exit_code(), ExitCode::Usage);
        assert_eq!(Failure::from(Outer { source: job().into() }).exit_code(), ExitCode::Usage);
        assert_eq!(Failure::new(job(), ExitCode::Incomplete).exit_code(), ExitCode::Incomplete);
    }

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error_but_a_full_disk_is() {
        for json in [true, false] {
            let mut stderr = Vec::new();
            let outcome = || Ok(Outcome::clean("result", "result"));
            let exit = conclude_on(json, outcome(), &mut Broken(ErrorKind::BrokenPipe), &mut stderr);
            assert_eq!((exit, stderr.as_slice()), (ExitCode::Clean, b"".as_slice()));
            let exit = conclude_on(json, outcome(), &mut Broken(ErrorKind::StorageFull), &mut stderr);
            assert_eq!(exit, ExitCode::Failed);
            assert!(stderr.starts_with(b"error: cannot write the result to stdout"));
        }
    }
}
