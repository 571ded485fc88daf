//! A walk through a folder tree in sorted order that never holds more than a bounded number of names: of a folder too full
//! for that, it takes the lowest names first and comes back for the next ones.

use super::error::Obstacle;
use std::{
    collections::BinaryHeap,
    ffi::OsString,
    fs::{DirEntry, FileType},
    io,
    path::{Path, PathBuf},
};

/// Names held over all levels, and the fewest that a level may hold when the others have used that up.
const MOST_NAMES: usize = 131_072;
const FEWEST_NAMES: usize = 1024;

const MOST_LEVELS: usize = 128;

/// What the walk came upon.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A regular file.
    File,
    /// Something that is not to be opened.
    Obstacle(Obstacle),
}

/// Goes through all that is below a folder, giving paths relative to it.
pub(super) struct Walk {
    root: PathBuf,
    levels: Vec<Level>,
    most_names: usize,
    fewest_names: usize,
}

/// A folder on the way from the root to where the walk stands.
struct Level {
    relative: PathBuf,
    /// The next names, highest first.
    names: Vec<(OsString, Kind)>,
    /// The last name taken when there are more than are held.
    resume_after: Option<OsString>,
    /// What went wrong when the names were read, not yet told.
    failure: Option<io::ErrorKind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    File,
    Folder,
    Link,
    Special,
    Unknown(io::ErrorKind),
}

impl Walk {
    pub(super) fn new(root: &Path) -> Self {
        Self::bounded(root, MOST_NAMES, FEWEST_NAMES)
    }

    fn bounded(root: &Path, most_names: usize, fewest_names: usize) -> Self {
        let mut walk = Self { root: root.to_owned(), levels: Vec::new(), most_names, fewest_names };
        walk.enter(PathBuf::new());
        walk
    }

    fn enter(&mut self, relative: PathBuf) {
        let mut level = Level { relative, names: Vec::new(), resume_after: None, failure: None };
        level.fill(&self.root, self.room());
        self.levels.push(level);
    }

    /// How many names the next folder may hold.
    fn room(&self) -> usize {
        let held: usize = self.levels.iter().map(|level| level.names.len()).sum();
        self.most_names.saturating_sub(held).max(self.fewest_names)
    }

    fn found(&mut self, path: PathBuf, kind: Kind) -> Option<(PathBuf, Found)> {
        let obstacle = match kind {
            Kind::File => return Some((path, Found::File)),
            Kind::Folder if self.levels.len() < MOST_LEVELS => {
                self.enter(path);
                return None;
            }
            Kind::Folder => Obstacle::TooDeep,
            Kind::Link => Obstacle::SymbolicLink,
            Kind::Special => Obstacle::SpecialFile,
            Kind::Unknown(error) => Obstacle::Io(error),
        };
        Some((path, Found::Obstacle(obstacle)))
    }
}

impl Iterator for Walk {
    type Item = (PathBuf, Found);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let room = self.room();
            let level = self.levels.last_mut()?;
            if let Some(error) = level.failure.take() {
                return Some((level.relative.clone(), Found::Obstacle(Obstacle::Folder(error))));
            }
            if let Some((name, kind)) = level.names.pop() {
                let path = level.relative.join(name);
                if let Some(found) = self.found(path, kind) {
                    return Some(found);
                }
            } else if level.resume_after.is_some() {
                level.fill(&self.root, room);
            } else {
                self.levels.pop();
            }
        }
    }
}

impl Level {
    /// Takes the lowest `most` names after those already taken.
    fn fill(&mut self, root: &Path, most: usize) {
        let after = self.resume_after.take();
        let mut lowest = BinaryHeap::new();
        let mut has_more = false;
        let whole = root.join(&self.relative).read_dir().and_then(|mut listing| {
            listing.try_for_each(|entry| {
                let entry = entry?;
                let name = entry.file_name();
                if after.as_ref().is_none_or(|after| name > *after) {
                    lowest.push((name, kind(&entry)));
                }
                if lowest.len() > most {
                    lowest.pop();
                    has_more = true;
                }
                Ok(())
            })
        });
        self.failure = whole.err().map(|error: io::Error| error.kind());
        self.names = lowest.into_sorted_vec();
        // A folder that failed once would fail again at the same place, and be told of for ever.
        if has_more && self.failure.is_none() {
            self.resume_after = self.names.last().map(|(name, _)| name.clone());
        }
        self.names.reverse();
    }
}

fn kind(entry: &DirEntry) -> Kind {
    let of_type = |kind: FileType| {
        if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Folder
        } else if kind.is_symlink() {
            Kind::Link
        } else {
            Kind::Special
        }
    };
    entry.file_type().map_or_else(|error| Kind::Unknown(error.kind()), of_type)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        root
    }

    fn paths(walk: Walk) -> Vec<String> {
        walk.map(|(path, _)| path.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_order_is_that_of_names_folder_by_folder() {
        let root = tree(&["b/2", "b/1", "a", "c", "b.x", "b/1a/z"]);
        assert_eq!(paths(Walk::new(root.path())), ["a", "b/1", "b/1a/z", "b/2", "b.x", "c"]);
    }

    #[test]
    fn full_folders_are_taken_in_parts_and_nothing_is_lost() {
        let names: Vec<String> = (0..40).map(|n| format!("d{}/f{n:02}", n % 3)).collect();
        let root = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let whole = paths(Walk::new(root.path()));
        assert_eq!(whole.len(), 40);
        for (most, fewest) in [(1, 1), (2, 1), (5, 2), (13, 3), (14, 1)] {
            let mut walk = Walk::bounded(root.path(), most, fewest);
            let mut parts = Vec::new();
            while let Some((path, _)) = walk.next() {
                let held: usize = walk.levels.iter().map(|level| level.names.len()).sum();
                assert!(held <= most + fewest, "{held}");
                parts.push(path.to_str().unwrap().to_owned());
            }
            assert_eq!(parts, whole);
        }
    }

    #[test]
    fn a_tree_too_deep_is_an_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let deep: PathBuf = std::iter::repeat_n("d", MOST_LEVELS + 5).collect();
        fs::create_dir_all(root.path().join(deep)).unwrap();
        let found: Vec<_> = Walk::new(root.path()).collect();
        let expected: PathBuf = std::iter::repeat_n("d", MOST_LEVELS).collect();
        assert_eq!(found, [(expected, Found::Obstacle(Obstacle::TooDeep))]);
    }

    #[test]
    fn a_folder_that_vanished_is_an_obstacle() {
        let root = tempfile::tempdir().unwrap();
        let found: Vec<_> = Walk::new(&root.path().join("gone")).collect();
        assert_eq!(found, [(PathBuf::new(), Found::Obstacle(Obstacle::Folder(io::ErrorKind::NotFound)))]);
    }
}
