//! People who use a PACS while p2t exports from it: what they wait with adaptive control, without it, and alone.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stdout, reason = "what it measured is what it is for")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use catalogue::{InstanceState, Reader};
use e2e::disk::scratch;
use e2e::foreground::{Foreground, Request, Sample, rank};
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Program};
use e2e::synthetic::Instance;
use e2e::transfer::{self, report};
use fakepacs::{Archive, FakePacs, Lies, Population};
use serde_json::Value;

const STUDIES: u32 = 3000;
const INSTANCES: u32 = 20;
const PIXELS: u32 = 20_000;
/// Milliseconds that a made-up PACS takes for an answer or object while it has at most [`KNEE`] things to do, and more for
/// each further one.
const LATENCY: u64 = 20;
const KNEE: usize = 3;

/// People ask so often.
const SEARCH: Duration = Duration::from_millis(50);
const LOOK: Duration = Duration::from_millis(200);
const ASSOCIATIONS: i64 = 8;
/// Ceilings that are tried to find out what is to spare, as parts of what is taken without any.
const SHARES: [f64; 5] = [0.1, 0.2, 0.3, 0.4, 0.6];
const GOAL: f64 = 1.25;

/// How p2t goes about it.
#[derive(Clone, Copy)]
enum How {
    Adaptive,
    /// With no more than a ceiling.
    Ceiling(Option<f64>),
}

/// One part of the experiment.
struct Part {
    name: String,
    begun: Instant,
    samples: Vec<Sample>,
    /// Instances a second that p2t fetched.
    rate: f64,
}

impl Part {
    fn p95(&self, request: Request) -> f64 {
        rank(&self.samples, request, 95)
    }

    /// How many times as long as when alone, before and after it, people waited: for the worse of the two kinds of request.
    fn harm(&self, before: &Self, after: &Self) -> f64 {
        [Request::Find, Request::Get]
            .map(|request| 2.0 * self.p95(request) / (before.p95(request) + after.p95(request)).max(0.1))
            .into_iter()
            .fold(0.0, f64::max)
    }
}

/// One part, and how people who are alone with the PACS fared before and after it: it does not answer as fast all the time.
struct Trial {
    part: Part,
    harm: f64,
}

struct Site {
    folder: PathBuf,
    node: String,
    /// What people ask for.
    studies: Vec<String>,
    objects: u64,
    warm_up: Duration,
    /// The same under adaptive control, which begins with one association and tries more.
    settling: Duration,
    length: Duration,
    jobs: u32,
}

impl Site {
    fn of(folder: &Path, source: &Orthanc) -> Self {
        for study in 1..=STUDIES {
            for number in 1..=INSTANCES {
                source.load_bytes(&Instance { study, series: 1, number }.small(PIXELS));
            }
        }
        let studies = (1..=STUDIES)
            .step_by(7)
            .map(|study| Instance { study, series: 1, number: 1 }.study_uid())
            .collect();
        Self {
            folder: folder.to_owned(),
            node: source.node(),
            studies,
            objects: (STUDIES * INSTANCES).into(),
            warm_up: Duration::from_secs(10),
            settling: Duration::from_secs(60),
            length: Duration::from_secs(20),
            jobs: 0,
        }
    }

    fn people(&self) -> Foreground {
        Foreground::start(&self.node, &self.studies, SEARCH, LOOK)
    }

    /// A planned job.
    fn job(&mut self, how: How) -> Program {
        self.jobs += 1;
        let job = self.folder.join(format!("job-{}", self.jobs));
        let medium = self.folder.join(format!("volume-{}-{{seq}}", self.jobs));
        let p2t = transfer::new_export(&job, &self.node, &medium);
        p2t.configure("pace.limits", "associations", ASSOCIATIONS);
        p2t.configure("source", "retrieve", "c-get");
        match how {
            How::Adaptive => {
                p2t.configure("pace.adaptive", "canary_seconds", 1_i64);
                // A small archive on this machine itself answers in milliseconds.
                p2t.configure("pace.adaptive", "slack_milliseconds", 1_i64);
            }
            How::Ceiling(ceiling) => {
                p2t.configure("pace.adaptive", "enabled", false);
                if let Some(ceiling) = ceiling {
                    p2t.configure("pace.limits", "instances_per_second", ceiling);
                }
            }
        }
        p2t.run(&["plan"]).expect(Exit::Clean);
        p2t
    }

    fn alone(&self, name: &str) -> Part {
        let (begun, people) = (Instant::now(), self.people());
        sleep(self.length);
        Part { name: name.to_owned(), begun, samples: people.finish(), rate: 0.0 }
    }

    /// What people wait while p2t works.
    fn together(&mut self, name: &str, how: How) -> (Part, Program) {
        let p2t = self.job(how);
        self.work(name, how, p2t)
    }

    fn work(&self, name: &str, how: How, p2t: Program) -> (Part, Program) {
        let people = self.people();
        let mut running = p2t.spawn(&["export"]);
        sleep(match how {
            How::Adaptive => self.settling,
            How::Ceiling(_) => self.warm_up,
        });
        let (begun, before) = (Instant::now(), fetched(&p2t));
        while begun.elapsed() < self.length && running.is_running() && fetched(&p2t) < self.objects {
            sleep(Duration::from_millis(250));
        }
        let rate = (fetched(&p2t) - before) as f64 / begun.elapsed().as_secs_f64();
        let over = Instant::now();
        let mut samples = people.finish();
        samples.retain(|sample| sample.due >= begun && sample.due < over);
        if running.is_running() {
            running.interrupt();
        }
        running.finish();
        (Part { name: name.to_owned(), begun, samples, rate }, p2t)
    }
}

/// Instances that have come.
fn fetched(p2t: &Program) -> u64 {
    let reader = Reader::open(&p2t.job().join("catalogue.sqlite")).expect("the catalogue can be read");
    let states = reader.instance_states().expect("it counts by state");
    states.iter().filter(|(state, _)| *state != InstanceState::Pending).map(|(_, count)| count).sum()
}

fn decisions(p2t: &Program) -> Vec<(String, String)> {
    let pace = report(p2t)["pace"].as_array().expect("the report has the pace log").clone();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    pace.iter().map(|row| (text(row, "signal"), text(row, "value"))).collect()
}

/// The load that was allowed in the end.
fn last_load(p2t: &Program) -> Value {
    let report = report(p2t);
    let rows = report["pace"].as_array().expect("the report has the pace log");
    let loads = rows.iter().rev().map(|row| row["new"]["load"].clone());
    loads.into_iter().find(|load| !load.is_null()).unwrap_or_default()
}

/// A made-up PACS that gets slower the more it has to do, and what people ask of it.
fn made_up(folder: &Path) -> (FakePacs, Site) {
    let studies = Population { studies: 400, ..Population::default() }.make();
    let uids: Vec<String> = studies.iter().map(|study| study.uid.clone()).collect();
    let objects =
        studies.iter().flat_map(|study| &study.series).map(|series| u64::from(series.instances)).sum();
    let title = "FAKE".parse().expect("it is an AE title");
    let pacs =
        FakePacs::start(([127, 0, 0, 1], 0).into(), title, Archive::new(studies), Lies::default(), |_| {});
    let pacs = pacs.expect("loopback has a free port");
    let node = format!("FAKE@{}", pacs.address());
    let (warm_up, length) = (Duration::from_secs(3), Duration::from_secs(6));
    let folder = folder.to_owned();
    (pacs, Site { folder, node, studies: uids, objects, warm_up, settling: warm_up, length, jobs: 0 })
}

#[test]
fn people_wait_less_with_control_than_without_and_every_decision_is_in_the_report() {
    let folder = scratch();
    let (pacs, mut site) = made_up(folder.path());
    let jobs = [How::Ceiling(None), How::Adaptive].map(|how| (how, site.job(how)));
    // Planning need not take long.
    pacs.set_lies(Lies { latency: LATENCY, knee: KNEE, slope: 100, ..Lies::default() });
    let [off, (on, p2t)] = jobs.map(|(how, p2t)| site.work("", how, p2t));
    let median = |part: &Part| rank(&part.samples, Request::Find, 50);
    let told = format!(
        "{:.1} ms and {:.0} instances/s without control, {:.1} ms and {:.0} instances/s with it",
        median(&off.0),
        off.0.rate,
        median(&on),
        on.rate
    );
    println!("{told}");
    assert!(on.samples.len() > 10 && on.rate > 0.0, "{told}");
    assert!(median(&on) < 0.8 * median(&off.0), "{told}");
    let decisions = decisions(&p2t);
    let answered =
        decisions.iter().filter(|(signal, value)| signal.contains("answered") && !value.is_empty());
    assert!(answered.count() > 0, "{decisions:?}");
}

#[test]
#[ignore = "takes ten minutes: tools/bench foreground"]
fn what_people_wait_and_what_is_taken_of_what_is_to_spare() {
    let folder = scratch();
    // What it has in memory answers fast until we have read through everything, and then no more: people see a PACS whose archive is
    // larger than its memory.
    let options = serde_json::json!({ "MaximumStorageCacheSize": 0 });
    let source = Orthanc::start_with("SITE_A", &folder.path().join("a"), options);
    let mut site = Site::of(folder.path(), &source);
    let mut alone = vec![site.alone("alone")];
    let mut trial = |site: &mut Site, name: &str, how| {
        let (part, p2t) = site.together(name, how);
        alone.push(site.alone("alone"));
        let [.., before, after] = alone.as_slice() else { unreachable!("there was one before") };
        let harm = part.harm(before, after);
        (Trial { part, harm }, p2t)
    };
    let (off, _) = trial(&mut site, "without control", How::Ceiling(None));
    let (on, p2t) = trial(&mut site, "with control", How::Adaptive);
    let mut ceilings = Vec::new();
    for share in SHARES {
        let name = format!("ceiling {:.0} %", share * 100.0);
        let ceiling = (off.part.rate * share).max(1.0);
        ceilings.push(trial(&mut site, &name, How::Ceiling(Some(ceiling))).0);
    }
    println!("| | instances/s | find p50 ms | find p95 ms | get p50 ms | get p95 ms | p95 to alone |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let row = |part: &Part, harm: Option<f64>| {
        let ms = |request, per_cent| rank(&part.samples, request, per_cent);
        println!(
            "| {} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} | {} |",
            part.name,
            part.rate,
            ms(Request::Find, 50),
            ms(Request::Find, 95),
            ms(Request::Get, 50),
            ms(Request::Get, 95),
            harm.map_or(String::new(), |harm| format!("{harm:.2}"))
        );
    };
    for part in &alone {
        row(part, None);
    }
    for trial in [&on].into_iter().chain(&ceilings).chain([&off]) {
        row(&trial.part, Some(trial.harm));
    }
    // The fastest of the ceilings that people can live with.
    let bearable = ceilings.iter().chain([&off]).filter(|trial| trial.harm <= GOAL);
    let spare = bearable.map(|trial| trial.part.rate).fold(0.0, f64::max);
    println!("\nwith control: p95 {:.2} times that alone (goal <= {GOAL})", on.harm);
    if spare > 0.0 {
        println!(
            "{:.2} of the {spare:.0} instances/s that no ceiling with a p95 within {GOAL} exceeded (goal >= 0.8)",
            on.part.rate / spare
        );
    } else {
        println!(
            "no ceiling that was tried kept p95 within {GOAL}: what is to spare is less than the least of them"
        );
    }
    println!("{} decisions of the control, the last at {}", decisions(&p2t).len(), last_load(&p2t));
    if let Some(path) = std::env::var_os("P2T_FOREGROUND_SVG") {
        std::fs::write(path, plot(&[&alone[0], &on.part, &off.part])).expect("the plot can be written");
    }
}

const PANEL: f64 = 290.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 34.0;
const HEIGHT: f64 = 240.0;
/// Milliseconds at the lower and the upper end.
const RANGE: (f64, f64) = (0.5, 2000.0);

fn height(milliseconds: f64) -> f64 {
    let (low, high) = RANGE;
    let part = (milliseconds.clamp(low, high) / low).ln() / (high / low).ln();
    TOP + HEIGHT * (1.0 - part)
}

/// Each answer over time, a panel for each part, on one logarithmic scale.
fn plot(parts: &[&Part]) -> String {
    let width = LEFT + PANEL * parts.len() as f64 + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        TOP + HEIGHT + 44.0
    );
    for tick in [1.0, 10.0, 100.0, 1000.0] {
        let y = height(tick);
        let end = LEFT + PANEL * parts.len() as f64;
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {y:.1}H{end}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick} ms</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
    for (number, part) in parts.iter().enumerate() {
        panel(&mut svg, part, LEFT + PANEL * number as f64);
    }
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\"><tspan fill=\"#1f5fa8\">●</tspan> C-FIND for one study <tspan fill=\"#c2571a\">●</tspan> C-GET of one \
         study; lines: 95 % within</text>\n</svg>",
        TOP + HEIGHT + 34.0
    );
    svg
}

fn panel(svg: &mut String, part: &Part, left: f64) {
    let seconds = |sample: &Sample| sample.due.saturating_duration_since(part.begun).as_secs_f64();
    let longest = part.samples.iter().map(seconds).fold(1.0, f64::max);
    let right = left + PANEL - 14.0;
    let _ = writeln!(
        svg,
        "<text x=\"{left}\" y=\"18\" font-weight=\"bold\">{}: {:.0} instances/s</text>",
        part.name, part.rate
    );
    for (request, colour) in [(Request::Find, "#1f5fa8"), (Request::Get, "#c2571a")] {
        let _ = write!(
            svg,
            "<path stroke=\"{colour}\" stroke-width=\"2.4\" stroke-linecap=\"round\" opacity=\".5\" d=\""
        );
        for sample in part.samples.iter().filter(|sample| sample.request == request) {
            let x = left + seconds(sample) / longest * (right - left);
            let _ = write!(svg, "M{x:.0} {:.0}h0", height(sample.took.as_secs_f64() * 1000.0));
        }
        let y = height(part.p95(request));
        let _ = writeln!(
            svg,
            "\"/>\n<path stroke=\"{colour}\" stroke-width=\"1.5\" d=\"M{left:.0} {y:.1}H{right:.0}\"/>"
        );
    }
}
