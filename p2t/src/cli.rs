//! The command line.

use std::path::PathBuf;

use catalogue::choice::PlanOrder;
use clap::{Args, Parser, Subcommand};
use jiff::SignedDuration;
use jiff::civil::Date;

use crate::media::NUMBER;

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
  p2t init job --source https://pacs.example.org/dicom-web --to 'vol-{seq}.tap'
  p2t init job --source /mnt/old-archive --to /media/usb1 --to /media/usb2")]
    Init(Init),
    /// List what the source holds, by the selection, into the catalogue
    #[command(after_help = "\
Examples:
  p2t plan
  p2t plan --from 2020-01-01 --until 2020-12-31 --modality CT --modality MR
  p2t plan --last-days 90 --order newest
  p2t plan --patient-list clinic.csv --exclude-csv withdrawn.csv
  p2t plan --delta                (what the source has changed since it was listed)
  p2t plan --compare ris.csv      (a heading line with StudyInstanceUID, AccessionNumber, or both)
  p2t plan --csv studies.csv      (a heading line with StudyInstanceUID, AccessionNumber or PatientID)")]
    Plan(Plan),
    /// Label a medium ahead of the export, as the next volume of a copy
    #[command(after_help = "\
A medium with anything on it is refused, and what is on it told; --force overwrites it, but never a volume that counts.

Examples:
  p2t label /dev/nst0
  p2t label /dev/nst1 --copy 2 --force
  p2t label /dev/nst0 --barcode P2T001L8")]
    Label(Label),
    /// Say how large the last delta will be, whether it fits into a window, and when to freeze the source
    #[command(after_help = "\
Needs one `p2t plan --delta` and one `p2t export` that were run before. Exit code 3: the window does not hold.

Examples:
  p2t cutover --window 15m
  p2t cutover --window 12h --carry 6h --deliver-rate '80 MB'")]
    Cutover(Cutover),
    /// Fetch, pack and write until the plan is done or the media are full; rerun to resume
    #[command(after_help = "\
Examples:
  p2t export
  p2t export --to /media/usb3     (when the media so far are full)
  p2t export --copies 2 --to copy1=/dev/nst0 --to copy2=/dev/nst1
  p2t export --retry-failed")]
    Export(Export),
    /// Read a volume back and check every digest against the catalogue
    #[command(after_help = "Example:\n  p2t verify vol-0001.tap")]
    Verify(Verify),
    /// Tell how tape drives and the cartridges in them are, or try a drive that is new
    Drive {
        /// What to do
        #[command(subcommand)]
        command: Drive,
    },
    /// List a library's cartridges, and have its robot load and unload them
    Changer(Changer),
    /// Find out what the source can do: small requests, associations at once, which of C-GET, C-MOVE and WADO-RS brings a
    /// small study, and whether it comes twice in the same bytes
    ///
    /// Nothing that comes is kept. With `retrieve = "auto"` the export asks by the service that was found. Runs by itself
    /// at the end of the first plan; the report shows what was found last.
    #[command(after_help = "Examples:\n  p2t preflight\n  p2t preflight --json")]
    Preflight,
    /// Time a small workload on the source: C-ECHO, C-FIND, and the retrieval of a few studies, which are not kept
    ///
    /// One request at a time, at once and whatever the pace says. The figures travel with the volumes; `t2p baseline`
    /// asks the destination for the same, and reports compare the two.
    #[command(after_help = "\
Examples:
  p2t baseline
  p2t baseline --requests 100 --retrievals 10
  p2t baseline --store")]
    Baseline(job::BaselineSize),
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
    #[arg(long, help = "Source archive: AETITLE@host:port, https://host/dicom-web (DICOMweb), or a folder")]
    pub source: Option<job::NodeOrPath>,
    /// Medium to write to: a tape drive (/dev/nst0), FILE.tap or a directory; `{seq}` stands for the volume's number. May be repeated
    #[arg(long = "to", value_name = "MEDIUM")]
    pub to: Vec<String>,
    /// How many identical volume sets to write
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4))]
    pub copies: Option<u32>,
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
    /// Study Dates of today and so many days before it, each time anew, in the time zone of the pace
    #[arg(long, value_name = "N", conflicts_with = "from", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub last_days: Option<u32>,
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
    /// Study Status ID, where the source tells one; may be repeated
    #[arg(long = "status", value_name = "STATUS")]
    pub study_status: Vec<String>,
    /// Patient ID to leave out; may be repeated
    #[arg(long = "exclude-patient-id", value_name = "PATIENT_ID")]
    pub exclude_patient_ids: Vec<String>,
    /// Accession Number to leave out; may be repeated
    #[arg(long = "exclude-accession", value_name = "ACCESSION")]
    pub exclude_accession_numbers: Vec<String>,
    /// Study Instance UID to leave out; may be repeated
    #[arg(long = "exclude-study", value_name = "UID")]
    pub exclude_study_uids: Vec<String>,
    /// CSV file that names studies, accession numbers or patients to leave out
    #[arg(long, value_name = "FILE")]
    pub exclude_csv: Option<PathBuf>,
    /// Take again what was left out before and is on no list now
    #[arg(long)]
    pub readmit: bool,
    /// Which studies go first: newest, oldest, patient-list or listed (as the source lists them)
    #[arg(long, value_name = "ORDER")]
    pub order: Option<PlanOrder>,
    /// CSV file of the patients whose studies go first, with `PatientID` in its heading
    #[arg(long, value_name = "FILE")]
    pub patient_list: Option<PathBuf>,
    /// Ask a PACS for everything twice, as a whole and in parts, however long its answers are
    #[arg(long)]
    pub prove: bool,
    /// Compare what is listed with this CSV file of the RIS, by study UID or accession number
    #[arg(long, value_name = "FILE", conflicts_with = "delta")]
    pub compare: Option<PathBuf>,
    #[command(flatten)]
    pub again: Again,
}

#[derive(Args)]
pub struct Again {
    /// List the source once more, and plan what has changed since
    #[arg(long)]
    pub delta: bool,
    /// Look at every study image by image, and at every file
    #[arg(long, requires = "delta")]
    pub deep: bool,
}

#[derive(Args)]
pub struct Cutover {
    /// How long the source may be frozen, such as 15m or 8h
    #[arg(long, value_name = "TIME", default_value = "15m")]
    pub window: SignedDuration,
    /// How long a volume is on its way, instead of `carry_hours` under [cutover]
    #[arg(long, value_name = "TIME")]
    pub carry: Option<SignedDuration>,
    /// What the destination takes in a second, such as '80 MB'; that of the export if left out
    #[arg(long, value_name = "SIZE")]
    pub deliver_rate: Option<job::ByteSize>,
}

#[derive(Args)]
pub struct Label {
    /// /dev/nst0, FILE.tap or a directory: one medium, not a pattern; as in the configuration, a relative path is meant from the
    /// job directory
    #[arg(value_name = "MEDIUM", value_parser = one_medium)]
    pub medium: String,
    /// The copy that the volume is for
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=4))]
    pub copy: u32,
    /// The barcode on the cartridge, instead of the one that its chip or the library tells
    #[arg(long, value_name = "BARCODE")]
    pub barcode: Option<String>,
    /// Overwrite what is on the medium
    #[arg(long)]
    pub force: bool,
}

#[derive(Args)]
pub struct Export {
    /// Medium to write to, instead of those in the configuration; may be repeated; `copyK=MEDIUM` for copy K only
    #[arg(long = "to", value_name = "MEDIUM")]
    pub to: Vec<String>,
    /// How many identical volume sets to write, instead of the configuration's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4))]
    pub copies: Option<u32>,
    /// How each volume is checked when it is complete, instead of the configuration's
    #[arg(long, value_name = "HOW")]
    pub verify: Option<job::config::Verify>,
    /// Try again what failed in earlier runs
    #[arg(long)]
    pub retry_failed: bool,
    /// Write again what was in segments that `p2t verify` found damaged
    #[arg(long)]
    pub rewrite_damaged: bool,
    /// Go on with a cartridge whose barcode is not the one that its volume was begun on
    #[arg(long)]
    pub any_barcode: bool,
    /// A volume that is lost or broken, by its number: write again what was on it; may be repeated
    #[arg(long = "give-up-volume", value_name = "SEQUENCE[:COPY]")]
    pub give_up: Vec<crate::commands::lost::Which>,
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
    /// /dev/nst0, FILE.tap or a directory; a relative path is meant from the current directory
    pub medium: medium::Address,
    /// Read label, index, trailer and some of the segments, and not all
    #[arg(long)]
    pub sample: bool,
}

#[derive(Subcommand)]
pub enum Drive {
    /// Tell who each drive is, what is in it, and what it complains of
    ///
    /// A drive that another program uses is left alone, but for its name. Needs no job directory.
    #[command(after_help = "\
Exit code 3: a drive or its cartridge complains of something; 1: a drive that was named cannot be asked.

Examples:
  p2t drive status
  p2t drive status /dev/nst0 --json")]
    Status {
        /// Tape nodes, such as /dev/nst0; all drives of this machine if none is named
        #[arg(value_name = "DRIVE")]
        drives: Vec<PathBuf>,
    },
    /// Try a drive with a scratch cartridge, which is overwritten: records, filemarks, positions, speed
    ///
    /// A cartridge with anything on it is refused, and what is on it told. Needs no job directory.
    #[command(after_help = "\
Exit code 3: the drive does something wrong.

Examples:
  p2t drive test /dev/nst0
  p2t drive test /dev/nst0 --speed '50 GB'
  p2t drive test /dev/nst0 --to-end          (hours: fills the cartridge)")]
    Test(DriveTest),
}

#[derive(Args)]
pub struct DriveTest {
    /// The drive's node that does not rewind, such as /dev/nst0
    pub drive: medium::Address,
    /// How much is written and read for the speed; 0 for nothing
    #[arg(long, value_name = "SIZE", default_value = "8 GB")]
    pub speed: job::ByteSize,
    /// Fill the cartridge, and see how its end is told
    #[arg(long)]
    pub to_end: bool,
    /// Overwrite whatever is on the cartridge
    #[arg(long)]
    pub force: bool,
}

#[derive(Args)]
#[command(after_help = "\
Drives are numbered from 0, slots from 1, mail slots behind them, as mtx does. Cleaning cartridges are left alone. Needs no job
directory if the library is /dev/changer or named by --device.

Examples:
  p2t changer list
  p2t changer load P2T001L8
  p2t changer load 7 --drive 1 --device /dev/sg3
  p2t changer unload --drive 1")]
pub struct Changer {
    /// The library's node [default: `device` under [changer] in p2t.toml, or else /dev/changer]
    #[arg(long, global = true, value_name = "NODE")]
    pub device: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: ChangerCommand,
}

#[derive(Subcommand)]
pub enum ChangerCommand {
    /// Show drives and slots with what is in them
    List {
        /// Have the robot look into all slots first; takes minutes
        #[arg(long)]
        rescan: bool,
    },
    /// Put a cartridge into a drive
    Load {
        /// Its barcode, or the number of its slot
        #[arg(value_name = "BARCODE|SLOT")]
        cartridge: medium::changer::Pick,
        /// Number of the drive
        #[arg(long, default_value_t = 0)]
        drive: usize,
    },
    /// Eject the cartridge in a drive, and put it into a slot: its own, or else an empty one
    Unload {
        /// Number of the drive
        #[arg(long, default_value_t = 0)]
        drive: usize,
        /// Number of the slot to put it into
        #[arg(long)]
        slot: Option<usize>,
    },
}

/// A medium by its own name.
fn one_medium(text: &str) -> Result<String, String> {
    if text.contains(NUMBER) {
        return Err(format!(
            "`{NUMBER}` stands for the numbers of many volumes; name the one medium, such as vol-0001.tap"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_medium_is_labelled_and_no_pattern() {
        let parsed = |medium| Cli::try_parse_from(["p2t", "label", medium]);
        assert!(parsed("vol-0001.tap").is_ok());
        let refused = parsed("vol-{seq}.tap").err().unwrap().to_string();
        assert!(refused.contains("name the one medium"), "{refused}");
    }
}
