use std::cell::{Cell, RefCell};

use jiff::Timestamp;
use pace::{Calendar, Clock, Decision, Limits, PaceConfig, Pause, TurnableClock};

use super::*;

/// A gate on a virtual clock, and what it said.
struct Made {
    gate: Gate,
    pace: Arc<Pace>,
    clock: Arc<TurnableClock>,
    said: Arc<Mutex<Vec<String>>>,
    lost: Arc<Mutex<Vec<Loss>>>,
}

impl Made {
    fn new(calendar: Calendar) -> Self {
        let clock = Arc::new(TurnableClock::new("2026-03-02T12:00:00Z".parse().unwrap()));
        let pace = Arc::new(Pace::new(Limits::default(), calendar, clock.clone(), Box::new(|_| ())));
        let (said, lost) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let say = said.clone();
        let retry = RetryConfig { attempts: 3, delay_seconds: 10 };
        let say = Box::new(move |text: &str| say.lock().unwrap().push(text.to_owned()));
        let gate = Gate::new(pace.clone(), Stop::new(), retry, say);
        let losses = lost.clone();
        gate.on_loss(Box::new(move |loss| losses.lock().unwrap().push(loss)));
        Self { gate, pace, clock, said, lost }
    }

    fn ask(&self, query: impl FnMut() -> Result<(), Error>) -> Result<(), Error> {
        self.gate.pass(&|| true, query)
    }
}

fn windows(json: &str) -> Calendar {
    serde_json::from_str::<PaceConfig>(json).unwrap().calendar()
}

fn rejected() -> Error {
    let source = dimse::Error::Rejected(dimse::Rejection { result: 2, source: 3, reason: 2 });
    Error::Dimse { node: "PACS@host:104".to_owned(), source }
}

#[test]
fn a_query_waits_for_its_window_and_for_the_end_of_a_pause_and_says_so_once() {
    let night = r#"{"time_zone": "UTC", "window": [{"from": "20:00", "to": "06:00"}]}"#;
    let made = Made::new(windows(night));
    let asked_at = RefCell::new(Vec::new());
    let ask = || {
        asked_at.borrow_mut().push(made.clock.now());
        Ok(())
    };
    made.ask(ask).unwrap();
    made.ask(ask).unwrap();
    made.pace.set_pause(Some(Pause {
        reason: "backup".to_owned(),
        until: Some("2026-03-02T21:00:00Z".parse().unwrap()),
    }));
    made.ask(ask).unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let due = ["2026-03-02T20:00:00Z", "2026-03-02T20:00:00Z", "2026-03-02T21:00:00Z"].map(at);
    assert_eq!(*asked_at.borrow(), due);
    assert_eq!(
        *made.said.lock().unwrap(),
        [
            "listing waits until a window opens, at 2026-03-02 20:00 UTC",
            "listing waits until the pause ends, at 2026-03-02 21:00 UTC"
        ]
    );
}

#[test]
fn a_stop_ends_the_wait_and_a_calendar_without_a_window_is_an_error() {
    let made = Made::new(windows(
        r#"{"time_zone": "UTC", "window": [{"days": ["holiday"], "from": "01:00", "to": "02:00"}]}"#,
    ));
    let never = || -> Result<(), Error> { panic!("asked outside a window") };
    assert!(matches!(made.ask(never), Err(Error::NoWindow)));
    made.gate.stop.request();
    assert!(matches!(made.ask(never), Err(Error::Stopped)));
}

#[test]
fn a_rejected_association_is_told_and_asked_for_again_with_longer_and_longer_pauses() {
    let made = Made::new(Calendar::always());
    let asked_at = RefCell::new(Vec::new());
    let last = Cell::new(3);
    let ask = || {
        asked_at.borrow_mut().push(made.clock.monotonic().as_secs());
        if asked_at.borrow().len() < last.get() { Err(rejected()) } else { Ok(()) }
    };
    made.ask(ask).unwrap();
    assert_eq!(*asked_at.borrow(), [0, 10, 30]);
    assert_eq!(*made.lost.lock().unwrap(), [Loss::Rejected; 2]);
    last.set(usize::MAX);
    assert!(made.ask(ask).is_err());
    assert_eq!(asked_at.borrow().len(), 6);
}

#[test]
fn a_query_of_which_something_was_used_is_not_asked_again_and_an_archive_that_is_not_there_neither() {
    let made = Made::new(Calendar::always());
    let lost = || Error::Dimse { node: "PACS@host:104".to_owned(), source: dimse::Error::ReleasedByPeer };
    let asked = Cell::new(0);
    let ask = |error: &dyn Fn() -> Error, restarts: bool| {
        asked.set(0);
        let ask = || -> Result<(), Error> {
            asked.set(asked.get() + 1);
            Err(error())
        };
        assert!(made.gate.pass(&|| restarts, ask).is_err());
        asked.get()
    };
    assert_eq!((ask(&lost, true), ask(&lost, false)), (3, 1));
    assert_eq!(ask(&|| Error::NoAnswer("PACS".to_owned()), true), 1);
}

#[test]
fn an_archive_that_is_out_of_resources_is_left_alone_for_a_while() {
    let made = Made::new(Calendar::always());
    made.gate.refused();
    assert_eq!(made.clock.monotonic().as_secs(), 10);
    assert_eq!(*made.lost.lock().unwrap(), [Loss::Refused]);
}

#[test]
fn the_load_that_is_allowed_is_kept() {
    let made = Made::new(Calendar::always());
    let load = |new| {
        let signal = String::new();
        made.pace.follow(Decision { signal, value: None, baseline: None, old: 1.0, new });
    };
    let second = Duration::from_secs(1);
    let query = || {
        assert_eq!(made.pace.at_work(), 1);
        made.clock.turn(second);
        Ok(())
    };
    load(0.25);
    for _ in 0..4 {
        made.ask(query).unwrap();
    }
    // Four seconds of work, and three times as much rest, of which the last is still owed.
    assert_eq!(made.clock.monotonic().as_secs(), 13);
    load(1.0);
    made.ask(query).unwrap();
    let begun = made.clock.monotonic();
    made.ask(query).unwrap();
    assert_eq!(made.clock.monotonic().saturating_sub(begun), second);
}

#[test]
fn while_the_archive_is_left_alone_nothing_is_asked() {
    let made = Made::new(Calendar::always());
    made.pace.hush(Duration::from_secs(3), Duration::ZERO, &|| false);
    made.ask(|| Ok(())).unwrap();
    assert!(made.clock.monotonic() >= Duration::from_secs(3));
}

#[test]
fn callers_that_hold_their_places_take_no_others() {
    let Made { gate, pace, .. } = Made::new(Calendar::always());
    let _held = pace.go_to_work();
    let gate = gate.without_places();
    gate.pass(&|| true, || {
        assert_eq!(pace.at_work(), 1);
        Ok::<_, Error>(())
    })
    .unwrap();
}
