//! A folder tree of DICOM files as a source, with or without DICOMDIRs: every file is listed, as what it is or with the
//! reason why it is none, and files are read by paths that cannot leave the folder.

mod error;
mod references;
mod walk;

pub use error::{Error, Obstacle};

use dataset::{Examined, Reason, Shape, examine};
use jiff::Timestamp;
use references::References;
use std::{
    fs::File,
    io,
    ops::ControlFlow,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};
use walk::{Found, Walk};

/// A folder that objects are taken from.
#[derive(Debug, Clone)]
pub struct FolderSource {
    root: PathBuf,
    /// Device and number of the folder: another one may come to lie under its name.
    identity: (u64, u64),
}

/// One file, or what stands in its place.
#[derive(Debug)]
pub struct FolderEntry {
    /// The path below the folder, in the bytes of the file system. It may hold patients' names.
    pub path_relative: PathBuf,
    /// The file's size in bytes; 0 if it is not known.
    pub bytes: u64,
    /// What it is.
    pub kind: EntryKind,
}

/// What a file in the folder is.
#[derive(Debug)]
pub enum EntryKind {
    /// A DICOM object, however odd.
    Object(Box<Shape>),
    /// A DICOMDIR; what it names without there being such a file has been listed before it.
    Directory {
        /// Why not all of the files that it names are known, if so.
        damage: Option<dataset::Error>,
    },
    /// A file that is no DICOM.
    NotDicom(Reason),
    /// Something that could not be, or must not be, looked into.
    Unreadable(Obstacle),
    /// A file named by a DICOMDIR that does not exist, in upper or lower case.
    MissingReferenced,
}

/// How many entries of each kind were listed; `entries` is their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListSummary {
    /// All entries listed.
    pub entries: u64,
    /// Sum of their sizes in bytes.
    pub bytes: u64,
    /// DICOM objects.
    pub objects: u64,
    /// DICOMDIRs.
    pub directories: u64,
    /// Files that are no DICOM.
    pub not_dicom: u64,
    /// Files, links and folders that could not be looked into.
    pub unreadable: u64,
    /// Files that a DICOMDIR names but that do not exist.
    pub missing: u64,
    /// Whether the caller stopped the listing before its end.
    pub stopped: bool,
}

type OnFile<'a> = &'a mut dyn FnMut(FolderEntry) -> ControlFlow<()>;

impl FolderSource {
    /// Opens a folder.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, Error> {
        let unusable = |error| Error::RootUnusable { root: root.as_ref().to_owned(), error };
        let canonical = root.as_ref().canonicalize().map_err(unusable)?;
        // Listing needs the permission that this asks for, and says at once if the path is no folder.
        canonical.read_dir().map_err(unusable)?;
        let identity = identity(&canonical).map_err(unusable)?;
        Ok(Self { root: canonical, identity })
    }

    /// Fails when the folder is not there any more: its disk was taken away, or another was put in its place. A folder
    /// with nothing in it is taken for a place where a disk should be mounted.
    pub fn require_root(&self) -> Result<(), Error> {
        let unusable = |error| Error::RootUnusable { root: self.root.clone(), error };
        let gone = || unusable(io::Error::new(io::ErrorKind::NotFound, "it is not the folder that it was"));
        if identity(&self.root).map_err(unusable)? != self.identity {
            return Err(gone());
        }
        self.root.read_dir().map_err(unusable)?.next().ok_or_else(gone)?.map_err(unusable)?;
        Ok(())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Lists every file of the tree, sorted by the bytes of the names within each folder, until `on_file` breaks.
    ///
    /// Symbolic links are listed, never followed. Memory is bounded whatever the number of files, in one folder or in all;
    /// of a DICOMDIR that names missing files, 16 bytes for each of these are held, and 8 for each name in one folder.
    pub fn list(&self, on_file: OnFile<'_>) -> Result<ListSummary, Error> {
        let mut summary = ListSummary::default();
        let stopped = self.list_all(&mut |entry| {
            summary.count(&entry);
            on_file(entry)
        });
        summary.stopped = stopped.is_break();
        Ok(summary)
    }

    fn list_all(&self, on_file: OnFile<'_>) -> ControlFlow<()> {
        for (path_relative, found) in Walk::new(&self.root) {
            let (bytes, kind) = match found {
                Found::Obstacle(obstacle) => (0, EntryKind::Unreadable(obstacle)),
                Found::File => match self.look(&path_relative) {
                    Ok((bytes, Examined::Object(shape))) => (bytes, EntryKind::Object(shape)),
                    Ok((bytes, Examined::NotDicom(reason))) => (bytes, EntryKind::NotDicom(reason)),
                    Ok((bytes, Examined::Directory { .. })) => {
                        (bytes, EntryKind::Directory { damage: self.list_missing(&path_relative, on_file)? })
                    }
                    Err(error) => {
                        (self.size(&path_relative), EntryKind::Unreadable(Obstacle::Io(error.kind())))
                    }
                },
            };
            on_file(FolderEntry { path_relative, bytes, kind })?;
        }
        ControlFlow::Continue(())
    }

    fn look(&self, path_relative: &Path) -> io::Result<(u64, Examined)> {
        let file = File::open(self.root.join(path_relative))?;
        Ok((file.metadata()?.len(), examine(file)?))
    }

    fn size(&self, path_relative: &Path) -> u64 {
        self.root.join(path_relative).symlink_metadata().map_or(0, |metadata| metadata.len())
    }

    /// Lists what the DICOMDIR at `path_relative` names without there being such a file.
    fn list_missing(
        &self,
        path_relative: &Path,
        on_file: OnFile<'_>,
    ) -> ControlFlow<(), Option<dataset::Error>> {
        let base = path_relative.parent().unwrap_or(Path::new(""));
        let mut references = References::new(self.root.join(base));
        let mut stopped = ControlFlow::Continue(());
        let read = File::open(self.root.join(path_relative)).map_err(dataset::Error::Io).and_then(|file| {
            dataset::referenced_files(file, &mut |components| {
                if let Some(missing) = references.missing(&components) {
                    let path_relative = base.join(missing);
                    stopped =
                        on_file(FolderEntry { path_relative, bytes: 0, kind: EntryKind::MissingReferenced });
                }
                stopped
            })
        });
        stopped?;
        ControlFlow::Continue(read.err())
    }

    /// When a file's content, name or mode was changed last; none if there is no file of that name. Not the time of
    /// modification, which copying programs set back.
    pub fn touched(&self, path_relative: &Path) -> Result<Option<Timestamp>, Error> {
        let unreadable = |error| Error::Unreadable { path: path_relative.to_owned(), error };
        match self.root.join(path_relative).symlink_metadata() {
            Ok(found) if found.is_file() => {
                // A time that no calendar holds counts as the newest.
                Ok(Some(Timestamp::new(found.ctime(), found.ctime_nsec() as i32).unwrap_or(Timestamp::MAX)))
            }
            Ok(_) => Ok(None),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(unreadable(error)),
        }
    }

    /// Opens a file of the folder for reading. A path that leaves the folder, by `..` or by a symbolic link, is refused.
    pub fn read(&self, path_relative: &Path) -> Result<File, Error> {
        let path = || path_relative.to_owned();
        if !path_relative.components().all(|component| matches!(component, Component::Normal(_))) {
            return Err(Error::OutsideRoot { path: path() });
        }
        let unreadable = |error| Error::Unreadable { path: path(), error };
        let real = self.root.join(path_relative).canonicalize().map_err(unreadable)?;
        if !real.starts_with(&self.root) {
            return Err(Error::OutsideRoot { path: path() });
        }
        // Opening a named pipe would wait for ever.
        if !real.metadata().map_err(unreadable)?.is_file() {
            return Err(Error::NotAFile { path: path() });
        }
        File::open(real).map_err(unreadable)
    }
}

fn identity(folder: &Path) -> io::Result<(u64, u64)> {
    let metadata = folder.metadata()?;
    Ok((metadata.dev(), metadata.ino()))
}

impl ListSummary {
    fn count(&mut self, entry: &FolderEntry) {
        self.entries += 1;
        self.bytes = self.bytes.saturating_add(entry.bytes);
        *match entry.kind {
            EntryKind::Object(_) => &mut self.objects,
            EntryKind::Directory { .. } => &mut self.directories,
            EntryKind::NotDicom(_) => &mut self.not_dicom,
            EntryKind::Unreadable(_) => &mut self.unreadable,
            EntryKind::MissingReferenced => &mut self.missing,
        } += 1;
    }
}

#[cfg(test)]
mod tests;
