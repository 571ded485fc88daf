//! What the archive's answers took, kept from run to run.

use catalogue::Error;
use catalogue::canary::{CanaryAnswer, IdleAnswer};
use jiff::Timestamp;

use crate::lab::Lab;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn idle(second: i64, hour: u8) -> IdleAnswer {
    IdleAnswer { at: at(second), side: "source".into(), probe: "C-ECHO".into(), hour, milliseconds: 1.5 }
}

fn canary(second: i64, probe: &str, milliseconds: f64) -> CanaryAnswer {
    let (side, baseline, load) = ("source".into(), Some(4.0), 2.5);
    CanaryAnswer { at: at(second), side, probe: probe.into(), milliseconds, baseline, load }
}

#[test]
fn the_newest_idle_answers_of_each_kind_are_kept() {
    let mut lab = Lab::new();
    for second in 0..10 {
        lab.catalogue.record_idle_answer(&idle(second, 7), 3).unwrap();
    }
    let others = [
        idle(20, 8),
        IdleAnswer { side: "b".into(), ..idle(21, 7) },
        IdleAnswer { probe: "C-FIND".into(), ..idle(22, 7) },
    ];
    for other in &others {
        lab.catalogue.record_idle_answer(other, 3).unwrap();
    }
    let [eight, _, find] = others;
    let kept = lab.catalogue.idle_answers("source").unwrap();
    assert_eq!(kept, [idle(7, 7), idle(8, 7), idle(9, 7), eight, find]);
}

#[test]
fn the_canary_is_averaged_over_parts_of_its_time() {
    let mut lab = Lab::new();
    let visit = |lab: &Lab, parts| {
        let mut seen = Vec::new();
        lab.catalogue
            .each_canary("source", parts, |row| {
                seen.push(row);
                Ok::<_, Error>(())
            })
            .unwrap();
        seen
    };
    assert_eq!(visit(&lab, 10), []);
    let rows = [
        canary(0, "C-ECHO", 2.0),
        canary(1, "C-ECHO", 4.0),
        canary(1, "C-FIND", 9.0),
        canary(100, "C-ECHO", 5.0),
    ];
    for row in &rows {
        lab.catalogue.record_canary(row).unwrap();
    }
    lab.catalogue.record_canary(&CanaryAnswer { side: "b".into(), ..canary(500, "C-ECHO", 1.0) }).unwrap();
    let [first, _, find, last] = rows;
    assert_eq!(visit(&lab, 2), [CanaryAnswer { milliseconds: 3.0, ..first }, find.clone(), last.clone()]);
    assert_eq!(lab.catalogue.last_canary("source").unwrap(), [last, find]);
}
