//! Baselines are kept once, side by side; studies to ask for are spread over the plan.

use manifest::{Baseline, Operation};

use crate::lab::{Lab, study_uid};

fn baseline(second: i64) -> Baseline {
    Baseline {
        at: jiff::Timestamp::from_second(second).unwrap(),
        archive: "PACS@a:104".into(),
        studies: vec!["1.2".into()],
        operations: vec![Operation::of("C-ECHO", vec![1, 2, 3], 1, 0)],
    }
}

#[test]
fn a_baseline_is_kept_once_and_comes_back_as_it_was() {
    let mut lab = Lab::new();
    for (side, second, is_new) in
        [("source", 9, true), ("source", 5, true), ("source", 9, false), ("B", 9, true)]
    {
        assert_eq!(lab.catalogue.record_baseline(side, &baseline(second)).unwrap(), is_new);
    }
    assert_eq!(lab.catalogue.baselines("source").unwrap(), [baseline(5), baseline(9)]);
    assert_eq!(lab.catalogue.baselines("B").unwrap(), [baseline(9)]);
}

#[test]
fn studies_to_ask_for_are_spread_over_the_plan() {
    let mut lab = Lab::new();
    assert!(lab.catalogue.studies_spread(5).unwrap().is_empty());
    for study in 0..10 {
        lab.study(study, 1);
    }
    assert_eq!(lab.catalogue.studies_spread(3).unwrap(), [0, 3, 6].map(study_uid));
    assert_eq!(lab.catalogue.studies_spread(99).unwrap().len(), 10);
}
