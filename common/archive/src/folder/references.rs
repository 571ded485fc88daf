//! Whether the files that a DICOMDIR names exist. ISO 9660 media, where DICOMDIRs come from, show their names in capitals or
//! small letters, and with or without a version, as the operating system pleases.

use std::{
    collections::HashSet,
    ffi::OsStr,
    hash::{BuildHasher, RandomState},
    path::{Path, PathBuf},
};

/// The files below one folder, looked up by the components of a Referenced File ID (0004,1500).
pub(super) struct References {
    base: PathBuf,
    hasher: RandomState,
    /// The folder looked into last: its components in the DICOMDIR, and its path if there is such a folder.
    parent: (Vec<String>, Option<PathBuf>),
    /// Hashes of the folded names in that folder, sorted; read when first needed.
    names: Option<Vec<u64>>,
    told: HashSet<u64>,
}

impl References {
    pub(super) fn new(base: PathBuf) -> Self {
        Self {
            parent: (Vec::new(), Some(base.clone())),
            base,
            hasher: RandomState::new(),
            names: None,
            told: HashSet::new(),
        }
    }

    /// The path that `components` name, below the folder, if there is no such file and this was not said before. Components
    /// that cannot be names, `..` among them, are never looked up: they are missing.
    pub(super) fn missing(&mut self, components: &[String]) -> Option<PathBuf> {
        let is_safe = components.iter().all(|component| is_name(component));
        if is_safe && self.exists(components) {
            return None;
        }
        let path: PathBuf = components.iter().map(|component| harmless(component)).collect();
        self.told.insert(self.hasher.hash_one(&path)).then_some(path)
    }

    fn exists(&mut self, components: &[String]) -> bool {
        let Some((name, folders)) = components.split_last() else { return false };
        if self.parent.0 != folders {
            self.parent = (folders.to_vec(), find_folder(&self.base, folders));
            self.names = None;
        }
        let Some(parent) = &self.parent.1 else { return false };
        if as_spelt(parent, name).is_some() {
            return true;
        }
        let hasher = &self.hasher;
        let names = self.names.get_or_insert_with(|| hashed_names(parent, hasher));
        names.binary_search(&hasher.hash_one(folded(name))).is_ok()
    }
}

/// Whether a component can be the name of a file and nothing else.
fn is_name(component: &str) -> bool {
    !matches!(component, "" | "." | "..") && !component.contains(['/', '\0'])
}

/// A component as part of a path that stays below the folder, for showing only.
fn harmless(component: &str) -> String {
    if is_name(component) {
        component.to_owned()
    } else {
        format!("_{}_", component.replace(['/', '\0', '.'], "_"))
    }
}

fn find_folder(base: &Path, folders: &[String]) -> Option<PathBuf> {
    folders.iter().try_fold(base.to_owned(), |parent, name| {
        as_spelt(&parent, name).or_else(|| {
            let wanted = folded(name);
            let mut entries = parent.read_dir().ok()?.filter_map(Result::ok);
            entries.find(|entry| folded_os(&entry.file_name()) == wanted).map(|entry| entry.path())
        })
    })
}

/// The path of `name` as it is, in small letters or in capitals: what nearly always suffices, without reading the folder.
fn as_spelt(parent: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), name.to_lowercase(), name.to_uppercase()]
        .into_iter()
        .map(|spelling| parent.join(spelling))
        .find(|path| path.symlink_metadata().is_ok())
}

fn hashed_names(folder: &Path, hasher: &RandomState) -> Vec<u64> {
    let entries = folder.read_dir().into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<u64> = entries.map(|entry| hasher.hash_one(folded_os(&entry.file_name()))).collect();
    names.sort_unstable();
    names
}

fn folded_os(name: &OsStr) -> String {
    folded(&name.to_string_lossy())
}

/// A name without case, ISO 9660 version (`;1`) and trailing dot.
fn folded(name: &str) -> String {
    let unversioned = match name.rsplit_once(';') {
        Some((stem, version)) if version.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => name,
    };
    unversioned.trim_end_matches('.').to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn missing(references: &mut References, file_id: &str) -> Option<String> {
        let components: Vec<String> = file_id.split('\\').map(str::to_owned).collect();
        references.missing(&components).map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn names_match_as_media_show_them() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("images/Series1")).unwrap();
        for name in ["images/im1", "images/IM2.;1", "images/Im3", "images/Series1/A"] {
            fs::write(root.path().join(name), b"").unwrap();
        }
        let mut references = References::new(root.path().to_owned());
        for present in ["IMAGES\\IM1", "IMAGES\\IM2", "IMAGES\\IM3", "IMAGES\\SERIES1\\A", "images\\im1"] {
            assert_eq!(missing(&mut references, present), None, "{present}");
        }
        assert_eq!(missing(&mut references, "IMAGES\\IM4").as_deref(), Some("IMAGES/IM4"));
        assert_eq!(missing(&mut references, "IMAGES\\IM4"), None, "said once");
        assert_eq!(missing(&mut references, "OTHER\\IM1").as_deref(), Some("OTHER/IM1"));
    }

    #[test]
    fn references_never_leave_the_folder() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("disc")).unwrap();
        fs::write(root.path().join("secret"), b"").unwrap();
        let mut references = References::new(root.path().join("disc"));
        for file_id in ["..\\secret", "..", ".", "A\\..\\..\\secret", "/etc/passwd", "A\\\\B", "B\0"] {
            let path = missing(&mut references, file_id).unwrap();
            let is_below =
                Path::new(&path).components().all(|c| matches!(c, std::path::Component::Normal(_)));
            assert!(is_below, "{file_id} became {path}");
        }
    }
}
