//! `p2t drive status`: how tape drives and their cartridges are.

use std::path::PathBuf;

use job::{DecimalBytes, ExitCode, Outcome};
use medium::scsi::{
    CartridgeHealth, DriveHealth, Health, HealthFinding, Readiness, Reading, Severity, tape_drives,
};
use serde_json::{Value, json};

pub fn run(drives: Vec<PathBuf>) -> Outcome<Value> {
    let are_named = !drives.is_empty();
    let drives: Vec<PathBuf> =
        if drives.is_empty() { tape_drives().into_iter().map(|drive| drive.path).collect() } else { drives };
    let health: Vec<_> = drives.iter().map(|drive| Health::of_idle(drive)).collect();
    let complaint =
        health.iter().flat_map(Health::findings).any(|finding| finding.severity > Severity::Information);
    let document = json!({
        "drives": health.iter().map(|health| json!({ "health": health, "findings": health.findings() })).collect::<Vec<_>>(),
    });
    let text = if health.is_empty() {
        "there is no tape drive; see that it is connected, and that the kernel's module st is loaded"
            .to_owned()
    } else {
        health.iter().map(describe).collect::<Vec<_>>().join("\n")
    };
    let is_silent = |health: &Health| health.drive.identity.known().is_none();
    let code = match complaint {
        _ if are_named && health.iter().any(is_silent) => ExitCode::Failed,
        true => ExitCode::Discrepancies,
        false => ExitCode::Clean,
    };
    Outcome::clean(document, text).with_exit_code(code)
}

fn describe(health: &Health) -> String {
    let mut lines = vec![drive_line(&health.drive)];
    if let Some(cartridge) = &health.cartridge {
        lines.push(format!("  cartridge: {}", cartridge_line(cartridge)));
    }
    if let Reading::NotAvailable { not_available } = &health.drive.alerts {
        lines.push(format!("  alerts not available: {not_available}"));
    }
    lines.extend(health.findings().iter().map(finding_line));
    lines.join("\n")
}

pub fn drive_line(drive: &DriveHealth) -> String {
    let name = match &drive.identity {
        Reading::Known(told) => {
            let serial = told.serial.as_deref().unwrap_or("not told");
            format!("{} {}, firmware {}, serial number {serial}", told.vendor, told.product, told.revision)
        }
        Reading::NotAvailable { not_available } => format!("not to be asked: {not_available}"),
    };
    let state = match drive.readiness.known() {
        Some(Readiness::Ready) => ", ready",
        Some(Readiness::NoCartridge) => ", no cartridge in it",
        Some(Readiness::BecomingReady) => ", becoming ready",
        Some(Readiness::NotReady) => ", not ready",
        None => "",
    };
    format!("{}: {name}{state}", drive.path.display())
}

fn cartridge_line(cartridge: &CartridgeHealth) -> String {
    let mut parts = vec![cartridge.barcode().unwrap_or("no barcode told").to_owned()];
    parts.extend(cartridge.format().map(|format| format.name.to_owned()));
    if cartridge.worm() == Some(true) {
        parts.push("WORM".to_owned());
    }
    if cartridge.medium.known().is_some_and(|medium| medium.write_protected) {
        parts.push("write-protected".to_owned());
    }
    parts.extend(cartridge.serial().map(|serial| format!("serial number {serial}")));
    parts.extend(cartridge.remaining_bytes().map(|bytes| format!("{} free", DecimalBytes(bytes))));
    parts.extend(cartridge.memory.known().and_then(|chip| chip.label.clone()));
    let loads = cartridge.statistics.known().and_then(|told| told.loads);
    parts.extend(loads.map(|loads| format!("loaded {loads} times")));
    parts.join(", ")
}

pub fn finding_line(finding: &HealthFinding) -> String {
    let severity = match finding.severity {
        Severity::Information => "note",
        Severity::Warning => "warning",
        Severity::Critical => "CRITICAL",
    };
    format!("  {severity}: {}", finding.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_that_was_named_and_cannot_be_asked_is_no_clean_end() {
        let told = run(vec!["/dev/no-such-nst".into()]);
        assert_eq!(told.exit_code, ExitCode::Failed);
        assert!(told.text.starts_with("/dev/no-such-nst: not to be asked"), "{}", told.text);
    }
}
