//! Packs the files of a folder into one segment, so that packing can be measured alone: `pack FOLDER SEGMENT`.
//!
//! It digests each file, as capturing does, and then does what `p2t export` does with captured objects: checks each
//! digest again on the way into the tar stream, compresses frames on all cores, digests tar stream and segment.

use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use manifest::{Digest, Object, Series, Study};
use uuid::Uuid;
use volume::{SegmentIdentity, SegmentOptions, SegmentWriter};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [folder, segment] = arguments.as_slice() else { return Err("usage: pack FOLDER SEGMENT".into()) };
    let identity = SegmentIdentity { transfer: Uuid::nil(), volume_set: Uuid::nil(), number: 1 };
    let workers = std::thread::available_parallelism()?.get();
    let options = SegmentOptions { frame_bytes: 8 << 20, zstd_level: 1, workers };
    let mut writer = SegmentWriter::new(File::create(segment)?, identity, options)?;
    let (study, series) = (Arc::new(Study::default()), Arc::new(Series::default()));
    for (number, path) in files(folder)?.into_iter().enumerate() {
        let content = fs::read(&path)?;
        writer.add(&study, &series, object(number, &content), &mut content.as_slice())?;
    }
    writer.finish()?.out.sync_all()?;
    Ok(())
}

fn object(number: usize, content: &[u8]) -> Object {
    let blake3 = Digest::of(content);
    Object {
        member: format!("study/series/{number}.dcm"),
        tar_offset: 0,
        sop_instance: None,
        sop_class: None,
        transfer_syntax: None,
        bytes: content.len() as u64,
        blake3,
        dataset_offset: 0,
        dataset_blake3: blake3,
        source: None,
        findings: Vec::new(),
    }
}

/// All files below `folder`, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    Ok(found)
}
