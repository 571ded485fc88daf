//! The sweep against a modelled archive that lies.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::list::part::Texts;
use crate::list::span::{LAST_MOMENT, SECOND, Span};

/// A study of the model; none where it has no such attribute.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Stored {
    date: Option<u64>,
    time: Option<u64>,
    patient: Option<String>,
    accession: Option<String>,
    modality: Option<String>,
}

impl Stored {
    /// Whether every query that finds this one finds the other too.
    fn hides_behind(&self, other: &Self) -> bool {
        (self.date.is_none() || self.date == other.date)
            && (self.time.is_none() || self.time == other.time)
            && (self.patient.is_none() || self.patient == other.patient)
            && (self.accession.is_none() || self.accession == other.accession)
            && (self.modality.is_none() || self.modality == other.modality)
    }

    /// Whether a text has a character that none of the others has.
    fn is_spelt_like_no(&self, listed: &[&Self]) -> bool {
        let texts = |study: &Self| [study.patient.clone(), study.accession.clone()];
        let known: BTreeSet<char> = listed
            .iter()
            .flat_map(|study| texts(study))
            .flatten()
            .flat_map(|text| text.chars().collect::<Vec<_>>())
            .collect();
        let is_new = |c: char| !known.contains(&c) && !c.is_ascii_digit() && !c.is_ascii_uppercase();
        texts(self).into_iter().flatten().any(|text| text.chars().any(is_new))
    }
}

/// What becomes of an answer that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Silent,
    Warned,
    Refused,
}

#[derive(Debug, Clone)]
struct Model {
    studies: Vec<Stored>,
    cap: u64,
    manner: Manner,
    /// Rows come backwards.
    backwards: bool,
    ignored: BTreeSet<Dimension>,
    asked: Vec<(Part, u64)>,
    listed: BTreeSet<u64>,
    open: Vec<Part>,
    /// Comes in after so many queries.
    arrives: Option<(usize, Stored)>,
}

impl Model {
    fn new(studies: Vec<Stored>, cap: u64) -> Self {
        Self {
            studies,
            cap,
            manner: Manner::Silent,
            backwards: false,
            ignored: BTreeSet::new(),
            arrives: None,
            asked: Vec::new(),
            listed: BTreeSet::new(),
            open: Vec::new(),
        }
    }

    fn sweep(&mut self) -> Proof {
        let mut sweep = Sweep::new(self, false);
        sweep.list(&Part::default()).unwrap();
        sweep.proof()
    }

    fn holds(&self, part: &Part, study: &Stored) -> bool {
        let heeds = |dimension| !self.ignored.contains(&dimension);
        let text = |wanted: &Option<Texts>, value: &Option<String>| match (wanted, value) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(Texts::Prefix(prefix)), Some(value)) => value.starts_with(prefix),
            (Some(Texts::Exactly(wanted)), Some(value)) => value == wanted,
        };
        let within = |span: Option<Span>, value: Option<u64>| {
            span.is_none_or(|span| value.is_some_and(|value| span.contains(value)))
        };
        (!heeds(Dimension::Date) || within(part.dates, study.date))
            && (!heeds(Dimension::Time) || within(part.times, study.time))
            && (!heeds(Dimension::Patient) || text(&part.patient, &study.patient))
            && (!heeds(Dimension::Accession) || text(&part.accession, &study.accession))
            && (!heeds(Dimension::Modality) || part.modality.is_none() || part.modality == study.modality)
    }

    /// Studies that were neither listed nor lie in a part that is named as not enumerable.
    fn lost(&self) -> Vec<&Stored> {
        let numbered = self.studies.iter().zip(0..);
        numbered
            .filter(|(study, number)| {
                !self.listed.contains(number) && !self.open.iter().any(|part| self.holds(part, study))
            })
            .map(|(study, _)| study)
            .collect()
    }
}

impl Peer for Model {
    type Error = std::convert::Infallible;

    fn gauge(&mut self, part: &Part) -> Result<Option<u64>, Self::Error> {
        let fitting = self.studies.iter().filter(|study| self.holds(part, study)).count() as u64;
        self.asked.push((part.clone(), fitting.min(self.cap)));
        Ok((fitting <= self.cap || self.manner == Manner::Silent).then_some(fitting.min(self.cap)))
    }

    fn ask(&mut self, part: &Part) -> Result<Answer, Self::Error> {
        if let Some((_, study)) = self.arrives.take_if(|(after, _)| self.asked.len() >= *after) {
            self.studies.push(study);
        }
        let numbered = self.studies.iter().zip(0_u64..);
        let mut fitting: Vec<_> = numbered.filter(|(study, _)| self.holds(part, study)).collect();
        if self.backwards {
            fitting.reverse();
        }
        let too_long = fitting.len() as u64 > self.cap;
        let end = match self.manner {
            Manner::Warned if too_long => End::Cut(0xB000),
            Manner::Refused if too_long => {
                fitting.clear();
                End::Refused(0xA700)
            }
            _ => End::Success,
        };
        fitting.truncate(self.cap as usize);
        let rows: Vec<Row> = fitting
            .into_iter()
            .map(|(study, number)| Row {
                study: number,
                date: study.date,
                time: study.time,
                patient: study.patient.clone(),
                accession: study.accession.clone(),
                modalities: study.modality.iter().cloned().collect(),
            })
            .collect();
        self.listed.extend(rows.iter().map(|row| row.study));
        self.asked.push((part.clone(), rows.len() as u64));
        Ok(Answer { count: rows.len() as u64, rows, end })
    }

    fn judged(&mut self, part: &Part, verdict: &Verdict) -> Result<(), Self::Error> {
        if let Verdict::Open(_) = verdict {
            self.open.push(part.clone());
        }
        Ok(())
    }
}

/// Studies at pseudo-random times on a few days, five to a patient, every thirtieth without a date.
fn clustered(count: u64, days: u64) -> Vec<Stored> {
    let mut state = 1_u64;
    let mut next = move |bound: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    (0..count)
        .map(|number| Stored {
            date: (number % 30 != 7).then(|| 733_000 + next(days)),
            time: (number % 60 != 7).then(|| next(86_400) * SECOND),
            patient: Some(format!("P{:05}", next(count / 5))),
            accession: Some(format!("A{number:06}")),
            modality: Some(["CT", "MR", "CR"][next(3) as usize].to_owned()),
        })
        .collect()
}

#[test]
fn whatever_the_cap_all_is_listed() {
    for (cap, backwards) in [(7, true), (50, false), (100, true), (500, false), (1_799, true)] {
        let mut model = Model { backwards, ..Model::new(clustered(1_800, 5), cap) };
        let proof = model.sweep();
        assert_eq!(model.listed.len(), 1_800, "cap {cap}, {proof:?}");
        assert_eq!((proof.open, proof.cap), (0, Some(cap)), "{proof:?}");
        println!("cap {cap}: {} queries, {} rows", proof.queries, proof.rows);
    }
}

#[test]
fn one_row_at_a_time_lists_what_can_be_told_apart() {
    let mut studies = clustered(500, 5);
    // Twins, one of another patient and one that nothing tells apart.
    studies.push(Stored { patient: Some("P88888".into()), ..studies[0].clone() });
    studies.push(studies[1].clone());
    let mut model = Model::new(studies, 1);
    let proof = model.sweep();
    assert_eq!(model.listed.len(), 501, "{proof:?}");
    assert!(model.lost().is_empty() && proof.open > 0);
}

#[test]
fn an_honest_archive_costs_a_fifth_more_at_most() {
    for days in [5, 365, 3_650] {
        let mut model = Model::new(clustered(10_000, days), u64::MAX);
        let proof = model.sweep();
        assert_eq!((model.listed.len(), proof.cap, proof.open), (10_000, None, 0));
        assert!(proof.rows <= 12_000 && proof.queries <= 40, "{days} days: {proof:?}");
        assert!(proof.rows >= 10_700, "the sample is too small to tell: {proof:?}");
    }
}

#[test]
fn a_thousand_studies_of_an_honest_archive_are_asked_for_twice_by_few_queries() {
    let dated = |study: Stored| Stored { date: study.date.or(Some(733_001)), ..study };
    let studies: Vec<Stored> = clustered(1_000, 900).into_iter().map(dated).collect();
    let mut model = Model::new(studies.clone(), u64::MAX);
    let proof = model.sweep();
    assert_eq!((model.listed.len(), proof.cap, proof.open), (1_000, None, 0));
    assert!(proof.rows <= 2_100 && proof.queries <= 15, "{proof:?}");
    // Of one that gives one row less, the missing one is found.
    let mut model = Model::new(studies, 999);
    let proof = model.sweep();
    assert_eq!((model.listed.len(), proof.cap, proof.open), (1_000, Some(999), 0));
}

#[test]
fn undated_studies_of_one_patient_and_such_as_begin_like_no_other_are_listed() {
    let mut studies = clustered(400, 5);
    let undated = |number: u32| Stored {
        patient: Some("P00007".into()),
        accession: Some(format!("A9{number:03}")),
        modality: Some("CT".into()),
        ..Stored::default()
    };
    studies.extend((0..40).map(undated));
    studies.push(Stored { patient: Some("#1".into()), ..Stored::default() });
    let mut model = Model::new(studies.clone(), 20);
    let proof = model.sweep();
    assert_eq!(model.listed.len(), 441, "{proof:?}");
    let part = Part { patient: Some(Texts::Exactly("P00007".into())), ..Part::default() };
    let mut model = Model::new(studies, 20);
    let mut sweep = Sweep::new(&mut model, false);
    sweep.list(&part).unwrap();
    let proof = sweep.proof();
    let of_patient = model.studies.iter().filter(|study| study.patient.as_deref() == Some("P00007")).count();
    assert_eq!(model.listed.len(), of_patient, "{proof:?}");
}

#[test]
fn proving_all_asks_for_everything_twice_and_finds_one_study_in_ten_thousand() {
    let mut model = Model::new(clustered(10_001, 3_650), 10_000);
    let mut sweep = Sweep::new(&mut model, true);
    sweep.list(&Part::default()).unwrap();
    let proof = sweep.proof();
    assert_eq!((model.listed.len(), proof.cap), (10_001, Some(10_000)));
}

#[test]
fn a_cap_that_is_told_or_refused_is_no_riddle() {
    for manner in [Manner::Warned, Manner::Refused] {
        let mut model = Model { manner, ..Model::new(clustered(900, 30), 50) };
        let proof = model.sweep();
        assert_eq!((model.listed.len(), proof.open), (900, 0), "{manner:?} {proof:?}");
    }
}

#[test]
fn keys_that_are_ignored_are_found_out_and_others_taken() {
    for ignored in [Dimension::Date, Dimension::Time, Dimension::Patient] {
        let mut model = Model { ignored: BTreeSet::from([ignored]), ..Model::new(clustered(900, 30), 50) };
        let proof = model.sweep();
        assert_eq!(model.listed.len(), 900, "{ignored:?} {proof:?}");
        assert_eq!(proof.useless, BTreeSet::from([ignored]));
    }
}

#[test]
fn an_archive_that_takes_no_notice_of_anything_is_not_asked_for_ever() {
    let neighbour = |date| Stored {
        date: Some(date),
        time: Some(43_200_000_000),
        patient: Some("SYN000001".into()),
        accession: Some("S000001".into()),
        modality: Some("CT".into()),
    };
    let telling = vec![neighbour(733_000), neighbour(733_001)];
    let silent = vec![Stored::default(); 2];
    for studies in [telling, silent, clustered(300, 9)] {
        let all = studies.len();
        for cap in [u64::MAX, 1] {
            let ignored = Dimension::ALL.into_iter().collect();
            let mut model = Model { ignored, ..Model::new(studies.clone(), cap) };
            let proof = model.sweep();
            assert!(model.lost().is_empty(), "{cap} of {all}: {proof:?}");
            assert!(model.asked.len() < 500, "{} queries for {all} studies", model.asked.len());
            assert!(cap == 1 || model.listed.len() == all);
        }
    }
}

#[test]
fn studies_that_come_in_meanwhile_are_no_reason_to_go_on_for_ever() {
    for after in [1, 2, 3, 5, 20, 60] {
        for patients in ["P1", "#7"] {
            let mut studies = clustered(300, 40);
            let each = studies.iter_mut().zip(0..);
            each.for_each(|(study, number)| study.patient = Some(format!("P{number:05}")));
            let late = Stored { date: studies[7].date, patient: Some(patients.into()), ..studies[7].clone() };
            let mut model = Model { arrives: Some((after, late)), ..Model::new(studies, u64::MAX) };
            let proof = model.sweep();
            assert!(model.listed.len() >= 300 && proof.open == 0, "{after} {patients} {proof:?}");
            assert!(model.asked.len() < 2_000, "{after} {patients}: {} queries", model.asked.len());
        }
    }
}

#[test]
fn an_order_asked_for_by_its_number_costs_few_queries() {
    let mut model = Model::new(clustered(900, 30), 100);
    let mut sweep = Sweep::new(&mut model, false);
    let orders = 50;
    for number in 0..orders {
        let name = if number % 10 == 0 { "NOT-THERE".to_owned() } else { format!("A{number:06}") };
        let part = Part { accession: Some(Texts::Exactly(name)), ..Part::default() };
        sweep.list(&part).unwrap();
    }
    let proof = sweep.proof();
    assert!(proof.queries <= orders + 3, "{proof:?}");
}

#[test]
fn what_cannot_be_divided_is_named() {
    let twin = Stored { date: Some(733_000), patient: Some("P1".into()), ..Stored::default() };
    let mut studies = clustered(200, 5);
    studies.extend(vec![twin; 30]);
    let mut model = Model::new(studies, 20);
    let proof = model.sweep();
    assert!(proof.open > 0 && model.lost().is_empty(), "{proof:?}");
    assert!(model.listed.len() >= 220, "{}", model.listed.len());
}

#[test]
fn dates_that_no_camera_made_and_fractions_are_listed() {
    let studies: Vec<Stored> = (0..60)
        .map(|number| Stored {
            date: Some([0, 693_595, 767_010, 3_652_058][number % 4]),
            time: Some([0, LAST_MOMENT, 1_250_000 + number as u64, 1_250_000][number / 4 % 4]),
            patient: Some(format!("{number}")),
            ..Stored::default()
        })
        .collect();
    let mut model = Model::new(studies, 3);
    model.sweep();
    assert_eq!(model.listed.len(), 60);
}

fn stored() -> impl Strategy<Value = Stored> {
    let days =
        prop_oneof![Just(None), (733_000_u64..733_005).prop_map(Some), Just(Some(0)), Just(Some(3_652_058))];
    let times = prop_oneof![
        Just(None),
        (0_u64..4).prop_map(|second| Some(second * SECOND)),
        (0_u64..=LAST_MOMENT).prop_map(Some),
    ];
    let patients = prop_oneof![1 => Just(None), 6 => "[PX][0-3ä]{1,2}".prop_map(Some)];
    let accessions = prop_oneof![1 => Just(None), 3 => "A[0-2]{1,2}".prop_map(Some)];
    let modalities = prop_oneof![Just(None), Just(Some("CT".to_owned())), Just(Some("MR".to_owned()))];
    (days, times, patients, accessions, modalities).prop_map(|(date, time, patient, accession, modality)| {
        Stored { date, time, patient, accession, modality }
    })
}

fn model() -> impl Strategy<Value = Model> {
    let manner =
        prop_oneof![4 => Just(Manner::Silent), 1 => Just(Manner::Warned), 1 => Just(Manner::Refused)];
    (proptest::collection::vec(stored(), 0..60), 1_u64..70, manner, any::<bool>())
        .prop_map(|(studies, cap, manner, backwards)| Model { manner, backwards, ..Model::new(studies, cap) })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn no_study_is_lost_without_a_word(mut model in model()) {
        let proof = model.sweep();
        let listed: Vec<&Stored> =
            model.listed.iter().filter_map(|number| model.studies.get(*number as usize)).collect();
        for study in model.lost() {
            // No query tells it apart: so many studies that are told in its place answer to the one that names all that it has.
            let behind = |study: &Stored| {
                model.studies.iter().filter(|other| study.hides_behind(other)).count() as u64
            };
            let others = behind(study);
            // What nobody could know of: the only one of its kind has no time, and is of nobody or spelt like no other.
            let is_alone = study.time.is_none()
                && (study.is_spelt_like_no(&listed)
                    || study.patient.is_none() && listed.iter().all(|other| other.patient.is_some()));
            // And who is the only one of a modality that nobody would look for.
            let is_odd = listed.iter().all(|other| other.modality != study.modality)
                && behind(&Stored { modality: None, ..study.clone() }) > model.cap;
            prop_assert!(others > model.cap || is_alone || is_odd, "{study:?} {others} {proof:?}");
        }
    }
}
