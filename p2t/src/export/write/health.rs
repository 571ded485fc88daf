//! What drives and cartridges tell of themselves while an export writes, as findings: each once for a volume. Nothing of it stops
//! an export.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use catalogue::volumes::{Cartridge, Held, NewVolume, VolumeRow};
use catalogue::{Level, VolumeId};
use medium::scsi::{CartridgeHealth, Health, Reading, Severity};
use medium::{EarlyWarning, Medium};

use super::Write;
use crate::chip;
use crate::error::{Error, Result};
use crate::media::barcode::agree;
use crate::readback::holder;

/// What was told already.
#[derive(Default)]
pub struct Told(Mutex<BTreeSet<String>>);

impl Told {
    fn is_new(&self, text: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned())
    }
}

impl Write {
    /// Asks a drive that is about to be opened, and its cartridge; none of other media.
    pub fn health_at_load(&self, volume: &str, medium: &dyn Medium) -> Result<Option<Health>> {
        if !medium.is_drive() {
            return Ok(None);
        }
        let health = self.media.when_free(Path::new(&medium.to_string()), Health::of_free)?;
        self.tell_health(volume, &health)?;
        Ok(Some(health))
    }

    /// Tells what is wrong, and once for each drive that it does not say.
    pub fn tell_health(&self, volume: &str, health: &Health) -> Result<()> {
        let drive = health.drive.path.display();
        if let Reading::NotAvailable { not_available } = &health.drive.alerts
            && self.told.is_new(&drive.to_string())
        {
            let message = format!("{drive} does not tell how it is: {not_available}");
            self.monitor.note(&message);
            self.shared.event(Level::Info, "drive-health", message)?;
        }
        for finding in health.findings() {
            self.tell_finding(format!("{drive}, {volume}: {}", finding.text), finding.severity)?;
        }
        Ok(())
    }

    /// Writes onto the cartridge's chip which volume is begun on it, where the drive allows; tells once for each drive that it does
    /// not.
    pub fn write_chip(&self, volume: &NewVolume, told: Option<&CartridgeHealth>) -> Result<()> {
        let Some(told) = told else { return Ok(()) };
        let write = |drive: &Path| chip::write(drive, volume, told);
        match self.media.when_free(Path::new(&volume.medium), write)? {
            Some(why) => self.tell_finding(why, Severity::Information),
            None => Ok(()),
        }
    }

    /// Records how much a cartridge held, and tells if that is suspiciously little.
    pub fn cartridge_held(&self, id: VolumeId, volume: &str, met: EarlyWarning) -> Result<()> {
        let cartridge = met
            .format
            .map(|format| Cartridge { format: format.name.to_owned(), native_bytes: format.native_bytes });
        self.shared.lock().cartridge_held(id, &Held { bytes: met.bytes, cartridge })?;
        match met.format.and_then(|format| Health::of_capacity(&format, met.bytes)) {
            Some(finding) => self.tell_finding(format!("{volume}: {}", finding.text), finding.severity),
            None => Ok(()),
        }
    }

    /// Refuses a cartridge that tells another barcode than the one that its volume was begun on, unless the operator takes any: then
    /// it is the volume's from now on.
    pub fn require_barcode(&self, row: &VolumeRow, told: Option<&str>) -> Result<()> {
        let volume = &row.volume;
        let Some((label, barcode)) = volume.barcode.as_deref().zip(told) else { return Ok(()) };
        if agree(label, barcode) {
            return Ok(());
        }
        let refusal = Error::OtherBarcode {
            drive: volume.medium.clone(),
            volume: self.name_of(volume),
            label: label.to_owned(),
            barcode: barcode.to_owned(),
        };
        if !self.media.change.any_barcode {
            return Err(refusal);
        }
        self.shared.lock().volume_has_barcode(row.id, barcode)?;
        let (drive, name) = (&volume.medium, self.name_of(volume));
        let message = format!(
            "{name} goes on in {drive} as asked, on a cartridge with the barcode {barcode}, not {label}"
        );
        self.monitor.finding(&message);
        Ok(self.shared.event(Level::Warning, "other-barcode", message)?)
    }

    /// Refuses a blank cartridge with the barcode of one that segments are on: it was erased, or is taken for blank and is not.
    pub fn require_not_erased(&self, medium: &dyn Medium, told: Option<&str>) -> Result<()> {
        let Some(barcode) = told else { return Ok(()) };
        let is_its = |volume: &NewVolume| volume.barcode.as_deref().is_some_and(|own| agree(own, barcode));
        let Some(row) = holder(&self.shared.lock(), is_its)? else { return Ok(()) };
        Err(Error::Erased {
            drive: medium.to_string(),
            volume: self.name_of(&row.volume),
            barcode: barcode.to_owned(),
            which: row.volume.which(),
        })
    }

    /// Tells when the library reads another barcode from a cartridge's sticker than its chip tells.
    pub fn compare_barcodes(
        &self,
        medium: &dyn Medium,
        sticker: Option<&str>,
        chip: Option<&str>,
    ) -> Result<()> {
        match sticker.zip(chip) {
            Some((sticker, chip)) if !agree(sticker, chip) => {
                let text = format!(
                    "{medium}: the library reads {sticker} from the cartridge, whose chip says {chip}"
                );
                self.tell_finding(text, Severity::Warning)
            }
            _ => Ok(()),
        }
    }

    fn tell_finding(&self, message: String, severity: Severity) -> Result<()> {
        if self.told.is_new(&message) {
            let level = match severity {
                Severity::Information => Level::Info,
                Severity::Warning => Level::Warning,
                Severity::Critical => Level::Error,
            };
            match level {
                Level::Info => self.monitor.note(&message),
                _ => self.monitor.finding(&message),
            }
            self.shared.event(level, "drive-health", message)?;
        }
        Ok(())
    }
}
