//! The test data that `tools/corpus` makes.

use std::path::{Path, PathBuf};

fn data() -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    assert!(data.join("complete").exists(), "there is no test data: run tools/corpus, or tools/test");
    data
}

/// The folder of studies that every PACS accepts, one folder a study.
pub fn studies() -> PathBuf {
    data().join("studies")
}

/// The folder of odd, broken and hostile files.
pub fn nasty() -> PathBuf {
    data().join("nasty")
}

/// The Python that has pydicom and pynetdicom.
pub fn python() -> PathBuf {
    data().join("venv/bin/python")
}

/// A script of the project's tools folder.
pub fn tool(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("tools").join(name)
}
