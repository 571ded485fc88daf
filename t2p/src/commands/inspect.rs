//! `t2p inspect`: label, segments and counts, without reading the segments.

use std::sync::Arc;

use job::config::DriveConfig;
use job::{Common, DecimalBytes, ExitCode, Outcome, Progress, Watchdog};
use serde_json::{Value, json};
use volume::Volume;

use crate::cli::OneMedium;
use crate::error::Result;

pub fn run(common: &Common, arguments: &OneMedium) -> Result<Outcome<Value>> {
    let progress = Arc::new(Progress::start(common));
    let _watchdog = Watchdog::start(common, DriveConfig::default(), progress, None);
    let mut volume = Volume::open(&arguments.medium)?;
    let mut studies = 0u64;
    let (mut earlier, mut state) = (Vec::new(), None);
    let mut changes = 0u64;
    if let Some(mut index) = volume.index()? {
        while index.next_change()?.is_some() {
            changes += 1;
        }
        let mut last = None;
        while let Some(segment) = index.next_segment()? {
            for entry in segment.entries {
                if last.as_ref() != Some(&entry.study) {
                    studies += 1;
                    last = Some(entry.study);
                }
            }
        }
        (earlier, state) = (std::mem::take(&mut index.earlier), index.state);
    }
    let identity = volume.identity;
    let mut lines = vec![format!(
        "volume {} (copy {}) of transfer {}\n  volume id   {}\n  volume set  {}",
        identity.sequence, identity.copy, identity.transfer, identity.volume, identity.volume_set
    )];
    if let Some(label) = &volume.label {
        lines.push(format!("  written by  {} on {}", label.creator, label.created_at));
    }
    match &volume.trailer {
        Some(trailer) => {
            let bytes: u64 = trailer.segments.iter().map(|segment| segment.bytes).sum();
            lines.push(format!(
                "  sealed      {}\n  holds       {studies} studies, {} objects, {} segments, {}",
                trailer.sealed_at,
                trailer.objects,
                trailer.segments.len(),
                DecimalBytes(bytes)
            ));
            if changes > 0 {
                lines.push(format!(
                    "  tells of    {changes} changes at the source since (deleted, restored, re-identified)"
                ));
            }
            if trailer.last {
                lines.push("  the last volume of the transfer".to_owned());
            }
        }
        None => lines.push("  NOT COMPLETE: there is no sound trailer".to_owned()),
    }
    lines.extend(volume.findings().iter().map(|finding| format!("  {finding}")));
    let sound = volume.is_complete() && volume.findings().is_empty();
    let document = json!({
        "identity": identity,
        "label": volume.label,
        "trailer": volume.trailer,
        "complete": volume.is_complete(),
        "studies": studies,
        "source_changes": changes,
        "earlier_volumes": earlier,
        "transfer_state": state,
        "findings": volume.findings(),
    });
    let code = if sound { ExitCode::Clean } else { ExitCode::Discrepancies };
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}
