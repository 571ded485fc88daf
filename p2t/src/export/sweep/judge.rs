//! What must hold after every run.

use std::collections::BTreeMap;

use catalogue::balance::Stage;
use catalogue::volumes::VolumeRow;
use catalogue::{Catalogue, Reader, SegmentState, VolumeState};
use job::ExitCode;
use manifest::Digest;
use medium::model::{Cartridge, FaultKind, ModelDrive};
use volume::{Entry, Extent, ObjectSink, ObjectState, Volume};

use super::Trouble;
use super::bench::{Bench, kind_of};
use super::sample::Objects;
use crate::commands::verify;
use crate::error::Error;

/// Whether the fault has done harm that it may do; or what must not be.
type Judged = Result<bool, String>;

/// What the fault may have done to one volume, and no more.
fn may_harm(trouble: Option<Trouble>) -> bool {
    // A drive that changes what it was given, and one that writes over a volume and tells nobody.
    matches!(
        trouble,
        Some(Trouble::Drive(FaultKind::BitRot | FaultKind::Unreadable | FaultKind::SuddenReset, _))
    )
}

/// Every segment that the catalogue calls written is on the tape of a cartridge at this moment, byte for byte, and so
/// is every file of a volume that it calls sealed.
pub fn acknowledged(bench: &Bench<'_>) -> Judged {
    let catalogue = Reader::open(&bench.job.catalogue_file()).map_err(text)?;
    let cartridges: Vec<Vec<Vec<u8>>> = bench.cartridges().iter().map(Cartridge::files).collect();
    let mut harmed = 0;
    let mut written = 0;
    for row in catalogue.volumes().map_err(text)? {
        let files = find(&cartridges, &row);
        let mut lost = Vec::new();
        catalogue
            .each_segment_of_volume(row.id, |file, segment| {
                written += segment.segment.objects;
                let found = files.and_then(|files| files.get(file as usize));
                if found.is_none_or(|found| Digest::of(found).0 != segment.segment.blake3) {
                    lost.push(segment.segment.file);
                }
                Ok::<_, catalogue::Error>(())
            })
            .map_err(text)?;
        let whole = files.is_some_and(|files| files.len() >= row.files.len());
        if row.state == VolumeState::Sealed && !whole {
            lost.push("the trailer".to_owned());
        }
        if !lost.is_empty() {
            harmed += 1;
            if !may_harm(bench.trouble) || harmed > 1 {
                let (sequence, copy) = (row.volume.sequence, row.volume.copy);
                return Err(format!("volume {sequence} of copy {copy} lost {}", lost.join(", ")));
            }
        }
    }
    let balance = catalogue.balance(Stage::Export).map_err(text)?;
    let tally = balance.instances;
    if tally.listed != tally.done + tally.excluded + tally.failed + tally.pending {
        return Err(format!("the balance does not balance: {tally:?}"));
    }
    // What is done is on each copy, unless one was harmed and the other has it. A segment may be on several volumes of a copy, and
    // then its objects are counted more than once.
    let on_copies = if may_harm(bench.trouble) { 1 } else { bench.libraries.len() as u64 };
    if tally.done * on_copies > written || tally.failed > 0 {
        return Err(format!("{tally:?}, and {written} objects are on volumes"));
    }
    Ok(harmed > 0)
}

/// The files of the cartridge whose label names the volume.
fn find<'a>(cartridges: &'a [Vec<Vec<u8>>], row: &VolumeRow) -> Option<&'a Vec<Vec<u8>>> {
    let uuid = row.volume.uuid.to_string();
    cartridges.iter().find(|files| {
        files.first().is_some_and(|label| label.windows(uuid.len()).any(|part| part == uuid.as_bytes()))
    })
}

/// The error's kind, if it is one that can be told to an operator.
pub fn error(error: &Error) -> Result<String, String> {
    let message = error.to_string();
    let (kind, code) = (kind_of(error), error.exit_code());
    if matches!(error, Error::Crashed(_)) || message.is_empty() {
        return Err(format!("ended with {kind}: {message}"));
    }
    if !matches!(code, ExitCode::Incomplete | ExitCode::Failed) {
        return Err(format!("ended with exit code {code:?}: {message}"));
    }
    Ok(kind)
}

/// Everything is written, each volume sealed or given up, and the cartridges hold the source's objects, byte for byte.
pub fn content(bench: &Bench<'_>) -> Judged {
    let mut catalogue = Catalogue::open(&bench.job.catalogue_file()).map_err(text)?;
    let left = catalogue.segments_in(SegmentState::Sealed, 0, 1).map_err(text)?;
    if !left.is_empty() {
        return Err("a segment is still to be written".to_owned());
    }
    let rows = catalogue.volumes().map_err(text)?;
    if let Some(open) =
        rows.iter().find(|row| !matches!(row.state, VolumeState::Sealed | VolumeState::Abandoned))
    {
        return Err(format!("volume {} is still {:?}", open.volume.sequence, open.state));
    }
    let mut harmed = 0;
    let mut missing: Vec<Vec<&String>> = Vec::new();
    for library in &bench.libraries {
        let mut found = Objects::new();
        for cartridge in library.cartridges().into_iter().filter(|cartridge| !cartridge.is_blank()) {
            harmed += read(bench, &mut catalogue, &rows, cartridge, &mut found)?;
        }
        let is_missing = |(uid, content): &(&String, &Vec<u8>)| found.get(*uid) != Some(*content);
        missing.push(bench.sample.objects.iter().filter(is_missing).map(|(uid, _)| uid).collect());
    }
    if let [first, second] = missing.as_slice()
        && first.iter().any(|uid| second.contains(uid))
    {
        return Err(format!("both copies lack some of {first:?}"));
    }
    let missing: Vec<&String> = missing.into_iter().flatten().collect();
    match (may_harm(bench.trouble), harmed, missing.len()) {
        (_, 0, 0) => Ok(false),
        (true, 1, _) => Ok(true),
        // A segment that one copy lost is left to the other.
        (true, 0, _) if bench.libraries.len() > 1 => Ok(true),
        // Of a sealed volume whose end of data was lost nothing is missing: that is all that a verify finds.
        (false, 1, 0) if matches!(bench.trouble, Some(Trouble::Drive(FaultKind::EndLost, _))) => Ok(true),
        // What a volume that was given up ends with need not be readable; its objects are all there.
        (false, _, 0) if rows.iter().any(|row| row.state == VolumeState::Abandoned) => Ok(false),
        _ => Err(format!("{harmed} volumes are harmed, missing: {missing:?}")),
    }
}

/// Takes the objects of a cartridge, and counts it if it is sealed and not as it was written, or cannot be read at all.
fn read(
    bench: &Bench<'_>,
    catalogue: &mut Catalogue,
    rows: &[VolumeRow],
    cartridge: Cartridge,
    found: &mut Objects,
) -> Result<u32, String> {
    let drive = ModelDrive::with(cartridge);
    let Ok(volume) = Volume::open(&drive) else { return Ok(1) };
    let of_it = rows.iter().find(|row| row.volume.uuid == volume.identity.volume);
    let sealed = of_it.is_some_and(|row| row.state == VolumeState::Sealed);
    found.extend(objects(volume).map_err(text)?);
    if !sealed {
        return Ok(0);
    }
    let verified = verify::verify(&bench.context(), catalogue, &drive, Extent::Whole).map_err(text)?;
    Ok(u32::from(verified.exit_code != ExitCode::Clean))
}

/// What can be read of a volume.
fn objects(mut volume: Volume) -> Result<Objects, volume::Error> {
    let mut index = volume.index()?;
    let mut sink = Collected::default();
    let mut done = 0;
    while let Some(plan) = volume.next_plan(index.as_mut(), done)? {
        volume.read_segment(plan, &mut sink)?;
        done += 1;
    }
    Ok(sink.whole)
}

#[derive(Default)]
struct Collected {
    open: Vec<u8>,
    whole: BTreeMap<String, Vec<u8>>,
}

impl ObjectSink for Collected {
    fn begin(&mut self, _: &Entry) -> Result<(), volume::Error> {
        self.open.clear();
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), volume::Error> {
        self.open.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self, entry: &Entry, state: &ObjectState) -> Result<(), volume::Error> {
        if *state == ObjectState::Intact {
            let uid = entry.object.sop_instance.clone().unwrap_or_default();
            self.whole.insert(uid, std::mem::take(&mut self.open));
        }
        Ok(())
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
