//! How the list of what must be carried came about: a line for each query that found studies, and one for each kind of
//! query that was sent for every study.

use catalogue::plan::QueryRow;
use catalogue::shortfall::Shortfall;
use catalogue::{Error, Reader};

use super::Facts;
use super::subject::Subject;
use crate::{Compared, Listing, PlanProof, PlanQuery};

/// Queries with a line of their own, and as many again that did not end well.
const MOST: usize = 200;

const FOLDER: &str = "Every file below the source folder was looked at: what is a DICOM object was listed, what is not is \
    listed with its reason.";
const PACS: &str = "C-FIND at STUDY level by the selection, then at SERIES and IMAGE level for each study. An answer with \
    studies counts as whole only if the source ended it with Success and its parts, asked for by themselves, hold nothing \
    that it lacks; else they are listed instead. What the source's counters claim is not used; where they claim more than is listed, the study is \
    in doubt.";
const WEB: &str = "QIDO-RS for studies by the selection, then for the instances of each study, in pages until one is empty. A \
    list of which that cannot be said does not count as whole; what its counters claim only confirms it.";
const VOLUMES: &str =
    "The list is what the volumes themselves name, object by object, in their indexes and manifests.";
const NONE: &str = "Nothing was listed yet.";

/// The proof of the plan; at the receiving end, the volumes are the plan.
pub fn proof(
    reader: &Reader,
    facts: &Facts,
    subject: Subject,
    claimed_instances: Option<u64>,
    shortfall: Shortfall,
) -> Result<PlanProof, Error> {
    let mut queries = Queries::default();
    reader.each_judged_query(|query, verdict, open| {
        queries.add(&query, verdict.unwrap_or_default(), open);
        Ok::<_, Error>(())
    })?;
    let method = match subject {
        Subject::Ingest(_) | Subject::Audit(_) => VOLUMES,
        Subject::Export if queries.total == 0 => NONE,
        Subject::Export if queries.folder => FOLDER,
        Subject::Export if queries.web => WEB,
        Subject::Export => PACS,
    };
    Ok(PlanProof {
        method: method.to_owned(),
        selection: facts.selection.clone(),
        order: reader.plan_order()?.filter(|_| subject == Subject::Export),
        excluded_studies: reader.excluded_studies()?,
        waiting_studies: reader.waiting_studies()?,
        queries: queries.rows(),
        claimed_instances,
        short_studies: Some(shortfall).filter(|shortfall| shortfall.studies > 0),
        listings: listings(reader)?,
        comparison: reader.last_comparison()?.map(|(at, comparison)| Compared {
            at,
            text: comparison.text(),
            comparison,
        }),
    })
}

fn listings(reader: &Reader) -> Result<Vec<Listing>, Error> {
    let finished = reader.listings()?.into_iter();
    Ok(finished.map(|(finished_at, proof)| Listing { finished_at, text: proof.text(), proof }).collect())
}

#[derive(Default)]
struct Queries {
    total: u64,
    folder: bool,
    web: bool,
    single: Vec<PlanQuery>,
    ended_badly: Vec<PlanQuery>,
    /// One line a level.
    summed: Vec<PlanQuery>,
}

impl Queries {
    fn add(&mut self, query: &QueryRow, verdict: String, open: bool) {
        self.total += 1;
        let is_folder = query.level == "FOLDER";
        self.folder |= is_folder;
        self.web |= query.keys.starts_with("QIDO-RS");
        let finds_studies = is_folder || query.level == "STUDY";
        let unexplained = query.status != 0 && verdict.is_empty();
        if (open || unexplained) && self.ended_badly.len() < MOST {
            let status = format!("ended with status {:04X}H: not whole", query.status);
            self.ended_badly.push(single(query, if unexplained { status } else { verdict }));
        } else if finds_studies && self.single.len() < MOST {
            self.single.push(single(query, verdict));
        } else {
            self.sum(query);
        }
    }

    fn sum(&mut self, query: &QueryRow) {
        let text = format!("{}, queries of this level together", query.level);
        match self.summed.iter_mut().find(|row| row.query == text) {
            Some(row) => {
                row.count += 1;
                row.matches = row.matches.saturating_add(query.rows);
            }
            None => self.summed.push(PlanQuery {
                at: query.at,
                query: text,
                count: 1,
                matches: query.rows,
                note: String::new(),
            }),
        }
    }

    fn rows(self) -> Vec<PlanQuery> {
        [self.single, self.summed, self.ended_badly].concat()
    }
}

fn single(query: &QueryRow, note: String) -> PlanQuery {
    let text = format!("{} {}", query.level, query.keys);
    PlanQuery { at: query.at, query: text.trim_end().to_owned(), count: 1, matches: query.rows, note }
}
