//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use medium::Address;

/// Checks volumes that p2t wrote and delivers what is on them to a PACS.
#[derive(Parser)]
#[command(
    version,
    after_help = "\
Exit codes: 0 done and clean; 1 failed; 2 usage or configuration; 3 done, with discrepancies;
            4 incomplete, rerun to continue. Ctrl-C stops cleanly; twice stops at once.

Example:
  t2p init job --dest NEWPACS@10.1.0.5:104
  t2p verify /media/usb/vol-0001.tap
  cd job && t2p ingest /media/usb/vol-0001.tap && t2p audit && t2p report"
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
    #[command(after_help = "Example:\n  t2p init job --dest NEWPACS@10.1.0.5:104")]
    Init(Init),
    /// Show label, segments and counts of a volume; needs no job
    #[command(after_help = "Example:\n  t2p inspect vol-0001.tap")]
    Inspect(OneMedium),
    /// Check every digest of a volume, without any PACS; needs no job
    #[command(after_help = "Example:\n  t2p verify vol-0001.tap")]
    Verify(OneMedium),
    /// Write the objects of a volume as DICOM files; needs no job
    #[command(after_help = "Example:\n  t2p extract vol-0001.tap --out restored")]
    Extract(Extract),
    /// Check volumes, then deliver what is on them; rerun to resume
    #[command(after_help = "\
Examples:
  t2p ingest vol-0001.tap vol-0002.tap
  t2p ingest /media/usb1
  t2p ingest --accept-gap         (volumes that are missing are lost)")]
    Ingest(Ingest),
    /// Put a job's lost catalogue together again
    Catalogue {
        /// What to do
        #[command(subcommand)]
        command: CatalogueCommand,
    },
    /// Compare what the destinations hold with what the volumes hold, instance by instance, and write the report
    Audit,
    /// Time on each destination what `p2t baseline` timed on the source: C-ECHO, C-FIND, and the retrieval of a few studies
    ///
    /// By C-GET, one request at a time; what comes is not kept. The report compares the two: same or better?
    #[command(after_help = "\
Examples:
  t2p baseline
  t2p baseline --requests 100 --retrievals 10
  t2p baseline --store")]
    Baseline(job::BaselineSize),
    /// Show how far the job is
    Status,
    /// Write the report again (HTML, JSON, CSV)
    Report,
}

#[derive(Args)]
pub struct Init {
    /// The job directory to make
    pub dir: PathBuf,
    /// Destination archive, AETITLE@host:port; may be repeated
    #[arg(long = "dest", value_name = "NODE")]
    pub destinations: Vec<job::NodeOrPath>,
    /// Our AE title
    #[arg(long)]
    pub aet: Option<job::AeTitle>,
}

#[derive(Subcommand)]
pub enum CatalogueCommand {
    /// Fill the catalogue from volumes, of any copies, without asking any destination; rerun to resume
    ///
    /// In a job directory made anew with `t2p init`, or to add volumes to a catalogue that is there. Afterwards status, report,
    /// audit and ingest work as if the volumes had been seen before; what was delivered is proved by an audit.
    #[command(after_help = "\
Exit code 3: a volume is damaged, or others of the transfer are missing.

Examples:
  t2p catalogue rebuild vol-0001.tap vol-0002.tap
  t2p catalogue rebuild /dev/nst0      (cartridge by cartridge)")]
    Rebuild {
        /// /dev/nst0, FILE.tap or a directory; in any order
        #[arg(required = true)]
        media: Vec<Address>,
    },
}

#[derive(Args)]
pub struct OneMedium {
    /// /dev/nst0, FILE.tap or a directory
    pub medium: Address,
}

#[derive(Args)]
pub struct Extract {
    /// /dev/nst0, FILE.tap or a directory
    pub medium: Address,
    /// The folder to write to; what is there stays
    #[arg(long)]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct Ingest {
    /// /dev/nst0, FILE.tap or a directory; in any order
    #[arg(required_unless_present = "accept_gap")]
    pub media: Vec<Address>,
    /// Send again what the destination refused in earlier runs, from the volumes that are named
    #[arg(long)]
    pub retry_failed: bool,
    /// Call the transfer complete without the volumes that are missing now
    #[arg(long)]
    pub accept_gap: bool,
}
