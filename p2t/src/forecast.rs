//! What an export will take, before it begins: bytes, volumes of each copy, days.

use catalogue::Reader;
use job::config::Verify;
use job::{ByteSize, DecimalBytes, P2tConfig};
use medium::scsi::Format;
use serde::Serialize;

use crate::error::Result;
use crate::media;
use crate::streaming::{self, Drive, Outlook};

/// What zstd makes of typical archives at level 1, in per cent (docs/BENCHMARKS.md); only the forecast rests on it.
const EXPECTED_PER_CENT: u64 = 60;
/// The average of migrations on record; for sources that tell no sizes.
const BYTES_PER_STUDY: u64 = 35_000_000;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// The cartridges of each copy, that of copy 1 first.
pub struct Cartridges(Vec<OfCopy>);

/// What a copy is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OfCopy {
    /// Volumes on disks.
    Disk,
    /// Cartridges like the one that is, or was when the plan was made, in its drive.
    Loaded(Format),
    /// Cartridges of which the configuration tells.
    Configured(Format),
    /// Cartridges of which nobody tells.
    Unknown,
}

impl Cartridges {
    /// Where the catalogue keeps the density codes of what was in the drives when the plan was made.
    const LOADED: &str = "loaded_cartridges";

    /// As `look` finds them in the drives, or else as they are configured.
    pub fn look(config: &P2tConfig, look: &dyn Fn(&str) -> Option<Format>) -> Self {
        let loaded = |specs: &[String]| specs.iter().find_map(|spec| look(media::split(spec).1));
        Self(media_of_copies(config).iter().map(|specs| of_copy(config, specs, loaded(specs))).collect())
    }

    /// As the plan found them. The drives are left alone: an export may be about to open one.
    pub fn remembered(config: &P2tConfig, reader: &Reader) -> Result<Self> {
        let text = reader.job(Self::LOADED)?.unwrap_or_default();
        let codes: Vec<Option<u8>> = serde_json::from_str(&text).unwrap_or_default();
        let codes = codes.into_iter().chain(std::iter::repeat(None));
        let copies = media_of_copies(config).into_iter().zip(codes);
        let of_copy = |(specs, code): (Vec<String>, Option<u8>)| {
            of_copy(config, &specs, code.and_then(Format::of_density))
        };
        Ok(Self(copies.map(of_copy).collect()))
    }

    /// Keeps what was found in the drives for [`remembered`](Self::remembered).
    pub fn remember(&self, catalogue: &mut catalogue::Catalogue) -> Result<()> {
        let code = |copy: &OfCopy| match copy {
            OfCopy::Loaded(format) => Some(format.density),
            _ => None,
        };
        let codes: Vec<Option<u8>> = self.0.iter().map(code).collect();
        Ok(catalogue.set_job(Self::LOADED, &serde_json::json!(codes).to_string())?)
    }

    /// What drives will make of a source that gives so many bytes a second; none where no tape is written. Of several copies,
    /// the drive counts that is the hardest to feed.
    pub fn outlook(&self, config: &P2tConfig, source_rate: f64) -> Option<Outlook> {
        let drives = self.0.iter().filter_map(|copy| match copy {
            OfCopy::Disk => None,
            OfCopy::Unknown => Some(Drive::of(None)),
            OfCopy::Loaded(format) | OfCopy::Configured(format) => Some(Drive::of(Some(*format))),
        });
        let drive = drives.max_by(|left, right| left.lowest.total_cmp(&right.lowest))?;
        let usual = || streaming::usual_burst(config.spool.limit_bytes.bytes());
        let burst_bytes = config.media.burst_bytes.map_or_else(usual, ByteSize::bytes);
        let sealed = source_rate * EXPECTED_PER_CENT as f64 / 100.0;
        streaming::outlook(drive, sealed, burst_bytes)
    }
}

/// The media of each copy; none where it is not clear which they are, which the export will say.
fn media_of_copies(config: &P2tConfig) -> Vec<Vec<String>> {
    let copies = config.media.copies;
    media::assign(&[], &config.media.to, copies).unwrap_or_else(|_| vec![Vec::new(); copies as usize])
}

fn of_copy(config: &P2tConfig, specs: &[String], loaded: Option<Format>) -> OfCopy {
    match (loaded, config.media.cartridge) {
        _ if !specs.iter().any(|spec| media::is_tape(spec)) => OfCopy::Disk,
        (Some(format), _) => OfCopy::Loaded(format),
        (None, Some(format)) => OfCopy::Configured(format),
        (None, None) => OfCopy::Unknown,
    }
}

/// What the export will take.
#[derive(Serialize)]
pub struct Forecast {
    /// Bytes of the instances.
    bytes: u64,
    /// Whether the source told no sizes, so that `bytes` is a guess by the number of studies.
    guessed: bool,
    /// Bytes of one copy on its volumes.
    volume_set_bytes: u64,
    copies: Vec<CopyForecast>,
    /// Of all copies, where it is known of each.
    volumes: Option<u64>,
    /// Where there is a ceiling on bytes a second.
    days: Option<f64>,
    /// Where tape is written, and the source at its ceiling is slower than a drive.
    streaming: Option<Outlook>,
}

/// What one copy will take.
#[derive(Serialize)]
struct CopyForecast {
    copy: u32,
    /// The format of its cartridges, where it is known.
    cartridge: Option<&'static str>,
    /// Whether a cartridge of that format was in its drive.
    loaded: bool,
    /// How much of a volume is planned with.
    volume_bytes: Option<u64>,
    volumes: Option<u64>,
    /// How long its drive is busy at full speed, reading back included.
    drive_days: Option<f64>,
}

impl Forecast {
    /// Of a plan with so many studies, of which the source told so many bytes.
    pub fn of(config: &P2tConfig, cartridges: &Cartridges, studies: u64, told: Option<u64>) -> Self {
        let bytes = told.unwrap_or(studies.saturating_mul(BYTES_PER_STUDY));
        let volume_set_bytes = bytes / 100 * EXPECTED_PER_CENT;
        let of_copy = |(copy, of_copy)| CopyForecast::of(config, copy, of_copy, volume_set_bytes);
        let copies: Vec<CopyForecast> = (1..).zip(cartridges.0.iter().copied()).map(of_copy).collect();
        let volumes = copies.iter().map(|copy| copy.volumes).sum();
        let ceiling = config.pace.limits.bytes_per_second.map(|rate| rate as f64);
        Self {
            bytes,
            guessed: told.is_none(),
            volume_set_bytes,
            copies,
            volumes,
            days: ceiling.map(|rate| bytes as f64 / rate / SECONDS_PER_DAY),
            streaming: ceiling.and_then(|rate| cartridges.outlook(config, rate)),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("about {}", DecimalBytes(self.bytes));
        if self.guessed {
            text = format!("{text} (a guess, at 35 MB a study: the source tells no sizes)");
        }
        if let Some(days) = self.days {
            text = format!("{text}, {days:.1} days at the ceiling");
        }
        let mut lines = vec![text];
        lines.extend(self.copies.iter().filter_map(|copy| copy.text(self.volume_set_bytes)));
        lines.extend(
            self.volumes.filter(|_| self.copies.len() > 1).map(|all| format!("{all} volumes in all")),
        );
        lines.extend(self.streaming.as_ref().map(Outlook::text));
        lines.join("\n")
    }
}

impl CopyForecast {
    fn of(config: &P2tConfig, copy: u32, cartridges: OfCopy, volume_set_bytes: u64) -> Self {
        let format = match cartridges {
            OfCopy::Loaded(format) | OfCopy::Configured(format) => Some(format),
            OfCopy::Disk | OfCopy::Unknown => None,
        };
        let limits = [config.media.volume_bytes.map(ByteSize::bytes), format.map(|it| it.dependable_bytes())];
        let volume_bytes = limits.into_iter().flatten().min();
        let passes = if config.media.verify == Verify::Full { 2.0 } else { 1.0 };
        let drive_days =
            |format: Format| passes * volume_set_bytes as f64 / format.highest_rate as f64 / SECONDS_PER_DAY;
        Self {
            copy,
            cartridge: format.map(|format| format.name),
            loaded: matches!(cartridges, OfCopy::Loaded(_)),
            volume_bytes,
            volumes: volume_bytes.map(|volume| volume_set_bytes.div_ceil(volume.max(1)).max(1)),
            drive_days: format.map(drive_days),
        }
    }

    fn text(&self, volume_set_bytes: u64) -> Option<String> {
        let kind = match (self.cartridge, self.loaded) {
            (Some(name), true) => format!("{name} cartridges, as the one in the drive is"),
            (Some(name), false) => format!("{name} cartridges"),
            (None, _) => "volumes".to_owned(),
        };
        let mut text = format!(
            "copy {}: {} on about {} {kind}, {} planned on each",
            self.copy,
            DecimalBytes(volume_set_bytes),
            self.volumes?,
            DecimalBytes(self.volume_bytes?),
        );
        if let Some(days) = self.drive_days {
            text = format!("{text}; the drive is busy for {days:.1} days at full speed");
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TB: u64 = 1_000_000_000_000;

    fn config(to: &[&str], copies: u32) -> P2tConfig {
        let mut config = P2tConfig::default();
        config.media.to = to.iter().map(|&spec| spec.to_owned()).collect();
        config.media.copies = copies;
        config
    }

    /// Of 100 TB, which become 60 TB; an LTO-8 cartridge is in nst0, and nothing that is known in the others.
    fn forecast(config: &P2tConfig) -> Forecast {
        let look = |spec: &str| (spec == "/dev/nst0").then(|| Format::named("LTO-8").unwrap());
        Forecast::of(config, &Cartridges::look(config, &look), 1, Some(100 * TB))
    }

    fn volumes(forecast: &Forecast) -> Vec<Option<u64>> {
        forecast.copies.iter().map(|copy| copy.volumes).collect()
    }

    #[test]
    fn what_is_in_the_drive_counts_before_what_is_configured() {
        let mut two = config(&["copy1=/dev/nst0", "copy2=/dev/nst1"], 2);
        assert_eq!(volumes(&forecast(&two)), [Some(6), None]);
        assert_eq!(forecast(&two).volumes, None, "not known of each copy");
        // 17.46 TB of an LTO-9 cartridge, and 11.64 TB of an LTO-8.
        two.media.cartridge = Format::named("LTO-9");
        let forecast = forecast(&two);
        assert_eq!((volumes(&forecast), forecast.volumes), (vec![Some(6), Some(4)], Some(10)));
        let text = forecast.text();
        assert!(
            text.contains(
                "copy 1: 60.00 TB on about 6 LTO-8 cartridges, as the one in the drive is, 11.64 TB planned"
            ),
            "{text}"
        );
        assert!(text.contains("copy 2: 60.00 TB on about 4 LTO-9 cartridges, 17.46 TB planned"), "{text}");
        assert!(text.contains("10 volumes in all"), "{text}");
    }

    #[test]
    fn a_volume_is_no_larger_than_it_may_be() {
        let mut one = config(&["/dev/nst0"], 1);
        one.media.volume_bytes = Some(ByteSize(2 * TB));
        assert_eq!(volumes(&forecast(&one)), [Some(30)]);
        one.media.volume_bytes = Some(ByteSize(20 * TB));
        assert_eq!(volumes(&forecast(&one)), [Some(6)]);
        let mut disks = config(&["vol-{seq}.tap"], 1);
        disks.media.cartridge = Format::named("LTO-5");
        assert_eq!(volumes(&forecast(&disks)), [None], "disks are no cartridges");
        disks.media.volume_bytes = Some(ByteSize(2 * TB));
        assert!(forecast(&disks).text().contains("about 30 volumes, 2.00 TB planned"));
        assert_eq!(volumes(&forecast(&config(&[], 2))), [None, None]);
    }

    #[test]
    fn reading_back_takes_as_long_as_writing() {
        let mut one = config(&["/dev/nst0"], 1);
        let days = |config: &P2tConfig| forecast(config).copies[0].drive_days.unwrap();
        // 60 TB at 360 MB/s.
        assert!((days(&one) - 2.0 * 1.929).abs() < 0.001);
        one.media.verify = Verify::None;
        assert!((days(&one) - 1.929).abs() < 0.001);
    }

    #[test]
    fn the_drive_that_is_hardest_to_feed_decides_about_bursts() {
        let mut two = config(&["/dev/nst0", "/dev/nst1"], 2);
        two.pace.limits.bytes_per_second = Some(200_000_000);
        let lowest =
            |config: &P2tConfig| forecast(config).streaming.map(|it| it.drive_lowest_bytes_per_second);
        assert_eq!(lowest(&two), Some(177_000_000), "of the second drive nothing is known");
        two.media.cartridge = Format::named("LTO-5");
        assert_eq!(lowest(&two), None, "120 MB/s are enough for both");
        two.pace.limits.bytes_per_second = Some(100_000_000);
        assert_eq!(lowest(&two), Some(112_000_000), "the LTO-8 drive's");
        assert_eq!(lowest(&config(&["a"], 1)), None);
    }

    #[test]
    fn what_the_plan_found_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let mut catalogue = catalogue::Catalogue::open(&folder.path().join("catalogue")).unwrap();
        let two = config(&["/dev/nst0", "/dev/nst1"], 2);
        assert_eq!(Cartridges::remembered(&two, &catalogue).unwrap().0, [OfCopy::Unknown; 2]);
        let found =
            Cartridges::look(&two, &|spec| (spec == "/dev/nst1").then(|| Format::named("LTO-6").unwrap()));
        found.remember(&mut catalogue).unwrap();
        assert_eq!(Cartridges::remembered(&two, &catalogue).unwrap().0, found.0);
    }
}
