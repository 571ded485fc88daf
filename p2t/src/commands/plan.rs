//! `p2t plan`: lists what the source holds into the catalogue, studies first, then each study's instances.

use archive::{Cause, Listing, Source};
use catalogue::balance::Stage;
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{Catalogue, Level, OddityState, PlanPosition, StudyRow};
use job::config::SelectionConfig;
use job::{ByteSize, Counter, ExitCode, Outcome};
use serde_json::{Value, json};

use crate::cli::Plan;
use crate::context::{Context, Ids};
use crate::error::{Error, Result};
use crate::source;

/// Files are recorded in groups of this many.
const GROUP: usize = 500;
const PAGE: usize = 100;
/// What zstd makes of typical archives at level 1, in per cent (docs/BENCHMARKS.md); only the forecast rests on it.
const EXPECTED_PER_CENT: u64 = 60;

pub fn run(context: &Context, arguments: Plan) -> Result<Outcome<Value>> {
    let selection = merge(context.config.selection.clone(), arguments);
    let (_lock, mut catalogue) = context.writer()?;
    Ids::of(&mut catalogue)?;
    let source = source::open(context, false)?;
    context.monitor.phase("list");
    let listed = list(context, source.as_ref(), &selection, &mut catalogue)
        .and_then(|()| enumerate(context, source.as_ref(), &mut catalogue));
    // What was listed before an interruption or error stays; the next run goes on.
    let failure = match listed {
        Ok(()) => None,
        Err(Error::Archive(error @ archive::Error::CutShort { .. })) => Some(error),
        Err(error) => return Err(error),
    };
    if let Some(error) = &failure {
        let event = catalogue::events::Event {
            at: jiff::Timestamp::now(),
            level: Level::Error,
            kind: "list-cut-short".into(),
            message: error.to_string(),
            detail: None,
        };
        catalogue.record_event(&event)?;
    }
    summary(context, &catalogue, failure.map(|error| error.to_string()).as_deref())
}

/// What is given on the command line takes the place of the same key in the configuration.
fn merge(configured: SelectionConfig, given: Plan) -> SelectionConfig {
    let list = |given: Vec<String>, configured| if given.is_empty() { configured } else { given };
    SelectionConfig {
        study_date_from: given.from.or(configured.study_date_from),
        study_date_to: given.until.or(configured.study_date_to),
        modalities: list(given.modalities, configured.modalities),
        patient_ids: list(given.patient_ids, configured.patient_ids),
        accession_numbers: list(given.accession_numbers, configured.accession_numbers),
        study_uids: list(given.study_uids, configured.study_uids),
        csv: given.csv.or(configured.csv),
    }
}

fn list(
    context: &Context,
    source: &dyn Source,
    selection: &SelectionConfig,
    catalogue: &mut Catalogue,
) -> Result<()> {
    let mut recording =
        Recording { context, catalogue, studies: Vec::new(), files: Vec::new(), walked: false };
    let listed = source.list(selection, &mut recording, &|| context.stop.requested());
    recording.flush().map_err(archive::Error::Taker)?;
    listed?;
    if recording.walked {
        catalogue.finish_listing()?;
    }
    Ok(())
}

/// Puts rows into the catalogue in groups.
struct Recording<'a> {
    context: &'a Context,
    catalogue: &'a mut Catalogue,
    studies: Vec<StudyRow>,
    files: Vec<(StudyRow, InstanceRow)>,
    /// Whether files were listed, and so each study's instances with it.
    walked: bool,
}

impl Recording<'_> {
    fn flush(&mut self) -> Result<(), Cause> {
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
        self.walked = true;
        self.context.monitor.count(Counter::Listed, 1);
        let counter = if state == OddityState::Failed { Counter::Failed } else { Counter::Excluded };
        self.context.monitor.count(counter, 1);
        Ok(self.catalogue.record_oddity(source_ref, bytes, state, reason)?)
    }

    fn query(&mut self, query: QueryRow) -> Result<(), Cause> {
        Ok(self.catalogue.record_query(&query)?)
    }
}

/// Lists the instances of every study for which that is still to be done.
fn enumerate(context: &Context, source: &dyn Source, catalogue: &mut Catalogue) -> Result<()> {
    context.monitor.phase("list instances");
    let mut after = PlanPosition::default();
    loop {
        let page = catalogue.studies_not_enumerated(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.position;
        for study in page {
            if context.stop.requested() {
                return Err(archive::Error::Stopped.into());
            }
            let listing = source.list_study(&study.study.uid)?;
            for query in &listing.queries {
                catalogue.record_query(query)?;
            }
            let count = listing.instances.len() as u64;
            catalogue.record_instances(study.id, listing.instances)?;
            context.monitor.count(Counter::Listed, count);
        }
    }
}

fn summary(context: &Context, catalogue: &Catalogue, problem: Option<&str>) -> Result<Outcome<Value>> {
    let balance = catalogue.balance(Stage::Export)?;
    let bytes = catalogue.planned_bytes()?;
    let volume_bytes = context.config.media.volume_bytes.map(ByteSize::bytes);
    let estimated = bytes.map(|bytes| bytes / 100 * EXPECTED_PER_CENT);
    let volumes = estimated.zip(volume_bytes).map(|(bytes, volume)| bytes.div_ceil(volume.max(1)).max(1));
    let seconds = bytes
        .zip(context.config.pace.limits.bytes_per_second)
        .map(|(bytes, rate)| bytes as f64 / rate as f64);
    let oddities = catalogue.oddity_reasons(50)?;
    let (studies, instances) = (balance.studies, balance.instances);
    let unknown = || "unknown".to_owned();
    let mut lines = vec![format!(
        "{} studies, {} instances and files listed ({} excluded, {} failed)\nbytes {}, volumes about {}, days at the ceiling {}",
        studies.listed,
        instances.listed,
        instances.excluded,
        instances.failed,
        bytes.map_or_else(|| "unknown until fetched".to_owned(), |bytes| ByteSize(bytes).to_string()),
        volumes.map_or_else(unknown, |volumes| volumes.to_string()),
        seconds.map_or_else(|| "without ceiling".to_owned(), |seconds| format!("{:.1}", seconds / 86_400.0)),
    )];
    lines.extend(oddities.iter().map(|reason| format!("  {} × {}", reason.count, reason.reason)));
    lines.extend(problem.map(|problem| format!("THE LIST IS NOT WHOLE: {problem}")));
    let document = json!({
        "studies": studies,
        "instances": instances,
        "bytes": bytes,
        "volumes": volumes,
        "days": seconds.map(|seconds| seconds / 86_400.0),
        "not_carried": oddities.iter().map(|reason| json!({
            "reason": reason.reason, "count": reason.count, "examples": reason.examples,
        })).collect::<Vec<_>>(),
        "problem": problem,
    });
    let code =
        if problem.is_some() || instances.failed > 0 { ExitCode::Discrepancies } else { ExitCode::Clean };
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}
