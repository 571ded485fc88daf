//! Deltas against an archive that is made up: what it holds before and after, and what the delta says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use archive::{Error, Intake, Listing, Retrieve, RetrieveEnd, Source, StudyListing, Together};
use catalogue::balance::Stage;
use catalogue::listing::{Answered, ListingProof};
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{Catalogue, ChangeClass, InstanceState, PlanPosition, StudyRow};
use jiff::civil::date;
use job::Void;
use job::config::{ExcludeConfig, SelectionConfig};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// Long before any image is made up.
const QUIET: Look = Look::Since(date(2030, 1, 1));

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Held {
    patient: u8,
    images: BTreeSet<u8>,
    /// Whether it tells how many images a study has.
    counts: bool,
}

type Holds = BTreeMap<u8, Held>;

/// A PACS, and the studies whose images it was asked for.
struct MadeUp {
    holds: Holds,
    asked: Mutex<Vec<String>>,
    cut_short: bool,
    cannot_list_all: bool,
    /// It lists so many images of a study, and says that all is well.
    most_images: usize,
    /// It breaks off over the images of these studies, and answers all the same.
    stumbles_over: BTreeSet<u8>,
    /// It answers queries for several studies, and so many of them came.
    together: Option<Mutex<u32>>,
}

impl MadeUp {
    fn new(holds: &Holds) -> Self {
        let holds = holds.clone();
        let most_images = usize::MAX;
        Self {
            holds,
            asked: Mutex::default(),
            cut_short: false,
            cannot_list_all: false,
            most_images,
            stumbles_over: BTreeSet::new(),
            together: None,
        }
    }

    fn images(&self, study_uid: &str) -> Vec<InstanceRow> {
        let held = self.holds.iter().find(|(study, _)| uid(**study) == study_uid);
        let images = held.map(|(_, held)| held.images.clone()).unwrap_or_default();
        let instance = |image: u8| InstanceRow {
            series_uid: format!("{study_uid}.1"),
            sop_instance: format!("{study_uid}.1.{image}"),
            ..InstanceRow::default()
        };
        images.into_iter().take(self.most_images).map(instance).collect()
    }

    fn row(study: u8, held: &Held) -> StudyRow {
        StudyRow {
            uid: uid(study),
            patient_id: Some(format!("P{}", held.patient)),
            study_date: Some("20200101".into()),
            claimed_series: held.counts.then_some(1),
            claimed_instances: held.counts.then_some(held.images.len() as u64),
            ..StudyRow::default()
        }
    }
}

fn uid(study: u8) -> String {
    format!("1.2.{study}")
}

impl Source for MadeUp {
    fn describe(&self) -> String {
        "MADE UP".to_owned()
    }

    fn answers(&self) -> bool {
        true
    }

    fn list(
        &self,
        selection: &SelectionConfig,
        listing: &mut dyn Listing,
        _: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let wanted =
            |study: u8| selection.study_uids.is_empty() || selection.study_uids.contains(&uid(study));
        let all = self.holds.iter().filter(|(study, _)| wanted(**study));
        // One that cuts its answer short leaves out what comes late.
        let most = if self.cut_short && selection.study_uids.is_empty() { 1 } else { usize::MAX };
        for (study, held) in all.take(most) {
            listing.study(Self::row(*study, held)).map_err(Error::Taker)?;
        }
        if most == 1 {
            let status = dimse::Status::OUT_OF_RESOURCES;
            return Err(Error::CutShort { node: "MADE UP".into(), level: "STUDY", status, rows: 1 });
        }
        if self.cannot_list_all {
            let proof = ListingProof { open: 1, ..ListingProof::default() };
            listing.proved(&proof).map_err(Error::Taker)?;
        }
        Ok(())
    }

    fn list_study(&self, study_uid: &str) -> Result<StudyListing, Error> {
        self.asked.lock().unwrap().push(study_uid.to_owned());
        if self.stumbles_over.iter().any(|study| uid(*study) == study_uid) {
            return Err(Error::OutOfResources { archive: "MADE UP".into(), said: "A700".into() });
        }
        Ok(StudyListing { instances: self.images(study_uid), queries: Vec::new() })
    }

    fn list_together(&self, study_uids: &[&str]) -> Result<Option<Together>, Error> {
        let Some(count) = &self.together else { return Ok(None) };
        *count.lock().unwrap() += 1;
        let mut listings = std::collections::HashMap::new();
        for study in study_uids {
            listings.insert((*study).to_owned(), self.images(study));
        }
        let rows = listings.values().map(Vec::len).sum::<usize>() as u64;
        let (level, keys) = ("IMAGE".to_owned(), String::new());
        let query = QueryRow { at: Timestamp::now(), level, keys, rows, status: 0 };
        Ok(Some(Together { listings, query }))
    }

    fn retrieve(
        &self,
        _: Retrieve<'_>,
        _: &Arc<dyn Intake>,
        _: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        Ok(RetrieveEnd::default())
    }
}

struct Lab {
    catalogue: Catalogue,
    _dir: TempDir,
}

impl Lab {
    /// A plan of what the archive holds.
    fn planned(holds: &Holds) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        let rows = holds.iter().map(|(study, held)| MadeUp::row(*study, held));
        catalogue.upsert_studies(rows).unwrap();
        let mut lab = Self { catalogue, _dir: dir };
        lab.enumerate(&MadeUp::new(holds));
        lab
    }

    fn enumerate(&mut self, source: &MadeUp) {
        for study in self.catalogue.studies_not_enumerated(PlanPosition::default(), 1000).unwrap() {
            let listing = source.list_study(&study.study.uid).unwrap();
            self.catalogue.record_instances(study.id, listing.instances).unwrap();
        }
    }

    fn delta(&mut self, source: &MadeUp, look: Look) -> (Outlined, BTreeMap<(ChangeClass, String), u64>) {
        self.delta_of(source, look, &SelectionConfig::default())
    }

    fn delta_of(
        &mut self,
        source: &MadeUp,
        look: Look,
        selection: &SelectionConfig,
    ) -> (Outlined, BTreeMap<(ChangeClass, String), u64>) {
        let delta = self.catalogue.begin_delta().unwrap();
        let monitor = Void;
        let rules = Rules::read(selection, &pace::Zone::default(), false).unwrap();
        let comparing = Comparing {
            monitor: &monitor,
            must_stop: &|| false,
            associations: 1,
            source,
            catalogue: &mut self.catalogue,
            delta: &delta,
            look,
            rules: &rules,
        };
        let outlined = comparing.studies(std::slice::from_ref(selection)).unwrap();
        self.enumerate(source);
        self.catalogue.end_delta(delta.id, outlined.unchanged, outlined.not_compared).unwrap();
        assert!(self.catalogue.balance(Stage::Export).unwrap().holds());
        (outlined, self.found(delta.id))
    }

    /// The changes of studies as a whole, with the number of instances.
    fn found(&self, delta: u32) -> BTreeMap<(ChangeClass, String), u64> {
        use ChangeClass::{Deleted, Grew, New, Reidentified, Restored, Shrank};
        let mut found = BTreeMap::new();
        for class in [New, Grew, Shrank, Reidentified, Deleted, Restored] {
            self.catalogue
                .each_change(class, |change| {
                    if change.delta == delta && change.sop_instance.is_none() {
                        let twice = found.insert((class, change.study_uid.clone()), change.instances);
                        assert!(twice.is_none(), "{change:?} is recorded twice");
                    }
                    Ok::<_, catalogue::Error>(())
                })
                .unwrap();
        }
        found
    }

    fn in_state(&self, wanted: InstanceState) -> u64 {
        let states = self.catalogue.instance_states().unwrap();
        states.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| *count)
    }
}

fn held(patient: u8, images: impl IntoIterator<Item = u8>) -> Held {
    Held { patient, images: images.into_iter().collect(), counts: true }
}

/// What a delta must find between two states of an archive, as the words have it.
fn expected(before: &Holds, after: &Holds) -> BTreeMap<(ChangeClass, String), u64> {
    let mut expected = BTreeMap::new();
    let studies: BTreeSet<u8> = before.keys().chain(after.keys()).copied().collect();
    for study in studies {
        let mut put = |class, instances: usize| {
            expected.insert((class, uid(study)), instances as u64);
        };
        match (before.get(&study), after.get(&study)) {
            (None, Some(_)) => put(ChangeClass::New, 0),
            (Some(was), None) => put(ChangeClass::Deleted, was.images.len()),
            (Some(was), Some(is)) => {
                if was.patient != is.patient {
                    put(ChangeClass::Reidentified, 0);
                }
                let (more, less) =
                    (is.images.difference(&was.images).count(), was.images.difference(&is.images).count());
                if more > 0 {
                    put(ChangeClass::Grew, more);
                }
                if less > 0 {
                    put(ChangeClass::Shrank, less);
                }
            }
            (None, None) => {}
        }
    }
    expected
}

fn some_holdings() -> impl Strategy<Value = Holds> {
    let images = proptest::collection::btree_set(0u8..6, 1..5);
    let held = (0u8..3, images, any::<bool>()).prop_map(|(patient, images, counts)| Held {
        patient,
        images,
        counts,
    });
    proptest::collection::btree_map(0u8..8, held, 1..7)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_deep_delta_finds_exactly_what_has_changed_and_the_next_one_nothing(
        before in some_holdings(), after in some_holdings(),
    ) {
        let mut lab = Lab::planned(&before);
        let (outlined, found) = lab.delta(&MadeUp::new(&after), Look::Deep);
        let expected = expected(&before, &after);
        prop_assert_eq!(&found, &expected);
        let changed: BTreeSet<&String> = expected.keys().map(|(_, study)| study).collect();
        let same = after.keys().filter(|study| !changed.contains(&uid(**study))).count();
        prop_assert_eq!(outlined.unchanged, same as u64);
        let (again, nothing) = lab.delta(&MadeUp::new(&after), Look::Deep);
        prop_assert_eq!(nothing, BTreeMap::new());
        prop_assert_eq!(again.unchanged, after.len() as u64);
        // Nothing was fetched: what is pending is what the archive holds, the rest is left out with its reason.
        let images: usize = after.values().map(|held| held.images.len()).sum();
        prop_assert_eq!(lab.in_state(InstanceState::Pending), images as u64);
    }
}

#[test]
fn only_studies_in_doubt_are_asked_for_their_images() {
    let mut holds: Holds = (0..20).map(|study| (study, held(1, 0..3))).collect();
    let mut lab = Lab::planned(&holds);
    holds.insert(3, held(1, 0..4));
    holds.insert(4, held(2, 0..3));
    holds.insert(5, Held { counts: false, ..held(1, 0..3) });
    // As many images as before, and another one among them.
    holds.insert(6, held(1, [0, 1, 9]));
    let source = MadeUp::new(&holds);
    let (outlined, found) = lab.delta(&source, QUIET);
    assert_eq!(*source.asked.lock().unwrap(), [uid(3), uid(5)]);
    let expected = [((ChangeClass::Grew, uid(3)), 1), ((ChangeClass::Reidentified, uid(4)), 0)];
    assert_eq!(found, BTreeMap::from(expected));
    assert_eq!(outlined.unchanged, 18);
    // Its images are looked at when it is recent.
    let (_, found) = lab.delta(&MadeUp::new(&holds), Look::Since(date(2020, 1, 1)));
    let expected = [((ChangeClass::Grew, uid(6)), 1), ((ChangeClass::Shrank, uid(6)), 1)];
    assert_eq!(found, BTreeMap::from(expected));
}

#[test]
fn what_is_as_planned_is_asked_for_many_studies_at_once_and_what_is_not_by_itself() {
    let mut holds: Holds = (0..100).map(|study| (study, held(1, 0..3))).collect();
    let mut lab = Lab::planned(&holds);
    holds.insert(30, held(1, 0..4));
    holds.insert(60, held(1, 0..2));
    let source = MadeUp { together: Some(Mutex::default()), ..MadeUp::new(&holds) };
    let (outlined, found) = lab.delta(&source, Look::Deep);
    let expected = [((ChangeClass::Grew, uid(30)), 1), ((ChangeClass::Shrank, uid(60)), 1)];
    assert_eq!((found, outlined.unchanged), (BTreeMap::from(expected), 98));
    let count = *source.together.unwrap().lock().unwrap();
    assert!(count <= 4, "{count} queries for several studies");
    let mut asked = source.asked.into_inner().unwrap();
    // What is listed for the first time is asked for by the tests themselves.
    asked.sort();
    assert_eq!(asked, [uid(30), uid(60)]);
}

#[test]
fn a_listing_that_is_not_proved_whole_deletes_nothing() {
    let holds: Holds = (0..5).map(|study| (study, held(1, 0..3))).collect();
    let left = || MadeUp::new(&BTreeMap::from([(0, held(1, 0..3))]));
    for source in [MadeUp { cut_short: true, ..left() }, MadeUp { cannot_list_all: true, ..left() }] {
        let mut lab = Lab::planned(&holds);
        let (outlined, found) = lab.delta(&source, QUIET);
        assert_eq!(found, BTreeMap::new());
        assert!(outlined.problems[0].contains("not taken for deleted"), "{:?}", outlined.problems);
    }
}

#[test]
fn a_list_of_images_that_ends_early_deletes_nothing() {
    let holds: Holds = BTreeMap::from([(0, held(1, 0..3)), (1, Held { counts: false, ..held(1, 0..3) })]);
    let mut lab = Lab::planned(&holds);
    for (most_images, in_doubt) in [(0, 2), (2, 1)] {
        let now: Holds =
            holds.iter().map(|(study, held)| (*study, Held { patient: 2, ..held.clone() })).collect();
        let (outlined, found) = lab.delta(&MadeUp { most_images, ..MadeUp::new(&now) }, Look::Deep);
        assert_eq!(outlined.problems.len(), in_doubt, "{:?}", outlined.problems);
        assert!(outlined.problems[0].contains("not taken for deleted"), "{:?}", outlined.problems);
        assert!(!found.contains_key(&(ChangeClass::Shrank, uid(0))), "{found:?}");
        // A source that does not count cannot be held to it, unless it lists nothing of what it has.
        assert_eq!(found.contains_key(&(ChangeClass::Shrank, uid(1))), in_doubt == 1, "{found:?}");
    }
    // The doubt is gone with the next whole list.
    let (outlined, found) = lab.delta(&MadeUp::new(&holds), QUIET);
    assert!(outlined.problems.is_empty(), "{:?}", outlined.problems);
    assert!(!found.contains_key(&(ChangeClass::Shrank, uid(0))), "{found:?}");
    assert_eq!(lab.in_state(InstanceState::Pending), 6);
}

#[test]
fn a_study_over_which_the_source_stumbles_keeps_no_other_from_being_compared() {
    let mut holds: Holds = (0..4).map(|study| (study, held(1, 0..3))).collect();
    let mut lab = Lab::planned(&holds);
    for study in 0..4 {
        holds.insert(study, held(1, 0..4));
    }
    let source = MadeUp { stumbles_over: BTreeSet::from([0, 2]), ..MadeUp::new(&holds) };
    let (outlined, found) = lab.delta(&source, QUIET);
    let expected = [((ChangeClass::Grew, uid(1)), 1), ((ChangeClass::Grew, uid(3)), 1)];
    assert_eq!(found, BTreeMap::from(expected));
    assert_eq!(outlined.problems.len(), 2, "{:?}", outlined.problems);
}

#[test]
fn every_study_is_unchanged_changed_or_counted_as_not_compared() {
    let mut holds: Holds = (0..60).map(|study| (study, held(1, 0..3))).collect();
    let mut lab = Lab::planned(&holds);
    // Five in a row are the source's fault, and end the delta.
    let stumbles_over: BTreeSet<u8> = (0..60).filter(|study| study % 5 > 1).collect();
    holds.insert(0, held(1, 0..4));
    let (outlined, found) = lab.delta(&MadeUp { stumbles_over, ..MadeUp::new(&holds) }, Look::Deep);
    assert_eq!((outlined.unchanged, found.len(), outlined.not_compared), (23, 1, 36));
    assert_eq!(lab.catalogue.deltas().unwrap()[0].left_out, 36);
    let [.., before, last] = &outlined.problems()[..] else { panic!("nothing is told") };
    assert!(before.contains("could not be compared: "), "{before}");
    assert!(last.contains("16 more studies could not be compared"), "{last}");

    // A list that ends early leaves out all that it lacks.
    let cut = MadeUp { cut_short: true, ..MadeUp::new(&holds) };
    let (outlined, _) = lab.delta(&cut, Look::Deep);
    assert_eq!((outlined.unchanged, outlined.not_compared), (1, 59));
}

#[test]
fn a_study_that_is_corrected_to_an_excluded_patient_is_left_out_by_that_delta() {
    let mut holds: Holds = (0..3).map(|study| (study, held(1, 0..3))).collect();
    let mut lab = Lab::planned(&holds);
    // One more is planned and its images are not listed yet.
    lab.catalogue.upsert_studies([MadeUp::row(3, &held(1, 0..2))]).unwrap();
    holds.insert(3, held(9, 0..2));
    holds.insert(1, held(9, 0..4));
    // Another one is new.
    holds.insert(4, held(9, 0..2));
    let exclude = ExcludeConfig { patient_ids: vec!["P9".into()], ..ExcludeConfig::default() };
    let selection = SelectionConfig { exclude, ..SelectionConfig::default() };
    let (_, found) = lab.delta_of(&MadeUp::new(&holds), QUIET, &selection);
    // Nothing is told of them.
    assert_eq!(found, BTreeMap::new());
    assert_eq!((lab.in_state(InstanceState::Pending), lab.in_state(InstanceState::Excluded)), (6, 3));
    let left_out = lab.catalogue.excluded_studies().unwrap();
    assert!(left_out.len() == 1 && left_out[0].studies == 3, "{left_out:?}");
    assert!(left_out[0].reason.contains("its patient"), "{left_out:?}");
    assert_eq!(lab.catalogue.study_by_uid(&uid(1)).unwrap().unwrap().patient_id.as_deref(), Some("P9"));
}

#[test]
fn what_a_plan_lists_again_in_other_words_is_left_for_the_delta_to_tell() {
    let mut holds: Holds = (0..2).map(|study| (study, held(1, 0..3))).collect();
    let mut lab = Lab::planned(&holds);
    holds.insert(1, held(2, 0..3));
    let studies: Vec<StudyRow> = holds.iter().map(|(study, held)| MadeUp::row(*study, held)).collect();
    let query =
        QueryRow { at: Timestamp::now(), level: "STUDY".into(), keys: String::new(), rows: 2, status: 0 };
    let answered = Answered { query, part: "", broken_off: false, studies: &studies };
    let listing = lab.catalogue.listing("everything").unwrap();
    lab.catalogue.record_answer(listing, &answered).unwrap();
    let (_, found) = lab.delta(&MadeUp::new(&holds), QUIET);
    assert_eq!(found, BTreeMap::from([((ChangeClass::Reidentified, uid(1)), 0)]));
}

#[test]
fn what_the_selection_takes_no_more_is_not_deleted() {
    let holds: Holds = (0..3).map(|study| (study, held(1, 0..3))).collect();
    let mut lab = Lab::planned(&holds);
    let narrow = SelectionConfig { study_uids: vec![uid(0)], ..SelectionConfig::default() };
    let (outlined, found) = lab.delta_of(&MadeUp::new(&holds), QUIET, &narrow);
    assert_eq!((found, outlined.unchanged), (BTreeMap::new(), 3));
}

#[test]
fn what_is_deleted_before_it_is_fetched_is_left_out_and_comes_back() {
    let holds: Holds = BTreeMap::from([(0, held(1, 0..3)), (1, held(1, 0..2))]);
    let mut lab = Lab::planned(&holds);
    let (_, found) = lab.delta(&MadeUp::new(&BTreeMap::from([(0, held(1, 0..1))])), QUIET);
    let expected = [((ChangeClass::Shrank, uid(0)), 2), ((ChangeClass::Deleted, uid(1)), 2)];
    assert_eq!(found, BTreeMap::from(expected));
    assert_eq!((lab.in_state(InstanceState::Pending), lab.in_state(InstanceState::Excluded)), (1, 4));
    let deleted = |lab: &Lab, study, image| {
        let sop = format!("{}.1.{image}", uid(study));
        lab.catalogue.deleted_at_source(&uid(study), &sop).unwrap().is_some()
    };
    assert!(!deleted(&lab, 0, 0) && deleted(&lab, 0, 1) && deleted(&lab, 1, 0));

    // All but one image of each is there again.
    let (_, found) =
        lab.delta(&MadeUp::new(&BTreeMap::from([(0, held(1, 0..2)), (1, held(1, 1..2))])), QUIET);
    let expected = [((ChangeClass::Grew, uid(0)), 1), ((ChangeClass::Restored, uid(1)), 0)];
    assert_eq!(found, BTreeMap::from(expected));
    assert_eq!((lab.in_state(InstanceState::Pending), lab.in_state(InstanceState::Excluded)), (3, 2));
    assert!(!deleted(&lab, 0, 1) && deleted(&lab, 0, 2) && deleted(&lab, 1, 0) && !deleted(&lab, 1, 1));
}

#[test]
fn a_delta_that_was_cut_off_is_gone_on_with() {
    let mut holds: Holds = (0..4).map(|study| (study, held(1, 0..3))).collect();
    let mut lab = Lab::planned(&holds);
    let begun = lab.catalogue.begin_delta().unwrap();
    lab.catalogue.relist([MadeUp::row(9, &held(1, 0..1))]).unwrap();
    lab.catalogue.plan_new_studies(begun.id, 10).unwrap();
    holds.insert(9, held(1, 0..1));
    holds.remove(&0);
    let (_, found) = lab.delta(&MadeUp::new(&holds), QUIET);
    let expected = [((ChangeClass::New, uid(9)), 0), ((ChangeClass::Deleted, uid(0)), 3)];
    assert_eq!(found, BTreeMap::from(expected));
    let deltas = lab.catalogue.deltas().unwrap();
    assert!(deltas.len() == 1 && deltas[0].ended_at.is_some(), "{deltas:?}");
}
