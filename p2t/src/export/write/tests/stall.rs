//! A drive that keeps whoever asks it, or that others look at.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use job::config::DriveConfig;
use job::{Common, Void, Watchdog};
use medium::model::{FaultKind, Hold};

use super::lab::{Lab, run};
use super::no_faults;
use crate::export::sweep::library::{Handling, Library};
use crate::export::write::Write;
use crate::media::{Media, Patience};

/// A watchdog looks at the calls of the whole process, and so at those of another test.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const TICK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(60);

/// Two copies on two drives, each call waited for for two seconds.
fn stage(lab: &Lab, libraries: &[Library]) -> Write {
    let mut stage = lab.stage(&[&[], &[]], &no_faults());
    let specs = libraries.iter().map(Library::specs).collect();
    let libraries = libraries.to_vec();
    let find = move |name: &str| {
        let own = libraries.iter().find(|library| library.has(name));
        Ok(own.expect("each name is a copy's").find(name))
    };
    let patience = Patience::new(Arc::new(Void), stage.stop.clone());
    stage.media = Media::found_by(specs, Arc::new(find)).waited_for(patience).into();
    stage.pacing.commit.bytes = 1;
    let limits = DriveConfig {
        transfer_warn_seconds: 1,
        transfer_limit_seconds: 2,
        motion_warn_seconds: 1,
        motion_limit_seconds: 2,
    };
    let common = Common { job: lab.path(""), json: false, quiet: true, verbose: 0 };
    stage.watchdog = Watchdog::start(&common, limits, Arc::new(Void), None);
    stage
}

/// Lets go when a test fails, too.
struct Held(Hold);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.release();
    }
}

fn wait_until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it did not come");
        thread::sleep(TICK);
    }
}

#[test]
fn a_stalled_drive_is_given_up_while_the_other_copy_gets_everything_and_goes_on_if_it_answers_after_all() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = Lab::new(4, 0);
    let libraries = [1, 2].map(|copy| Library::new(Handling::TwoCopies, copy));
    let stalled = libraries[0].drive();
    let hold = Held(stalled.hold_stalls());
    stalled.fail_at(FaultKind::Stall, 40);
    let stage = stage(&lab, &libraries);
    let waiting = |copy| lab.shared.lock().waiting_for_copy(copy).unwrap().0;
    thread::scope(|scope| {
        let hold = hold;
        let running = scope.spawn(|| run(&stage));
        wait_until(|| stage.is_left_alone());
        assert!(hold.0.holds() && !running.is_finished());
        assert!(waiting(2) == 0 && lab.instances().done < 4, "the other copy has all");
        assert!(waiting(1) > 0 && stage.waits_for_a_leg().unwrap());
        drop(hold);
        let written = running.join().unwrap().unwrap();
        assert!(written.failure.is_none() && written.wanted_medium.is_none());
    });
    assert!(!stage.is_left_alone());
    assert_eq!((waiting(1), lab.instances().done, lab.spooled()), (0, 4, 0));
}

#[test]
fn a_drive_that_stalls_when_its_volume_is_opened_keeps_neither_the_other_copy_nor_the_fetching() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let lab = Lab::new(2, 2);
    let libraries = [1, 2].map(|copy| Library::new(Handling::TwoCopies, copy));
    let written = run(&stage(&lab, &libraries)).unwrap();
    assert!(written.failure.is_none() && written.sealed.is_empty(), "two instances are still to come");
    lab.seal(2..4);
    let stalled = libraries[0].drive();
    let hold = Held(stalled.hold_stalls());
    stalled.fail_at(FaultKind::Stall, stalled.operations(FaultKind::Stall));
    let stage = stage(&lab, &libraries);
    let waiting = |copy| lab.shared.lock().waiting_for_copy(copy).unwrap().0;
    thread::scope(|scope| {
        let hold = hold;
        let running = scope.spawn(|| run(&stage));
        let fetching = scope.spawn(|| stage.wait_until_open());
        wait_until(|| hold.0.holds());
        assert!(!fetching.is_finished(), "what the volume lost is fetched in this run");
        wait_until(|| stage.is_left_alone() && fetching.is_finished());
        assert_eq!((waiting(1), waiting(2)), (2, 0), "the other copy has all");
        drop(hold);
        assert!(running.join().unwrap().unwrap().failure.is_none());
    });
    assert_eq!((waiting(1), lab.instances().done, lab.spooled()), (0, 4, 0));
}

#[test]
fn another_program_that_looks_at_a_drive_ends_nothing_whenever_it_does() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let looked_at = |at: Option<u64>| {
        let lab = Lab::new(4, 0);
        let libraries = [1, 2].map(|copy| Library::new(Handling::TwoCopies, copy));
        let drive = libraries[0].drive();
        if let Some(at) = at {
            drive.fail_at(FaultKind::Busy, at);
        }
        let written = run(&stage(&lab, &libraries)).unwrap();
        assert!(written.failure.is_none(), "opened for the time {at:?}: {}", written.failure.unwrap());
        assert_eq!((lab.instances().done, lab.spooled()), (4, 0));
        assert_eq!(drive.faults_met().len(), usize::from(at.is_some()));
        drive.operations(FaultKind::Busy)
    };
    let opened = looked_at(None);
    assert!(opened > 1);
    (0..opened).for_each(|at| {
        looked_at(Some(at));
    });
}
