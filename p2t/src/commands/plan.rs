//! `p2t plan`: lists what the source holds into the catalogue, studies first, then each study's instances.

mod delta;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use archive::{
    Blame, Cause, Exclusions, Listing, NamedStudy, Several, Source, StudyListing, Wanted, named_studies,
};
use catalogue::balance::Stage;
use catalogue::listing::{Answered, ListingProof, Recalled};
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{Catalogue, Level, ListingId, OddityState, PlanPosition, PlannedStudy, StudyId, StudyRow};
use jiff::Timestamp;
use jiff::civil::Date;
use job::config::SelectionConfig;
use job::{Counter, ExitCode, Outcome};
use medium::Address;
use serde_json::{Value, json};

use crate::asking::{self, Asking};
use crate::cli::Plan;
use crate::context::{Context, Ids};
use crate::error::{Error, Result};
use crate::forecast::{Cartridges, Forecast};
use crate::preflight;
use crate::selection::{self, Choice, Kept, Rules};

/// Files are recorded in groups of this many.
const GROUP: usize = 500;
const PAGE: usize = 100;

pub fn run(context: &Context, arguments: Plan) -> Result<Outcome<Value>> {
    let (again, deep, readmit) = (arguments.again.delta, arguments.again.deep, arguments.readmit);
    // Read before the source is asked for anything: a list that cannot be read should not cost hours.
    let others = arguments.compare.as_deref().map(named_studies).transpose()?;
    let compared = arguments.compare.clone();
    let mut meant = selection::of(context, arguments)?;
    // By their names: they are kept for the export, and a file may change or be gone by then.
    meant.exclude = Exclusions::read(&selection::resolved(context, &meant).exclude)?.config();
    let configured = &context.config.selection;
    let mut resolved = selection::resolved(context, &meant);
    let mut rules = Rules::read(&resolved, &context.config.pace.time_zone, readmit)?;
    selection::today(context, &meant)?;
    let (_lock, mut catalogue) = context.writer()?;
    Ids::of(&mut catalogue)?;
    catalogue.list_given_up_again()?;
    if again {
        let (selections, rules) = again_of(context, &mut catalogue, &meant, readmit)?;
        return asking::within_the_pace(context, &mut catalogue, |asking, catalogue| {
            delta::run(context, asking, &selections, &rules, catalogue, deep)
        });
    }
    let today = context.config.pace.time_zone.day(Timestamp::now());
    Kept::plan(&mut catalogue, configured, &meant, readmit)?;
    resolved.exclude = Kept::exclusions(&catalogue)?.config();
    rules.exclude_also(&resolved.exclude)?;
    let selection = begun(&mut catalogue, &resolved, today)?;
    catalogue.planning_begins()?;
    selection::note(&mut catalogue, &meant)?;
    context.monitor.phase("list");
    let listed = asking::within_the_pace(context, &mut catalogue, |asking, catalogue| {
        list(context, asking, &selection, catalogue)?;
        rules.apply(catalogue, Timestamp::now())?;
        enumerate(context, asking.source.as_ref(), catalogue)
    });
    // What was listed before an interruption or error stays; the next run goes on.
    let problem = match listed {
        Ok(unlisted) => both(not_enumerable(&catalogue)?, unlisted.problem()),
        Err(Error::Archive(error)) if error.is_of_list() => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    if let Some((path, named)) = compared.zip(others) {
        compare(&mut catalogue, &path, named)?;
    }
    if let Some(problem) = &problem {
        note(&mut catalogue, "list-cut-short", problem.clone())?;
    }
    if problem.is_none() {
        preflight::first(context, &mut catalogue)?;
    }
    summary(context, &mut catalogue, problem.as_deref())
}

/// What a delta lists, as it is today, and its rules: of what decides, it goes by what was planned.
fn again_of(
    context: &Context,
    catalogue: &mut Catalogue,
    meant: &SelectionConfig,
    readmit: bool,
) -> Result<(Vec<SelectionConfig>, Rules)> {
    let selections = Kept::delta(catalogue, &context.config.selection, meant, readmit)?;
    let exclude = Kept::exclusions(catalogue)?.config();
    let study_status = selections.last().map(|last| last.study_status.clone()).unwrap_or_default();
    let ruling = SelectionConfig { study_status, ..meant.clone() };
    let zone = &context.config.pace.time_zone;
    let mut rules = Rules::read(&selection::resolved(context, &ruling), zone, readmit)?;
    rules.exclude_also(&exclude)?;
    let today = |planned: &SelectionConfig| {
        let planned = SelectionConfig { exclude: exclude.clone(), ..planned.clone() };
        selection::today(context, &selection::resolved(context, &planned))
    };
    Ok((selections.iter().map(today).collect::<Result<_>>()?, rules))
}

fn compare(catalogue: &mut Catalogue, path: &Path, named: Vec<NamedStudy>) -> Result<()> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let named: Vec<_> =
        named.into_iter().map(|study| (study.line, study.study_uid, study.accession)).collect();
    catalogue.compare(&name, &named)?;
    Ok(())
}

fn both(first: Option<String>, second: Option<String>) -> Option<String> {
    match (first, second) {
        (Some(first), Some(second)) => Some(format!("{first}; {second}")),
        (first, second) => first.or(second),
    }
}

/// What the last listing could not list, with the first few of its queries.
fn not_enumerable(catalogue: &Catalogue) -> Result<Option<String>> {
    const SHOWN: usize = 10;
    let open = catalogue.listings()?.pop().map_or(0, |(_, proof)| proof.open);
    if open == 0 {
        return Ok(None);
    }
    let queries = catalogue.open_queries(SHOWN)?;
    let shown = queries.iter().map(|query| format!("{} {} ({} rows)", query.level, query.keys, query.rows));
    Ok(Some(format!(
        "{open} queries are cut short by the source and cannot be divided; studies that fit them may be missing, so list these by \
         accession number or Study Instance UID (--csv): {}{}",
        shown.collect::<Vec<_>>().join("; "),
        if open > SHOWN as u64 { "; …" } else { "" },
    )))
}

fn note(catalogue: &mut Catalogue, kind: &str, message: String) -> Result<()> {
    let event = catalogue::events::Event {
        at: Timestamp::now(),
        level: Level::Error,
        kind: kind.into(),
        message,
        detail: None,
    };
    Ok(catalogue.record_event(&event)?)
}

fn list(
    context: &Context,
    asking: &Asking,
    selection: &SelectionConfig,
    catalogue: &mut Catalogue,
) -> Result<()> {
    let mut recording = Recording {
        context,
        catalogue,
        studies: Vec::new(),
        files: Vec::new(),
        walked: false,
        selection: queries_of(selection),
        listing: None,
        verdicts: Vec::new(),
        counted: 0,
    };
    let listed = asking.source.list(selection, &mut recording, &|| asking.must_stop());
    recording.flush().map_err(archive::Error::Taker)?;
    listed?;
    if recording.walked {
        catalogue.finish_listing()?;
    }
    Ok(())
}

/// The catalogue's key for the day from which the last days of a plan are counted.
const DAY: &str = "plan_day";

/// The selection of a plan. One that was interrupted while it listed goes on with the days that it began with.
fn begun(catalogue: &mut Catalogue, meant: &SelectionConfig, today: Date) -> Result<SelectionConfig> {
    let on = |day| meant.on(day).map_err(Error::Selection);
    if meant.last_days.is_none() {
        return on(today);
    }
    let day = catalogue.job(DAY)?.and_then(|day| day.parse::<Date>().ok());
    if let Some(begun) = day.map(on).transpose()?
        && catalogue.is_listing_open(&queries_of(&begun))?
    {
        return Ok(begun);
    }
    catalogue.set_job(DAY, &today.to_string())?;
    on(today)
}

/// What of a selection decides which queries are asked.
fn queries_of(selection: &SelectionConfig) -> String {
    let SelectionConfig { exclude, order, patient_list, min_age_hours, settle_minutes, .. } =
        SelectionConfig::default();
    let asked =
        SelectionConfig { exclude, order, patient_list, min_age_hours, settle_minutes, ..selection.clone() };
    format!("{asked:?}")
}

/// Puts rows into the catalogue in groups.
struct Recording<'a> {
    context: &'a Context,
    catalogue: &'a mut Catalogue,
    studies: Vec<StudyRow>,
    files: Vec<(StudyRow, InstanceRow)>,
    /// Whether files were listed, and so each study's instances with it.
    walked: bool,
    selection: String,
    /// Once a query was asked that belongs to one.
    listing: Option<ListingId>,
    /// Part, verdict, and whether it is open.
    verdicts: Vec<(String, String, bool)>,
    /// Studies that progress has counted.
    counted: u64,
}

impl Recording<'_> {
    /// The listing that the queries belong to: an interrupted one is gone on with.
    fn listing(&mut self) -> Result<ListingId, Cause> {
        let listing = match self.listing {
            Some(listing) => listing,
            None => self.catalogue.listing(&self.selection)?,
        };
        self.listing = Some(listing);
        Ok(listing)
    }

    fn flush(&mut self) -> Result<(), Cause> {
        if let Some(listing) = self.listing {
            self.catalogue.record_verdicts(listing, &self.verdicts)?;
            self.verdicts.clear();
        }
        self.catalogue.upsert_studies(self.studies.drain(..))?;
        let listed = self.catalogue.record_files(&self.files)?;
        self.context.monitor.count(Counter::Listed, listed.new + listed.known);
        self.files.clear();
        Ok(())
    }
}

impl Listing for Recording<'_> {
    fn study(&mut self, study: StudyRow) -> Result<(), Cause> {
        self.studies.push(study);
        if self.studies.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn file(&mut self, study: StudyRow, instance: InstanceRow) -> Result<(), Cause> {
        self.walked = true;
        self.files.push((study, instance));
        if self.files.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn oddity(
        &mut self,
        source_ref: &[u8],
        bytes: Option<u64>,
        state: OddityState,
        reason: &str,
    ) -> Result<(), Cause> {
        self.context.monitor.count(Counter::Listed, 1);
        let counter = if state == OddityState::Failed { Counter::Failed } else { Counter::Excluded };
        self.context.monitor.count(counter, 1);
        Ok(self.catalogue.record_oddity(source_ref, bytes, state, reason)?)
    }

    fn query(&mut self, query: QueryRow) -> Result<(), Cause> {
        Ok(self.catalogue.record_query(&query)?)
    }

    fn recall(&mut self, part: &str) -> Result<Option<Recalled>, Cause> {
        let listing = self.listing()?;
        Ok(self.catalogue.recall(listing, part)?)
    }

    fn answered(&mut self, answered: &Answered<'_>) -> Result<Option<Vec<StudyId>>, Cause> {
        let listing = self.listing()?;
        Ok(Some(self.catalogue.record_answer(listing, answered)?))
    }

    fn judged(&mut self, part: &str, verdict: &str, open: bool) -> Result<(), Cause> {
        self.verdicts.push((part.to_owned(), verdict.to_owned(), open));
        if self.verdicts.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn seen(&mut self, studies: u64) {
        self.context.monitor.count(Counter::Listed, studies.saturating_sub(self.counted));
        self.counted = studies;
    }

    fn proved(&mut self, proof: &ListingProof) -> Result<(), Cause> {
        let listing = self.listing()?;
        self.flush()?;
        Ok(self.catalogue.finish_listing_with(listing, proof)?)
    }
}

/// Lists the instances of every study for which that is still to be done.
fn enumerate(context: &Context, source: &dyn Source, catalogue: &mut Catalogue) -> Result<Unlisted> {
    context.monitor.phase("list instances");
    let several = Several::new(source, context.config.pace.most_associations());
    let mut after = PlanPosition::default();
    let (mut unlisted, mut blame) = (Unlisted::default(), Blame::default());
    loop {
        let page = catalogue.studies_not_enumerated(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(unlisted) };
        after = last.position;
        let wanted: Vec<Wanted> = page.iter().map(wanted).collect();
        let agrees = |at: usize, told: &[InstanceRow]| {
            page.get(at).is_some_and(|planned| is_as_claimed(&planned.study, told))
        };
        let (mut stopped, mut kept) = (None, Ok(()));
        // A source that is down is not asked for the other studies; what is under way is kept all the same.
        let is_over = AtomicBool::new(false);
        let stop = || is_over.load(Ordering::Acquire) || context.stop.requested();
        several.each(&wanted, &agrees, &stop, &mut |at, listed| {
            match (page.get(at), listed) {
                (Some(study), Ok(listing)) => {
                    blame.forget();
                    kept = keep(context, catalogue, study, listing);
                }
                (Some(study), Err(error)) if blame.is_of_study(&error, &|| source.answers()) => {
                    // Or many that are given up, and listed again by each plan, would hold up every run.
                    if study.attempts + 1 >= context.config.retry.attempts {
                        blame.forget();
                    }
                    kept = unlisted.count(context, catalogue, study, &error);
                }
                (_, Err(error)) => {
                    is_over.store(true, Ordering::Release);
                    stopped.get_or_insert(error);
                }
                (None, Ok(_)) => {}
            }
            if kept.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        kept?;
        if let Some(error) = stopped {
            return Err(error.into());
        }
    }
}

/// Keeps what a study consists of.
fn keep(
    context: &Context,
    catalogue: &mut Catalogue,
    study: &PlannedStudy,
    listing: StudyListing,
) -> Result<()> {
    for query in &listing.queries {
        catalogue.record_query(query)?;
    }
    let count = listing.instances.len() as u64;
    catalogue.record_instances(study.id, listing.instances)?;
    context.monitor.count(Counter::Listed, count);
    Ok(())
}

fn wanted(planned: &PlannedStudy) -> Wanted {
    // Without a claim there is nothing to hold an answer against.
    let instances = planned.study.claimed_instances.unwrap_or(u64::MAX / 4);
    Wanted { uid: planned.study.uid.clone(), instances }
}

/// Whether an answer for several studies tells as many series and instances of this one as the source claimed to have, each
/// instance once, and all that is to be known of each.
fn is_as_claimed(study: &StudyRow, told: &[InstanceRow]) -> bool {
    let instances: BTreeSet<&str> = told.iter().map(|row| row.sop_instance.as_str()).collect();
    let series: BTreeSet<&str> = told.iter().map(|row| row.series_uid.as_str()).collect();
    instances.len() == told.len()
        && study.claimed_instances == Some(instances.len() as u64)
        && study.claimed_series.is_none_or(|claimed| claimed == series.len() as u64)
        && told.iter().all(|row| row.modality.is_some() && row.sop_class.is_some())
}

/// Studies of which the source cannot tell the instances; the others go on without them.
#[derive(Default)]
struct Unlisted {
    again: u64,
    given_up: u64,
}

impl Unlisted {
    /// Asked for again by the next run; failed, without any instance, after as many as are configured.
    fn count(
        &mut self,
        context: &Context,
        catalogue: &mut Catalogue,
        study: &PlannedStudy,
        error: &archive::Error,
    ) -> Result<()> {
        let message = format!("study {}: its instances could not be listed: {error}", study.study.uid);
        context.monitor.finding(&message);
        catalogue.study_attempt_failed(study.id, &message)?;
        note(catalogue, "study-not-listed", message)?;
        if study.attempts + 1 < context.config.retry.attempts {
            self.again += 1;
        } else {
            self.given_up += 1;
            catalogue.record_instances(study.id, [])?;
        }
        Ok(())
    }

    fn problem(&self) -> Option<String> {
        let Self { again, given_up } = self;
        let mut words = Vec::new();
        if *again > 0 {
            words.push(format!(
                "the source could not list {again} studies; run `p2t plan` again to try once more"
            ));
        }
        if *given_up > 0 {
            words.push(format!("{given_up} studies are given up, because the source could not list them"));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}

fn summary(context: &Context, catalogue: &mut Catalogue, problem: Option<&str>) -> Result<Outcome<Value>> {
    let balance = catalogue.balance(Stage::Export)?;
    let (studies, instances) = (balance.studies, balance.instances);
    let loaded = |spec: &str| spec.parse().ok().and_then(|address: Address| address.loaded_format());
    let cartridges = Cartridges::look(&context.config, &loaded);
    cartridges.remember(catalogue)?;
    let forecast = Forecast::of(
        &context.config,
        &cartridges,
        studies.listed - studies.excluded,
        catalogue.planned_bytes()?,
    );
    let oddities = catalogue.oddity_reasons(50)?;
    let listing = catalogue.listings()?.pop().map(|(_, proof)| proof);
    let comparison = catalogue.last_comparison()?.map(|(_, comparison)| comparison);
    let mut lines = vec![
        format!(
            "{} studies, {} instances and files listed ({} excluded, {} failed)",
            studies.listed, instances.listed, instances.excluded, instances.failed,
        ),
        forecast.text(),
    ];
    let choice = Choice::read(catalogue)?;
    lines.extend(choice.lines());
    lines.extend(listing.iter().map(|proof| format!("Listed: {}", proof.text())));
    lines.extend(comparison.iter().map(|comparison| format!("Compared: {}", comparison.text())));
    let short = catalogue.shortfall()?;
    lines.extend(short.text().map(|text| format!("IN DOUBT: {text}")));
    let preflight = catalogue.preflight()?;
    lines.extend(preflight.iter().map(|found| format!("Preflight: {}", found.conclusion())));
    lines.extend(oddities.iter().map(|reason| format!("  {} × {}", reason.count, reason.reason)));
    lines.extend(problem.map(|problem| format!("THE LIST IS NOT WHOLE: {problem}")));
    let not_carried: Vec<Value> = oddities
        .iter()
        .map(|reason| json!({ "reason": reason.reason, "count": reason.count, "examples": reason.examples }))
        .collect();
    let document = json!({
        "studies": studies,
        "instances": instances,
        "forecast": forecast,
        "listing": listing,
        "comparison": comparison,
        "not_carried": not_carried,
        "preflight": preflight,
        "order": choice.order,
        "excluded_studies": choice.excluded,
        "waiting_studies": choice.waiting,
        "short_studies": short,
        "problem": problem,
    });
    let unlisted = comparison.is_some_and(|comparison| comparison.only_list > 0);
    let is_odd = problem.is_some() || unlisted || short.studies > 0;
    let code = if is_odd || instances.failed > 0 || studies.failed > 0 {
        ExitCode::Discrepancies
    } else {
        ExitCode::Clean
    };
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_of_the_last_days_that_goes_on_past_midnight_keeps_its_day() {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue")).unwrap();
        let meant = SelectionConfig { last_days: Some(2), ..SelectionConfig::default() };
        let day = |day| jiff::civil::date(2026, 12, day);
        let from =
            |catalogue: &mut Catalogue, today| begun(catalogue, &meant, day(today)).unwrap().study_date_from;
        assert_eq!(from(&mut catalogue, 10), Some(day(8)));
        let listing = catalogue.listing(&queries_of(&meant.on(day(10)).unwrap())).unwrap();
        assert_eq!(from(&mut catalogue, 11), Some(day(8)));
        catalogue.finish_listing_with(listing, &ListingProof::default()).unwrap();
        assert_eq!(from(&mut catalogue, 11), Some(day(9)));
    }
}
