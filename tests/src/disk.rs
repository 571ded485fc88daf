//! Scratch folders, and a disk small enough to fill.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A folder that is removed when the test ends.
pub fn scratch() -> TempDir {
    TempDir::with_prefix("p2t-").expect("a temporary folder can be made")
}

/// Makes `folder` a disk of its own with `size` bytes.
///
/// Only `tools/loopback` gives a test mounts of its own, which vanish with it; elsewhere this refuses.
pub fn mount_small(folder: &Path, size: u64) {
    assert!(
        std::env::var_os("P2T_LOOPBACK").is_some(),
        "this test mounts a small disk: run it through tools/test, or tools/loopback cargo nextest run"
    );
    std::fs::create_dir_all(folder).expect("a folder can be made");
    mount(folder, &format!("size={size}"));
}

/// Gives the small disk at `folder` another size, as an operator who makes room would.
pub fn resize(folder: &Path, size: u64) {
    mount(folder, &format!("remount,size={size}"));
}

fn mount(folder: &Path, options: &str) {
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(folder);
    let status = mount.status().expect("mount is installed");
    assert!(status.success(), "{mount:?}");
}
