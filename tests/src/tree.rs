//! Directory trees as sets of digests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every regular file below `root`, sorted by path.
pub fn files(root: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a directory entry can be read").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

/// BLAKE3 of a file, in hexadecimal.
pub fn digest(path: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    let file = std::fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    hasher.update_reader(file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    hasher.finalize().to_hex().to_string()
}

/// Path below `root` and digest of every file.
pub fn digests(root: &Path) -> BTreeMap<PathBuf, String> {
    let relative = |path: &Path| path.strip_prefix(root).expect("it lies below root").to_owned();
    files(root).iter().map(|path| (relative(path), digest(path))).collect()
}

/// How often each content occurs below `root`, whatever the files are called.
pub fn contents(root: &Path) -> BTreeMap<String, usize> {
    let mut contents = BTreeMap::new();
    for path in files(root) {
        *contents.entry(digest(&path)).or_default() += 1;
    }
    contents
}

/// Sum of all file sizes below `root`, in bytes.
pub fn size(root: &Path) -> u64 {
    files(root).iter().map(|path| path.metadata().expect("a file has a size").len()).sum()
}
