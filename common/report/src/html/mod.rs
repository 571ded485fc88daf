//! The report for people: one HTML file without scripts or references to anything outside it.
//!
//! Everything that came from outside passes askama's escaping; only the pictures, which [`crate::svg`]
//! escapes itself, are inserted as they are.

mod bar;
mod show;
mod tone;

use std::io::{self, Write};

use askama::Template;
use manifest::Digest;

use crate::clock::Clock;
use crate::files::PendingFile;
use crate::footing::Footing;
use crate::human::{byte_rate, bytes, duration, plural, text};
use crate::model::{Equation, Report};
use crate::plot::{CanaryPlot, Plot, canary_plot, plot};
use crate::select::{Group, Selection};
use crate::{InstanceScope, Overall};

use tone::Tone;

/// A file that belongs to the report, as the page names it.
pub struct FileNote {
    name: String,
    content: &'static str,
    rows: u64,
    bytes: u64,
    blake3: Digest,
}

impl FileNote {
    /// Describes a file that is written but for its name.
    pub fn new(file: &PendingFile, content: &'static str, rows: u64) -> Self {
        let name = file.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { name, content, rows, bytes: file.bytes(), blake3: file.digest() }
    }
}

/// What the file of instances holds, for a reader.
pub fn scope(scope: InstanceScope) -> &'static str {
    match scope {
        InstanceScope::All => "one row per instance",
        InstanceScope::NotClean => "one row per instance that is not cleanly done",
    }
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    r: &'a Report,
    clock: Clock,
    studies: &'a Selection,
    footing: &'a Footing,
    foots: bool,
    plot: Option<Plot>,
    canary: Option<CanaryPlot>,
    files: &'a [FileNote],
}

/// Writes the page. `report.verdict` is what it states; it must not be better than the balance allows.
pub fn render(
    out: &mut dyn Write,
    report: &Report,
    studies: &Selection,
    footing: &Footing,
    files: &[FileNote],
) -> io::Result<()> {
    let clock = Clock::new(&report.time_zone);
    let plot = plot(&report.rates, &report.pace, clock.zone());
    let canary = canary_plot(&report.canary, clock.zone());
    let foots = footing.matches(&report.balance);
    let mut out = io::BufWriter::new(out);
    Page { r: report, clock, studies, footing, foots, plot, canary, files }.write_into(&mut out)?;
    out.flush()
}

impl Page<'_> {
    fn balance_rows(&self) -> [(&'static str, &Equation, String); 2] {
        let Report { balance, .. } = self.r;
        [("Studies", &balance.studies), ("Instances", &balance.instances)]
            .map(|(name, equation)| (name, equation, bar::bar(equation)))
    }

    /// `2 h 5 min, 5.3 GB at 12.1 MB/s on average`, if the transfer has begun and ended.
    fn period(&self) -> Option<String> {
        let (from, to) = self.r.transfer.started_at.zip(self.r.transfer.finished_at)?;
        let seconds = u64::try_from(to.duration_since(from).as_secs()).ok().filter(|seconds| *seconds > 0)?;
        let done = self.r.balance.bytes;
        let rate = byte_rate(done as f64 / seconds as f64);
        Some(format!("{}; {} done, {rate} on average", duration(seconds), bytes(done)))
    }

    /// From where to where: `source → destination`, or to the volumes at the exporting end.
    fn heading(&self) -> String {
        let transfer = &self.r.transfer;
        let mut targets: Vec<String> = transfer.destinations.iter().map(|node| text(node, 200)).collect();
        if targets.is_empty() && !self.r.volumes.is_empty() {
            targets.push(plural(self.r.volumes.len() as u64, "volume"));
        }
        let source = text(&transfer.source, 200);
        if targets.is_empty() { source } else { format!("{source} → {}", targets.join(" + ")) }
    }

    fn study_groups(&self) -> [(&'static str, &Group); 3] {
        let open = if self.r.balance.studies.pending > 0 {
            "Pending, excluded, or with a remark"
        } else {
            "Excluded, or with a remark"
        };
        let Selection { discrepancies, open: others, clean } = self.studies;
        [("Need a look", discrepancies), (open, others), ("Clean", clean)]
    }

    /// Subjects of which there is nothing to tell, so that silence cannot be taken for an omission.
    fn nothing_found(&self) -> Vec<&'static str> {
        let r = self.r;
        [
            ("missing volumes", r.missing_volumes.is_empty()),
            ("damaged segments", r.damage.is_empty()),
            ("conflicts of SOP Instance UIDs", r.conflicts.is_empty()),
        ]
        .into_iter()
        .filter_map(|(subject, none)| none.then_some(subject))
        .collect()
    }
}
