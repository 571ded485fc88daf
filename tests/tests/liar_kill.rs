//! kill -9 while instances are listed and fetched: the PACS's own log shows that nothing is asked for again but what was in
//! flight.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::thread::sleep;
use std::time::Duration;

use e2e::disk::scratch;
use e2e::liar::Liar;
use e2e::program::Exit;
use e2e::random::Random;
use e2e::transfer::{self, Balance};
use fakepacs::{Archive, Lies, Population};

const STUDIES: u32 = 60;
/// Series of a study at most, and instances, as `fakepacs` makes them.
const MOST_SERIES: u64 = 2;
const MOST_INSTANCES: u64 = 6;
const ASSOCIATIONS: u64 = 2;
const KILLS: u64 = 6;
/// Requests after which a run is killed: all runs together would not come to an end.
const MOST_REQUESTS: u64 = 8;
/// What a request takes, so that some are under way when a run is killed.
const LATENCY_MS: u64 = 3;

/// How many requests of this kind the PACS answered, and how many rows or objects it gave to them.
fn asked(liar: &Liar, what: &str) -> (u64, u64) {
    let asked = liar.pacs.asked();
    let of_kind = asked.iter().filter(|asked| asked.what.starts_with(what));
    of_kind.fold((0, 0), |(requests, rows), asked| (requests + 1, rows + asked.rows))
}

/// Kills a command again and again, after a few requests of this kind each time.
fn kill_often(liar: &Liar, command: &str, what: &str, random: &mut Random) {
    for _ in 0..KILLS {
        let until = asked(liar, what).0 + random.below(MOST_REQUESTS);
        let mut running = liar.p2t.spawn(&[command]);
        while running.is_running() && asked(liar, what).0 <= until {
            sleep(Duration::from_millis(1));
        }
        sleep(random.moment(Duration::from_millis(2 * LATENCY_MS)));
        assert!(running.kill(), "p2t {command} ended before it was killed");
    }
}

#[test]
fn a_rerun_asks_again_for_what_was_in_flight_and_for_nothing_else() {
    let folder = scratch();
    let population = Population { studies: STUDIES, days: 3, ..Population::default() };
    let liar = Liar::of(folder.path(), Archive::new(population.make()));
    liar.p2t.configure("pace.limits", "associations", i64::try_from(ASSOCIATIONS).expect("it is small"));
    liar.pacs.set_lies(Lies { latency: LATENCY_MS, ..Lies::default() });
    let (studies, instances) = (u64::from(STUDIES), liar.instances());
    let series: u64 = liar.pacs.archive().studies().iter().map(|study| study.series.len() as u64).sum();
    let mut random = Random::new(8);

    kill_often(&liar, "plan", "C-FIND SERIES", &mut random);
    let plan = liar.p2t.run(&["plan"]);
    assert_eq!(plan.expect(Exit::Clean).json()["instances"]["listed"], instances);
    let in_flight = KILLS * ASSOCIATIONS;
    let again = asked(&liar, "C-FIND SERIES").0 - studies;
    assert!(again <= in_flight, "{again} studies were listed again");
    // Without a series are queries for several studies, which each run tries anew.
    let of_series = liar.pacs.asked().into_iter().filter(|asked| asked.keys.contains("(0020,000E)="));
    let again = of_series.filter(|asked| asked.what == "C-FIND IMAGE").count() as u64 - series;
    assert!(again <= in_flight * MOST_SERIES, "{again} series were listed again");

    kill_often(&liar, "export", "C-GET", &mut random);
    liar.p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&liar.p2t), Balance::all_done(instances));
    let (requests, sent) = asked(&liar, "C-GET");
    assert!(requests <= studies + in_flight, "{requests} requests");
    assert!(sent - instances <= in_flight * MOST_INSTANCES, "{} objects were sent again", sent - instances);
    let once: Vec<_> =
        liar.pacs.archive().data_sets().into_iter().map(|(uid, bytes)| (uid, vec![bytes])).collect();
    assert_eq!(liar.exported().into_iter().collect::<Vec<_>>(), once);
}
