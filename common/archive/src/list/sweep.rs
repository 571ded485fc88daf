//! Lists all studies of an archive that may give fewer than it has, and may not say so.
//!
//! A source that gives at most N rows gives N rows to every query that more studies fit. So an answer with fewer rows than
//! the largest one is whole; one with as many is doubted until the same part, asked for in smaller parts, shows nothing
//! that it lacked. What it lacked proves that it was cut short, and teaches N. Parts are made smaller until their answers
//! are whole; one that cannot be made smaller is not enumerable, and stays on record with its query.

use std::collections::{BTreeSet, HashSet};

use super::divide::{Knowledge, divide};
use super::part::{Dimension, Part, Row};
use super::sample::{by_patient, sample};
use super::seen::Seen;
use super::span::Span;

mod due;

/// An answer of more rows than this is checked by a sample of its parts, unless everything is to be proved.
pub const CHECKED_WHOLE: u64 = 2_000;
/// Where a source gives fewer rows than this, parts are not divided further by texts: it would take hundreds of queries for
/// each study.
const TINY: u64 = 5;
/// A source of which this is learnt again and again does not give a fixed number of rows.
const MOST_PASSES: usize = 8;
/// Days on either side of a study, within which there are others: to find out that the source gives more rows than one.
const NEIGHBOURHOODS: [u64; 3] = [0, 15, 180];

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The source says that this was all.
    Success,
    /// It says that there is more, with this status.
    Cut(u16),
    /// It refused to answer, with this status.
    Refused(u16),
    /// We broke it off, at the most that we take.
    Enough,
}

/// An answer to a query for a part.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Rows that came, whatever they were.
    pub count: u64,
    /// The studies among them.
    pub rows: Vec<Row>,
    pub end: End,
}

/// Whoever can be asked.
pub trait Peer {
    type Error;
    fn ask(&mut self, part: &Part) -> Result<Answer, Self::Error>;
    /// Keeps what was concluded of a part that was asked for.
    fn judged(&mut self, part: &Part, verdict: &Verdict) -> Result<(), Self::Error>;
    /// How many rows the source gives to this query; none if it does not end with success. Nothing of the answer is taken.
    fn gauge(&mut self, part: &Part) -> Result<Option<u64>, Self::Error>;
    /// Is told how many different studies there are so far.
    fn seen(&mut self, _studies: u64) {}
}

/// What was concluded of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The source gives more rows elsewhere.
    Small,
    /// Asked for in parts, it shows nothing more.
    InParts,
    /// A sample of its parts shows nothing more.
    Sampled { rows: u64 },
    /// It was cut short, and its parts were listed.
    Divided(Cause),
    /// It was cut short, and cannot be made smaller.
    Open(Cause),
}

/// Why an answer counts as cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The source said so.
    Status(u16),
    /// It had as many rows as the source gives at most.
    Cap(u64),
    /// Its parts had studies that it lacked.
    Lacking,
    /// We broke it off.
    TooMany,
    /// The source heeds no key by which that could be found out.
    Unmatched,
}

/// What a sweep came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proof {
    pub queries: u64,
    pub rows: u64,
    /// Different studies.
    pub studies: u64,
    /// Rows that the source gives at most, where it was found to cut its answers.
    pub cap: Option<u64>,
    /// Parts that are not enumerable.
    pub open: u64,
    /// Attributes that the source takes no notice of, or refuses.
    pub useless: BTreeSet<Dimension>,
    /// Rows of the samples that stand behind answers too long to be checked whole.
    pub sampled: Option<u64>,
    /// Studies without Study Date.
    pub undated: u64,
}

/// A part whose parts are being listed.
struct Frame {
    part: Part,
    count: u64,
    said_success: bool,
    /// A study was found in its parts that its answer lacked.
    lacking: bool,
    /// Studies of its answer that were not found in its parts yet.
    missing: HashSet<u64>,
    /// Studies that were found in its parts, and how many they are; counted where the source said that there are more
    /// than in its answer.
    found: Option<(Seen, u64)>,
    /// So many at least must be found then.
    due: u64,
}

impl Frame {
    /// Whether all that its answer showed, and what it said there is besides, was found in its parts.
    fn is_accounted_for(&self) -> bool {
        self.missing.is_empty() && self.found.as_ref().is_none_or(|(_, count)| *count >= self.due)
    }
}

/// How a part came out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Whole,
    Refused,
    Open,
}

#[expect(clippy::struct_excessive_bools, reason = "each is something of its own that was seen or asked")]
pub struct Sweep<'a, P> {
    peer: &'a mut P,
    prove_all: bool,
    proof: Proof,
    known: Knowledge,
    seen: Seen,
    /// Rows of the largest answer so far.
    largest: u64,
    /// Studies of the largest answer that ended with success.
    most_studies: u64,
    /// Rows of the largest answer that was taken as whole because its parts showed nothing more.
    taken_as_whole: u64,
    /// A study without Patient ID was shown.
    anonymous: bool,
    /// One without a modality was.
    unclassed: bool,
    gauged: bool,
    frames: Vec<Frame>,
}

impl<'a, P: Peer> Sweep<'a, P> {
    /// With `prove_all` no answer is taken as whole because of a sample.
    pub fn new(peer: &'a mut P, prove_all: bool) -> Self {
        Self {
            peer,
            prove_all,
            proof: Proof::default(),
            known: Knowledge::default(),
            seen: Seen::default(),
            largest: 0,
            most_studies: 0,
            taken_as_whole: 0,
            anonymous: false,
            unclassed: false,
            gauged: false,
            frames: Vec::new(),
        }
    }

    /// Lists what lies in `part`. Several parts may be listed, one after the other.
    pub fn list(&mut self, part: &Part) -> Result<(), P::Error> {
        for _ in 0..MOST_PASSES {
            let open = self.proof.open;
            self.part(part)?;
            // What was taken as whole before the source was found to cut answers of this length is doubted once more.
            if self.proof.cap.is_none_or(|cap| self.taken_as_whole < cap) {
                return Ok(());
            }
            self.taken_as_whole = 0;
            self.proof.open = open;
        }
        // Its answers contradict each other each time.
        self.proof.open += 1;
        self.peer.judged(part, &Verdict::Open(Cause::Lacking))
    }

    pub fn proof(self) -> Proof {
        self.proof
    }

    fn part(&mut self, part: &Part) -> Result<Outcome, P::Error> {
        let answer = self.ask(part)?;
        if self.frames.is_empty() && matches!(answer.end, End::Refused(_)) {
            // It shows nothing of what there is: any study may lack anything.
            (self.anonymous, self.unclassed) = (true, true);
        }
        self.judge_narrowing(part, &answer);
        self.gauge(part, &answer)?;
        let doubt = self.doubt(&answer);
        self.largest = self.largest.max(answer.count);
        match doubt {
            Doubt::None if self.frames.is_empty() && answer.count == 0 && !part.is_spelt_out() => {
                self.parts(part, &answer, None)
            }
            Doubt::None => {
                self.peer.judged(part, &Verdict::Small)?;
                Ok(Outcome::Whole)
            }
            Doubt::Some if answer.count > CHECKED_WHOLE && !self.prove_all => self.sampled(part, &answer),
            Doubt::Some => self.parts(part, &answer, None),
            Doubt::Cut(cause) => self.parts(part, &answer, Some(cause)),
        }
    }

    /// The few studies of one patient or order would each be doubted, and divided by hundreds of queries, until the source has
    /// once given more: so it is asked once for what lies around the first of them.
    fn gauge(&mut self, part: &Part, answer: &Answer) -> Result<(), P::Error> {
        let narrow = self.frames.is_empty() && part.is_spelt_out() && answer.end == End::Success;
        let day = answer.rows.iter().find_map(|row| row.date).filter(|_| narrow && !self.gauged);
        let Some(day) = day.filter(|_| answer.count >= self.largest && !is_round(answer.count)) else {
            return Ok(());
        };
        self.gauged = true;
        for days in NEIGHBOURHOODS {
            let dates = Some(Span { from: day.saturating_sub(days), to: day + days });
            let rows = self.peer.gauge(&Part { dates, ..Part::default() })?;
            self.proof.queries += 1;
            self.proof.rows += rows.unwrap_or_default();
            self.largest = self.largest.max(rows.unwrap_or_default());
            if self.largest > answer.count {
                break;
            }
        }
        Ok(())
    }

    fn ask(&mut self, part: &Part) -> Result<Answer, P::Error> {
        let answer = self.peer.ask(part)?;
        self.proof.queries += 1;
        self.proof.rows += answer.count;
        if answer.end == End::Success {
            self.most_studies = self.most_studies.max(answer.rows.len() as u64);
            // It gives more than what was taken for its most: studies came in while it was asked.
            self.proof.cap = self.proof.cap.filter(|cap| answer.count <= *cap);
        }
        for row in &answer.rows {
            self.take(part, row, answer.end);
        }
        self.peer.seen(self.proof.studies);
        Ok(answer)
    }

    /// An attribute that is told of no study of an answer, and by which asking for less brought as much, is one that the
    /// archive takes no notice of. Dividing by it would never end.
    fn judge_narrowing(&mut self, part: &Part, answer: &Answer) {
        let Some(whole) = self.frames.last() else { return };
        if answer.rows.is_empty() || answer.count < whole.count || answer.end == End::Enough {
            return;
        }
        if let Some(by) = part.narrowed_by(&whole.part)
            && answer.rows.iter().all(|row| row.lacks(by))
        {
            self.proof.useless.insert(by);
        }
    }

    fn take(&mut self, part: &Part, row: &Row, end: End) {
        self.known.learn(row);
        self.anonymous |= row.patient.is_none();
        self.unclassed |= row.modalities.is_empty();
        // An answer that we broke off may be of anything.
        if end != End::Enough {
            self.proof.useless.extend(part.misfits(row));
        }
        let new = self.seen.insert(row.study);
        self.proof.studies += u64::from(new);
        self.proof.undated += u64::from(new && row.date.is_none());
        for frame in &mut self.frames {
            frame.missing.remove(&row.study);
            if let Some((seen, count)) = &mut frame.found {
                *count += u64::from(seen.insert(row.study));
            }
            if new && frame.part.fits(row) && !frame.lacking {
                frame.lacking = true;
                if frame.said_success && frame.count >= self.largest {
                    self.proof.cap = Some(self.proof.cap.unwrap_or(u64::MAX).min(frame.count));
                }
            }
        }
    }

    fn doubt(&self, answer: &Answer) -> Doubt {
        match (answer.end, self.proof.cap) {
            (End::Cut(status) | End::Refused(status), _) => Doubt::Cut(Cause::Status(status)),
            (End::Enough, _) => Doubt::Cut(Cause::TooMany),
            (End::Success, Some(cap)) if answer.count == cap => Doubt::Cut(Cause::Cap(cap)),
            (End::Success, Some(cap)) if answer.count < cap => Doubt::None,
            (End::Success, None) if answer.count < self.largest && !is_round(answer.count) => Doubt::None,
            (End::Success, _) if answer.count == 0 => Doubt::None,
            (End::Success, _) => Doubt::Some,
        }
    }

    /// Asks for some parts of an answer too long to be asked for twice.
    fn sampled(&mut self, part: &Part, answer: &Answer) -> Result<Outcome, P::Error> {
        self.enter(part, answer);
        let before = self.proof.rows;
        for piece in sample(part, &answer.rows) {
            if !self.is_useful(&piece, part) || self.is_lacking() {
                continue;
            }
            self.part(&piece)?;
        }
        let lacking = self.is_lacking();
        self.frames.pop();
        if lacking {
            return self.parts(part, answer, Some(Cause::Lacking));
        }
        self.taken_as_whole = self.taken_as_whole.max(answer.count);
        let rows = self.proof.rows - before;
        self.proof.sampled = Some(self.proof.sampled.unwrap_or_default() + rows);
        self.peer.judged(part, &Verdict::Sampled { rows })?;
        Ok(Outcome::Whole)
    }

    /// Asks for a part by its parts: by one attribute, and by the next where that may leave studies out. Dividing a range or
    /// a prefix further leaves out nothing; dividing by another attribute leaves out the studies that have none. Where the
    /// answer showed such studies, or [`Self::is_due`], the next attribute follows.
    fn parts(&mut self, part: &Part, answer: &Answer, cause: Option<Cause>) -> Result<Outcome, P::Error> {
        let top = self.frames.is_empty();
        self.enter(part, answer);
        let (mut open, mut settled, mut left_out) = (false, false, false);
        for dimension in self.dimensions(part) {
            let cut = cause.is_some() || self.is_lacking();
            if settled && !self.is_due(part, dimension, answer.count, cut) {
                continue;
            }
            let pieces = divide(part, dimension, &answer.rows, &self.known, self.frames.len());
            if pieces.is_empty() {
                continue;
            }
            let outcome = self.pieces(&pieces, dimension, answer)?;
            open |= outcome == Outcome::Open;
            let all_back = self.frames.last().is_none_or(Frame::is_accounted_for);
            settled = outcome == Outcome::Whole && all_back;
            left_out = !part.has(dimension);
            if !left_out && (settled || outcome == Outcome::Open) {
                break;
            }
            if outcome == Outcome::Open && all_back && !top && !part.is_spelt_out() {
                break;
            }
        }
        if top && cause.is_none() && settled && !self.is_thorough(answer.count) {
            self.try_patients(part, answer)?;
            if self.is_lacking() {
                self.frames.pop();
                return self.parts(part, answer, Some(Cause::Lacking));
            }
        }
        let lacking = self.is_lacking();
        self.frames.pop();
        let cause = cause.or(lacking.then_some(Cause::Lacking));
        let last = left_out && self.is_last(part);
        let (verdict, outcome) = match cause {
            None if open => (Verdict::Divided(Cause::Lacking), Outcome::Open),
            None if top && self.is_unmatched() => {
                self.proof.open += 1;
                (Verdict::Open(Cause::Unmatched), Outcome::Open)
            }
            None => {
                self.taken_as_whole = self.taken_as_whole.max(answer.count);
                (Verdict::InParts, Outcome::Whole)
            }
            Some(cause) if settled && !last => (Verdict::Divided(cause), Outcome::Whole),
            Some(cause) if open && !last => (Verdict::Divided(cause), Outcome::Open),
            Some(cause) => {
                self.proof.open += 1;
                (Verdict::Open(cause), Outcome::Open)
            }
        };
        self.peer.judged(part, &verdict)?;
        match answer.end {
            End::Refused(_) if outcome == Outcome::Open => Ok(Outcome::Refused),
            _ => Ok(outcome),
        }
    }

    /// Asks for a few patients of an answer that seems to be whole.
    fn try_patients(&mut self, part: &Part, answer: &Answer) -> Result<(), P::Error> {
        for piece in by_patient(part, &answer.rows) {
            if self.is_useful(&piece, part) {
                self.part(&piece)?;
            }
        }
        Ok(())
    }

    fn pieces(&mut self, pieces: &[Part], by: Dimension, whole: &Answer) -> Result<Outcome, P::Error> {
        let mut worst = Outcome::Whole;
        for piece in pieces {
            let outcome = self.part(piece)?;
            if outcome == Outcome::Refused && !matches!(whole.end, End::Refused(_)) {
                // Less was asked for than was answered before: it is the attribute that the source does not take.
                self.proof.useless.insert(by);
            }
            if self.proof.useless.contains(&by) {
                return Ok(Outcome::Refused);
            }
            if outcome != Outcome::Whole {
                worst = Outcome::Open;
            }
        }
        Ok(worst)
    }

    fn enter(&mut self, part: &Part, answer: &Answer) {
        self.frames.push(Frame {
            part: part.clone(),
            count: answer.count,
            said_success: answer.end == End::Success,
            lacking: false,
            missing: answer.rows.iter().map(|row| row.study).collect(),
            found: matches!(answer.end, End::Cut(_) | End::Refused(_)).then(Default::default),
            due: match answer.end {
                End::Refused(_) => self.most_studies + 1,
                _ => answer.rows.len() as u64 + 1,
            },
        });
    }

    fn is_lacking(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.lacking)
    }
}

enum Doubt {
    None,
    /// Nothing speaks against it, and nothing for it.
    Some,
    Cut(Cause),
}

/// What a limit set by a person looks like.
pub(crate) fn is_round(count: u64) -> bool {
    count >= 100 && (count.is_multiple_of(100) || count.is_power_of_two() || (count + 1).is_power_of_two())
}

#[cfg(test)]
mod tests;
