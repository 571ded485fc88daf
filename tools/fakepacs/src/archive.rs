//! The studies with what finds them fast: a listing may ask a hundred thousand times.

use std::collections::BTreeMap;
use std::ops::Range;

use dataset::{Tag, tags};

use crate::lies::Order;
use crate::matching::Wanted;
use crate::object::Look;
use crate::population::Numbers;
use crate::study::Study;

/// The studies that the PACS holds.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    studies: Vec<Study>,
    look: Look,
    by_date: Vec<usize>,
    by_patient: Vec<usize>,
    by_accession: Vec<usize>,
}

impl Archive {
    /// An archive of these studies.
    pub fn new(studies: Vec<Study>) -> Self {
        let sorted = |key: fn(&Study) -> &str| {
            let mut order: Vec<usize> = (0..studies.len()).collect();
            order.sort_by_key(|&at| studies.get(at).map(key));
            order
        };
        Self {
            by_date: sorted(|study| &study.date),
            by_patient: sorted(|study| &study.patient_id),
            by_accession: sorted(|study| &study.accession),
            studies,
            look: Look::default(),
        }
    }

    /// The same with objects that look like this.
    #[must_use]
    pub fn looking(self, look: Look) -> Self {
        Self { look, ..self }
    }

    /// What objects look like.
    pub fn look(&self) -> &Look {
        &self.look
    }

    /// All datasets by SOP Instance UID, as they are honestly sent.
    pub fn data_sets(&self) -> BTreeMap<String, Vec<u8>> {
        let instances = self.studies.iter().flat_map(Study::instances);
        instances.map(|instance| (instance.uid(), instance.data_set(&self.look))).collect()
    }

    /// All studies, as they were stored.
    pub fn studies(&self) -> &[Study] {
        &self.studies
    }

    /// The study with this UID.
    pub fn study(&self, uid: &str) -> Option<&Study> {
        self.studies.iter().find(|study| study.uid == uid)
    }

    /// The studies that fit these keys at STUDY level, as they were stored.
    pub fn matching(&self, keys: Vec<(Tag, String)>) -> Vec<&Study> {
        self.find(&Wanted::of_keys(keys), Order::Stored, 0)
    }

    /// The studies that fit, in the order in which rows come. `query` is the number of the query.
    pub(crate) fn find(&self, wanted: &Wanted, order: Order, query: u64) -> Vec<&Study> {
        let mut places: Vec<usize> = self.candidates(wanted).to_vec();
        places.sort_unstable();
        let mut found: Vec<&Study> = places
            .into_iter()
            .filter_map(|at| self.studies.get(at))
            .filter(|study| wanted.fits(study))
            .collect();
        match order {
            Order::Stored => {}
            Order::NullsLast => found.sort_by_key(|study| (study.date.is_empty(), &study.date)),
            Order::NewestFirst => found.sort_by(|a, b| b.date.cmp(&a.date)),
            Order::Shuffled => shuffle(&mut found, query),
        }
        found
    }

    /// Few studies among which are all that fit.
    fn candidates(&self, wanted: &Wanted) -> &[usize] {
        let prefix = |tag| {
            let key = wanted.get(tag)?;
            let end = key.find(['*', '?', '\\']).unwrap_or(key.len());
            key.get(..end).filter(|prefix| !prefix.is_empty())
        };
        let dates = wanted.get(tags::STUDY_DATE).map(|key| {
            let (from, to) = key.split_once('-').unwrap_or((key, key));
            let to = if to.is_empty() { "99999999" } else { to };
            self.range(&self.by_date, |study| study.date.as_str() < from, |study| study.date.as_str() <= to)
        });
        let patients = prefix(tags::PATIENT_ID).map(|prefix| {
            let id = |study: &Study| -> String { study.patient_id.chars().take(prefix.len()).collect() };
            self.range(
                &self.by_patient,
                |study| id(study).as_str() < prefix,
                |study| id(study).as_str() <= prefix,
            )
        });
        let accessions = prefix(tags::ACCESSION_NUMBER).map(|prefix| {
            let number = |study: &Study| -> String { study.accession.chars().take(prefix.len()).collect() };
            let (before, upto) = (
                |study: &Study| number(study).as_str() < prefix,
                |study: &Study| number(study).as_str() <= prefix,
            );
            self.range(&self.by_accession, before, upto)
        });
        [dates, patients, accessions]
            .into_iter()
            .flatten()
            .min_by_key(|slice| slice.len())
            .unwrap_or(&self.by_date)
    }

    fn range<'a>(
        &self,
        order: &'a [usize],
        before: impl Fn(&Study) -> bool,
        up_to: impl Fn(&Study) -> bool,
    ) -> &'a [usize] {
        let point =
            |is: &dyn Fn(&Study) -> bool| order.partition_point(|&at| self.studies.get(at).is_some_and(is));
        let Range { start, end } = point(&before)..point(&up_to);
        order.get(start..end).unwrap_or_default()
    }
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut numbers = Numbers(seed);
    for last in (1..items.len()).rev() {
        items.swap(last, numbers.below(last as u64 + 1) as usize);
    }
}
