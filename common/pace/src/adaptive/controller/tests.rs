//! Single observations and what follows from them.

use super::*;

const HOUR: u8 = 30;

fn moment(second: u64) -> Moment {
    let at = Timestamp::UNIX_EPOCH + Duration::from_secs(second);
    Moment { now: Duration::from_secs(second), at, hour: HOUR, ceiling: 4 }
}

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Control that knows C-ECHO to take 20 ms and C-FIND 100 ms, and has begun.
fn begun() -> Controller {
    let idle = (0..8).flat_map(|n| {
        let at = Timestamp::UNIX_EPOCH + Duration::from_secs(n);
        [(Probe::Echo, 20.0), (Probe::Find, 100.0)].map(|(probe, milliseconds)| IdleSample {
            at,
            probe,
            hour: HOUR,
            milliseconds,
        })
    });
    let mut controller = Controller::new(AdaptiveConfig::default(), Baseline::of(idle), Probe::DIMSE);
    assert_eq!(controller.load().to_bits(), 0.0_f64.to_bits());
    let began = controller.begin("start", moment(10)).unwrap();
    assert_eq!((began.old, began.new), (0.0, 1.0));
    controller
}

/// The load that was decided on, in hundredths.
fn percent(decision: Option<Decision>) -> Option<i64> {
    decision.map(|decision| (decision.new * 100.0).round() as i64)
}

/// One canary: both requests.
fn canary(controller: &mut Controller, echo: u64, find: u64, at: Moment) -> Option<Decision> {
    let first = controller.answered(Probe::Echo, milliseconds(echo), at);
    controller.answered(Probe::Find, milliseconds(find), at).or(first)
}

#[test]
fn three_answers_in_time_allow_more_up_to_the_ceiling() {
    let mut controller = begun();
    let mut loads = Vec::new();
    for n in 0..40 {
        loads.extend(canary(&mut controller, 20, 101, moment(20 + 3 * n)).map(|decision| decision.new));
    }
    assert_eq!(loads, [1.5, 2.0, 2.5, 3.0, 3.5, 4.0]);
}

#[test]
fn a_decision_says_what_was_seen() {
    let mut controller = begun();
    assert_eq!(canary(&mut controller, 20, 140, moment(20)), None);
    let decision = canary(&mut controller, 20, 150, moment(23)).unwrap();
    let expected = Decision {
        signal: "C-FIND answered slowly".to_owned(),
        value: Some(150.0),
        baseline: Some(100.0),
        old: 1.0,
        new: 0.8,
    };
    assert_eq!(decision, expected);
    canary(&mut controller, 20, 900, moment(26));
    assert_eq!(percent(canary(&mut controller, 20, 900, moment(29))), Some(40));
}

#[test]
fn one_slow_answer_and_answers_within_the_slack_change_nothing() {
    let mut controller = begun();
    canary(&mut controller, 90, 101, moment(20));
    canary(&mut controller, 24, 101, moment(23));
    assert!(canary(&mut controller, 24, 124, moment(26)).is_none_or(|decision| decision.new >= 1.0));
}

#[test]
fn answers_between_ease_and_bound_hold_the_load() {
    let mut controller = begun();
    for n in 0..20 {
        assert_eq!(canary(&mut controller, 20, 124, moment(20 + 3 * n)), None);
    }
}

#[test]
fn it_never_goes_below_the_least_load() {
    let mut controller = begun();
    for n in 0..100 {
        canary(&mut controller, 500, 5000, moment(20 + 3 * n));
    }
    assert_eq!(controller.load().to_bits(), LEAST.to_bits());
}

#[test]
fn a_loss_halves_once_however_many_associations_meet_it() {
    let mut controller = begun();
    assert_eq!(percent(controller.lost(Loss::Rejected, Some(1), moment(20))), Some(50));
    assert_eq!(controller.lost(Loss::Rejected, Some(2), moment(21)), None);
    assert_eq!(percent(controller.lost(Loss::Aborted, None, moment(31))), Some(25));
}

#[test]
fn one_study_that_is_refused_again_and_again_is_a_bad_study_and_two_are_congestion() {
    for loss in [Loss::Refused, Loss::Short] {
        let mut controller = begun();
        for n in 0..10 {
            assert_eq!(controller.lost(loss, Some(7), moment(20 + 10 * n)), None);
        }
        assert_eq!(percent(controller.lost(loss, Some(8), moment(121))), Some(50));
        assert_eq!(controller.lost(loss, Some(9), moment(400)), None);
        assert_eq!(controller.lost(loss, Some(10), moment(600)), None);
    }
}

#[test]
fn an_archive_that_always_sends_less_than_it_lists_is_not_slowed_down_for_good() {
    let mut controller = begun();
    for n in 0..100 {
        controller.lost(Loss::Short, Some(n), moment(20 + 10 * n));
    }
    assert_eq!(controller.load().to_bits(), 0.5_f64.to_bits());
    controller.lost(Loss::Aborted, None, moment(5000));
    controller.lost(Loss::Short, Some(200), moment(5100));
    controller.lost(Loss::Short, Some(201), moment(5101));
    assert_eq!(controller.load().to_bits(), 0.25_f64.to_bits());
}

#[test]
fn a_request_that_is_not_taken_is_not_missed() {
    let mut controller = Controller::new(AdaptiveConfig::default(), Baseline::default(), Probe::DIMSE);
    let sample = IdleSample { at: Timestamp::UNIX_EPOCH, probe: Probe::Echo, hour: HOUR, milliseconds: 20.0 };
    (0..5).for_each(|_| controller.learn(sample));
    assert!(!controller.knows(HOUR));
    controller.without(Probe::Find);
    assert!(controller.knows(HOUR) && controller.wants_hush(moment(5)));
    controller.begin("start", moment(5));
    for n in 0..3 {
        controller.answered(Probe::Echo, milliseconds(20), moment(20 + 3 * n));
    }
    assert_eq!(controller.load().to_bits(), 1.5_f64.to_bits());
    controller.without(Probe::Echo);
    assert!(!controller.wants_hush(moment(9999)));
}

#[test]
fn a_recall_from_tape_is_no_congestion_while_the_canary_is_well() {
    let mut controller = begun();
    canary(&mut controller, 20, 100, moment(20));
    assert_eq!(controller.lost(Loss::SilentFirst, Some(1), moment(40)), None);
    assert_eq!(percent(controller.lost(Loss::TimedOut, Some(1), moment(41))), Some(50));
    let mut unwell = begun();
    canary(&mut unwell, 20, 300, moment(20));
    assert_eq!(percent(unwell.lost(Loss::SilentFirst, Some(1), moment(25))), Some(50));
    let mut blind = begun();
    assert!(blind.lost(Loss::SilentFirst, Some(1), moment(25)).is_some());
}

#[test]
fn after_a_closed_time_it_begins_with_one_association_at_most() {
    let mut controller = begun();
    for n in 0..30 {
        canary(&mut controller, 20, 100, moment(20 + 3 * n));
    }
    let again = controller.begin("window opened", moment(5000)).unwrap();
    assert_eq!((again.old, again.new), (4.0, 1.0));
    controller.lost(Loss::Rejected, None, moment(5001));
    assert_eq!(controller.begin("resumed", moment(5100)), None);
}

#[test]
fn a_lower_ceiling_is_kept_with_the_next_full_window_at_the_latest() {
    let mut controller = begun();
    for n in 0..30 {
        canary(&mut controller, 20, 100, moment(20 + 3 * n));
    }
    for n in 0..3 {
        canary(&mut controller, 20, 124, Moment { ceiling: 2, ..moment(200 + 3 * n) });
    }
    assert_eq!(controller.load().to_bits(), 2.0_f64.to_bits());
}

#[test]
fn the_archive_is_left_alone_often_while_it_is_slow_and_seldom_else() {
    let mut controller = begun();
    assert!(controller.wants_hush(moment(20)));
    controller.hushed(moment(20));
    assert!(!controller.wants_hush(moment(100)) && controller.wants_hush(moment(620)));
    controller.lost(Loss::Rejected, None, moment(70));
    assert!(controller.wants_hush(moment(80)));
    controller.hushed(moment(80));
    assert!(!controller.wants_hush(moment(130)) && controller.wants_hush(moment(140)));
    assert!(controller.wants_hush(Moment { hour: 31, ..moment(110) }));
}

#[test]
fn without_a_canary_it_grows_slowly_as_long_as_nothing_is_lost() {
    let mut controller = Controller::new(AdaptiveConfig::default(), Baseline::default(), Probe::DIMSE);
    controller.begin("start", moment(0));
    assert_eq!(controller.answered(Probe::Echo, milliseconds(9), moment(5)), None);
    assert_eq!(controller.unwatched(moment(59)), None);
    assert_eq!(percent(controller.unwatched(moment(60))), Some(150));
    controller.lost(Loss::Aborted, Some(1), moment(70));
    assert_eq!(controller.unwatched(moment(129)), None);
    assert!(controller.unwatched(moment(130)).unwrap().new > 0.75);
}
