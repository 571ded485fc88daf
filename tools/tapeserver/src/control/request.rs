//! What can be asked for at the control socket.

use std::io;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::changer::{Library, NotDone, lock};
use crate::control::Laboratory;
use crate::drive::Drive;
use crate::fault::{Effect, Faults, Trigger};
use crate::sense::{Key, Sense};

/// A request, as words.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_version_flag = true, name = "tapeserver ctl")]
pub struct Request {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, Subcommand)]
enum Subject {
    /// A drive, by its number
    Drive {
        /// Number from 0
        number: usize,
        #[command(subcommand)]
        action: DriveAction,
    },
    /// The library
    Library {
        #[command(subcommand)]
        action: LibraryAction,
    },
    /// Bring everything to the media and keep it: the machine goes down
    Finish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Debug, Subcommand)]
enum DriveAction {
    /// Say what it is about
    Status,
    /// Push the cartridge's write-protect switch
    WriteProtect { switch: Switch },
    /// Press the eject button and take the cartridge out of the library
    Eject,
    /// Push a cartridge in, from a slot, from outside, or a new one
    Insert { barcode: String },
    /// Eject, then insert
    Swap { barcode: String },
    /// Reset it: unit attention 29h/00h, at the beginning, default modes; memory reaches the medium
    Reset(Moment),
    /// Cut its power and switch it on: as a reset, but what is in memory is lost
    PowerCut(Moment),
    #[command(flatten)]
    Fault(FaultAction),
    /// Let an object not reach the medium: its error comes late
    BadSpot {
        #[command(flatten)]
        sense: SenseArgs,
        /// How many objects after the next one
        #[arg(long, default_value_t = 0)]
        after: usize,
    },
    /// Raise or lower a TapeAlert flag
    Alert {
        #[arg(value_parser = clap::value_parser!(u8).range(1..=64))]
        flag: u8,
        switch: Switch,
    },
    /// Request cleaning: sense 00h/17h once, TapeAlert 20, log pages
    Clean { switch: Switch },
    /// Flip a bit in a record
    Rot {
        /// Object number, as READ POSITION counts
        object: usize,
        #[arg(long, default_value_t = 0)]
        byte: u32,
    },
    /// Make a record unreadable: sense 3/11h/00h
    Spoil { object: usize },
    /// Let the end of the data not be found any more, until the next write: sense 3/14h/03h
    LoseEnd,
    /// Cut a record to its first bytes
    Shorten { object: usize, length: u32 },
    /// Put a filemark before an object
    AddMark { object: usize },
    /// Take a record or filemark away
    Drop { object: usize },
}

#[derive(Debug, Subcommand)]
enum LibraryAction {
    /// List what is where
    Inventory,
    /// Put a cartridge into a mail slot
    Import { barcode: String },
    /// Take a cartridge out of a slot or mail slot
    Export { barcode: String },
    #[command(flatten)]
    Fault(FaultAction),
}

/// What can be done to the commands of a drive and of the library alike.
#[derive(Debug, Subcommand)]
enum FaultAction {
    /// End a command with this sense
    Fail(Fail),
    /// Report a command as good without executing it
    Swallow(When),
    /// Let a command take long
    Stall {
        /// Seconds
        seconds: f64,
        #[command(flatten)]
        when: When,
    },
    /// Forget all faults that wait
    Clear,
}

impl FaultAction {
    fn add(self, faults: &mut Faults) -> Result<(), String> {
        match self {
            Self::Fail(fail) => {
                let mut sense = fail.sense.sense();
                sense.deferred = fail.deferred;
                fail.count.add(faults, fail.trigger, Effect::fail(sense, fail.landed));
            }
            Self::Swallow(when) => when.count.add(faults, when.trigger, Effect::Swallow),
            Self::Stall { seconds, when } => {
                let duration = Duration::try_from_secs_f64(seconds).map_err(|error| format!("{error}\n"))?;
                when.count.add(faults, when.trigger, Effect::Stall(duration));
            }
            Self::Clear => faults.clear(),
        }
        Ok(())
    }
}

/// To how many commands a fault happens.
#[derive(Debug, Args)]
struct Count {
    /// The first command that it happens to, from 1
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    nth: u32,
    /// How many commands in a row
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
}

impl Count {
    fn add(&self, faults: &mut Faults, trigger: Trigger, effect: Effect) {
        faults.add(trigger, effect, self.nth, self.times);
    }
}

/// When the drive restarts.
#[derive(Debug, Args)]
struct Moment {
    /// Just before such a command, which hears of it, and not now
    #[arg(long, value_parser = Trigger::parse)]
    at: Option<Trigger>,
    /// The first command that this happens at, from 1
    #[arg(long, default_value_t = 1, requires = "at", value_parser = clap::value_parser!(u32).range(1..))]
    nth: u32,
}

impl Moment {
    fn restart(self, drive: &mut Drive, later: Effect, now: fn(&mut Drive)) {
        match self.at {
            None => now(drive),
            Some(trigger) => drive.faults.add(trigger, later, self.nth, 1),
        }
    }
}

#[derive(Debug, Args)]
struct When {
    /// write, read, filemark, locate, space, rewind, load, erase, position, move, any, or a hexadecimal operation code
    #[arg(value_parser = Trigger::parse, default_value = "any")]
    trigger: Trigger,
    #[command(flatten)]
    count: Count,
}

#[derive(Debug, Args)]
struct SenseArgs {
    /// Sense key, hexadecimal
    #[arg(value_parser = key)]
    key: Key,
    /// Additional sense code, hexadecimal
    #[arg(value_parser = byte)]
    asc: u8,
    /// Its qualifier, hexadecimal
    #[arg(value_parser = byte)]
    ascq: u8,
}

impl SenseArgs {
    fn sense(&self) -> Sense {
        Sense::new(self.key, self.asc, self.ascq)
    }
}

#[derive(Debug, Args)]
struct Fail {
    /// As for `stall`
    #[arg(value_parser = Trigger::parse)]
    trigger: Trigger,
    #[command(flatten)]
    sense: SenseArgs,
    /// About earlier commands (71h); what is in memory is lost
    #[arg(long, conflicts_with = "landed")]
    deferred: bool,
    /// Execute the command all the same
    #[arg(long)]
    landed: bool,
    #[command(flatten)]
    count: Count,
}

fn byte(text: &str) -> Result<u8, std::num::ParseIntError> {
    u8::from_str_radix(text.trim_start_matches("0x"), 16)
}

fn key(text: &str) -> Result<Key, String> {
    byte(text).ok().and_then(Key::from_code).ok_or("0 to 8, b or d".to_owned())
}

/// Success without words, or that there was nothing of the kind.
fn done(result: io::Result<bool>) -> Result<String, String> {
    match result {
        Ok(true) => Ok(String::new()),
        Ok(false) => Err("there is no such object, or no cartridge is in the drive\n".into()),
        Err(error) => Err(format!("the cartridge's file: {error}\n")),
    }
}

fn hands<Thing>(result: Result<Thing, NotDone>, say: impl Fn(Thing) -> String) -> Result<String, String> {
    result.map(say).map_err(|error| format!("{error}\n"))
}

impl Request {
    /// A request from its words; the error is clap's message, or its help.
    pub fn parse<'line>(words: impl Iterator<Item = &'line str>) -> Result<Self, String> {
        Self::try_parse_from(words).map_err(|error| error.render().to_string())
    }

    /// Does it. The answer is text to print.
    pub fn execute(self, laboratory: &Laboratory) -> Result<String, String> {
        match self.subject {
            Subject::Finish => {
                laboratory.finish();
                Ok(String::new())
            }
            Subject::Library { action } => action.execute(&mut lock(&laboratory.library)),
            Subject::Drive { number, action } => {
                let drive = laboratory.drives.get(number).ok_or(format!("{}\n", NotDone::NoDrive(number)))?;
                match action {
                    DriveAction::Eject => {
                        hands(lock(&laboratory.library).eject(number), |b| format!("{b}\n"))
                    }
                    DriveAction::Insert { barcode } => {
                        hands(lock(&laboratory.library).insert(number, &barcode), |()| String::new())
                    }
                    DriveAction::Swap { barcode } => {
                        let mut library = lock(&laboratory.library);
                        let swapped = library
                            .eject(number)
                            .and_then(|out| library.insert(number, &barcode).map(|()| out));
                        hands(swapped, |b| format!("{b}\n"))
                    }
                    action => action.execute(&mut lock(drive)),
                }
            }
        }
    }
}

impl DriveAction {
    fn execute(self, drive: &mut Drive) -> Result<String, String> {
        match self {
            Self::Status => return Ok(format!("{}\n", drive.describe())),
            Self::WriteProtect { switch } => return done(drive.write_protect(switch == Switch::On)),
            Self::Rot { object, byte } => return done(drive.rot(object, byte)),
            Self::Spoil { object } => return done(drive.spoil(object)),
            Self::LoseEnd => return done(drive.lose_end()),
            Self::Shorten { object, length } => return done(drive.shorten(object, length)),
            Self::AddMark { object } => return done(drive.add_mark(object)),
            Self::Drop { object } => return done(drive.drop_object(object)),
            Self::BadSpot { sense, after } => return done(Ok(drive.bad_spot(after, sense.sense()))),
            Self::Reset(moment) => moment.restart(drive, Effect::Reset, Drive::reset),
            Self::PowerCut(moment) => moment.restart(drive, Effect::PowerCut, Drive::power_cut),
            Self::Fault(fault) => fault.add(&mut drive.faults)?,
            Self::Alert { flag, switch } => drive.set_alert(flag, switch == Switch::On),
            Self::Clean { switch } => drive.request_cleaning(switch == Switch::On),
            // Those are the library's, which lends hands.
            Self::Eject | Self::Insert { .. } | Self::Swap { .. } => {}
        }
        Ok(String::new())
    }
}

impl LibraryAction {
    fn execute(self, library: &mut Library) -> Result<String, String> {
        match self {
            Self::Inventory => return Ok(format!("{}\n", library.inventory())),
            Self::Import { barcode } => return hands(library.import(&barcode), |()| String::new()),
            Self::Export { barcode } => return hands(library.export(&barcode), |()| String::new()),
            Self::Fault(fault) => fault.add(&mut library.faults)?,
        }
        Ok(String::new())
    }
}

#[cfg(test)]
mod tests;
