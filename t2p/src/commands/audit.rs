//! `t2p audit`: compares each destination with the manifest, study by study, as sets of SOP Instance UIDs in both
//! directions. Counts and status codes are no evidence here.

mod group;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use archive::{Blame, Destination, Gate, Several};
use catalogue::audit::VerdictRow;
use catalogue::plan::InstanceRow;
use catalogue::{Catalogue, DeliveryState, InstanceId, InstanceState, PlanPosition, PlannedStudy, Verdict};
use job::{Counter, ExitCode, Outcome};
use pace::{Pace, SystemClock};
use serde_json::{Value, json};

use self::group::Group;
use super::arrival::Arrival;
use super::changed::{StillThere, Told};
use super::report;
use crate::context::{Context, Target, arrived_whole};
use crate::error::{Error, Result};

const STUDIES: usize = 100;
/// Discrepancies that are printed, and those that the document holds; the report's CSV has all.
const PRINTED: usize = 20;
const LISTED: usize = 1000;

pub fn run(context: &Context) -> Result<Outcome<Value>> {
    let (_lock, mut catalogue) = context.writer()?;
    if catalogue.studies(PlanPosition::default(), 1)?.is_empty() {
        return Err(Error::NothingIngested);
    }
    let targets = context.targets(&mut catalogue)?;
    let mut still_there = Vec::new();
    for target in &targets {
        context.monitor.phase(&format!("audit {}", target.name));
        still_there.push(audit(context, &mut catalogue, target)?);
    }
    summary(context, &catalogue, &targets, &still_there)
}

/// Returns what the destination holds of what the source deleted since.
fn audit(context: &Context, catalogue: &mut Catalogue, target: &Target) -> Result<StillThere> {
    catalogue.clear_verdicts(target.id)?;
    let pace = &context.config.pace;
    let pace = Pace::new(pace.limits, pace.calendar(), Arc::new(SystemClock::new()), Box::new(|_| ()));
    let monitor = context.monitor.clone();
    let say = Box::new(move |text: &str| monitor.finding(text));
    let gate = Gate::new(Arc::new(pace), context.stop.clone(), context.config.retry, say);
    target.archive.pass(Some(Arc::new(gate)));
    let several = Several::new(target.archive.as_ref(), target.associations);
    let asking = Asking { context, target, several };
    let mut still_there = StillThere::default();
    let mut group = Group::default();
    let mut after = PlanPosition::default();
    loop {
        let page = catalogue.studies(after, STUDIES)?;
        let Some(last) = page.last() else { break };
        after = last.position;
        for study in page {
            if context.stop.requested() {
                return Err(archive::Error::Stopped.into());
            }
            group.add(catalogue, target, study)?;
            if group.is_full() {
                asking.audit(catalogue, &std::mem::take(&mut group), &mut still_there)?;
            }
        }
    }
    asking.audit(catalogue, &group, &mut still_there)?;
    Ok(still_there)
}

struct Asking<'a> {
    context: &'a Context,
    target: &'a Target,
    several: Several<'a, dyn Destination>,
}

impl Asking<'_> {
    fn audit(&self, catalogue: &mut Catalogue, group: &Group, still_there: &mut StillThere) -> Result<()> {
        let mut all = Judged::default();
        let (told, left) = self.ask(group);
        for (at, told) in told {
            if let Some(study) = group.studies.get(at) {
                all.add(judge(catalogue, self.target, study, told, still_there)?);
            }
        }
        let monitor = &self.context.monitor;
        monitor.count(Counter::Listed, all.rows.len() as u64);
        monitor.count(Counter::Done, all.delivered.len() as u64);
        catalogue.put_verdicts(self.target.id, &all.rows)?;
        catalogue.record_delivered(self.target.id, &all.delivered)?;
        // What the destination lost, or never had, is sent again by the next ingest.
        catalogue.deliver_again(self.target.id, &all.lost)?;
        // What the others were told is kept all the same.
        left
    }

    /// What the destination tells of each study, by its place, and what keeps it from telling of the others: one that does not
    /// answer is not asked for them.
    fn ask(&self, group: &Group) -> (BTreeMap<usize, Answer>, Result<()>) {
        let archive = self.target.archive.as_ref();
        let (mut told, mut left, mut blame) = (BTreeMap::new(), Ok(()), Blame::default());
        let is_over = AtomicBool::new(false);
        let stop = || is_over.load(Ordering::Acquire) || self.context.stop.requested();
        let agrees = |at: usize, told: &[InstanceRow]| group.agrees(at, told);
        self.several.each(&group.wanted, &agrees, &stop, &mut |at, listed| {
            match listed {
                Ok(listing) => {
                    blame.forget();
                    told.insert(
                        at,
                        (listing.instances.into_iter().map(|row| row.sop_instance).collect(), None),
                    );
                }
                Err(error) if blame.is_of_study(&error, &|| archive.answers()) => {
                    told.insert(at, (BTreeSet::new(), Some(error.to_string())));
                }
                Err(error) => {
                    is_over.store(true, Ordering::Release);
                    if left.is_ok() {
                        left = Err(error.into());
                    }
                }
            }
            ControlFlow::Continue(())
        });
        (told, left)
    }
}

/// The instances that the destination lists in a study; or why it cannot say, which is no reason not to ask for others.
type Answer = (BTreeSet<String>, Option<String>);

fn judge(
    catalogue: &Catalogue,
    target: &Target,
    study: &PlannedStudy,
    (found, untold): Answer,
    still_there: &mut StillThere,
) -> Result<Judged> {
    let uid = &study.study.uid;
    let has_changes = catalogue.has_changes(uid)?;
    let is_deleted =
        |sop: &str| -> Result<bool> { Ok(has_changes && catalogue.deleted_at_source(uid, sop)?.is_some()) };
    let mut judged = Judged::default();
    catalogue.each_claimed(target.id, study.id, |claimed| {
        let sop = claimed.sop_instance;
        let is_there = !sop.is_empty() && found.contains(&sop);
        let refused = claimed.delivery == Some(DeliveryState::Failed);
        let deleted = is_deleted(&sop)?;
        if is_there && deleted {
            still_there.put(uid, &sop);
        }
        let verdict = if claimed.state == InstanceState::Failed {
            (Verdict::Failed, claimed.reason.or(Some("damaged on its volume".to_owned())))
        } else if is_there && !(refused && claimed.is_shared) {
            // A refusal is a claim, too: whoever lists it has it, unless it may be another object under its UID.
            judged.delivered.push(claimed.id);
            (Verdict::Delivered, None)
        } else if refused {
            (Verdict::Failed, claimed.reason)
        } else if let Some(why) = &untold {
            (Verdict::Failed, Some(format!("the destination does not tell what it holds: {why}")))
        } else if matches!(claimed.delivery, Some(DeliveryState::Sent | DeliveryState::Delivered)) {
            let why = if deleted {
                // Somebody may have deleted it here too, and is not to be overruled.
                "the source deleted it since, and the destination does not list it any more"
            } else {
                judged.lost.push(claimed.id);
                "the destination accepted it and does not list it"
            };
            (Verdict::Missing, Some(why.to_owned()))
        } else {
            (Verdict::Missing, Some("it was not delivered yet".to_owned()))
        };
        judged.put(uid, sop, verdict);
        Ok::<_, Error>(())
    })?;
    for extra in &found {
        if !judged.claimed.contains(extra) {
            let mut reason = "the destination lists it in this study, the volumes do not hold it".to_owned();
            if is_deleted(extra)? {
                reason.push_str("; the source deleted it before it was fetched");
            } else if has_changes {
                reason.push_str("; the source has changed this study since");
            }
            judged.rows.push(VerdictRow {
                study_uid: uid.clone(),
                sop_instance: extra.clone(),
                verdict: Verdict::Extra,
                reason: Some(reason),
            });
        }
    }
    Ok(judged)
}

#[derive(Default)]
struct Judged {
    rows: Vec<VerdictRow>,
    claimed: BTreeSet<String>,
    delivered: Vec<InstanceId>,
    lost: Vec<InstanceId>,
}

impl Judged {
    /// Takes another study's verdicts over.
    fn add(&mut self, study: Self) {
        self.rows.extend(study.rows);
        self.delivered.extend(study.delivered);
        self.lost.extend(study.lost);
    }

    /// Several objects may claim one SOP Instance UID; the worst verdict stands for it.
    fn put(&mut self, study_uid: &str, sop_instance: String, (verdict, reason): (Verdict, Option<String>)) {
        let same = self.rows.last_mut().filter(|row| row.sop_instance == sop_instance);
        match same {
            Some(row) if row.verdict == Verdict::Delivered => (row.verdict, row.reason) = (verdict, reason),
            Some(_) => {}
            None => {
                let row = VerdictRow {
                    study_uid: study_uid.to_owned(),
                    sop_instance: sop_instance.clone(),
                    verdict,
                    reason,
                };
                self.rows.push(row);
            }
        }
        self.claimed.insert(sop_instance);
    }
}

/// The first verdicts that are not DELIVERED.
fn discrepancies(catalogue: &Catalogue, target: &Target) -> Result<Vec<VerdictRow>> {
    let mut listed = Vec::new();
    catalogue.each_verdict(target.id, |row| {
        if row.verdict != Verdict::Delivered && listed.len() < LISTED {
            listed.push(row);
        }
        Ok::<_, Error>(())
    })?;
    Ok(listed)
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Delivered => "DELIVERED",
        Verdict::Missing => "MISSING",
        Verdict::Extra => "EXTRA",
        Verdict::Failed => "FAILED",
    }
}

fn summary(
    context: &Context,
    catalogue: &Catalogue,
    targets: &[Target],
    still_there: &[StillThere],
) -> Result<Outcome<Value>> {
    let mut lines = Vec::new();
    let mut documents = Vec::new();
    let mut clean = true;
    for (target, still_there) in targets.iter().zip(still_there) {
        let counts = catalogue.verdict_counts(target.id)?;
        let count =
            |verdict| counts.iter().find(|(found, _)| *found == verdict).map_or(0, |(_, count)| *count);
        let [delivered, missing, extra, failed] =
            [Verdict::Delivered, Verdict::Missing, Verdict::Extra, Verdict::Failed].map(count);
        clean &= missing == 0 && extra == 0 && failed == 0;
        lines.push(format!(
            "{}: DELIVERED {delivered}, MISSING {missing}, EXTRA {extra}, FAILED {failed}",
            target.name
        ));
        lines.extend(still_there.line(&target.name));
        let listed = discrepancies(catalogue, target)?;
        lines.extend(listed.iter().take(PRINTED).map(|row| {
            let reason = row.reason.as_deref().unwrap_or_default();
            format!("  {} {} in study {}: {reason}", word(row.verdict), row.sop_instance, row.study_uid)
        }));
        let documented: Vec<Value> = listed
            .iter()
            .map(|row| {
                json!({ "study": row.study_uid, "sop_instance": row.sop_instance, "verdict": word(row.verdict),
                        "reason": row.reason })
            })
            .collect();
        documents.push(
            json!({ "name": target.name, "delivered": delivered, "missing": missing, "extra": extra,
                               "failed": failed, "discrepancies": documented,
                               "deleted_at_source": still_there.document() }),
        );
    }
    let arrival = Arrival::of(&catalogue.volumes()?, arrived_whole(catalogue)?);
    clean &= arrival.is_whole();
    lines.extend(arrival.lines());
    let told = Told::by(catalogue)?;
    lines.extend(told.line());
    let written = report::write(context, catalogue)?;
    lines.extend(written.iter().flat_map(report::lines));
    let code = if clean { report::worst(&written) } else { ExitCode::Discrepancies };
    let document = json!({
        "destinations": documents,
        "missing_volumes": arrival.missing,
        "damaged_volumes": arrival.damaged,
        "more_volumes_follow": arrival.more_follow,
        "source_changes": told,
        "reports": written.iter().map(report::document).collect::<Vec<_>>(),
    });
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}
