use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;

/// Studies by UID, with their instances, and what the archive does with a query for several of them.
struct Made {
    studies: BTreeMap<String, u64>,
    cap: u64,
    answers: Answers,
    ones: AtomicUsize,
    togethers: AtomicUsize,
}

enum Answers {
    Plainly,
    First,
    Not,
    Fails,
}

fn rows(uid: &str, count: u64) -> Vec<InstanceRow> {
    let row = |number| InstanceRow {
        series_uid: format!("{uid}.1"),
        modality: None,
        sop_instance: format!("{uid}.1.{number}"),
        sop_class: None,
        source_ref: None,
        bytes: None,
    };
    (0..count).map(row).collect()
}

impl ListStudies for Made {
    fn one(&self, uid: &str) -> Listed {
        self.ones.fetch_add(1, Ordering::Relaxed);
        let count = self.studies.get(uid).copied().unwrap_or_default();
        Ok(StudyListing { instances: rows(uid, count), queries: Vec::new() })
    }

    fn together(&self, uids: &[&str]) -> Result<Option<Together>, Error> {
        self.togethers.fetch_add(1, Ordering::Relaxed);
        let asked = match self.answers {
            Answers::Plainly => uids,
            Answers::First => &uids[..1],
            Answers::Not => return Ok(None),
            Answers::Fails => return Err(Error::Stopped),
        };
        let mut told = Vec::new();
        for uid in asked {
            let count = self.studies.get(*uid).copied().unwrap_or_default();
            told.extend(rows(uid, count).into_iter().map(|row| ((*uid).to_owned(), row)));
        }
        told.truncate(self.cap as usize);
        let count = told.len() as u64;
        let mut listings: HashMap<String, Vec<InstanceRow>> = HashMap::new();
        for (uid, row) in told {
            listings.entry(uid).or_default().push(row);
        }
        let query = QueryRow {
            at: Timestamp::now(),
            level: "IMAGE".into(),
            keys: "…".into(),
            rows: count,
            status: 0,
        };
        Ok(Some(Together { listings, query }))
    }
}

fn made(studies: u64, cap: u64, answers: Answers) -> Made {
    let studies = (0..studies).map(|number| (format!("1.{number:05}"), 1 + number % 3)).collect();
    Made { studies, cap, answers, ones: AtomicUsize::new(0), togethers: AtomicUsize::new(0) }
}

/// Lists all, checks that it is all, and says how many queries of both kinds that took.
/// The listings of these studies in their order.
fn in_order(
    several: &Several<'_, Made>,
    studies: &[Wanted],
    agrees: &(dyn Fn(usize, &[InstanceRow]) -> bool + Sync),
    stop: &(dyn Fn() -> bool + Sync),
) -> Vec<Listed> {
    let mut all = Vec::new();
    several.each(studies, agrees, stop, &mut |at, listed| {
        all.push((at, listed));
        ControlFlow::Continue(())
    });
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, listed)| listed).collect()
}

fn listed(made: &Made, known: impl Fn(&str, u64) -> u64 + Sync) -> (usize, usize) {
    let wanted: Vec<_> = made
        .studies
        .iter()
        .map(|(uid, instances)| Wanted { uid: uid.clone(), instances: known(uid, *instances) })
        .collect();
    let several = Several::new(made, 3);
    for part in wanted.chunks(400) {
        let agrees = |at: usize, told: &[InstanceRow]| told.len() as u64 == part[at].instances;
        let listed = in_order(&several, part, &agrees, &|| false);
        assert_eq!(listed.len(), part.len());
        for (study, listing) in part.iter().zip(listed) {
            let told = listing.unwrap().instances;
            assert_eq!(told, rows(&study.uid, made.studies[&study.uid]), "{}", study.uid);
        }
    }
    (made.ones.load(Ordering::Relaxed), made.togethers.load(Ordering::Relaxed))
}

#[test]
fn an_honest_archive_is_asked_for_many_at_once() {
    let (ones, togethers) = listed(&made(2000, u64::MAX, Answers::Plainly), |_, count| count);
    assert_eq!(ones, 0);
    assert!(togethers <= 60, "{togethers} queries");
}

#[test]
fn what_does_not_agree_is_asked_for_by_itself() {
    let other = |uid: &str, count| if uid.ends_with('7') { count + 1 } else { count };
    let (ones, _) = listed(&made(2000, u64::MAX, Answers::Plainly), other);
    assert_eq!(ones, 200);
}

#[test]
fn archives_that_cut_refuse_fail_or_misunderstand_are_asked_one_by_one() {
    for cap in [1, 7, 50, 99, 100, 101, 150] {
        let (ones, togethers) = listed(&made(1000, cap, Answers::Plainly), |_, count| count);
        assert!(ones >= 1000 - cap as usize && togethers <= 12, "{cap}: {ones}, {togethers}");
    }
    for answers in [Answers::Not, Answers::Fails, Answers::First] {
        let (ones, togethers) = listed(&made(1000, u64::MAX, answers), |_, count| count);
        assert!(ones >= 990 && togethers <= 12, "{ones}, {togethers}");
    }
}

#[test]
fn an_answer_that_is_cut_where_something_would_not_agree_hides_nothing() {
    // Each study has one instance more than is known, which a cap could hide.
    for cap in 1..=220 {
        let made = Made {
            studies: (0..100).map(|n| (format!("1.{n:05}"), 2)).collect(),
            ..made(0, cap, Answers::Plainly)
        };
        assert_eq!(listed(&made, |_, count| count - 1).0, 100, "{cap}");
    }
}

#[test]
fn a_stop_ends_it() {
    let made = made(10, u64::MAX, Answers::Plainly);
    let wanted: Vec<_> = made.studies.keys().map(|uid| Wanted { uid: uid.clone(), instances: 1 }).collect();
    let listed = in_order(&Several::new(&made, 2), &wanted, &|_, _| true, &|| true);
    assert!(listed.iter().all(|listing| matches!(listing, Err(Error::Stopped))));
}
