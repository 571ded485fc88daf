//! The configuration of `p2t`.

use std::net::{IpAddr, Ipv4Addr};

use pace::{ByteSize, PaceConfig};
use serde::{Deserialize, Serialize};

use super::{
    ChangerConfig, CutoverConfig, DeltaConfig, DriveConfig, ListenerTlsConfig, LoginConfig, MediaConfig,
    RetryConfig, SelectionConfig, TimeoutsConfig, TlsConfig,
    check::{Check, Fault, at_least, in_range},
    page::Page,
    shared::{check_pace, render_adaptive, render_pace},
};
use crate::{AeTitle, NodeOrPath, Program};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

const MAX_FRAME: ByteSize = ByteSize(manifest::MAX_FRAME_BYTES);
const MAX_SEGMENT: ByteSize = ByteSize(64 * GIB);

/// Everything in `p2t.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct P2tConfig {
    /// Our calling AE title.
    pub aet: AeTitle,
    /// Where studies come from.
    pub source: SourceConfig,
    /// Our Storage SCP, for C-MOVE.
    pub receiver: ReceiverConfig,
    /// Which studies to take.
    pub selection: SelectionConfig,
    /// What a delta looks at.
    pub delta: DeltaConfig,
    /// What a cutover is reckoned with.
    pub cutover: CutoverConfig,
    /// Where objects and segments wait.
    pub spool: P2tSpool,
    /// How segments are made.
    pub segment: SegmentConfig,
    /// What is written to.
    pub media: MediaConfig,
    /// The library, if there is one.
    pub changer: ChangerConfig,
    /// How long tape drives are waited for.
    pub drive: DriveConfig,
    /// How fast we may go.
    pub pace: PaceConfig,
    /// How long to wait for the source.
    pub timeouts: TimeoutsConfig,
    /// How often to try again.
    pub retry: RetryConfig,
}

/// `[source]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SourceConfig {
    /// The archive, without which nothing can be planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeOrPath>,
    /// How instances are retrieved from a DIMSE node.
    pub retrieve: Retrieve,
    /// Whether it is looked at before the first export, by `p2t preflight`.
    pub preflight: bool,
    /// How many hours to wait for a PACS that is down, from 0 to 720.
    pub outage_hours: u32,
    /// Speaks TLS with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// Who we are to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginConfig>,
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            node: None,
            retrieve: Retrieve::default(),
            preflight: true,
            outage_hours: 12,
            tls: None,
            login: None,
        }
    }
}

impl SourceConfig {
    fn check(&self) -> Result<(), Fault> {
        in_range("source.outage_hours", self.outage_hours, 0..=720)?;
        self.tls.as_ref().map_or(Ok(()), |tls| tls.check("source.tls"))?;
        self.login.as_ref().map_or(Ok(()), |login| login.check("source.login"))
    }
}

/// The service by which instances are retrieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retrieve {
    /// C-GET if the source accepts it, or else C-MOVE.
    #[default]
    Auto,
    /// C-GET, on the association that we open.
    CGet,
    /// C-MOVE, to our own Storage SCP.
    CMove,
}

impl Retrieve {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::CGet => "c-get",
            Self::CMove => "c-move",
        }
    }
}

/// `[receiver]`: our Storage SCP, to which C-MOVE sends. The source must know it by this title and address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceiverConfig {
    /// Its AE title, if it is not our calling one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aet: Option<AeTitle>,
    /// The address that it listens on.
    pub bind: IpAddr,
    /// The port that it listens on.
    pub port: u16,
    /// The AE titles that may send to it; empty for everybody.
    pub allow: Vec<AeTitle>,
    /// Listens with TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ListenerTlsConfig>,
}

impl Default for ReceiverConfig {
    fn default() -> Self {
        Self { aet: None, bind: Ipv4Addr::UNSPECIFIED.into(), port: 11112, allow: Vec::new(), tls: None }
    }
}

/// `[spool]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct P2tSpool {
    /// How large the spool may grow before fetching waits for writing.
    pub limit_bytes: ByteSize,
}

impl Default for P2tSpool {
    fn default() -> Self {
        Self { limit_bytes: ByteSize(64 * GIB) }
    }
}

/// `[segment]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SegmentConfig {
    /// When a segment is full, before compression; from one frame to 64 GiB.
    pub bytes: ByteSize,
    /// When a zstd frame is full, before compression; bounds memory, from 4 KiB to 32 MiB, the volume format's
    /// bound ([`manifest::MAX_FRAME_BYTES`]).
    pub frame_bytes: ByteSize,
    /// From 1 to 19.
    pub zstd_level: i32,
}

impl Default for SegmentConfig {
    fn default() -> Self {
        Self { bytes: ByteSize(GIB), frame_bytes: ByteSize(8 * MIB), zstd_level: 1 }
    }
}

impl Default for P2tConfig {
    fn default() -> Self {
        Self {
            aet: Program::P2t.ae_title(),
            source: SourceConfig::default(),
            receiver: ReceiverConfig::default(),
            selection: SelectionConfig::default(),
            spool: P2tSpool::default(),
            segment: SegmentConfig::default(),
            delta: DeltaConfig::default(),
            cutover: CutoverConfig::default(),
            media: MediaConfig::default(),
            changer: ChangerConfig::default(),
            drive: DriveConfig::default(),
            pace: PaceConfig::default(),
            timeouts: TimeoutsConfig::default(),
            retry: RetryConfig::default(),
        }
    }
}

impl Check for P2tConfig {
    fn check(&self) -> Result<(), Fault> {
        in_range("receiver.port", self.receiver.port, 1..=u16::MAX)?;
        self.source.check()?;
        check_pace(&self.pace)?;
        self.selection.check()?;
        self.delta.check()?;
        self.cutover.check()?;
        let frame_bytes = self.segment.frame_bytes;
        in_range("segment.frame_bytes", frame_bytes, ByteSize(4 * KIB)..=MAX_FRAME)?;
        in_range("segment.bytes", self.segment.bytes, frame_bytes..=MAX_SEGMENT)?;
        in_range("segment.zstd_level", self.segment.zstd_level, 1..=19)?;
        // One segment that is written while the next one fills.
        at_least(
            "spool.limit_bytes",
            self.spool.limit_bytes,
            ByteSize(self.segment.bytes.0.saturating_mul(2)),
        )?;
        self.media.check(self.spool.limit_bytes)?;
        self.drive.check()?;
        self.timeouts.check()?;
        self.retry.check()
    }
}

impl P2tConfig {
    /// The title of our Storage SCP.
    #[must_use]
    pub fn receiver_aet(&self) -> &AeTitle {
        self.receiver.aet.as_ref().unwrap_or(&self.aet)
    }

    /// The configuration as `p2t init` writes it, with comments; reads back as the same.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = Page::new(
            "Configuration of a p2t job. Unknown keys are refused. Sizes are bytes, or text such as \"5 MB\", \"4 GiB\".\n\
             Lines that begin with # and no space are examples: remove the # to use them.",
        );
        page.note("Our AE title, by which the source must know us.");
        page.bare_key("aet", self.aet.to_string());
        self.render_source(&mut page);
        self.selection.render(&mut page);
        self.delta.render(&mut page);
        self.cutover.render(&mut page);
        self.render_volumes(&mut page);
        self.changer.render(&mut page);
        self.drive.render(&mut page);
        render_pace(Program::P2t, &self.pace, &mut page);
        render_adaptive(self.pace.adaptive.unwrap_or_default(), &mut page);
        self.timeouts.render(&mut page);
        self.retry.render(&mut page);
        page.finish()
    }

    fn render_source(&self, page: &mut Page) {
        page.table("source", "The archive that studies are taken from.");
        let node = self.source.node.as_ref().map(ToString::to_string);
        page.optional(
            "AETITLE@host:port, https://host/dicom-web (DICOMweb), or the path of a folder.",
            "node",
            node,
            "\"PACS@pacs.example.org:104\"",
        );
        page.key(
            "\"c-get\", \"c-move\", or \"auto\": what works, as `p2t preflight` finds out.",
            "retrieve",
            self.source.retrieve.name(),
        );
        page.key(
            "Whether that is found out with one small study before the first export, where `retrieve` is \"auto\".",
            "preflight",
            self.source.preflight,
        );
        page.optional_table(
            "TLS with it, by files in PEM form: ca (who issued its certificate; those of the system if left out), certificate and\n\
             key (ours, if it demands one), server_name (if its certificate is for another name than the host).",
            "tls",
            self.source.tls.as_ref(),
            "{ ca = \"ca.pem\", certificate = \"p2t.crt\", key = \"p2t.key\" }",
        );
        page.optional_table(
            "Who we are to it: user, with passcode_file or passcode_env (a file, a variable of the environment); or, for DICOMweb\n\
             only, token_file or token_env with a bearer token.",
            "login",
            self.source.login.as_ref(),
            "{ user = \"p2t\", passcode_env = \"P2T_PASSCODE\" }",
        );
        page.key(
            "A source that is down is asked every few minutes whether it is back. After so many hours the run ends.",
            "outage_hours",
            i64::from(self.source.outage_hours),
        );
        page.table(
            "receiver",
            "Where the source sends to by C-MOVE: it must know this title, address and port.",
        );
        let aet = self.receiver.aet.as_ref().map(ToString::to_string);
        page.optional("If it is not our title above.", "aet", aet, "\"P2T_STORE\"");
        page.key("The address to listen on; 0.0.0.0 for all.", "bind", self.receiver.bind.to_string());
        page.key("The port to listen on.", "port", i64::from(self.receiver.port));
        page.list(
            "The AE titles that may send to it; everybody if left out.",
            "allow",
            self.receiver.allow.iter().map(ToString::to_string).collect(),
            "[\"PACS\"]",
        );
        page.optional_table(
            "TLS, by files in PEM form: certificate, key, and client_ca if callers must show a certificate.",
            "tls",
            self.receiver.tls.as_ref(),
            "{ certificate = \"p2t.crt\", key = \"p2t.key\", client_ca = \"ca.pem\" }",
        );
    }

    fn render_volumes(&self, page: &mut Page) {
        page.table("spool", "Local disk where objects and segments wait until they are safe on the medium.");
        page.key("Fetching waits when it is full.", "limit_bytes", self.spool.limit_bytes.to_string());
        page.table("segment", "A segment is one independent .tar.zst of whole objects.");
        page.key(
            &format!("When it is full, before compression; at most {MAX_SEGMENT}."),
            "bytes",
            self.segment.bytes.to_string(),
        );
        page.key(
            &format!("Its independent zstd frames: at most {MAX_FRAME}. Two for each core, and four more, are in memory."),
            "frame_bytes",
            self.segment.frame_bytes.to_string(),
        );
        page.key("1 is fast, 19 is small.", "zstd_level", i64::from(self.segment.zstd_level));
        self.media.render(page);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{page::uncommented, parse};

    fn read(text: &str) -> P2tConfig {
        parse(text, Path::new("p2t.toml")).unwrap()
    }

    /// What is left out is written out where `init` shows it.
    fn as_written(mut config: P2tConfig) -> P2tConfig {
        config.pace.adaptive = Some(config.pace.adaptive.unwrap_or_default());
        config
    }

    fn fault(text: &str) -> String {
        parse::<P2tConfig>(text, Path::new("p2t.toml")).unwrap_err().to_string()
    }

    #[test]
    fn nothing_written_means_the_defaults() {
        let config = read("");
        assert_eq!(config, P2tConfig::default());
        assert_eq!((config.aet.as_str(), config.receiver_aet().as_str()), ("P2T", "P2T"));
        assert_eq!((config.segment.bytes.0, config.segment.frame_bytes.0), (1 << 30, 8 << 20));
        assert_eq!((config.media.record_bytes.0, config.segment.zstd_level), (262_144, 1));
        assert_eq!(read(&config.render()), as_written(config));
    }

    #[test]
    fn the_examples_in_the_default_file_are_valid() {
        let text = uncommented(&P2tConfig::default().render());
        let config = read(&text);
        assert_eq!(config.source.tls.unwrap().key.as_deref(), Some(Path::new("p2t.key")));
        assert_eq!(config.source.login.unwrap().passcode_env.as_deref(), Some("P2T_PASSCODE"));
        assert_eq!(config.receiver.allow, ["PACS".parse().unwrap()]);
        assert_eq!(config.receiver.tls.unwrap().client_ca.as_deref(), Some(Path::new("ca.pem")));
        assert_eq!(config.source.node.unwrap().to_string(), "PACS@pacs.example.org:104");
        assert_eq!(config.receiver.aet.unwrap().as_str(), "P2T_STORE");
        assert_eq!(config.selection.csv.as_deref(), Some(Path::new("studies.csv")));
        assert_eq!(config.media.to, ["vol-{seq}.tap"]);
        assert_eq!(config.media.volume_bytes, Some(ByteSize(2_000_000_000_000)));
        assert_eq!(config.media.cartridge.unwrap().name, "LTO-8");
        assert_eq!(config.changer.device.as_deref(), Some(Path::new("/dev/sg3")));
        assert_eq!(config.changer.drives, [Path::new("/dev/nst0"), Path::new("/dev/nst1")]);
        assert_eq!(config.pace.limits.bytes_per_second, Some(5_000_000));
        let window = config.pace.window.first().unwrap();
        assert_eq!(window.limits.unwrap().bytes_per_second, Some(40_000_000));
        assert!(config.pace.window.last().unwrap().days.contains_holidays());
        assert_eq!((config.pace.holidays.len(), config.pace.limits.studies_per_hour), (2, Some(60.0)));
    }

    #[test]
    fn a_file_with_everything_filled_in_reads_back() {
        let mut config = read(&uncommented(&P2tConfig::default().render()));
        config.aet = "A \"QUOTED\" ONE".parse().unwrap();
        config.source.node = Some("/data/with \"quotes\" and #".parse().unwrap());
        config.source.retrieve = Retrieve::CMove;
        config.receiver.bind = "::1".parse().unwrap();
        config.selection.patient_ids = vec!["a\nb".to_owned(), "ü'''\"\"\"\u{1}".to_owned()];
        config.segment.frame_bytes = ByteSize(1_234_567);
        config.media.verify = crate::config::Verify::Sample;
        config.media.burst_bytes = Some(ByteSize(7 << 30));
        config.media.copies = 2;
        config.retry.delay_seconds = 0;
        config.pace.adaptive = Some(pace::AdaptiveConfig { enabled: false, ..Default::default() });
        assert_eq!(read(&config.render()), config);
    }

    #[test]
    fn the_largest_frames_and_segments_are_allowed() {
        let config = read(
            "[segment]\nframe_bytes = \"32 MiB\"\nbytes = \"64 GiB\"\n[spool]\nlimit_bytes = \"128 GiB\"",
        );
        assert_eq!((config.segment.frame_bytes, config.segment.bytes), (MAX_FRAME, MAX_SEGMENT));
    }

    #[test]
    fn values_that_do_not_fit_together_are_refused() {
        for (text, message) in [
            ("[receiver]\nport = 0", "`receiver.port` is 0, but must be from 1 to 65535"),
            (
                "[segment]\nframe_bytes = \"33 MiB\"",
                "`segment.frame_bytes` is 33 MiB, but must be from 4 KiB to 32 MiB",
            ),
            ("[segment]\nbytes = \"1 MiB\"", "`segment.bytes` is 1 MiB, but must be from 8 MiB to 64 GiB"),
            ("[segment]\nbytes = \"65 GiB\"", "`segment.bytes` is 65 GiB, but must be from 8 MiB to 64 GiB"),
            ("[spool]\nlimit_bytes = \"1 GiB\"", "`spool.limit_bytes` is 1 GiB, but must be at least 2 GiB"),
            (
                "[media]\nrecord_bytes = 10000",
                "`media.record_bytes` is 10 kB, but must be a multiple of 4 KiB",
            ),
            (
                "[media]\nrecord_bytes = \"8 MiB\"",
                "`media.record_bytes` is 8 MiB, but must be from 4 KiB to 4 MiB",
            ),
            ("[media]\ncartridge = \"DDS-4\"", "`DDS-4` is no LTO format that is known: LTO-5, LTO-6"),
            ("[media]\ncopies = 5", "`media.copies` is 5, but must be from 1 to 4"),
            ("[media]\ncommit_seconds = 0", "`media.commit_seconds` is 0, but must be from 1 to 3600"),
            (
                "[media]\nburst_bytes = \"65 GiB\"",
                "`media.burst_bytes` is 65 GiB, but must be from 0 B to 64 GiB",
            ),
            ("[timeouts]\nidle_seconds = 0", "`timeouts.idle_seconds` is 0, but must be from 1 to 86400"),
            ("[source]\ntls = { key = \"k\" }", "`source.tls` must have certificate and key together"),
            ("[source.login]\npasscode_env = \"P\"", "`source.login` has a passcode and no user"),
            (
                "[pace.adaptive]\ntolerance = 1.0",
                "`pace.adaptive.tolerance` is 1, but must be from 1.05 to 10",
            ),
            ("[source]\noutage_hours = 721", "`source.outage_hours` is 721, but must be from 0 to 720"),
            (
                "[pace]\nholidays = [\"2026-12-25\"]\n[[pace.window]]\ndays = [\"mon\"]\nfrom = \"19:00\"\nto = \"06:00\"",
                "`pace.holidays` are listed, but no window names \"holiday\"",
            ),
            ("[retry]\nattempts = 0", "`retry.attempts` is 0, but must be from 1 to 1000"),
            (
                "[selection]\nstudy_date_from = \"2024-02-01\"\nstudy_date_to = \"2024-01-31\"",
                "`selection.study_date_to` is 2024-01-31, which is before study_date_from, 2024-02-01",
            ),
        ] {
            let error = fault(text);
            assert!(error.contains(message), "{error}");
        }
    }
}
