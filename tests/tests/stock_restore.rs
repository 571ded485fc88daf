//! A volume is restored without this suite: with `dd`, `zstd`, `tar`, `b3sum` and the ten-line tape splitter alone.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use e2e::corpus;
use e2e::disk::scratch;
use e2e::readme;
use e2e::transfer::{self, text};
use e2e::tree;

/// Restores every segment of the volume whose files lie in `$1` under their numbers, into `$2`.
const RESTORE: &str = r#"
set -eu
mkdir -p "$2"
for file in "$1"/*; do
    mkdir "$2/segment"
    if dd if="$file" bs=262144 2>/dev/null | zstd -dc 2>/dev/null | tar -xf - -C "$2/segment" 2>/dev/null &&
        [ -e "$2/segment/B3SUMS" ]; then
        (cd "$2/segment" && b3sum --check --quiet B3SUMS && rm B3SUMS MANIFEST.jsonl)
        mv "$2/segment" "$2/restored-${file##*/}"
    else
        rm -r "$2/segment"
    fi
done
"#;

/// Runs a script that can use these programs and no other, and gives what it printed.
fn run_with_only(programs: &[&str], scratch: &Path, script: &str, arguments: &[&Path]) -> String {
    let bin = scratch.join("bin");
    std::fs::create_dir_all(&bin).expect("a folder can be made");
    for program in programs {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        let path = String::from_utf8(found.expect("sh is there").stdout).expect("paths are text");
        let _ = symlink(path.trim(), bin.join(program));
    }
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script, "sh"]).args(arguments).env_clear().env("PATH", &bin);
    let output = shell.output().expect("sh is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const TOOLS: [&str; 9] = ["dd", "zstd", "tar", "b3sum", "mkdir", "mv", "rm", "tr", "sed"];
/// What a README's section for disks takes to be the volume's folder.
const FOLDER: &str = "DISK=/media/usb/volume";

fn export(folder: &Path, medium: &Path) {
    let source = corpus::studies();
    let p2t = transfer::new_export(&folder.join("export"), &text(&source), medium);
    p2t.configure("media", "volume_bytes", "60 MB");
    transfer::export(&p2t);
}

#[test]
fn a_directory_volume_gives_the_same_files_with_standard_tools() {
    let folder = scratch();
    let medium = folder.path().join("disk-{seq}");
    export(folder.path(), &medium);
    let restored = folder.path().join("restored");
    std::fs::create_dir(&restored).expect("a folder can be made");
    let run = |script: &str, volume: &Path| {
        let script = format!("cd \"$1\"\n{script}");
        run_with_only(&TOOLS, folder.path(), &script.replace(FOLDER, "DISK=$2"), &[&restored, volume])
    };
    for volume in transfer::volumes(&medium) {
        run("tar -xf \"$2\"/VOLUME.tar", &volume);
        let readme = std::fs::read_to_string(restored.join("README.txt")).expect("the volume has a README");
        let restore = readme::commands(&readme, "From a disk");
        assert!(restore.contains(FOLDER), "{restore}");
        assert_eq!(run(&restore, &volume), "the volume is complete\n");
    }
    for own in ["README.txt", "volume.json", "LIST", "B3SUMS", "MANIFEST.jsonl"] {
        std::fs::remove_file(restored.join(own)).expect("the volume had it");
    }
    assert_eq!(tree::contents(&restored), tree::contents(&corpus::studies()));
}

#[test]
fn a_virtual_tape_gives_the_same_files_with_standard_tools_and_the_splitter() {
    let folder = scratch();
    let medium = folder.path().join("tape-{seq}.tap");
    export(folder.path(), &medium);
    let restored = folder.path().join("restored");
    for (number, volume) in transfer::volumes(&medium).iter().enumerate() {
        let split = folder.path().join(format!("split-{number}"));
        std::fs::create_dir(&split).expect("a folder can be made");
        let status = Command::new(corpus::tool("tapsplit")).arg(volume).arg(&split).status();
        assert!(status.expect("python3 is there").success());
        run_with_only(&TOOLS, folder.path(), RESTORE, &[&split, &restored.join(number.to_string())]);
    }
    assert_eq!(tree::contents(&restored), tree::contents(&corpus::studies()));
}
