//! An operator who puts the next cartridge in when the drive gives one out.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use catalogue::volumes::VolumeRow;

use super::lab::{DRIVE, Faults, Lab, run, segments_on};
use super::spoil;
use crate::export::write::Write;

/// A record and a filemark.
const FOREIGN: &[u8] = b"\x04\0\0\0data\x04\0\0\0\0\0\0\0";
const PATIENT: Duration = Duration::from_secs(3600);

/// A stage that writes to one drive, two segments to a cartridge, and waits so long for the next one.
fn stage(lab: &Lab, faults: &Arc<Faults>, patience: Duration) -> Write {
    let mut stage = lab.stage(&[&[lab.tape(DRIVE)]], faults);
    Arc::get_mut(&mut stage.media).unwrap().change.patience = Some(patience);
    stage.settings.capacity_bytes = Some(103_000);
    stage
}

/// A cartridge with this on it.
fn cartridge(lab: &Lab, name: &str, content: &[u8]) -> PathBuf {
    fs::write(lab.path(name), content).unwrap();
    lab.path(name)
}

/// What the operator has, in the order in which it is put in; the first is in the drive.
fn operator(lab: &Lab, contents: &[&[u8]]) -> Arc<Faults> {
    let numbered = contents.iter().enumerate().rev();
    let mut shelf: Vec<PathBuf> =
        numbered.map(|(at, content)| cartridge(lab, &format!("new-{at}.tap"), content)).collect();
    fs::rename(shelf.pop().unwrap(), lab.path(DRIVE)).unwrap();
    Arc::new(Faults { shelf: shelf.into(), ..Faults::default() })
}

#[test]
fn full_cartridges_are_read_back_and_given_out_and_nothing_is_written_over() {
    let lab = Lab::new(5, 0);
    let faults = operator(&lab, &[b"", FOREIGN, b"", b""]);
    // The first one for volume 2.
    let written = run(&stage(&lab, &faults, PATIENT)).unwrap();
    assert!(written.failure.is_none() && written.wanted_medium.is_none());
    assert_eq!((lab.instances().done, lab.spooled()), (5, 0));
    let on = |name: &str| segments_on(&lab.tape(name));
    assert_eq!((on("out-0.tap"), on("out-2.tap"), on(DRIVE)), (vec![1, 2], vec![3, 4], vec![5]));
    assert_eq!(fs::read(lab.path("out-1.tap")).unwrap(), FOREIGN);
    let refused = lab.events();
    assert!(
        refused.iter().any(|event| event.contains("holds data that this job did not write")),
        "{refused:?}"
    );
    // The last one is still in the drive.
    let volumes = lab.shared.lock().volumes().unwrap();
    let verified: Vec<bool> = volumes.iter().map(VolumeRow::is_verified_whole).collect();
    assert_eq!(verified, [true, true, false]);
    assert_eq!(written.read_back, [volumes[0].volume.uuid, volumes[1].volume.uuid].into());
}

#[test]
fn a_protected_cartridge_is_given_out_before_a_volume_is_begun_on_it() {
    let lab = Lab::new(1, 0);
    let faults = operator(&lab, &[b"", b""]);
    faults.write_protected.store(true, Ordering::Relaxed);
    run(&stage(&lab, &faults, PATIENT)).unwrap();
    let volumes = lab.shared.lock().volumes().unwrap();
    assert_eq!((lab.instances().done, volumes.len(), volumes[0].volume.sequence), (1, 1, 1));
    assert!(lab.events().iter().any(|event| event.contains("is write-protected")));
    assert_eq!(fs::metadata(lab.path("out-0.tap")).unwrap().len(), 0);
}

#[test]
fn a_cartridge_that_does_not_come_is_wanted_and_the_next_run_goes_on() {
    let lab = Lab::new(3, 0);
    let written = run(&stage(&lab, &operator(&lab, &[b""]), Duration::ZERO)).unwrap();
    let wanted = written.wanted_medium.unwrap();
    assert!(wanted.contains("no cartridge came for volume 2"), "{wanted}");
    assert!(lab.path("out-0.tap").exists(), "the full one was given out");
    assert_eq!(lab.spooled(), 1);
    run(&stage(&lab, &operator(&lab, &[b""]), Duration::ZERO)).unwrap();
    assert_eq!((lab.instances().done, segments_on(&lab.tape(DRIVE))), (3, vec![3]));
}

#[test]
fn a_stop_ends_the_wait() {
    let lab = Lab::new(3, 0);
    let faults = operator(&lab, &[b""]);
    let stage = stage(&lab, &faults, PATIENT);
    let written = thread::scope(|scope| {
        scope.spawn(|| {
            let begun = Instant::now();
            while faults.ejected.load(Ordering::Relaxed) == 0 && begun.elapsed() < Duration::from_secs(60) {
                thread::sleep(Duration::from_millis(1));
            }
            stage.stop.request();
        });
        run(&stage).unwrap()
    });
    assert!(written.failure.is_none() && written.wanted_medium.is_none());
    assert_eq!((written.sealed.len(), lab.spooled()), (1, 1));
}

#[test]
fn a_volume_that_is_damaged_is_told_when_its_cartridge_leaves() {
    let lab = Lab::new(3, 0);
    let faults = operator(&lab, &[b"", b""]);
    let mut first = stage(&lab, &faults, PATIENT);
    Arc::get_mut(&mut first.media).unwrap().change.patience = None;
    assert!(run(&first).unwrap().wanted_medium.is_some());
    // In the last segment: index and trailer are shorter than 3,000 bytes.
    spoil(&lab.tape(DRIVE), 5_000);
    let written = run(&stage(&lab, &faults, PATIENT)).unwrap();
    assert_eq!(lab.instances().done, 3);
    assert_eq!(written.read_back.len(), 1);
    assert_eq!(lab.shared.lock().harmed_placements().unwrap().len(), 1);
    assert!(lab.events().iter().any(|event| event.starts_with("volume 1 is damaged")));
    assert!(lab.shared.lock().volumes().unwrap()[0].verified_at.is_none());
}
