//! Atomic files: written beside their final name with mode 0600, fsynced, then renamed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use manifest::{Digest, Digester};

use crate::Error;

/// A file under its temporary name. Dropped without [`PendingFile::commit`], it is removed.
pub struct PendingFile {
    path: PathBuf,
    tmp: PathBuf,
    out: BufWriter<File>,
    digester: Digester,
}

/// Creates the directory with mode 0700 if it does not exist.
pub fn make_dir(dir: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| Error::Write { path: dir.to_owned(), source })
}

impl PendingFile {
    /// Starts the file that will be called `path`.
    pub fn create(path: PathBuf) -> Result<Self, Error> {
        let mut tmp = path.clone().into_os_string();
        tmp.push(".tmp");
        let tmp = PathBuf::from(tmp);
        let opened = remove_left_over(&tmp)
            .and_then(|()| OpenOptions::new().write(true).create_new(true).mode(0o600).open(&tmp));
        match opened {
            Ok(file) => Ok(Self { path, tmp, out: BufWriter::new(file), digester: Digester::default() }),
            Err(source) => Err(Error::Write { path, source }),
        }
    }

    /// Its final name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.digester.bytes()
    }

    /// BLAKE3 of the bytes so far.
    pub fn digest(&self) -> Digest {
        self.digester.digest()
    }

    /// Names the file in an error of writing to it.
    pub fn failed(&self, source: io::Error) -> Error {
        Error::Write { path: self.path.clone(), source }
    }

    /// Makes the file durable and gives it its name.
    pub fn commit(mut self) -> Result<PathBuf, Error> {
        self.publish().map_err(|source| self.failed(source))?;
        Ok(std::mem::take(&mut self.path))
    }

    fn publish(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        fs::rename(&self.tmp, &self.path)?;
        match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => File::open(dir)?.sync_all(),
            _ => File::open(".")?.sync_all(),
        }
    }
}

impl Write for PendingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.digester.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        // After a commit the name is gone already; after a failure nothing better can be done.
        let _ = remove_left_over(&self.tmp);
    }
}

fn remove_left_over(tmp: &Path) -> io::Result<()> {
    match fs::remove_file(tmp) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_abandoned_file_leaves_the_old_one_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        fs::write(&path, "old").unwrap();
        let mut file = PendingFile::create(path.clone()).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_committed_file_is_whole_private_and_digested() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        fs::write(&path, "old").unwrap();
        fs::write(dir.path().join("a.json.tmp"), "left over by a crash").unwrap();
        let mut file = PendingFile::create(path.clone()).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!((file.bytes(), file.digest()), (3, Digest::of(b"new")));
        assert_eq!(file.commit().unwrap(), path);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
