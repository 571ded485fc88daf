//! Counting on a clock that is turned, and what is shown of it.

use std::{
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use pace::TurnableClock;

use super::{text::line, *};

fn tally() -> (Tally, Arc<TurnableClock>) {
    let clock = Arc::new(TurnableClock::new(Timestamp::UNIX_EPOCH));
    let tally = Tally::new(clock.clone());
    tally.begin("fetch");
    (tally, clock)
}

#[test]
fn a_failure_made_good_is_done_and_no_longer_failed() {
    let (tally, _) = tally();
    tally.set(Counter::Listed, 3);
    tally.add(Counter::Failed, 2);
    tally.take_back(Counter::Failed, 1);
    tally.add(Counter::Done, 1);
    assert_eq!(line(&tally.snapshot()), "fetch: 3 listed = 1 done + 0 excluded + 1 failed + 1 pending");
}

#[test]
fn a_line_has_balance_bytes_rate_and_time_left() {
    let (tally, clock) = tally();
    for (counter, count) in [(Counter::Listed, 12_000), (Counter::BytesExpected, 6_000_000_000)] {
        tally.set(counter, count);
    }
    assert_eq!(
        line(&tally.snapshot()),
        "fetch: 12,000 listed = 0 done + 0 excluded + 0 failed + 12,000 pending"
    );
    clock.turn(Duration::from_secs(20));
    for (counter, count) in [(Counter::Done, 1_990), (Counter::Excluded, 3), (Counter::Failed, 7)] {
        tally.add(counter, count);
    }
    tally.add(Counter::Bytes, 1_000_000_000);
    tally.add_finding();
    assert_eq!(
        line(&tally.snapshot()),
        "fetch: 12,000 listed = 1,990 done + 3 excluded + 7 failed + 10,000 pending, \
         1.00 GB, 50.00 MB/s, ETA 2 min, findings: 1"
    );
}

#[test]
fn the_rate_looks_back_half_a_minute() {
    let (tally, clock) = tally();
    let mut rates = Vec::new();
    for second in 0..100_u64 {
        tally.add(Counter::Bytes, if second < 50 { 100 } else { 10 });
        clock.turn(Duration::from_secs(1));
        rates.push(tally.snapshot().bytes_per_second.unwrap());
    }
    assert!((rates[49] - 100.0).abs() < 1e-9 && (rates[99] - 10.0).abs() < 1e-9, "{rates:?}");
    assert!(rates[60] > 50.0 && rates[70] < 50.0, "{rates:?}");
}

#[test]
fn a_stall_has_no_time_left_and_a_rate_of_zero() {
    let (tally, clock) = tally();
    tally.set(Counter::Listed, 10);
    tally.add(Counter::Done, 5);
    for _ in 0..40 {
        clock.turn(Duration::from_secs(1));
        tally.snapshot();
    }
    let snapshot = tally.snapshot();
    assert_eq!((snapshot.bytes_per_second, snapshot.left), (Some(0.0), None));
}

#[test]
fn without_bytes_the_time_left_follows_the_instances() {
    let (tally, clock) = tally();
    tally.set(Counter::Listed, 100);
    tally.add(Counter::Done, 20);
    clock.turn(Duration::from_secs(10));
    assert_eq!(tally.snapshot().left, Some(Duration::from_secs(40)));
}

#[test]
fn what_earlier_runs_did_does_not_count_for_the_rate() {
    let (tally, clock) = tally();
    tally.set(Counter::Done, 1_000);
    tally.set(Counter::Bytes, 1_000_000);
    clock.turn(Duration::from_secs(10));
    tally.add(Counter::Bytes, 500);
    let snapshot = tally.snapshot();
    assert_eq!((snapshot.bytes, snapshot.bytes_per_second), (1_000_500, Some(50.0)));
}

#[test]
fn times_left_are_short() {
    let shown = [5, 59, 60, 61, 3_600, 5_400, 90_000, 864_000].map(|seconds| {
        let (tally, clock) = tally();
        tally.set(Counter::Listed, seconds + 1);
        clock.turn(Duration::from_secs(1));
        tally.add(Counter::Done, 1);
        line(&tally.snapshot()).rsplit_once("ETA ").map(|(_, left)| left.to_owned()).unwrap()
    });
    let expected = ["5 s", "59 s", "1 min", "2 min", "1 h 00 min", "1 h 30 min", "1 d 1 h", "10 d 0 h"];
    assert_eq!(shown, expected);
}

#[derive(Debug, Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn plain_lines_tell_each_phase_and_the_first_findings() {
    let screen = Screen::default();
    let clock = Arc::new(TurnableClock::new(Timestamp::UNIX_EPOCH));
    let progress = Progress::on(Some(Arc::new(Plain::new(screen.clone()))), clock);
    progress.phase("list");
    progress.set_total(Counter::Listed, 2);
    progress.count(Counter::Done, 2);
    progress.phase("fetch");
    for number in 1..=25 {
        progress.finding(&format!("number {number}"));
    }
    drop(progress);
    let text = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 20 + 1 + 1, "{text}");
    assert_eq!(lines[0], "list: 2 listed = 2 done + 0 excluded + 0 failed + 0 pending");
    assert_eq!((lines[1], lines[20]), ("finding: number 1", "finding: number 20"));
    assert_eq!(lines[21], "further findings are in the log and the report");
    assert_eq!(lines[22], "fetch: findings: 25");
}

#[test]
fn quiet_shows_nothing_and_still_counts() {
    let common = Common { job: ".".into(), json: false, quiet: true, verbose: 0 };
    let progress = Progress::start(&common);
    progress.phase("fetch");
    progress.count(Counter::Done, 1);
    progress.finding("odd");
    assert!(progress.display.is_none() && progress.ticker.is_none());
    assert_eq!((progress.tally.snapshot().done, progress.tally.snapshot().findings), (1, 1));
}

#[test]
fn the_terminal_template_is_valid() {
    let terminal = Terminal::new();
    let (tally, _) = tally();
    terminal.show(&tally.snapshot());
    terminal.close(&tally.snapshot());
    indicatif::ProgressStyle::with_template("{spinner} {percent:>3}% {wide_msg}").unwrap();
}
