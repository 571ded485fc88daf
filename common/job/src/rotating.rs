//! A log file that stays within a bound: when it is full it is put aside, and the oldest one aside goes.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use crate::private;

/// Appends to a file, which is put aside as `….1` when it is full, the one before as `….2`, and so on.
#[derive(Debug)]
pub struct RotatingFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    limit_bytes: u64,
    kept: u32,
}

impl RotatingFile {
    /// Goes on with the file at `path`; it and each of the `kept` files aside grow to about `limit_bytes`.
    pub fn open(path: &Path, limit_bytes: u64, kept: u32) -> io::Result<Self> {
        let file = private::append_file(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, limit_bytes, kept })
    }

    fn rotate(&mut self) -> io::Result<()> {
        for number in (0..self.kept).rev() {
            match fs::rename(self.aside(number), self.aside(number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.file = private::append_file(&self.path)?;
        self.bytes = self.file.metadata()?.len();
        Ok(())
    }

    fn aside(&self, number: u32) -> PathBuf {
        if number == 0 {
            return self.path.clone();
        }
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

impl Write for RotatingFile {
    /// One call is one record: it is never split over two files.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        if self.bytes > 0 && self.bytes.saturating_add(record.len() as u64) > self.limit_bytes {
            self.rotate()?;
        }
        let written = self.file.write(record)?;
        self.bytes = self.bytes.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn files_aside_are_bounded_in_size_and_number() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p2t.jsonl");
        for number in 0..50 {
            // Opened anew each time, as by fifty runs.
            writeln!(RotatingFile::open(&path, 100, 2).unwrap(), "record {number:02}, of twenty").unwrap();
        }
        let mut names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["p2t.jsonl", "p2t.jsonl.1", "p2t.jsonl.2"]);
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        let all = read("p2t.jsonl.2") + &read("p2t.jsonl.1") + &read("p2t.jsonl");
        assert!(all.ends_with("record 48, of twenty\nrecord 49, of twenty\n"), "{all}");
        for name in names {
            let metadata = fs::metadata(dir.path().join(name)).unwrap();
            assert!(metadata.len() <= 100 && metadata.permissions().mode() & 0o777 == 0o600);
        }
    }

    #[test]
    fn a_record_larger_than_the_bound_is_kept_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut file = RotatingFile::open(&path, 10, 1).unwrap();
        file.write_all(&[b'a'; 100]).unwrap();
        file.write_all(b"b").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"b");
        assert_eq!(fs::read(dir.path().join("log.1")).unwrap(), [b'a'; 100]);
    }
}
