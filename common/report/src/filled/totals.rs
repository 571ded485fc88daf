//! The sums that stand above the rows. The balance is the catalogue's own and not added up from the rows, so that the
//! cross-footing of the two proves something.

use catalogue::{DeliveryState, Error, Reader};

use super::findings::StudyFindings;
use super::groups::Groups;
use super::instances::oddity_verdict;
use super::subject::Subject;
use super::{findings, outside_studies, pages};
use crate::{Balance, Equation, StudyRow, Verdict, VerdictCount};

/// Reasons that a report keeps apart.
const MOST_REASONS: usize = 1000;

/// What is true of the whole job.
pub struct Totals {
    pub balance: Balance,
    /// What is not cleanly done, each instance once; extra ones too.
    pub reasons: Groups,
    /// What the source's counters claim, if it gives any.
    pub claimed: Option<u64>,
    /// Instances that the destination accepted, and those it refused.
    pub accepted: u64,
    pub refused: u64,
    /// Whether the source was asked at all.
    pub is_planned: bool,
    done: Verdict,
}

impl Totals {
    /// Reads all studies once, and the instances of those that are not clean.
    pub fn count(reader: &Reader, subject: Subject) -> Result<Self, Error> {
        let stated = reader.balance(subject.stage())?;
        let (mut reasons, mut claimed, mut bytes) = (Groups::new(MOST_REASONS), None, 0u64);
        for study in findings::studies(reader, subject) {
            let StudyFindings { standing, reasons: of_study } = study?;
            if let Some(instances) = standing.claimed_instances {
                claimed = Some(claimed.unwrap_or(0u64).saturating_add(instances));
            }
            reasons.merge(of_study);
            bytes = bytes.saturating_add(standing.bytes);
        }
        for extra in pages::extras(reader, subject) {
            reasons.add(Verdict::Extra, "the destination lists it, and no volume carries it", 1, &extra?.1);
        }
        add_oddities(reader, subject, &mut reasons)?;
        let balance = Balance { studies: stated.studies.into(), instances: stated.instances.into(), bytes };
        let (accepted, refused) = answers(reader, subject)?;
        let is_planned = is_planned(reader)?;
        Ok(Self { balance, reasons, claimed, accepted, refused, is_planned, done: subject.done() })
    }

    /// Instances per verdict; extra ones are not in the balance.
    pub fn verdicts(&self) -> Vec<VerdictCount> {
        let open = [Verdict::Excluded, Verdict::Pending, Verdict::Failed, Verdict::Missing]
            .map(|verdict| (verdict, self.reasons.count(verdict)));
        let not_done: u64 = open.iter().map(|(_, instances)| instances).sum();
        let done = self.balance.instances.listed.saturating_sub(not_done);
        let extra = self.reasons.count(Verdict::Extra);
        [(self.done, done), (Verdict::Extra, extra)]
            .into_iter()
            .chain(open)
            .filter(|(_, instances)| *instances > 0)
            .map(|(verdict, instances)| VerdictCount { verdict, instances })
            .collect()
    }
}

fn add_oddities(reader: &Reader, subject: Subject, reasons: &mut Groups) -> Result<(), Error> {
    if subject == Subject::Export {
        for oddity in pages::oddities(reader) {
            let oddity = oddity?;
            let path = String::from_utf8_lossy(&oddity.source_ref);
            reasons.add(oddity_verdict(oddity.state), &oddity.reason, 1, &path);
        }
    }
    Ok(())
}

fn answers(reader: &Reader, subject: Subject) -> Result<(u64, u64), Error> {
    let Some(destination) = subject.destination() else { return Ok((0, 0)) };
    let (mut accepted, mut refused) = (0, 0);
    for (state, count) in reader.delivery_counts(destination)? {
        match state {
            DeliveryState::Sent | DeliveryState::Delivered => accepted += count,
            DeliveryState::Failed => refused += count,
            DeliveryState::Pending => {}
        }
    }
    Ok((accepted, refused))
}

fn is_planned(reader: &Reader) -> Result<bool, Error> {
    let mut planned = false;
    reader.each_query(|_| {
        planned = true;
        Ok::<_, Error>(())
    })?;
    Ok(planned)
}

/// The row for files that belong to no study, if there are any.
pub fn oddities_row(reader: &Reader, subject: Subject) -> Result<Option<StudyRow>, Error> {
    let mut reasons = Groups::new(MOST_REASONS);
    add_oddities(reader, subject, &mut reasons)?;
    let (excluded, failed) = (reasons.count(Verdict::Excluded), reasons.count(Verdict::Failed));
    if excluded + failed == 0 {
        return Ok(None);
    }
    let mut row = outside_studies();
    row.instances = Equation { listed: excluded + failed, excluded, failed, ..Equation::default() };
    row.verdict = if failed > 0 { Verdict::Failed } else { Verdict::Excluded };
    row.reasons = reasons.into_sentences();
    Ok(Some(row))
}
