//! Each study and what is not clean in it.

use catalogue::balance::Side;
use catalogue::standing::{StandingCursor, StudyStanding};
use catalogue::{Error, InstanceState, Reader};

use super::groups::Groups;
use super::subject::Subject;
use super::{pages, shown_uid};
use crate::human::count;
use crate::{StudyRow, Verdict};

/// Reasons of one study that are kept apart.
const MOST_REASONS: usize = 32;

/// A study and what is not clean in it.
pub struct StudyFindings {
    pub standing: StudyStanding,
    /// Instances that are not cleanly done.
    pub reasons: Groups,
}

/// All studies.
pub fn studies(reader: &Reader, subject: Subject) -> impl Iterator<Item = Result<StudyFindings, Error>> {
    pages::studies(reader, subject).map(move |study| StudyFindings::of(reader, subject, study?))
}

/// Whether there is nothing to tell of the study's instances.
pub fn is_clean(study: &StudyStanding) -> bool {
    study.instances.done == study.instances.listed && study.missing == 0
}

impl StudyFindings {
    fn of(reader: &Reader, subject: Subject, standing: StudyStanding) -> Result<Self, Error> {
        let mut reasons = Groups::new(MOST_REASONS);
        if !is_clean(&standing) {
            let first = match subject {
                Subject::Export => StandingCursor::before(InstanceState::Excluded),
                _ => StandingCursor::default(),
            };
            for instance in pages::instances(reader, subject, standing.id, first) {
                let instance = instance?;
                let (verdict, reason) = subject.verdict(&instance);
                if verdict != subject.done() {
                    reasons.add(verdict, reason, 1, &shown_uid(&instance.sop_instance, "SOP"));
                }
            }
        }
        let mut findings = Self { standing, reasons };
        findings.add_what_waits(subject);
        Ok(findings)
    }

    /// At an export, what is pending has its reason at the study.
    fn add_what_waits(&mut self, subject: Subject) {
        let pending = self.standing.instances.pending;
        if subject == Subject::Export && pending > 0 {
            let why = match (&self.standing.waits_for, &self.standing.last_error) {
                (Some(reason), _) => format!("waits: {reason}"),
                (None, Some(error)) => format!("still to be done; the last attempt failed: {error}"),
                (None, None) => "still to be fetched, packed or written".to_owned(),
            };
            self.reasons.add(Verdict::Pending, &why, pending, &shown_uid(&self.standing.uid, "Study"));
        }
    }

    /// The worst that happened in the study; pending while more of it is to be listed, whatever is known so far.
    fn verdict(&self, subject: Subject) -> Verdict {
        let StudyStanding { instances, side, .. } = self.standing;
        if side == Side::Pending && instances.pending == 0 {
            return Verdict::Pending;
        }
        let by_count = [
            (Verdict::Missing, self.reasons.count(Verdict::Missing)),
            (Verdict::Failed, instances.failed),
            (Verdict::Extra, self.standing.extra),
            (Verdict::Pending, instances.pending),
            (Verdict::Excluded, instances.excluded),
        ];
        match by_count.into_iter().find(|(_, count)| *count > 0) {
            Some((verdict, _)) => verdict,
            None if side == Side::Failed => Verdict::Failed,
            None if side == Side::Excluded => Verdict::Excluded,
            None => subject.done(),
        }
    }

    /// The row of a report.
    pub fn row(self, subject: Subject) -> StudyRow {
        let verdict = self.verdict(subject);
        let Self { standing, reasons } = self;
        let mut why = reasons.into_sentences();
        if standing.extra > 0 {
            why.push(format!("{} EXTRA: no volume carries them", count(standing.extra)));
        }
        if let Some((claimed, known)) = shortfall(&standing).filter(|_| subject == Subject::Export) {
            why.push(format!(
                "the source claims {} instances, and {} were listed or came",
                count(claimed),
                count(known)
            ));
        }
        if why.is_empty() && verdict != subject.done() {
            why.push(unlisted(&standing, verdict));
        }
        StudyRow {
            study_instance_uid: shown_uid(&standing.uid, "Study"),
            outside_studies: false,
            study_date: standing.study_date.unwrap_or_default(),
            modalities: modalities(standing.modalities.as_deref().unwrap_or_default()),
            instances: standing.instances.into(),
            extra: standing.extra,
            bytes: standing.bytes,
            verdict,
            reasons: why,
        }
    }
}

/// Instances that the source claims, and those that are known, where the latter are fewer: what
/// [`catalogue::Reader::shortfall`] finds.
fn shortfall(study: &StudyStanding) -> Option<(u64, u64)> {
    let known = study.instances.listed.saturating_sub(study.instances.excluded);
    let claimed = study.claimed_instances.filter(|claimed| study.excluded.is_none() && *claimed > known);
    claimed.filter(|_| known > 0).map(|claimed| (claimed, known))
}

/// Why a study without a single instance to blame is not done.
fn unlisted(study: &StudyStanding, verdict: Verdict) -> String {
    if let (Verdict::Excluded, Some(reason)) = (verdict, &study.excluded) {
        return reason.clone();
    }
    let why = match verdict {
        Verdict::Pending => "its instances are still to be listed",
        _ => "no instance of it was found",
    };
    match &study.last_error {
        Some(error) => format!("{why}; the last attempt failed: {error}"),
        None => why.to_owned(),
    }
}

fn modalities(joined: &str) -> Vec<String> {
    let parts = joined.split(['\\', ',']).map(str::trim);
    parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
