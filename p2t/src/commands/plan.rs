//! `p2t plan`: lists what the source holds into the catalogue, studies first, then each study's instances.

mod delta;
mod instances;
mod studies;

use std::path::Path;

use archive::{Exclusions, NamedStudy, named_studies};
use catalogue::balance::Stage;
use catalogue::{Catalogue, Level};
use jiff::Timestamp;
use job::config::SelectionConfig;
use job::{ExitCode, Outcome};
use medium::Address;
use serde_json::{Value, json};

use self::instances::enumerate;
use crate::asking;
use crate::cli::Plan;
use crate::context::{Context, Ids};
use crate::error::{Error, Result};
use crate::forecast::{Cartridges, Forecast};
use crate::preflight;
use crate::selection::{self, Choice, Kept, Rules};

pub fn run(context: &Context, arguments: Plan) -> Result<Outcome<Value>> {
    let (again, deep, readmit) = (arguments.again.delta, arguments.again.deep, arguments.readmit);
    // Read before the source is asked for anything: a list that cannot be read should not cost hours.
    let others = arguments.compare.as_deref().map(named_studies).transpose()?;
    let compared = arguments.compare.clone();
    let mut meant = selection::of(context, arguments)?;
    // By their names: they are kept for the export, and a file may change or be gone by then.
    meant.exclude = Exclusions::read(&selection::resolved(context, &meant).exclude)?.config();
    let resolved = selection::resolved(context, &meant);
    let rules = Rules::read(&resolved, &context.config.pace.time_zone, readmit)?;
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
    Kept::plan(&mut catalogue, &context.config.selection, &meant, readmit)?;
    let exclusions = Kept::exclusions(&catalogue)?;
    let resolved = SelectionConfig { exclude: exclusions.config(), ..resolved };
    let rules = rules.excluding(exclusions);
    let selection = studies::begun(&mut catalogue, &resolved, today)?;
    catalogue.planning_begins()?;
    selection::note(&mut catalogue, &meant)?;
    context.monitor.phase("list");
    let listed = asking::within_the_pace(context, &mut catalogue, |asking, catalogue| {
        studies::list(context, asking, &selection, catalogue)?;
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
    let exclusions = Kept::exclusions(catalogue)?;
    let exclude = exclusions.config();
    let study_status = selections.last().map(|last| last.study_status.clone()).unwrap_or_default();
    let ruling = SelectionConfig { study_status, ..meant.clone() };
    let zone = &context.config.pace.time_zone;
    let rules = Rules::read(&selection::resolved(context, &ruling), zone, readmit)?.excluding(exclusions);
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
