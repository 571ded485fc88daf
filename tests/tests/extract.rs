//! What `t2p extract` leaves on the disk: for its owner alone, and there to stay.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::disk::scratch;
use e2e::program::{Exit, Program};
use e2e::synthetic;
use e2e::transfer::{self, text};
use e2e::tree;

/// A volume of small objects, more than one batch of syncs.
fn volume(folder: &Path) -> PathBuf {
    let files = folder.join("files");
    synthetic::write_many(&files, 10, 20, 3000);
    let medium = folder.join("tape-{seq}.tap");
    transfer::export(&transfer::new_export(&folder.join("export"), &text(&files), &medium));
    transfer::volumes(&medium).remove(0)
}

/// An extraction that has ended: the program, its command, and where the files are.
fn extracted(folder: &Path) -> (Program, [String; 4], PathBuf) {
    let out = folder.join("out");
    let t2p = transfer::without_job(folder);
    let extract = ["extract".to_owned(), text(&volume(folder)), "--out".to_owned(), text(&out)];
    t2p.run(&extract).expect(Exit::Clean);
    (t2p, extract, out)
}

#[test]
fn what_is_extracted_is_for_its_owner_alone() {
    let folder = scratch();
    let folder = folder.path();
    let (t2p, extract, out) = extracted(folder);
    // What an extraction that was cut off leaves behind is not what the next one writes to, whatever its mode.
    let file = tree::files(&out).remove(0);
    let unfinished = file.with_extension("dcm.part");
    std::fs::rename(&file, &unfinished).expect("a file can be renamed");
    let everybody = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(&unfinished, everybody).expect("a mode can be changed");
    t2p.run(&extract).expect(Exit::Clean);
    let mode = |path: &Path| path.metadata().expect("a file has a mode").permissions().mode() & 0o777;
    for file in tree::files(&out) {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
        for above in file.ancestors().skip(1).take_while(|above| above.starts_with(&out)) {
            assert_eq!(mode(above), 0o700, "{}", above.display());
        }
    }
    assert_eq!(tree::contents(&out), tree::contents(&folder.join("files")));
}

/// What a program did to files, in order.
#[derive(Debug)]
enum Call {
    Sync(PathBuf),
    Rename(PathBuf, PathBuf),
    MakeFolder(PathBuf),
}

/// Runs a command under `strace` and gives those of its calls that bear on the durability of files and succeeded.
fn calls(program: &Program, arguments: &[&str], log: &Path) -> Vec<Call> {
    const TRACED: &str = "trace=fsync,fdatasync,rename,renameat,renameat2,mkdir,mkdirat";
    let command = program.command(arguments);
    let mut traced = Command::new("strace");
    // -z: a call is in the log once it has succeeded, whole; -y: a descriptor with its path.
    traced.args(["-f", "-z", "-y", "-s", "4096", "-e", TRACED, "-o"]);
    traced.arg(log).arg(command.get_program()).args(command.get_args());
    let ended = traced.output().expect("strace is installed");
    assert!(ended.status.success(), "{ended:?}");
    let log = std::fs::read_to_string(log).expect("strace writes its log");
    log.lines().filter_map(call).collect()
}

/// One line of the log: `THREAD CALL(ARGUMENTS) = RESULT`.
fn call(line: &str) -> Option<Call> {
    let (name, arguments) = line.split_once(' ')?.1.trim_start().split_once('(')?;
    let mut quoted = arguments.split('"').skip(1).step_by(2).map(PathBuf::from);
    match name {
        "fsync" | "fdatasync" => Some(Call::Sync(arguments.split_once('<')?.1.split_once('>')?.0.into())),
        "mkdir" | "mkdirat" => Some(Call::MakeFolder(quoted.next()?)),
        _ => Some(Call::Rename(quoted.next()?, quoted.next()?)),
    }
}

#[test]
fn what_is_extracted_outlives_a_power_cut() {
    let folder = scratch();
    let folder = folder.path();
    let (volume, out) = (volume(folder), folder.join("not/there/yet"));
    let extract = ["extract", &text(&volume), "--out", &text(&out)];
    let calls = calls(&transfer::without_job(folder), &extract, &folder.join("trace"));
    // Where in the log each file and folder was synced last.
    let synced: BTreeMap<&Path, usize> = calls
        .iter()
        .enumerate()
        .filter_map(|(at, call)| if let Call::Sync(path) = call { Some((path.as_path(), at)) } else { None })
        .collect();
    let mut files = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let named = match call {
            Call::Sync(_) => continue,
            Call::MakeFolder(path) => path,
            Call::Rename(unfinished, path) => {
                let content = synced.get(unfinished.as_path());
                assert!(content.is_some_and(|sync| *sync < at), "{} is named, not synced", path.display());
                files.push(path.clone());
                path
            }
        };
        let folder = synced.get(named.parent().expect("it lies in a folder"));
        assert!(folder.is_some_and(|sync| *sync > at), "the name {} is not synced", named.display());
    }
    files.sort();
    assert_eq!(files, tree::files(&out));
    assert_eq!(files.len(), 200);
}

#[test]
fn an_object_whose_names_are_taken_by_other_files_is_named_and_not_counted_as_there() {
    let folder = scratch();
    let folder = folder.path();
    let (t2p, extract, out) = extracted(folder);
    let before = tree::files(&out);
    std::fs::write(&before[0], "something else").expect("a file can be written");
    t2p.run(&extract).expect(Exit::Clean);
    let second = tree::files(&out).into_iter().find(|path| !before.contains(path));
    let second = second.expect("the object goes to a name with its digest");
    std::fs::write(&second, "something else, too").expect("a file can be written");
    let ended = t2p.run(&extract);
    ended.expect(Exit::Discrepancies).says(&text(&second));
    let document = ended.json();
    let counted = ["files", "present_before", "left_out"].map(|key| document[key].as_u64());
    assert_eq!(counted, [Some(0), Some(199), Some(1)]);
    t2p.run_for_people(&extract).expect(Exit::Discrepancies).says("1 NOT WRITTEN");
}
