//! Listing a PACS that gives fewer rows than it has, over the network, into a catalogue.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use archive::{Cause, Gate, Listing, Pacs, PacsSettings, Source, StudyListing};
use catalogue::listing::{Answered, ListingProof, Recalled};
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{Catalogue, ListingId, OddityState, PlanPosition, StudyId, StudyRow};
use dimse::{Options, Status};
use fakepacs::{Archive, FakePacs, Lies, Order, Population, Series, Study};
use job::config::{ExcludeConfig, Retrieve, SelectionConfig};

/// A catalogue that takes what is listed, as `p2t plan` does.
struct Book {
    catalogue: Catalogue,
    listing: ListingId,
    oddities: u64,
    _dir: tempfile::TempDir,
}

impl Book {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue")).unwrap();
        let listing = catalogue.listing("everything").unwrap();
        Self { catalogue, listing, oddities: 0, _dir: dir }
    }

    fn proof(&self) -> ListingProof {
        self.catalogue.listings().unwrap().pop().expect("the listing is finished").1
    }

    fn uids(&self) -> BTreeSet<String> {
        let studies = self.catalogue.studies(PlanPosition::default(), usize::MAX >> 1).unwrap();
        studies.into_iter().map(|planned| planned.study.uid).collect()
    }
}

impl Listing for Book {
    fn study(&mut self, _: StudyRow) -> Result<(), Cause> {
        Err("a PACS lists by answers".into())
    }

    fn file(&mut self, _: StudyRow, _: InstanceRow) -> Result<(), Cause> {
        Err("a PACS has no files".into())
    }

    fn oddity(&mut self, _: &[u8], _: Option<u64>, _: OddityState, _: &str) -> Result<(), Cause> {
        self.oddities += 1;
        Ok(())
    }

    fn query(&mut self, query: QueryRow) -> Result<(), Cause> {
        Ok(self.catalogue.record_query(&query)?)
    }

    fn recall(&mut self, part: &str) -> Result<Option<Recalled>, Cause> {
        Ok(self.catalogue.recall(self.listing, part)?)
    }

    fn answered(&mut self, answered: &Answered<'_>) -> Result<Option<Vec<StudyId>>, Cause> {
        Ok(Some(self.catalogue.record_answer(self.listing, answered)?))
    }

    fn judged(&mut self, part: &str, verdict: &str, open: bool) -> Result<(), Cause> {
        Ok(self.catalogue.record_verdicts(self.listing, &[(part.to_owned(), verdict.to_owned(), open)])?)
    }

    fn proved(&mut self, proof: &ListingProof) -> Result<(), Cause> {
        Ok(self.catalogue.finish_listing_with(self.listing, proof)?)
    }
}

fn serve(studies: Vec<Study>, lies: Lies) -> FakePacs {
    let title = "FAKE".parse().unwrap();
    FakePacs::start(([127, 0, 0, 1], 0).into(), title, Archive::new(studies), lies, |_| {}).unwrap()
}

fn clustered(studies: u32) -> Population {
    Population { studies, days: 4, null_dates: 3, odd_dates: 1, odd_times: 10, ..Population::default() }
}

fn list(server: &FakePacs, selection: &SelectionConfig) -> Book {
    let mut book = Book::new();
    pacs(server).list(selection, &mut book, &|| false).unwrap();
    book
}

fn pacs(server: &FakePacs) -> Pacs {
    let settings = PacsSettings {
        node: format!("FAKE@{}", server.address()).parse().unwrap(),
        aet: "TEST".parse().unwrap(),
        options: Options::default(),
        service: Retrieve::CGet,
    };
    Pacs::new(settings)
}

fn held(pacs: &FakePacs) -> BTreeSet<String> {
    pacs.archive().studies().iter().map(|study| study.uid.clone()).collect()
}

/// Lists five thousand studies from a source that gives so many rows, and checks what was asked against what is kept.
fn all_are_listed(cap: u64, order: Order) {
    let pacs = serve(clustered(5_000).make(), Lies { cap: Some(cap), order, ..Lies::default() });
    let book = list(&pacs, &SelectionConfig::default());
    let proof = book.proof();
    assert_eq!(book.uids(), held(&pacs), "{proof:?}");
    assert_eq!((proof.studies, proof.open, proof.cap), (5_000, 0, Some(cap)));
    let undated = pacs.archive().studies().iter().filter(|study| study.date.is_empty()).count();
    assert_eq!(proof.undated, undated as u64);
    let asked = pacs.asked();
    assert_eq!((asked.len() as u64, asked.iter().map(|asked| asked.rows).sum()), (proof.queries, proof.rows));
    let (mut kept, mut divided) = (0, 0);
    book.catalogue
        .each_judged_query(|query, verdict, open| {
            let verdict = verdict.unwrap_or_else(|| panic!("{} has no verdict", query.keys));
            divided += u64::from(verdict.ends_with("divided"));
            kept += 1;
            assert!(
                !open && !query.keys.contains("=P") && !query.keys.contains("=A"),
                "{} {verdict}",
                query.keys
            );
            Ok::<_, catalogue::Error>(())
        })
        .unwrap();
    assert_eq!(kept, proof.queries);
    assert!(divided > 0);
}

#[test]
fn all_are_listed_seven_at_a_time() {
    all_are_listed(7, Order::Stored);
}

#[test]
fn all_are_listed_one_hundred_at_a_time_in_any_order() {
    all_are_listed(100, Order::NullsLast);
    all_are_listed(100, Order::Shuffled);
}

#[test]
fn all_are_listed_two_or_five_hundred_at_a_time() {
    all_are_listed(200, Order::NullsLast);
    all_are_listed(500, Order::NewestFirst);
}

#[test]
fn of_a_source_that_gives_one_row_what_cannot_be_told_apart_is_named() {
    // One row at a time takes some eighty queries for each study.
    let mut studies = clustered(300).make();
    studies.push(Study { uid: "1.2.3".into(), ..studies[7].clone() });
    let pacs = serve(studies, Lies { cap: Some(1), ..Lies::default() });
    let book = list(&pacs, &SelectionConfig::default());
    let proof = book.proof();
    let mut missing = held(&pacs);
    missing.retain(|uid| !book.uids().contains(uid));
    assert_eq!(missing, BTreeSet::from(["1.2.3".to_owned()]), "{proof:?}");
    assert!(proof.open > 0);
    assert_eq!(book.catalogue.open_queries(usize::MAX >> 1).unwrap().len() as u64, proof.open);
}

#[test]
fn an_honest_source_is_asked_for_a_fifth_more_at_most() {
    let population = Population { studies: 10_000, days: 3_000, null_dates: 3, ..Population::default() };
    let pacs = serve(population.make(), Lies::default());
    let book = list(&pacs, &SelectionConfig::default());
    let (asked, proof) = (pacs.asked(), book.proof());
    assert_eq!(book.uids().len(), 10_000);
    let rows: u64 = asked.iter().map(|asked| asked.rows).sum();
    assert!(rows <= 12_000 && asked.len() <= 40, "{} queries, {rows} rows", asked.len());
    assert!(proof.sampled.unwrap_or(0) >= 700 && proof.cap.is_none() && proof.open == 0, "{proof:?}");
}

#[test]
fn refusals_ignored_keys_and_repeated_rows_are_seen_through() {
    let key = |name: &str| name.parse().unwrap();
    for lies in [
        Lies { refuse_above: Some(50), ..Lies::default() },
        Lies { cap: Some(50), cap_status: Status(0xB000), ..Lies::default() },
        Lies { cap: Some(50), cap_status: Status(0xA700), rows_per_study: Some(2), ..Lies::default() },
        Lies { cap: Some(50), ignore: vec![key("StudyDate")], ..Lies::default() },
        Lies { cap: Some(50), ignore: vec![key("StudyTime")], hide_modalities: true, ..Lies::default() },
        Lies { cap: Some(50), ignore: vec![key("PatientID")], ..Lies::default() },
    ] {
        let pacs = serve(clustered(800).make(), lies.clone());
        let book = list(&pacs, &SelectionConfig::default());
        assert_eq!(book.uids(), held(&pacs), "{lies:?} {:?}", book.proof());
        assert_eq!(book.proof().open, 0, "{lies:?}");
        assert_eq!(book.proof().useless.len(), lies.ignore.len(), "{:?}", book.proof());
    }
}

#[test]
fn studies_without_a_uid_are_reported_and_a_selection_takes_no_more_than_it_says() {
    let population = Population { nameless: 3, ..clustered(600) };
    let pacs = serve(population.make(), Lies { cap: Some(50), ..Lies::default() });
    let selection = SelectionConfig {
        study_date_from: Some("2010-01-02".parse().unwrap()),
        study_date_to: Some("2010-01-03".parse().unwrap()),
        modalities: vec!["CT".into()],
        ..SelectionConfig::default()
    };
    let taken = |study: &&Study| {
        ["20100102", "20100103"].contains(&study.date.as_str())
            && study.series.iter().any(|series| series.modality == "CT")
            && !study.uid.is_empty()
    };
    let expected: BTreeSet<_> =
        pacs.archive().studies().iter().filter(taken).map(|study| study.uid.clone()).collect();
    assert_eq!(list(&pacs, &selection).uids(), expected);
    pacs.set_lies(Lies { ignore: vec!["ModalitiesInStudy".parse().unwrap()], ..Lies::default() });
    assert_eq!(list(&pacs, &selection).uids(), expected);
    pacs.set_lies(Lies { hide_modalities: true, ..Lies::default() });
    assert_eq!(list(&pacs, &selection).uids(), expected);
    let everything = list(&pacs, &SelectionConfig::default());
    assert!(everything.oddities >= 3 && everything.uids().len() == 597);
}

#[test]
fn what_a_source_lists_besides_what_it_was_asked_for_is_not_taken() {
    let ignore = ["PatientID", "AccessionNumber"].map(|name| name.parse().unwrap());
    let pacs = serve(clustered(300).make(), Lies { ignore: ignore.into(), ..Lies::default() });
    let wanted = pacs.archive().studies()[5].clone();
    let everything = SelectionConfig::default;
    for (selection, fits) in [
        (
            SelectionConfig { patient_ids: vec![wanted.patient_id.clone()], ..everything() },
            &(|study: &Study| study.patient_id == wanted.patient_id) as &dyn Fn(&Study) -> bool,
        ),
        (SelectionConfig { accession_numbers: vec![wanted.accession.clone()], ..everything() }, &|study| {
            study.accession == wanted.accession
        }),
        (SelectionConfig { study_uids: vec![wanted.uid.clone()], ..everything() }, &|study| {
            study.uid == wanted.uid
        }),
        (SelectionConfig { patient_ids: vec!["NOBODY".into()], ..everything() }, &|_| false),
    ] {
        let taken = pacs.archive().studies().iter().filter(|study| fits(study));
        let taken: BTreeSet<_> = taken.map(|study| study.uid.clone()).collect();
        assert_eq!(list(&pacs, &selection).uids(), taken, "{selection:?}");
    }
}

#[test]
fn a_study_in_several_rows_is_taken_if_one_of_them_fits() {
    let row = |modality: &str| Study {
        uid: "1.2.3".into(),
        series: vec![Series { uid: format!("1.2.3.{modality}"), modality: modality.into(), instances: 1 }],
        ..Study::default()
    };
    let lies = Lies { ignore: vec!["ModalitiesInStudy".parse().unwrap()], ..Lies::default() };
    let pacs = serve(vec![row("MR"), row("CT")], lies);
    for (modality, studies) in [("MR", 1), ("CT", 1), ("US", 0)] {
        let selection = SelectionConfig { modalities: vec![modality.into()], ..SelectionConfig::default() };
        assert_eq!(list(&pacs, &selection).uids().len(), studies, "{modality}");
    }
}

#[test]
fn a_study_does_not_vanish_with_an_excluded_patient_who_has_the_same_uid() {
    let row = |patient: &str| Study {
        uid: "1.2.3".into(),
        patient_id: patient.into(),
        series: vec![Series { uid: format!("1.2.3.{patient}"), modality: "CT".into(), instances: 1 }],
        ..Study::default()
    };
    let exclude = ExcludeConfig { patient_ids: vec!["EXCL".into()], ..ExcludeConfig::default() };
    let selection = SelectionConfig { exclude, ..SelectionConfig::default() };
    for (patients, listed) in [(vec!["A", "EXCL"], "A"), (vec!["EXCL", "A"], "A"), (vec!["EXCL"], "EXCL")] {
        let pacs = serve(patients.iter().map(|patient| row(patient)).collect(), Lies::default());
        let book = list(&pacs, &selection);
        let studies = book.catalogue.studies(PlanPosition::default(), 9).unwrap();
        let of: Vec<_> = studies.iter().map(|planned| planned.study.patient_id.as_deref()).collect();
        assert_eq!(of, [Some(listed)], "{patients:?}");
    }
}

#[test]
fn what_was_answered_is_not_asked_again() {
    let pacs = serve(clustered(1_000).make(), Lies { cap: Some(100), ..Lies::default() });
    let settings = PacsSettings {
        node: format!("FAKE@{}", pacs.address()).parse().unwrap(),
        aet: "TEST".parse().unwrap(),
        options: Options::default(),
        service: Retrieve::CGet,
    };
    let mut book = Book::new();
    let source = Pacs::new(settings);
    let mut runs = 0;
    loop {
        let begun = pacs.queries();
        runs += 1;
        let listed = source.list(&SelectionConfig::default(), &mut book, &|| pacs.queries() >= begun + 30);
        match listed {
            Err(archive::Error::Stopped) => {}
            done => break done.unwrap(),
        }
    }
    assert!(runs > 3);
    assert_eq!(book.uids(), held(&pacs));
    let asked: Vec<String> = pacs.asked().into_iter().map(|asked| asked.keys).collect();
    let different: BTreeSet<&String> = asked.iter().collect();
    // What is broken off in the middle is asked again; nothing else is.
    assert!(asked.len() - different.len() < runs, "{runs} runs, {} queries", asked.len());
}

/// Takes a listing as a delta does: it keeps no answers.
#[derive(Default)]
struct Told(ListingProof);

impl Listing for Told {
    fn study(&mut self, _: StudyRow) -> Result<(), Cause> {
        Ok(())
    }

    fn file(&mut self, _: StudyRow, _: InstanceRow) -> Result<(), Cause> {
        Ok(())
    }

    fn oddity(&mut self, _: &[u8], _: Option<u64>, _: OddityState, _: &str) -> Result<(), Cause> {
        Ok(())
    }

    fn query(&mut self, _: QueryRow) -> Result<(), Cause> {
        Ok(())
    }

    fn proved(&mut self, proof: &ListingProof) -> Result<(), Cause> {
        self.0 = proof.clone();
        Ok(())
    }
}

#[test]
fn what_is_not_enumerable_is_told_to_who_keeps_no_answers_too() {
    let mut studies = clustered(60).make();
    let twin = studies[4].clone();
    studies.extend((0..9).map(|number| Study { uid: format!("1.2.3.{number}"), ..twin.clone() }));
    let named = SelectionConfig { study_uids: vec![studies[0].uid.clone()], ..SelectionConfig::default() };
    let pacs = serve(studies, Lies { cap: Some(6), ..Lies::default() });
    let kept = list(&pacs, &SelectionConfig::default()).proof();
    let mut told = Told::default();
    self::pacs(&pacs).list(&SelectionConfig::default(), &mut told, &|| false).unwrap();
    assert!(told.0.open > 0 && kept.open > 0, "{:?} {kept:?}", told.0);
    assert_eq!((told.0.studies, told.0.cap), (kept.studies, kept.cap));
    self::pacs(&pacs).list(&named, &mut told, &|| false).unwrap();
    assert_eq!((told.0.queries, told.0.rows, told.0.open), (1, 1, 0));
}

#[test]
fn a_study_that_was_refused_by_uid_is_asked_for_again_by_a_later_run() {
    let pacs = serve(clustered(20).make(), Lies { refuse_above: Some(0), ..Lies::default() });
    let uids: Vec<String> = pacs.archive().studies().iter().take(3).map(|study| study.uid.clone()).collect();
    let selection = SelectionConfig { study_uids: uids.clone(), ..SelectionConfig::default() };
    let mut book = Book::new();
    let source = self::pacs(&pacs);
    for _ in 0..2 {
        let error = source.list(&selection, &mut book, &|| false).unwrap_err();
        assert!(error.is_of_list(), "{error}");
    }
    assert_eq!(pacs.queries(), 2);
    pacs.set_lies(Lies::default());
    source.list(&selection, &mut book, &|| false).unwrap();
    assert_eq!(book.uids(), uids.into_iter().collect());
    assert_eq!((book.proof().queries, book.proof().rows), (3, 3));
}

#[test]
fn during_a_pause_no_place_at_the_source_is_kept() {
    let server = serve(clustered(3).make(), Lies { associations: Some(1), ..Lies::default() });
    let uid = server.archive().studies()[0].uid.clone();
    let (source, another) = (pacs(&server), pacs(&server));
    let pace = Arc::new(pace::Pace::unlimited(Arc::new(pace::SystemClock::new())));
    let stop = job::Stop::new();
    let gate = Gate::new(pace.clone(), stop.clone(), job::config::RetryConfig::default(), Box::new(|_| ()));
    source.pass(Some(Arc::new(gate)));
    Source::list_study(&source, &uid).unwrap();
    assert!(another.echo().is_err(), "the test needs an association that is kept");
    pace.set_pause(Some(pace::Pause { reason: "backup".to_owned(), until: None }));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| Source::list_study(&source, &uid));
        let is_free = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            another.echo().is_ok()
        });
        stop.request();
        assert!(waiting.join().unwrap().is_err());
        assert!(is_free);
    });
}

#[test]
fn a_source_that_refuses_all_is_not_asked_without_end() {
    let pacs = serve(clustered(61).make(), Lies { refuse_above: Some(0), ..Lies::default() });
    let error = self::pacs(&pacs).list(&SelectionConfig::default(), &mut Book::new(), &|| false).unwrap_err();
    assert!(error.is_of_list(), "{error}");
    assert!(pacs.queries() < 2_000, "{} queries", pacs.queries());
}

/// What a source with these lies lists of a study of one series of 250 instances, and how many queries that took.
fn list_images(lies: Lies) -> (Result<StudyListing, archive::Error>, usize) {
    let series = Series { uid: "1.2.3.4".into(), modality: "CT".into(), instances: 250 };
    let server = serve(vec![Study { uid: "1.2.3".into(), series: vec![series], ..Study::default() }], lies);
    let listing = Source::list_study(&pacs(&server), "1.2.3");
    (listing, server.asked().len())
}

#[test]
fn a_series_longer_than_an_answer_is_listed_by_instance_number() {
    for (order, status) in [
        (Order::Stored, Status::SUCCESS),
        (Order::NewestFirst, Status::SUCCESS),
        (Order::Stored, Status::OUT_OF_RESOURCES),
        (Order::Stored, Status(0xB000)),
    ] {
        let lies = Lies { cap_images: Some(100), cap_status: status, order, ..Lies::default() };
        let (listing, asked) = list_images(lies);
        let listing = listing.unwrap();
        let uids: BTreeSet<_> = listing.instances.iter().map(|row| &row.sop_instance).collect();
        assert_eq!((uids.len(), listing.instances.len()), (250, 250), "{order:?} {status}");
        assert!(asked <= 2 + 1 + 151, "{asked} queries");
        assert_eq!(listing.queries.len(), 3);
    }
    let (honest, asked) = list_images(Lies::default());
    assert_eq!((honest.unwrap().instances.len(), asked), (250, 2));
}

#[test]
fn instances_that_no_number_brings_are_missed() {
    let lies = Lies {
        cap_images: Some(100),
        cap_status: Status(0xB000),
        ignore: vec!["InstanceNumber".parse().unwrap()],
        ..Lies::default()
    };
    let error = list_images(lies).0.unwrap_err();
    let told = error.to_string();
    assert!(error.is_of_list() && told.contains("of series 1.2.3.4 "), "{told}");
    assert!(told.contains("says that there are 250"), "{told}");
}
