//! The gate under threads, windows and a clock that is turned.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

use jiff::civil::{Weekday, date, time};

use super::*;
use crate::{Days, LimitsOverride, TurnableClock, Window, Zone};

const MB: u64 = 1_000_000;

type Changes = Arc<Mutex<Vec<PaceChange>>>;

fn clock_at(text: &str) -> Arc<TurnableClock> {
    Arc::new(TurnableClock::new(text.parse().unwrap()))
}

fn logged(limits: Limits, calendar: Calendar, clock: &Arc<TurnableClock>) -> (Pace, Changes) {
    let changes = Changes::default();
    let log = Arc::clone(&changes);
    let pace =
        Pace::new(limits, calendar, clock.clone(), Box::new(move |change| log.lock().unwrap().push(change)));
    (pace, changes)
}

fn pace(limits: Limits, calendar: Calendar, clock: &Arc<TurnableClock>) -> Pace {
    logged(limits, calendar, clock).0
}

fn bytes_per_second(rate: u64) -> Limits {
    Limits { bytes_per_second: Some(rate), ..Limits::default() }
}

fn never() -> bool {
    false
}

fn nights(zone: &str) -> Calendar {
    let weekdays =
        [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    let night = Window {
        days: Days::of(&weekdays).unwrap(),
        from: time(22, 30, 0, 0),
        to: time(2, 30, 0, 0),
        limits: Some(LimitsOverride { bytes_per_second: Some(8 * MB), ..LimitsOverride::default() }),
    };
    let weekend = Window {
        days: Days::of(&[Weekday::Saturday, Weekday::Sunday]).unwrap(),
        from: time(2, 15, 0, 0),
        to: time(5, 0, 0, 0),
        limits: None,
    };
    Calendar::new(Zone::named(zone).unwrap(), vec![night, weekend])
}

#[test]
fn five_megabytes_a_second_over_a_minute_with_four_threads() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let pace = pace(bytes_per_second(5 * MB), Calendar::always(), &clock);
    let minute = Duration::from_secs(60);
    let passed = AtomicU64::new(0);
    thread::scope(|scope| {
        for chunk in [16_384, 65_536, 1_048_576, 3_000_000] {
            let (pace, clock, passed) = (&pace, &clock, &passed);
            scope.spawn(move || {
                while pace.take_bytes(chunk, &|| clock.monotonic() >= minute) == Admission::Go {
                    let total = passed.fetch_add(chunk, Ordering::SeqCst) + chunk;
                    let allowed = clock.monotonic().as_nanos() as u64 / 200 + MB + 1;
                    assert!(total <= allowed, "{total} bytes had passed when {allowed} were allowed");
                }
            });
        }
    });
    let total = passed.into_inner();
    // What is in flight at the end of the minute belongs to neither side: at most one chunk of each thread.
    let in_flight = 16_384 + 65_536 + 1_048_576 + 3_000_000;
    let expected = 300 * MB;
    assert!(total <= expected + expected / 100, "{total} is more than 1 % above {expected}");
    assert!(total + in_flight >= expected - expected / 100, "{total} is more than 1 % below {expected}");
    assert!(total >= expected - expected / 20, "{total} is more than 5 % below {expected}");
}

#[test]
fn one_thread_with_small_chunks_meets_the_rate_within_half_a_percent() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let pace = pace(bytes_per_second(5 * MB), Calendar::always(), &clock);
    let mut total = 0;
    while clock.monotonic() < Duration::from_secs(60) {
        assert_eq!(pace.take_bytes(10_000, &never), Admission::Go);
        total += 10_000;
    }
    assert!((300 * MB..=301_500_000).contains(&total), "{total}");
}

#[test]
fn a_receiver_that_works_between_chunks_loses_nothing_and_gains_no_more_than_the_burst() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let pace = pace(bytes_per_second(MB), Calendar::always(), &clock);
    for _ in 0..100 {
        clock.turn(Duration::from_millis(90));
        pace.take_bytes(100_000, &never);
    }
    // Ten megabytes, less the full bucket at the start, plus the first pause: a full bucket saves nothing.
    assert_eq!(clock.monotonic(), Duration::from_millis(9_890));
}

#[test]
fn instances_below_one_a_second_are_exact() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let limits = Limits { instances_per_second: Some(0.4), ..Limits::default() };
    let pace = pace(limits, Calendar::always(), &clock);
    for _ in 0..5 {
        assert_eq!(pace.admit_instance(&never), Admission::Go);
    }
    assert_eq!(clock.monotonic(), Duration::from_secs(10));
}

#[test]
fn without_ceilings_no_time_passes() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let pace = Pace::unlimited(clock.clone());
    for _ in 0..1000 {
        assert_eq!(pace.take_bytes(u64::MAX, &never), Admission::Go);
        assert_eq!(pace.admit_instance(&never), Admission::Go);
    }
    assert_eq!((clock.monotonic(), pace.associations()), (Duration::ZERO, 1));
}

#[test]
fn a_stop_is_seen_within_a_slice_of_the_longest_wait() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let limits = Limits { instances_per_second: Some(1e-6), ..bytes_per_second(1) };
    let pace = pace(limits, Calendar::always(), &clock);
    let asked = AtomicU64::new(0);
    let third_time = || asked.fetch_add(1, Ordering::SeqCst) == 2;
    assert_eq!(pace.take_bytes(u64::MAX, &third_time), Admission::Stopped);
    assert_eq!(clock.monotonic(), 2 * SLICE);
    asked.store(0, Ordering::SeqCst);
    assert_eq!(pace.admit_instance(&never), Admission::Go);
    assert_eq!(pace.admit_instance(&third_time), Admission::Stopped);
    assert_eq!(clock.monotonic(), 4 * SLICE);
}

#[test]
fn a_stop_ends_the_wait_for_a_window() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let pace = pace(Limits::default(), nights("UTC"), &clock);
    let noon = date(2026, 6, 5).at(12, 0, 0, 0).in_tz("UTC").unwrap().timestamp();
    assert_eq!(pace.wait_until_open(&|| clock.now() >= noon), Admission::Stopped);
    assert_eq!(clock.now(), noon);
}

#[test]
fn studies_in_an_hour_are_counted_apart_from_instances() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let limits = Limits { studies_per_hour: Some(120.0), ..Limits::default() };
    let pace = pace(limits, Calendar::always(), &clock);
    for _ in 0..5 {
        assert_eq!(pace.admit_study(&never), Admission::Go);
        assert_eq!(pace.admit_instance(&never), Admission::Go);
    }
    assert_eq!(clock.monotonic(), Duration::from_secs(120));
}

fn backup(until: Option<&str>) -> Pause {
    Pause { reason: "backup".to_owned(), until: until.map(|text| text.parse().unwrap()) }
}

#[test]
fn a_pause_closes_the_gate_at_once_and_is_logged() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let (pace, changes) = logged(bytes_per_second(MB), Calendar::always(), &clock);
    pace.set_pause(Some(backup(None)));
    pace.set_pause(Some(backup(None)));
    let paused = Admission::Paused { until: None };
    assert_eq!((pace.admission(), pace.limits()), (paused, None));
    assert_eq!((pace.admit_instance(&never), pace.take_bytes(1, &never)), (paused, paused));
    let asked = AtomicU64::new(0);
    let tenth_time = || asked.fetch_add(1, Ordering::SeqCst) == 10;
    assert_eq!(pace.wait_until_open(&tenth_time), Admission::Stopped);
    assert_eq!(clock.monotonic(), 10 * SLICE);
    pace.set_pause(None);
    assert_eq!(pace.admission(), Admission::Go);
    let limits = Some(bytes_per_second(MB));
    let changes = changes.lock().unwrap();
    let seen: Vec<_> =
        changes.iter().map(|change| (change.signal.as_str(), change.old, change.new)).collect();
    assert_eq!(seen, [("start", None, limits), ("paused: backup", limits, None), ("resumed", None, limits)]);
}

#[test]
fn a_pause_with_an_end_ends_by_itself_and_one_that_is_over_is_none() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let (pace, changes) = logged(bytes_per_second(MB), Calendar::always(), &clock);
    pace.set_pause(Some(backup(Some("2026-06-05T08:59:59Z"))));
    assert_eq!(pace.admission(), Admission::Go);
    pace.set_pause(Some(backup(Some("2026-06-05T10:00:00Z"))));
    assert_eq!(pace.wait_until_open(&never), Admission::Go);
    assert_eq!(clock.now(), "2026-06-05T10:00:00Z".parse().unwrap());
    let changes = changes.lock().unwrap();
    let signals: Vec<_> = changes.iter().map(|change| change.signal.as_str()).collect();
    assert_eq!(signals, ["start", "paused: backup, until 2026-06-05T10:00:00Z", "pause ended"]);
}

#[test]
fn a_pause_that_ends_outside_the_windows_opens_nothing() {
    let clock = clock_at("2026-06-05T01:00:00Z");
    let pace = pace(bytes_per_second(MB), nights("UTC"), &clock);
    pace.set_pause(Some(backup(Some("2026-06-05T12:00:00Z"))));
    assert_eq!(pace.wait_until_open(&never), Admission::Go);
    assert_eq!(clock.now(), "2026-06-05T22:30:00Z".parse().unwrap());
}

fn decision(new: f64) -> Decision {
    Decision {
        signal: "C-FIND answered slowly".to_owned(),
        value: Some(9.0),
        baseline: Some(4.0),
        old: 0.0,
        new,
    }
}

#[test]
fn adaptive_control_stays_below_the_ceiling_and_is_logged() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let limits = Limits { associations: 4, ..Limits::default() };
    let (pace, changes) = logged(limits, Calendar::always(), &clock);
    assert_eq!((pace.associations(), pace.load()), (4, None));
    for (load, associations) in [(0.0, 0), (0.1, 1), (2.0, 2), (2.1, 3), (9.0, 4)] {
        pace.follow(decision(load));
        assert_eq!(pace.associations(), associations, "at a load of {load}");
    }
    let changes = changes.lock().unwrap();
    let last = changes.last().unwrap();
    assert_eq!(
        (last.old_load, last.new_load, last.value, last.baseline),
        (Some(2.1), Some(9.0), Some(9.0), Some(4.0))
    );
    assert_eq!((last.old, last.new), (Some(limits), Some(limits)));
}

#[test]
fn associations_at_work_share_the_load() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let pace = pace(Limits { associations: 4, ..Limits::default() }, Calendar::always(), &clock);
    let at_work: Vec<_> = (0..4).map(|_| pace.go_to_work()).collect();
    assert_eq!((pace.at_work(), pace.share().to_bits()), (4, 1.0_f64.to_bits()));
    pace.follow(decision(1.0));
    assert_eq!(pace.share().to_bits(), 0.25_f64.to_bits());
    drop(at_work);
    assert_eq!((pace.at_work(), pace.share().to_bits()), (0, 1.0_f64.to_bits()));
    pace.follow(decision(0.0));
    assert_eq!(pace.share().to_bits(), LEAST_SHARE.to_bits());
}

#[test]
fn a_rest_lasts_as_long_as_the_archive_is_left_alone() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let pace = pace(Limits::default(), Calendar::always(), &clock);
    pace.rest(Duration::from_secs(1), &never);
    assert_eq!(clock.monotonic(), Duration::from_secs(1));
    pace.hush(Duration::from_secs(3), Duration::from_secs(10), &never);
    pace.wait(Duration::ZERO, &never);
    assert_eq!((clock.monotonic(), pace.is_hushed()), (Duration::from_secs(1), true));
    pace.rest(Duration::ZERO, &never);
    assert_eq!((clock.monotonic(), pace.is_hushed()), (Duration::from_secs(4), false));
    pace.hush(Duration::from_secs(3), Duration::ZERO, &never);
    pace.end_hush();
    pace.rest(Duration::ZERO, &never);
    pace.rest(Duration::from_secs(9), &|| true);
    assert_eq!(clock.monotonic(), Duration::from_secs(4));
}

#[test]
fn what_is_under_way_may_end_before_the_archive_is_left_alone_and_nothing_begins_meanwhile() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let pace = pace(Limits::default(), Calendar::always(), &clock);
    let seconds = Duration::from_secs;
    let at_work = Mutex::new(Some(pace.go_to_work()));
    let ends_at = |end| {
        let (at_work, clock, pace) = (&at_work, &clock, &pace);
        move || {
            if clock.monotonic() >= end {
                at_work.lock().unwrap().take();
            }
            assert!(pace.is_hushed());
            false
        }
    };
    pace.hush(seconds(3), seconds(10), &ends_at(seconds(4)));
    let ended = clock.monotonic();
    assert_eq!(ended.as_secs(), 4);
    // It waits for the end of the hush.
    assert!(pace.prepay(1, &never).is_ok());
    assert_eq!(clock.monotonic(), ended + seconds(3));
    let _long = pace.go_to_work();
    pace.hush(seconds(3), seconds(10), &never);
    assert_eq!(clock.monotonic(), ended + seconds(13));
    pace.rest(Duration::ZERO, &never);
    assert_eq!(clock.monotonic(), ended + seconds(16));
}

#[test]
fn a_retrieval_begins_when_no_other_waits_and_takes_what_it_prepaid_at_once() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let limits = Limits { instances_per_second: Some(10.0), ..Limits::default() };
    let pace = pace(limits, Calendar::always(), &clock);
    let milliseconds = |count| Duration::from_millis(count);
    // What a full bucket holds goes to the first; the next is let begin as nobody waits, on tokens that are still to come.
    let prepaid: Vec<Prepaid> = (0..3).map(|_| pace.prepay(20, &never).unwrap()).collect();
    assert_eq!(clock.monotonic(), milliseconds(200));
    for prepaid in &prepaid {
        for _ in 0..2 {
            assert_eq!(pace.admit_prepaid_instance(prepaid, &never), Admission::Go);
        }
    }
    assert_eq!(clock.monotonic(), milliseconds(200));
    // Now it waits for all that was prepaid, and nobody else begins before it.
    assert_eq!(pace.admit_prepaid_instance(&prepaid[0], &never), Admission::Go);
    assert_eq!(clock.monotonic(), milliseconds(500));
    let last = pace.prepay(20, &never).unwrap();
    pace.settle(&last);
    assert_eq!(pace.admit_instance(&never), Admission::Go);
    assert_eq!(clock.monotonic(), milliseconds(600));
    assert_eq!(pace.prepay(1, &|| true).err(), Some(Admission::Stopped));
}

/// Works through a fortnight, asking again and again, and checks every admission against a wall clock of its own.
fn a_fortnight(zone: &str, start: &str, openings: usize) {
    let clock = clock_at(start);
    let (pace, changes) = logged(bytes_per_second(MB), nights(zone), &clock);
    let time_zone = jiff::tz::TimeZone::get(zone).unwrap();
    let end = clock.now() + Duration::from_secs(14 * 24 * 3600);
    let mut admitted = 0;
    while pace.wait_until_open(&|| clock.now() >= end) == Admission::Go {
        while pace.admit_instance(&never) == Admission::Go {
            let wall = time_zone.to_datetime(clock.now());
            assert!(is_night(wall), "admitted at {wall} in {zone}");
            admitted += 1;
            pace.take_bytes(300 * MB, &never);
        }
        let wall = time_zone.to_datetime(clock.now());
        assert!(!is_night(wall), "closed at {wall} in {zone}");
    }
    assert!(admitted > 1000, "{admitted}");
    let changes = changes.lock().unwrap();
    let opened = changes.iter().filter(|change| change.signal.starts_with("window opened")).count();
    assert_eq!(opened, openings, "{zone}: {changes:#?}");
    assert!(changes.windows(2).all(|pair| pair[0].new == pair[1].old && pair[0].at <= pair[1].at));
}

/// The windows of [`nights`], written out by hand.
fn is_night(wall: jiff::civil::DateTime) -> bool {
    let day = wall.date().weekday();
    let weekend = matches!(day, Weekday::Saturday | Weekday::Sunday);
    let evening = !weekend && wall.time() >= time(22, 30, 0, 0);
    let morning = !matches!(day, Weekday::Sunday | Weekday::Monday) && wall.time() < time(2, 30, 0, 0);
    let weekend_night = weekend && (time(2, 15, 0, 0)..time(5, 0, 0, 0)).contains(&wall.time());
    evening || morning || weekend_night
}

// In a fortnight the weekday windows open ten times. On Saturday the one that began on Friday gives way to the
// weekend's without closing; on the two Sundays the weekend's opens by itself: twelve.
#[test]
fn nothing_outside_windows_when_clocks_go_forward_in_berlin() {
    a_fortnight("Europe/Berlin", "2026-03-23T11:00:00Z", 12);
}

#[test]
fn nothing_outside_windows_when_clocks_go_forward_in_new_york() {
    a_fortnight("America/New_York", "2026-03-02T17:00:00Z", 12);
}

// When clocks go back on Sunday at 03:00, 02:00 to 02:15 comes again and is outside: one opening more.
#[test]
fn nothing_outside_windows_when_clocks_go_back_in_berlin() {
    a_fortnight("Europe/Berlin", "2026-10-19T11:00:00Z", 13);
}

// There clocks go back on Sunday from 02:00 to 01:00, before the window.
#[test]
fn nothing_outside_windows_when_clocks_go_back_in_new_york() {
    a_fortnight("America/New_York", "2026-10-26T17:00:00Z", 12);
}

#[test]
fn every_change_is_logged_with_what_held_before_and_after() {
    let clock = clock_at("2026-06-04T22:00:00Z");
    let (pace, changes) = logged(bytes_per_second(MB), nights("UTC"), &clock);
    for hours in [1, 5, 22] {
        clock.turn(Duration::from_secs(hours * 3600));
        pace.admission();
    }
    assert_eq!(clock.now(), "2026-06-06T02:00:00Z".parse().unwrap());
    clock.turn(Duration::from_secs(1800));
    assert_eq!(pace.limits(), Some(bytes_per_second(MB)));
    let night = Some(bytes_per_second(8 * MB));
    let expected = [
        ("start", None, None),
        ("window opened: mon,tue,wed,thu,fri 22:30 to 02:30", None, night),
        ("window closed", night, None),
        ("window opened: mon,tue,wed,thu,fri 22:30 to 02:30", None, night),
        ("window changed: sat,sun 02:15 to 05:00", night, Some(bytes_per_second(MB))),
    ];
    let changes = changes.lock().unwrap();
    let seen: Vec<_> =
        changes.iter().map(|change| (change.signal.as_str(), change.old, change.new)).collect();
    assert_eq!(seen, expected);
    assert_eq!(changes[1].at, "2026-06-04T23:00:00Z".parse().unwrap());
}

#[test]
fn bytes_in_flight_when_a_window_closes_are_paced_and_told() {
    let clock = clock_at("2026-06-05T02:29:59Z");
    let pace = pace(bytes_per_second(MB), nights("UTC"), &clock);
    let opens_at = Some("2026-06-05T22:30:00Z".parse().unwrap());
    assert_eq!(pace.take_bytes(16 * MB, &never), Admission::Closed { opens_at });
    // Eight megabytes a second, of which a fifth of a second was in the bucket.
    assert_eq!(clock.monotonic(), Duration::from_millis(1_800));
    assert_eq!((pace.admission(), pace.limits()), (Admission::Closed { opens_at }, None));
}

#[test]
fn an_admission_that_would_come_after_the_end_is_refused() {
    let clock = clock_at("2026-06-05T02:29:58Z");
    let limits = Limits { instances_per_second: Some(0.1), ..Limits::default() };
    let pace = pace(limits, nights("UTC"), &clock);
    assert_eq!(pace.admit_instance(&never), Admission::Go);
    assert!(matches!(pace.admit_instance(&never), Admission::Closed { .. }));
    assert_eq!(clock.now(), "2026-06-05T02:30:00Z".parse().unwrap());
}

#[test]
fn a_clock_set_back_closes_the_window_again_and_bends_no_rate() {
    let clock = clock_at("2026-06-05T23:00:00Z");
    let pace = pace(bytes_per_second(MB), nights("UTC"), &clock);
    assert_eq!(pace.admission(), Admission::Go);
    clock.set("2026-06-05T12:00:00Z".parse().unwrap());
    assert!(matches!(pace.admission(), Admission::Closed { .. }));
    clock.set("2026-06-05T23:00:00Z".parse().unwrap());
    assert_eq!(pace.take_bytes(16 * MB, &never), Admission::Go);
    assert_eq!(clock.monotonic(), Duration::from_millis(1_800));
}

#[test]
fn a_pace_is_shared_by_threads() {
    let clock = clock_at("2026-06-05T09:00:00Z");
    let limits = Limits { instances_per_second: Some(10.0), ..Limits::default() };
    let pace = Arc::new(pace(limits, Calendar::always(), &clock));
    let stop = Arc::new(AtomicBool::new(false));
    let threads = (0..4).map(|_| {
        let (pace, stop) = (Arc::clone(&pace), Arc::clone(&stop));
        thread::spawn(move || {
            (0..25).all(|_| pace.admit_instance(&|| stop.load(Ordering::SeqCst)) == Admission::Go)
        })
    });
    let threads: Vec<_> = threads.collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    // A hundred instances at ten a second, two of which were in the bucket.
    assert_eq!(clock.monotonic(), Duration::from_millis(9_800));
}
