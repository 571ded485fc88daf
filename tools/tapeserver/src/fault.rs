//! Injected faults: what goes wrong, at which command, how often.

use std::time::Duration;

use crate::device::Cdb;
use crate::operation as op;
use crate::sense::{Key, Sense};

/// The commands that a fault waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// WRITE.
    Write,
    /// READ.
    Read,
    /// WRITE FILEMARKS.
    Filemark,
    /// LOCATE.
    Locate,
    /// SPACE.
    Space,
    /// REWIND.
    Rewind,
    /// LOAD UNLOAD.
    Load,
    /// ERASE.
    Erase,
    /// READ POSITION.
    Position,
    /// MOVE MEDIUM.
    Move,
    /// Every command but those that never touch the medium (INQUIRY, REQUEST SENSE, REPORT LUNS).
    Any,
    /// This operation code.
    Code(u8),
}

impl Trigger {
    /// A word, or an operation code in hexadecimal.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(match text {
            "write" => Self::Write,
            "read" => Self::Read,
            "filemark" => Self::Filemark,
            "locate" => Self::Locate,
            "space" => Self::Space,
            "rewind" => Self::Rewind,
            "load" => Self::Load,
            "erase" => Self::Erase,
            "position" => Self::Position,
            "move" => Self::Move,
            "any" => Self::Any,
            code => Self::Code(u8::from_str_radix(code, 16).map_err(|_| {
                "write, read, filemark, locate, space, rewind, load, erase, position, move, any, or a hexadecimal operation code"
            })?),
        })
    }

    fn matches(self, cdb: &Cdb) -> bool {
        let code = cdb[0];
        match self {
            Self::Write => code == op::WRITE,
            Self::Read => code == op::READ,
            Self::Filemark => code == op::WRITE_FILEMARKS,
            Self::Locate => code == op::LOCATE,
            Self::Space => code == op::SPACE,
            Self::Rewind => code == op::REWIND,
            Self::Load => code == op::LOAD_UNLOAD,
            Self::Erase => code == op::ERASE,
            Self::Position => code == op::READ_POSITION,
            Self::Move => code == op::MOVE_MEDIUM,
            Self::Any => !matches!(code, op::INQUIRY | op::REQUEST_SENSE | op::REPORT_LUNS),
            Self::Code(expected) => code == expected,
        }
    }
}

/// What a fault does to its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It ends with this sense; `landed`: after it was executed, else instead.
    Fail {
        /// The sense.
        sense: Sense,
        /// Whether the command was executed all the same.
        landed: bool,
    },
    /// It is reported as good, and was never executed.
    Swallow,
    /// It takes so long.
    Stall(Duration),
    /// The drive is reset just before it, and the command hears of it.
    Reset,
    /// The drive's power is cut just before it, and the command hears of it.
    PowerCut,
}

impl Effect {
    /// Ends the command with this sense. Where the key says that the command was carried out, it is.
    pub fn fail(sense: Sense, landed: bool) -> Self {
        Self::Fail { sense, landed: landed || sense.key == Key::Recovered }
    }
}

#[derive(Debug)]
struct Fault {
    trigger: Trigger,
    effect: Effect,
    skip: u32,
    times: u32,
}

/// The faults that wait in a unit.
#[derive(Debug, Default)]
pub struct Faults {
    waiting: Vec<Fault>,
}

impl Faults {
    /// Lets the `nth` (from 1) command that `trigger` matches, and `times` of them in a row, have this effect.
    pub fn add(&mut self, trigger: Trigger, effect: Effect, nth: u32, times: u32) {
        self.waiting.push(Fault { trigger, effect, skip: nth.saturating_sub(1), times });
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What happens to this command besides a stall.
    pub fn strike(&mut self, cdb: &Cdb) -> Option<Effect> {
        self.next(cdb, |effect| !matches!(effect, Effect::Stall(_)))
    }

    /// How long this command stalls.
    pub fn stall(&mut self, cdb: &Cdb) -> Option<Duration> {
        match self.next(cdb, |effect| matches!(effect, Effect::Stall(_)))? {
            Effect::Stall(duration) => Some(duration),
            _ => None,
        }
    }

    fn next(&mut self, cdb: &Cdb, wanted: impl Fn(&Effect) -> bool) -> Option<Effect> {
        let mut struck = None;
        self.waiting.retain_mut(|fault| {
            if !wanted(&fault.effect) || !fault.trigger.matches(cdb) {
                return true;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                return true;
            }
            if struck.is_some() {
                return true;
            }
            struck = Some(fault.effect);
            fault.times -= 1;
            fault.times > 0
        });
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cdb(code: u8) -> Cdb {
        let mut cdb = [0; 16];
        cdb[0] = code;
        cdb
    }

    #[test]
    fn a_fault_waits_for_its_nth_command_and_strikes_as_often_as_told() {
        let mut faults = Faults::default();
        faults.add(Trigger::Write, Effect::Swallow, 2, 2);
        let struck: Vec<_> =
            [0x0a, 0x08, 0x0a, 0x0a, 0x0a].map(|code| faults.strike(&cdb(code)).is_some()).into();
        assert_eq!(struck, [false, false, true, true, false]);
        assert_eq!(faults.waiting(), 0);
    }

    #[test]
    fn a_stall_does_not_use_up_another_fault() {
        let mut faults = Faults::default();
        faults.add(Trigger::Any, Effect::Stall(Duration::from_secs(1)), 1, 1);
        faults.add(Trigger::Any, Effect::Swallow, 1, 1);
        assert_eq!(faults.stall(&cdb(0x12)), None);
        assert_eq!(faults.stall(&cdb(0x0a)), Some(Duration::from_secs(1)));
        assert_eq!(faults.strike(&cdb(0x0a)), Some(Effect::Swallow));
    }

    #[test]
    fn two_faults_on_one_command_strike_one_after_the_other() {
        let mut faults = Faults::default();
        let first = Effect::fail(Sense::new(Key::Medium, 0x0c, 0), false);
        faults.add(Trigger::Write, first, 1, 1);
        faults.add(Trigger::Write, Effect::Swallow, 1, 1);
        assert_eq!(faults.strike(&cdb(0x0a)), Some(first));
        assert_eq!(faults.strike(&cdb(0x0a)), Some(Effect::Swallow));
    }

    #[test]
    fn triggers_are_words_or_codes_and_a_recovered_error_was_executed() {
        assert_eq!(Trigger::parse("filemark"), Ok(Trigger::Filemark));
        assert_eq!(Trigger::parse("4d"), Ok(Trigger::Code(0x4d)));
        assert!(Trigger::parse("writ").is_err());
        let effect = Effect::fail(Sense::new(Key::Recovered, 0, 0x17), false);
        assert!(matches!(effect, Effect::Fail { landed: true, .. }));
    }
}
