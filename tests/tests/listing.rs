//! A plan against a PACS that gives fewer rows than it has: whole all the same, or said not to be; and kill -9 in its middle.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use e2e::disk::scratch;
use e2e::program::{Exit, Program};
use e2e::random::Random;
use e2e::transfer;
use fakepacs::{Archive, FakePacs, Kind, Lie, Lies, Population, Series, Study};

const KILLS: usize = 8;
/// Queries after which a run is killed at the latest; a listing that ends is begun anew by the next run.
const MOST_QUERIES: u64 = 200;

fn serve(studies: Vec<Study>, cap: u64) -> FakePacs {
    lying(studies, Lies { cap: Some(cap), ..Lies::default() })
}

fn lying(studies: Vec<Study>, lies: Lies) -> FakePacs {
    let title = "FAKE".parse().expect("it is an AE title");
    FakePacs::start(([127, 0, 0, 1], 0).into(), title, Archive::new(studies), lies, |_| {})
        .expect("loopback has a free port")
}

fn job(folder: &std::path::Path, pacs: &FakePacs) -> Program {
    transfer::new_export(
        &folder.join("export"),
        &format!("FAKE@{}", pacs.address()),
        &folder.join("disk-{seq}"),
    )
}

#[test]
fn a_listing_that_is_killed_goes_on_where_it_was() {
    let folder = scratch();
    let population = Population { studies: 1_000, days: 3, null_dates: 3, ..Population::default() };
    let pacs = serve(population.make(), 20);
    let p2t = job(folder.path(), &pacs);
    // Its canary asks queries, too.
    p2t.configure("pace.adaptive", "enabled", false);
    let mut random = Random::new(4);
    let mut killed = 0;
    for _ in 0..KILLS {
        let until = pacs.queries() + random.below(MOST_QUERIES);
        let mut running = p2t.spawn(&["plan"]);
        while running.is_running() && pacs.queries() <= until {
            sleep(Duration::from_millis(1));
        }
        killed += usize::from(running.kill());
    }
    let plan = p2t.run(&["plan"]);
    let plan = plan.expect(Exit::Clean).json();
    assert_eq!(plan["studies"]["listed"], 1_000);
    assert_eq!(plan["listing"]["cap"], 20);
    let asked: Vec<String> = pacs
        .asked()
        .into_iter()
        .filter(|asked| asked.what == "C-FIND STUDY")
        .map(|asked| asked.keys)
        .collect();
    let different: BTreeSet<&String> = asked.iter().collect();
    assert_eq!(plan["listing"]["queries"], different.len());
    let twice = asked.len() - different.len();
    assert!(
        killed == KILLS && twice <= killed,
        "{twice} queries were asked twice, {killed} runs were killed"
    );

    compare(&p2t, &pacs, folder.path());
    let report = p2t.run(&["report"]).json();
    let page =
        std::fs::read_to_string(report["html"].as_str().expect("a path")).expect("a report can be read");
    assert!(page.contains("20 rows are the most that the source gives: divided"), "{page}");
    assert!(
        page.contains("998 in both, 2 only in the source, 1 only in the list ris.csv (lines 3)"),
        "{page}"
    );
    assert!(page.contains("1000 studies (") && page.contains("every query was divided"), "{page}");
}

#[test]
fn what_is_not_enumerable_is_said_and_ends_with_code_3() {
    let folder = scratch();
    let mut studies = Population { studies: 30, days: 5, ..Population::default() }.make();
    let twins = (0..9).map(|number| Study { uid: format!("1.2.3.{number}"), ..studies[4].clone() });
    let twins: Vec<Study> = twins.collect();
    studies.extend(twins);
    let pacs = serve(studies, 6);
    let p2t = job(folder.path(), &pacs);
    let plan = p2t.run(&["plan"]);
    let plan = plan.expect(Exit::Discrepancies).json();
    assert!(plan["problem"].as_str().is_some_and(|problem| problem.contains("cannot be divided")), "{plan}");
    assert!(plan["listing"]["open"].as_u64().is_some_and(|open| open > 0), "{plan}");
    assert!(plan["studies"]["listed"].as_u64().is_some_and(|listed| (35..39).contains(&listed)), "{plan}");
    let report = p2t.run(&["report"]).json();
    let page =
        std::fs::read_to_string(report["html"].as_str().expect("a path")).expect("a report can be read");
    assert!(page.contains("NOT ENUMERABLE") && page.contains("not to be divided"), "{page}");
    p2t.run(&["plan", "--delta"]).expect(Exit::Discrepancies).says("cannot be divided");
}

#[test]
fn a_study_of_which_fewer_images_are_listed_than_claimed_is_planned_and_in_doubt() {
    let folder = scratch();
    let series = |study: u32, instances| {
        vec![Series { uid: format!("1.2.{study}.1"), modality: "CT".into(), instances }]
    };
    let study = |number, instances| Study {
        uid: format!("1.2.{number}"),
        series: series(number, instances),
        ..Study::default()
    };
    let ignore = vec!["InstanceNumber".parse().expect("it can be ignored")];
    let lies = Lies { cap_images: Some(3), ignore, ..Lies::default() };
    let pacs = lying(vec![study(1, 3), study(2, 5)], lies);
    let p2t = job(folder.path(), &pacs);
    p2t.run_for_people(&["plan"]).expect(Exit::Discrepancies).says(
        "IN DOUBT: of 1 studies the source claims 2 instances more than it lists; they are carried as they are listed",
    );
    let short = serde_json::json!([{ "study": "1.2.2", "claimed": 5, "listed": 3 }]);
    for (command, exit) in [("plan", Exit::Discrepancies), ("status", Exit::Clean)] {
        let told = p2t.run(&[command]).expect(exit).json();
        assert_eq!(
            (&told["short_studies"]["first"], &told["instances"]["listed"]),
            (&short, &6.into()),
            "{told}"
        );
    }
}

#[test]
fn a_study_over_which_the_source_stumbles_does_not_keep_the_others_from_being_planned() {
    let folder = scratch();
    let studies = Population { studies: 12, days: 3, ..Population::default() }.make();
    let (bad, instances) = (studies[0].uid.clone(), |studies: &[Study]| -> usize {
        studies.iter().map(|study| study.instances().count()).sum()
    });
    let others = instances(&studies[1..]);
    let lies = Lies { lies: vec![Lie::about(Kind::NoSeries, &bad)], ..Lies::default() };
    let pacs = lying(studies, lies);
    let p2t = job(folder.path(), &pacs);
    p2t.configure("retry", "attempts", 2);
    for problem in ["the source could not list 1 studies", "1 studies are given up"] {
        let plan = p2t.run(&["plan"]).expect(Exit::Discrepancies).json();
        assert!(plan["problem"].as_str().is_some_and(|told| told.contains(problem)), "{plan}");
        assert_eq!(plan["instances"]["listed"], others, "{plan}");
    }
    assert_eq!(p2t.run(&["status"]).json()["studies"]["pending"], 11);
}

#[test]
fn many_studies_that_are_given_up_do_not_keep_one_from_being_planned() {
    let folder = scratch();
    let studies = Population { studies: 13, days: 3, ..Population::default() }.make();
    let good = studies[0].instances().count();
    let lies = studies[1..].iter().map(|study| Lie::about(Kind::NoSeries, &study.uid)).collect();
    let pacs = lying(studies, Lies { lies, ..Lies::default() });
    let p2t = job(folder.path(), &pacs);
    p2t.configure("retry", "attempts", 1);
    let plan = p2t.run(&["plan"]).expect(Exit::Discrepancies).json();
    assert_eq!(
        (&plan["instances"]["listed"], &plan["studies"]["failed"]),
        (&good.into(), &12.into()),
        "{plan}"
    );
}

/// With a list of the RIS that lacks two studies, and has one that the source lacks.
fn compare(p2t: &Program, pacs: &FakePacs, folder: &std::path::Path) {
    let lines = pacs.archive().studies().iter().skip(2).enumerate().map(|(number, study)| match number % 2 {
        0 => format!(",{}", study.uid),
        _ => format!("{},", study.accession),
    });
    let mut list = vec!["Accession No,Study Instance UID".to_owned()];
    list.extend(lines);
    list.insert(2, "A9999999,1.2.3.4".to_owned());
    let path = folder.join("ris.csv");
    std::fs::write(&path, list.join("\n")).expect("a list can be written");
    let compared = p2t.run(&["plan", "--compare", &transfer::text(&path)]);
    let compared = compared.expect(Exit::Discrepancies).json();
    let compared = &compared["comparison"];
    assert_eq!((compared["in_both"].as_u64(), compared["only_list"].as_u64()), (Some(998), Some(1)));
    assert_eq!(compared["lines"], serde_json::json!([3]));
    let left: BTreeSet<&str> =
        compared["studies"].as_array().expect("a list").iter().filter_map(|uid| uid.as_str()).collect();
    assert_eq!(left, pacs.archive().studies().iter().take(2).map(|study| study.uid.as_str()).collect());
}
