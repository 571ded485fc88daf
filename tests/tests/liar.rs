//! Every lie that `tools/fakepacs` knows of a retrieval: p2t names it, takes nothing wrong for right, and has everything
//! byte for byte once the PACS behaves.

#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;

use e2e::disk::scratch;
use e2e::liar::Liar;
use e2e::program::Exit;
use e2e::transfer::{self, Balance};
use fakepacs::Kind::{self, *};
use fakepacs::{Archive, Lie, Population};

/// What came besides what the PACS honestly holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Besides {
    Nothing,
    /// One more object for each instance, with other bytes.
    Another,
    /// The same, but in doubt: once the sound ones are there, it conflicts with nothing.
    InDoubt,
}

/// A lie, and what p2t makes of it.
struct Case {
    /// How the PACS lies while it is listed.
    listing: &'static [Kind],
    /// How it lies while it is exported.
    lies: &'static [Kind],
    /// How that export ends.
    exit: Exit,
    /// What names the lie.
    says: &'static str,
    besides: Besides,
}

const fn case(lies: &'static [Kind], exit: Exit, says: &'static str) -> Case {
    Case { listing: &[], lies, exit, says, besides: Besides::Nothing }
}

fn check(liar: &Liar, case: &Case) {
    let Case { listing, lies, exit, says, besides } = case;
    liar.lie(listing);
    liar.p2t.run(&["plan"]).expect(Exit::Clean);
    liar.lie(lies);
    let ended = liar.p2t.run_for_people(&["export"]);
    ended.expect(*exit);
    let said = liar.said(&ended);
    assert!(said.contains(says), "{lies:?}: nothing says \"{says}\":\n{said}");
    let balance = transfer::balance(&liar.p2t);
    let is_done = balance.failed + balance.pending == 0;
    assert_eq!(is_done, *exit == Exit::Clean || says.contains("differ"), "{lies:?}: {balance:?}");

    liar.lie(&[]);
    let again = liar.p2t.run(&["export", "--retry-failed"]);
    let (copies, clean) = match besides {
        Besides::Nothing => (1, Exit::Clean),
        Besides::Another => (2, Exit::Discrepancies),
        Besides::InDoubt => (2, Exit::Clean),
    };
    again.expect(clean);
    assert_eq!(transfer::balance(&liar.p2t), Balance::all_done(copies * liar.instances()), "{lies:?}");
    let honest = liar.pacs.archive().data_sets();
    let exported = liar.exported();
    assert!(exported.keys().eq(honest.keys()), "{lies:?}: other instances");
    for (uid, data_set) in &honest {
        let came = &exported[uid];
        assert!(came.contains(data_set), "{lies:?}: {uid} is not what the PACS holds");
        assert_eq!(came.len() as u64, copies, "{lies:?}: {uid}");
    }
}

/// Tries a few cases at a time: most of it is waiting.
fn check_all(cases: &[Case], liar: impl Fn(&Path) -> Liar + Sync) {
    const AT_ONCE: usize = 3;
    for some in cases.chunks(AT_ONCE) {
        std::thread::scope(|scope| {
            for case in some {
                scope.spawn(|| {
                    let folder = scratch();
                    check(&liar(folder.path()), case);
                });
            }
        });
    }
}

fn small(folder: &Path) -> Liar {
    Liar::new(folder, 4096)
}

/// Objects that can be broken off when a part of them is on the wire.
fn large(folder: &Path) -> Liar {
    Liar::new(folder, 1 << 20)
}

#[test]
fn statuses_and_counts_are_claims() {
    let short = "1 of 2 instances did not come; the source said that all is well, and that it sent 2";
    let cases = [
        case(&[SendNothing], Exit::Discrepancies, "the source said that all is well, and that it sent 0"),
        case(&[SendFewer(1)], Exit::Discrepancies, short),
        case(&[FalseCounts(3)], Exit::Clean, "came whole; on the way: asked for the study: status 0000h"),
        case(&[OutOfResources(0)], Exit::Incomplete, "has too much to do"),
        case(&[OutOfResources(1)], Exit::Clean, "status A702h, completed 1"),
        case(&[Fail], Exit::Discrepancies, "status A702h, completed 0, failed 2"),
    ];
    check_all(&cases, small);
}

#[test]
fn who_is_turned_away_or_broken_off_says_how() {
    let cases = [
        case(&[RejectTransient], Exit::Incomplete, "local limit exceeded"),
        case(&[RejectPermanent], Exit::Incomplete, "calling AE title not recognised"),
        case(&[NoGet], Exit::Incomplete, "takes no C-GET from P2T"),
        case(&[Abort(1)], Exit::Discrepancies, "aborted the association"),
    ];
    check_all(&cases, small);
    check_all(&[case(&[AbortInObject], Exit::Incomplete, "aborted the association")], large);
}

#[test]
fn a_service_that_is_not_taken_ends_the_export_at_once_and_no_study_is_blamed() {
    let folder = scratch();
    let liar = small(folder.path());
    // Whoever asked again would be here for hours.
    liar.p2t.configure("retry", "attempts", 5);
    liar.p2t.configure("retry", "delay_seconds", 3600);
    liar.p2t.run(&["plan"]).expect(Exit::Clean);
    liar.lie(&[NoGet]);
    let ended = liar.p2t.run(&["export"]);
    ended.expect(Exit::Incomplete).says("set `retrieve` under [source] to \"c-move\" or \"auto\"");
    let said = liar.said(&ended);
    assert!(!said.contains("attempt"), "{said}");
    let balance = transfer::balance(&liar.p2t);
    assert_eq!((balance.failed, balance.pending), (0, liar.instances()), "{balance:?}");
    liar.lie(&[]);
    liar.p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&liar.p2t), Balance::all_done(liar.instances()));
}

#[test]
fn who_is_kept_waiting_gives_up() {
    let cases = [
        case(&[HangAssociation], Exit::Incomplete, "did not answer"),
        case(&[HangRequest], Exit::Incomplete, "did not send anything"),
        case(&[HangAtEnd], Exit::Clean, "came whole; on the way"),
    ];
    check_all(&cases, |folder| small(folder).impatient());
    check_all(&[case(&[HangInObject], Exit::Incomplete, "did not")], |folder| large(folder).impatient());
}

#[test]
fn objects_that_contradict_the_request_are_not_taken_for_right() {
    let in_doubt = |lies, says| Case { besides: Besides::InDoubt, ..case(lies, Exit::Discrepancies, says) };
    let cases = [
        in_doubt(&[WrongInstance], "the dataset names SOP Instance UID"),
        in_doubt(&[WrongClass], "the dataset names SOP Class UID"),
        in_doubt(&[WrongStudy], "the dataset is of another study"),
        in_doubt(&[WrongSyntax("1.2.840.10008.1.2")], "the dataset reads as Implicit VR Little Endian"),
        in_doubt(&[WrongSyntax("1.2.840.10008.1.2.4.70")], "the pixel data is encapsulated"),
        in_doubt(&[Truncated], "the object ends within the element"),
    ];
    check_all(&cases, small);
}

#[test]
fn an_instance_that_comes_twice_counts_once_and_both_travel_if_they_differ() {
    let differ = "SOP Instance UIDs are claimed by objects that differ";
    let cases = [
        case(&[Twice], Exit::Clean, "came more than once, with the same bytes"),
        Case { besides: Besides::Another, ..case(&[TwiceDifferent], Exit::Discrepancies, differ) },
    ];
    check_all(&cases, small);
}

#[test]
fn a_study_that_changes_between_its_listing_and_its_retrieval_is_noticed() {
    let grew = "came although the source had not listed it";
    let cases = [
        Case { listing: &[Grow(1)], ..case(&[], Exit::Clean, grew) },
        case(&[Shrink(1)], Exit::Discrepancies, "1 of 2 instances did not come"),
    ];
    check_all(&cases, small);
    let folder = scratch();
    let liar = small(folder.path());
    liar.p2t.run(&["plan"]).expect(Exit::Clean);
    liar.lie(&[Reidentified]);
    let ended = liar.p2t.run(&["export"]);
    ended.expect(Exit::Clean);
    assert!(liar.said(&ended).contains("name another patient than the source's list"));
    assert_eq!(transfer::balance(&liar.p2t), Balance::all_done(liar.instances()));
}

#[test]
fn what_is_moved_is_told_apart_and_waited_for() {
    let cases = [
        case(&[NoOriginator], Exit::Clean, "done"),
        case(&[SendMore(2), NoOriginator], Exit::Clean, "the dataset is of another study"),
        case(&[Late(500)], Exit::Clean, "objects came after the end of their C-MOVE had been told"),
        case(&[NoMove], Exit::Incomplete, "takes no C-MOVE from P2T"),
    ];
    check_all(&cases, |folder| small(folder).moving(3));
    check_all(&[case(&[SendMore(2)], Exit::Clean, "the dataset is of another study")], small);
}

#[test]
fn what_is_moved_too_late_is_refused_and_asked_for_again() {
    let folder = scratch();
    let studies = Population { studies: 40, ..Population::default() }.make();
    let (smallest, others): (Vec<_>, Vec<_>) =
        studies.into_iter().partition(|study| study.instances().count() == 1);
    let [small, other] = [&smallest[0], &others[0]];
    let liar = Liar::of(folder.path(), Archive::new(vec![small.clone(), other.clone()])).moving(1);
    liar.p2t.run(&["plan"]).expect(Exit::Clean);
    liar.lie_about(&[Lie::about(Late(60_000), small.uid.as_str())]);
    let ended = liar.p2t.run(&["export"]);
    ended.expect(Exit::Discrepancies).says("1 of 1 instances did not come; the source said that all is well");
    assert_eq!(transfer::balance(&liar.p2t).failed, 1);
    liar.lie(&[]);
    liar.p2t.run(&["export", "--retry-failed"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&liar.p2t), Balance::all_done(liar.instances()));
}

#[test]
fn a_listing_that_is_refused_or_kept_waiting_is_begun_again() {
    for (lie, says) in [
        (RejectTransient, "local limit exceeded"),
        (RejectPermanent, "calling AE title not recognised"),
        (HangAssociation, "did not answer"),
    ] {
        let folder = scratch();
        let liar = small(folder.path()).impatient();
        liar.lie(&[lie]);
        liar.p2t.run(&["plan"]).expect(Exit::Incomplete).says(says);
        liar.lie(&[]);
        let plan = liar.p2t.run(&["plan"]);
        assert_eq!(plan.expect(Exit::Clean).json()["instances"]["listed"], liar.instances());
    }
}

#[test]
fn a_source_that_gives_other_uids_each_time_does_not_fill_volumes_with_them() {
    let folder = scratch();
    let liar = small(folder.path());
    liar.p2t.run(&["plan"]).expect(Exit::Clean);
    liar.lie(&[Renamed]);
    let ended = liar.p2t.run(&["export"]);
    ended.expect(Exit::Discrepancies).says("objects came that are none of those that the source had listed");
    let (renamed, balance) = (liar.instances(), transfer::balance(&liar.p2t));
    assert_eq!((balance.failed, balance.done), (liar.instances(), renamed), "{balance:?}");
    liar.lie(&[]);
    liar.p2t.run(&["export", "--retry-failed"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&liar.p2t), Balance::all_done(liar.instances() + renamed));
    let exported = liar.exported();
    assert!(liar.pacs.archive().data_sets().iter().all(|(uid, bytes)| exported[uid] == [bytes.clone()]));
}
