//! Takes the objects that a segment gives and makes files of those that are intact.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use job::{Counter, Monitor, private};
use manifest::{Digest, Digester};
use volume::{Entry, ObjectSink, ObjectState};

use super::file_error;
use super::settle::{Settling, Unsettled};
use crate::error::Result;

const UNFINISHED: &str = ".part";

/// Writes each object beside its final name; it gets that when its digest is right and its bytes are on the disk.
pub(super) struct FileSink<'a> {
    out: &'a Path,
    current: Option<(File, PathBuf)>,
    settling: Settling,
    /// Files written.
    pub files: u64,
    /// Objects that were there already.
    pub kept: u64,
    /// Objects that were not written, because other files have their names.
    pub left_out: u64,
    monitor: &'a dyn Monitor,
}

impl<'a> FileSink<'a> {
    /// Below `out`, which is made if it is missing.
    pub fn new(out: &'a Path, monitor: &'a dyn Monitor) -> Result<Self> {
        let mut settling = Settling::default();
        settling.make_folder(out)?;
        Ok(Self { out, current: None, settling, files: 0, kept: 0, left_out: 0, monitor })
    }

    /// Makes everything so far durable.
    pub fn settle(&mut self) -> Result<()> {
        self.settling.all()
    }

    fn start(&mut self, entry: &Entry) -> Result<()> {
        // The member name was checked when it was read: three harmless components.
        let path = self.out.join(format!("{}{UNFINISHED}", entry.object.member));
        if self.settling.claims(&path) {
            self.settling.files()?;
        }
        self.settling.make_folder(path.parent().unwrap_or(self.out))?;
        let file = private::replace_file(&path).map_err(file_error("make", &path))?;
        self.current = Some((file, path));
        Ok(())
    }

    fn keep(&mut self, entry: &Entry, unfinished: PathBuf, file: File) -> Result<()> {
        match self.place(entry)? {
            Place::Free(path) => {
                self.settling.add(Unsettled { file, unfinished, path })?;
                self.files += 1;
                self.monitor.count(Counter::Done, 1);
                return Ok(());
            }
            Place::Kept => self.kept += 1,
            Place::Taken(path) => {
                self.left_out += 1;
                self.monitor.count(Counter::Failed, 1);
                self.monitor.finding(&format!(
                    "{} was not written: {} is there and holds something else; extract to an empty folder",
                    entry.object.member,
                    path.display()
                ));
            }
        }
        fs::remove_file(&unfinished).map_err(file_error("delete", unfinished))
    }

    /// Where the object goes: its own name, or one with its digest when another object has that.
    fn place(&mut self, entry: &Entry) -> Result<Place> {
        let object = &entry.object;
        let plain = self.out.join(&object.member);
        let (study, series) = (entry.study.uid.as_deref(), entry.series.uid.as_deref());
        let sop = object.sop_instance.as_deref();
        let other = self.out.join(manifest::Member::clashing_name(study, series, sop, &object.blake3));
        for path in [&plain, &other] {
            if self.settling.claims(path) {
                self.settling.files()?;
            }
            match digest(path)? {
                None => return Ok(Place::Free(path.clone())),
                Some(found) if found == object.blake3 => return Ok(Place::Kept),
                Some(_) => {}
            }
        }
        Ok(Place::Taken(other))
    }
}

/// What is under an object's names.
enum Place {
    /// Nothing under this one.
    Free(PathBuf),
    /// The very same object.
    Kept,
    /// Something else under each; this is the last.
    Taken(PathBuf),
}

/// The digest of a file, which is made durable on the way: we are about to rely on it. `None` when there is none.
fn digest(path: &Path) -> Result<Option<Digest>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error("open", path)(error)),
    };
    let mut digester = Digester::default();
    io::copy(&mut file, &mut digester).map_err(file_error("read", path))?;
    file.sync_all().map_err(file_error("sync", path))?;
    Ok(Some(digester.digest()))
}

impl ObjectSink for FileSink<'_> {
    fn begin(&mut self, entry: &Entry) -> Result<(), volume::Error> {
        self.start(entry).map_err(|error| volume::Error::Sink(error.into()))?;
        self.monitor.count(Counter::Listed, 1);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), volume::Error> {
        self.monitor.count(Counter::Bytes, bytes.len() as u64);
        // Pieces are as large as frames: a buffer would only be made and copied for each object.
        let Some((file, path)) = &mut self.current else { return Ok(()) };
        file.write_all(bytes).map_err(|error| volume::Error::Sink(file_error("write", &*path)(error).into()))
    }

    fn end(&mut self, entry: &Entry, state: &ObjectState) -> Result<(), volume::Error> {
        let Some((file, path)) = self.current.take() else { return Ok(()) };
        let ended = match state {
            ObjectState::Intact => self.keep(entry, path, file),
            ObjectState::Damaged(_) => fs::remove_file(&path).map_err(file_error("delete", &path)),
        };
        ended.map_err(|error| volume::Error::Sink(error.into()))
    }
}
