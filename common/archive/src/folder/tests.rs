use super::*;
use dataset::{Finding, file_meta};
use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
};

const DATASET: &[u8] = b"\x08\0\x16\0UI\x1a\x001.2.840.10008.5.1.4.1.1.4\0\x08\0\x18\0UI\x06\x001.2.3\0\
    \x20\0\x0d\0UI\x04\x001.2\0\x20\0\x0e\0UI\x04\x001.3\0";

const DIRECTORY_CLASS: &str = "1.2.840.10008.1.3.10";

fn object() -> Vec<u8> {
    let meta = file_meta("1.2.840.10008.5.1.4.1.1.4", "1.2.3", "1.2.840.10008.1.2.1", "A");
    [meta.as_slice(), DATASET].concat()
}

/// A DICOMDIR with one record for each file id.
fn dicomdir(file_ids: &[&str]) -> Vec<u8> {
    let mut bytes = file_meta(DIRECTORY_CLASS, "1.2.9", "1.2.840.10008.1.2.1", "A");
    bytes.extend_from_slice(b"\x04\0\x20\x12SQ\0\0\xff\xff\xff\xff");
    for file_id in file_ids {
        let padded = format!("{file_id}{}", if file_id.len() % 2 == 1 { " " } else { "" });
        bytes.extend_from_slice(b"\xfe\xff\0\xe0\xff\xff\xff\xff\x04\0\0\x15CS");
        bytes.extend_from_slice(&(padded.len() as u16).to_le_bytes());
        bytes.extend_from_slice(padded.as_bytes());
        bytes.extend_from_slice(b"\xfe\xff\x0d\xe0\0\0\0\0");
    }
    bytes.extend_from_slice(b"\xfe\xff\xdd\xe0\0\0\0\0");
    bytes
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    root
}

/// Each entry's path and what it is, in one line each.
fn listed(root: &Path) -> (Vec<String>, ListSummary) {
    let mut lines = Vec::new();
    let summary = FolderSource::open(root)
        .unwrap()
        .list(&mut |entry| {
            let kind = match entry.kind {
                EntryKind::Object(shape) => format!("object, {} findings", shape.findings.len()),
                EntryKind::Directory { damage: None } => "directory".to_owned(),
                EntryKind::Directory { damage: Some(_) } => "damaged directory".to_owned(),
                EntryKind::NotDicom(reason) => reason.to_string(),
                EntryKind::Unreadable(obstacle) => format!("{obstacle:?}"),
                EntryKind::MissingReferenced => "missing".to_owned(),
            };
            lines.push(format!("{}: {kind}", entry.path_relative.to_string_lossy()));
            ControlFlow::Continue(())
        })
        .unwrap();
    let parts =
        summary.objects + summary.directories + summary.not_dicom + summary.unreadable + summary.missing;
    assert_eq!((summary.entries, summary.entries), (parts, lines.len() as u64), "the balance holds");
    (lines, summary)
}

#[test]
fn every_file_is_listed_as_what_it_is() {
    let object = object();
    let root = folder(&[
        ("b/object", &object),
        ("b/bare", DATASET),
        ("a.txt", b"some text\n"),
        ("b/cut", &object[..object.len() - 9]),
        ("c/empty", b""),
    ]);
    symlink("/etc/passwd", root.path().join("link")).unwrap();
    symlink("..", root.path().join("c/loop")).unwrap();
    std::os::unix::net::UnixListener::bind(root.path().join("socket")).unwrap();
    let (lines, summary) = listed(root.path());
    assert_eq!(
        lines,
        [
            "a.txt: the file is text",
            "b/bare: object, 2 findings",
            "b/cut: object, 2 findings",
            "b/object: object, 0 findings",
            "c/empty: the file is empty",
            "c/loop: SymbolicLink",
            "link: SymbolicLink",
            "socket: SpecialFile",
        ]
    );
    assert_eq!((summary.objects, summary.not_dicom, summary.unreadable), (3, 2, 3));
    assert_eq!(summary.bytes, 10 + (2 * object.len() - 9 + DATASET.len()) as u64);
}

#[test]
fn findings_and_names_that_are_no_text_come_through() {
    let root = tempfile::tempdir().unwrap();
    let name = std::ffi::OsStr::from_bytes(b"M\xFCller");
    fs::write(root.path().join(name), DATASET).unwrap();
    let source = FolderSource::open(root.path()).unwrap();
    let mut entries = Vec::new();
    source
        .list(&mut |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(entries[0].path_relative.as_os_str(), name);
    let EntryKind::Object(shape) = &entries[0].kind else { panic!("{:?}", entries[0].kind) };
    assert!(shape.findings.contains(&Finding::NoPreamble));
    source.read(&entries[0].path_relative).unwrap();
}

#[test]
fn files_and_folders_that_cannot_be_read_are_listed() {
    let root = folder(&[("a", DATASET), ("file", DATASET), ("folder/inside", DATASET), ("z", DATASET)]);
    let mut lines = Vec::new();
    let listed = FolderSource::open(root.path()).unwrap().list(&mut |entry| {
        if lines.is_empty() {
            // Permissions would not bind tests that run as superuser; what is gone nobody can read.
            fs::remove_file(root.path().join("file")).unwrap();
            fs::remove_dir_all(root.path().join("folder")).unwrap();
        }
        lines.push((
            entry.path_relative,
            matches!(entry.kind, EntryKind::Object(_)),
            format!("{:?}", entry.kind),
        ));
        ControlFlow::Continue(())
    });
    assert_eq!(lines[1], ("file".into(), false, "Unreadable(Io(NotFound))".to_owned()));
    assert_eq!(lines[2], ("folder".into(), false, "Unreadable(Folder(NotFound))".to_owned()));
    assert!(lines[0].1 && lines[3].1);
    assert_eq!(listed.unwrap().unreadable, 2);
}

#[test]
fn files_that_a_dicomdir_misses_are_listed_before_it() {
    let directory = dicomdir(&["IMAGES\\IM1", "IMAGES\\GONE", "..\\OUT"]);
    let root = folder(&[("disc1/DICOMDIR", &directory), ("disc1/images/im1", &object())]);
    let (lines, summary) = listed(root.path());
    assert_eq!(
        lines,
        [
            "disc1/IMAGES/GONE: missing",
            "disc1/____/OUT: missing",
            "disc1/DICOMDIR: directory",
            "disc1/images/im1: object, 0 findings",
        ]
    );
    assert_eq!((summary.missing, summary.directories), (2, 1));
}

#[test]
fn a_damaged_dicomdir_says_so() {
    let directory = dicomdir(&["GONE1", "GONE2"]);
    let root = folder(&[("DICOMDIR", &directory[..directory.len() - 12])]);
    assert_eq!(listed(root.path()).0, ["GONE1: missing", "GONE2: missing", "DICOMDIR: damaged directory"]);
}

#[test]
fn the_caller_can_stop_anywhere() {
    let directory = dicomdir(&["GONE1", "GONE2"]);
    let root = folder(&[("DICOMDIR", &directory), ("a", DATASET), ("b", DATASET)]);
    for stop_at in 1..=6 {
        let mut count = 0;
        let summary = FolderSource::open(root.path())
            .unwrap()
            .list(&mut |_| {
                count += 1;
                if count == stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        assert_eq!((summary.entries, summary.stopped), (stop_at.min(5), stop_at <= 5));
    }
}

#[test]
fn reading_stays_within_the_folder() {
    let outside = folder(&[("secret", b"x")]);
    let root = folder(&[("a/b", DATASET)]);
    symlink(outside.path(), root.path().join("out")).unwrap();
    symlink(outside.path().join("secret"), root.path().join("link")).unwrap();
    let source = FolderSource::open(root.path()).unwrap();
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut source.read(Path::new("a/b")).unwrap(), &mut bytes).unwrap();
    assert_eq!(bytes, DATASET);
    for path in ["../secret", "/etc/passwd", "a/../../x", "out/secret", "link"] {
        let refused = source.read(Path::new(path));
        assert!(matches!(refused, Err(Error::OutsideRoot { .. })), "{path}: {refused:?}");
    }
    assert!(matches!(source.read(Path::new("a")), Err(Error::NotAFile { .. })));
    let error = source.read(Path::new("a/none")).unwrap_err().to_string();
    assert!(error.starts_with("a/none cannot be read"), "{error}");
    assert!(!error.contains(root.path().to_str().unwrap()));
}

#[test]
fn a_root_that_is_no_folder_is_refused() {
    let root = folder(&[("file", b"x")]);
    for path in ["file", "none"] {
        let refused = FolderSource::open(root.path().join(path));
        assert!(matches!(refused, Err(Error::RootUnusable { .. })), "{path}");
    }
}
