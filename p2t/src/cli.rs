//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use jiff::civil::Date;

/// Takes studies from a PACS or folder and writes them to volumes (tapes, virtual tapes or disks).
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Exit codes: 0 done and clean; 1 failed; 2 usage or configuration; 3 done, with discrepancies;
            4 incomplete, rerun to continue. Ctrl-C stops cleanly; twice stops at once.

Example:
  p2t init job --source PACS@10.0.0.5:104 --to '/media/usb/vol-{seq}.tap' --volume-bytes '500 GB'
  cd job && p2t plan && p2t export && p2t verify /media/usb/vol-0001.tap && p2t report"
)]
pub struct Cli {
    #[command(flatten)]
    pub common: job::Common,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Make a job directory with a commented configuration
    #[command(after_help = "\
Examples:
  p2t init job --source PACS@10.0.0.5:104 --to 'vol-{seq}.tap'
  p2t init job --source /mnt/old-archive --to /media/usb1 --to /media/usb2")]
    Init(Init),
    /// List what the source holds, by the selection, into the catalogue
    #[command(after_help = "\
Examples:
  p2t plan
  p2t plan --from 2020-01-01 --until 2020-12-31 --modality CT --modality MR
  p2t plan --csv studies.csv      (a heading line with StudyInstanceUID, AccessionNumber or PatientID)")]
    Plan(Plan),
    /// Fetch, pack and write until the plan is done or the media are full; rerun to resume
    #[command(after_help = "\
Examples:
  p2t export
  p2t export --to /media/usb3     (when the media so far are full)
  p2t export --retry-failed")]
    Export(Export),
    /// Read a volume back and check every digest against the catalogue
    #[command(after_help = "Example:\n  p2t verify vol-0001.tap")]
    Verify(Verify),
    /// Ask nothing more of the source until told otherwise; a running export obeys within seconds
    #[command(after_help = "\
Examples:
  p2t pause 'backup of the PACS' --until 06:00
  p2t pause --until '2026-12-27 19:00'
  p2t resume")]
    Pause(Pause),
    /// End the pause
    Resume,
    /// Show how far the job is, how fast it may go, and why
    Status,
    /// Write the audit report (HTML, JSON, CSV)
    Report,
}

#[derive(Args)]
pub struct Init {
    /// The job directory to make
    pub dir: PathBuf,
    /// Source archive: AETITLE@host:port, or a folder
    #[arg(long)]
    pub source: Option<job::NodeOrPath>,
    /// Medium to write to: a tape drive (/dev/nst0), FILE.tap or a directory; `{seq}` stands for the volume's number. May be repeated
    #[arg(long = "to", value_name = "MEDIUM")]
    pub to: Vec<String>,
    /// How much a volume may hold, such as '2.5 TB'
    #[arg(long, value_name = "SIZE")]
    pub volume_bytes: Option<job::ByteSize>,
    /// Our AE title
    #[arg(long)]
    pub aet: Option<job::AeTitle>,
}

#[derive(Args)]
pub struct Plan {
    /// First Study Date
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: Option<Date>,
    /// Last Study Date, included
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub until: Option<Date>,
    /// Modality; may be repeated
    #[arg(long = "modality")]
    pub modalities: Vec<String>,
    /// Patient ID; may be repeated
    #[arg(long = "patient-id")]
    pub patient_ids: Vec<String>,
    /// Accession Number; may be repeated
    #[arg(long = "accession")]
    pub accession_numbers: Vec<String>,
    /// Study Instance UID; may be repeated
    #[arg(long = "study")]
    pub study_uids: Vec<String>,
    /// CSV file that names studies, accession numbers or patients
    #[arg(long)]
    pub csv: Option<PathBuf>,
}

#[derive(Args)]
pub struct Export {
    /// Medium to write to, instead of those in the configuration; may be repeated
    #[arg(long = "to", value_name = "MEDIUM")]
    pub to: Vec<String>,
    /// Try again what failed in earlier runs
    #[arg(long)]
    pub retry_failed: bool,
}

#[derive(Args)]
pub struct Pause {
    /// Why, for the log and the report; no patient data
    pub reason: Option<String>,
    /// When the pause ends by itself: HH:MM, 'YYYY-MM-DD HH:MM' (both in the time zone of `[pace]`), or a time with an offset
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

#[derive(Args)]
pub struct Verify {
    /// /dev/nst0, FILE.tap or a directory
    pub medium: medium::Address,
}
