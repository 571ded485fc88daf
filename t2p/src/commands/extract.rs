//! `t2p extract`: the objects of a volume as files, each complete or not there at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use job::{Common, Counter, ExitCode, Monitor, Outcome, Progress, Stop, private};
use manifest::{Digest, Digester};
use serde_json::{Value, json};
use volume::{Entry, ObjectSink, ObjectState, SegmentSummary, Summary, Volume};

use crate::cli::Extract;
use crate::error::{Error, Result};

const UNFINISHED: &str = ".part";
const BUFFER_BYTES: usize = 1024 * 1024;

pub fn run(common: &Common, arguments: &Extract) -> Result<Outcome<Value>> {
    let stop = Stop::on_signals()?;
    let progress = Progress::start(common);
    let mut volume = Volume::open(&arguments.medium)?;
    private::create_dir(&arguments.out).map_err(file_error("make", &arguments.out))?;
    progress.phase(&format!("extract {}", arguments.medium));
    let mut index = volume.index()?;
    let mut sink = FileSink { out: &arguments.out, current: None, files: 0, kept: 0, monitor: &progress };
    let mut segments = Vec::new();
    while let Some(plan) = volume.next_plan(index.as_mut(), segments.len())? {
        let summary = SegmentSummary::from(volume.read_segment(plan, &mut sink).map_err(own)?);
        progress.count(Counter::Failed, summary.harmed as u64);
        segments.push(summary);
        if stop.requested() {
            return Err(archive::Error::Stopped.into());
        }
    }
    volume.finish()?;
    let (files, kept) = (sink.files, sink.kept);
    drop(progress);
    let summary = Summary::new(&volume, segments);
    let code = if summary.intact { ExitCode::Clean } else { ExitCode::Discrepancies };
    let text = format!(
        "{}\n{files} files written below {}, {kept} were there already",
        summary.text(),
        arguments.out.display()
    );
    let document = json!({ "out": arguments.out, "files": files, "present_before": kept, "volume": summary });
    Ok(Outcome::clean(document, text).with_exit_code(code))
}

/// An error of our own that comes back through the volume.
fn own(error: volume::Error) -> Error {
    match error {
        volume::Error::Sink(cause) => {
            cause.downcast().map_or_else(|cause| volume::Error::Sink(cause).into(), |own| *own)
        }
        other => other.into(),
    }
}

/// An error with a file below the output folder.
fn file_error(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| match Error::file(action, path)(source) {
        Error::SpoolFull { path, source } => Error::OutputFull { path, source },
        other => other,
    }
}

/// Writes each object beside its final name and renames it when its digest is right.
struct FileSink<'a> {
    out: &'a Path,
    current: Option<(BufWriter<File>, PathBuf)>,
    files: u64,
    kept: u64,
    monitor: &'a dyn Monitor,
}

impl FileSink<'_> {
    fn keep(&mut self, entry: &Entry, unfinished: &Path, file: BufWriter<File>) -> Result<()> {
        let file = file.into_inner().map_err(|error| file_error("write", unfinished)(error.into_error()))?;
        drop(file);
        match self.free_name(entry)? {
            None => {
                self.kept += 1;
                fs::remove_file(unfinished).map_err(file_error("delete", unfinished))
            }
            Some(path) => {
                self.files += 1;
                self.monitor.count(Counter::Done, 1);
                fs::rename(unfinished, &path).map_err(file_error("rename", unfinished))
            }
        }
    }

    /// Where the object goes: its own name, or one with its digest when another object has that; `None` when the very
    /// same object is there.
    fn free_name(&self, entry: &Entry) -> Result<Option<PathBuf>> {
        let object = &entry.object;
        let plain = self.out.join(&object.member);
        let (study, series) = (entry.study.uid.as_deref(), entry.series.uid.as_deref());
        let sop = object.sop_instance.as_deref();
        let other = self.out.join(manifest::Member::clashing_name(study, series, sop, &object.blake3));
        for path in [plain, other] {
            match digest(&path)? {
                None => return Ok(Some(path)),
                Some(found) if found == object.blake3 => return Ok(None),
                Some(_) => {}
            }
        }
        Ok(None)
    }
}

/// The digest of a file; `None` when there is none.
fn digest(path: &Path) -> Result<Option<Digest>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error("open", path)(error)),
    };
    let mut digester = Digester::default();
    io::copy(&mut file, &mut digester).map_err(file_error("read", path))?;
    Ok(Some(digester.digest()))
}

impl ObjectSink for FileSink<'_> {
    fn begin(&mut self, entry: &Entry) -> Result<(), volume::Error> {
        let begin = || -> Result<(BufWriter<File>, PathBuf)> {
            // The member name was checked when it was read: three harmless components.
            let path = self.out.join(format!("{}{UNFINISHED}", entry.object.member));
            let folder = path.parent().unwrap_or(self.out);
            private::create_dir(folder).map_err(file_error("make", folder))?;
            let file = private::replace_file(&path).map_err(file_error("make", &path))?;
            Ok((BufWriter::with_capacity(BUFFER_BYTES, file), path))
        };
        self.current = Some(begin().map_err(|error| volume::Error::Sink(error.into()))?);
        self.monitor.count(Counter::Listed, 1);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), volume::Error> {
        self.monitor.count(Counter::Bytes, bytes.len() as u64);
        let Some((file, path)) = &mut self.current else { return Ok(()) };
        file.write_all(bytes).map_err(|error| volume::Error::Sink(file_error("write", &*path)(error).into()))
    }

    fn end(&mut self, entry: &Entry, state: &ObjectState) -> Result<(), volume::Error> {
        let Some((file, path)) = self.current.take() else { return Ok(()) };
        let ended = match state {
            ObjectState::Intact => self.keep(entry, &path, file),
            ObjectState::Damaged(_) => fs::remove_file(&path).map_err(file_error("delete", &path)),
        };
        ended.map_err(|error| volume::Error::Sink(error.into()))
    }
}
