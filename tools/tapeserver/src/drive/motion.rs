//! Where the tape is: REWIND, SPACE, LOCATE, READ POSITION (SSC-4 7).

use crate::cartridge::medium::Object;
use crate::device::{Cdb, length, reply};
use crate::drive::Drive;
use crate::sense::{Key, Outcome, Sense};

/// READ POSITION, byte 0: at the beginning, and behind the early warning.
const AT_BEGINNING: u8 = 0x80;
const NEAR_END: u8 = 0x40;

impl Drive {
    pub(super) fn rewind(&mut self) -> Outcome {
        self.settle()?;
        Self::loaded(&mut self.seat)?;
        self.position = 0;
        Ok(())
    }

    /// SPACE: code 0 records, 1 filemarks, 3 end of data.
    pub(super) fn space(&mut self, code: u8, count: i64) -> Outcome {
        self.settle()?;
        let medium = &Self::loaded(&mut self.seat)?.medium;
        match code {
            0 | 1 => {
                let stop_at_mark = code == 0;
                let (position, outcome) = step(self.position, count, stop_at_mark, |at| medium.object(at));
                self.position = position;
                match outcome {
                    Err(end @ Sense { key: Key::BlankCheck, .. }) => Err(medium.end_met(end)),
                    other => other,
                }
            }
            3 => {
                self.position = medium.end();
                match medium.end_met(Sense::end_of_data(0)) {
                    Sense { key: Key::BlankCheck, .. } => Ok(()),
                    lost => Err(lost),
                }
            }
            _ => Err(Sense::invalid_field()),
        }
    }

    pub(super) fn locate(&mut self, cdb: &Cdb) -> Outcome {
        let (change_partition, partition) = (cdb[1] & 0x02 != 0, cdb[8]);
        if change_partition && partition != 0 {
            return Err(Sense::invalid_field());
        }
        self.settle()?;
        let target = length(&cdb[3..7]);
        let end = Self::loaded(&mut self.seat)?.medium.end();
        self.position = target.min(end);
        // The INFORMATION field is for READ, SPACE and VERIFY.
        if target > end { Err(Sense { information: None, ..Sense::end_of_data(0) }) } else { Ok(()) }
    }

    pub(super) fn read_position(&mut self, cdb: &Cdb, data: &mut Vec<u8>) -> Outcome {
        let (position, early) = (self.position, self.specification.early);
        let medium = &Self::loaded(&mut self.seat)?.medium;
        let (objects, bytes) = medium.pending();
        let (first, last) = (position as u64, medium.next_to_arrive(position) as u64);
        let mut flags = if position == 0 { AT_BEGINNING } else { 0 };
        if medium.left(position) < early {
            flags |= NEAR_END;
        }
        let mut answer = vec![flags, 0];
        match cdb[1] & 0x1f {
            // The vendor-specific short form counts blocks, which are our objects.
            0 | 1 => {
                answer.extend([0, 0]);
                answer.extend((first as u32).to_be_bytes());
                answer.extend((last as u32).to_be_bytes());
                answer.extend((objects as u32).to_be_bytes());
                answer.extend((bytes as u32).to_be_bytes());
                reply(data, &answer, 20);
            }
            6 => {
                answer.extend([0; 6]);
                answer.extend(first.to_be_bytes());
                answer.extend(medium.file_number(position).to_be_bytes());
                answer.extend([0; 8]);
                reply(data, &answer, 32);
            }
            8 => {
                answer.extend([0, 28]);
                answer.extend((objects as u32).to_be_bytes());
                answer.extend(first.to_be_bytes());
                answer.extend(last.to_be_bytes());
                answer.extend((bytes as u64).to_be_bytes());
                reply(data, &answer, length(&cdb[7..9]));
            }
            _ => return Err(Sense::invalid_field()),
        }
        Ok(())
    }
}

/// Passes `count` records, or filemarks, in either direction.
fn step(
    mut position: usize,
    count: i64,
    stop_at_mark: bool,
    object: impl Fn(usize) -> Option<Object>,
) -> (usize, Outcome) {
    let mut rest = count.abs();
    while rest > 0 {
        let passed = if count > 0 {
            let Some(passed) = object(position) else { return (position, Err(Sense::end_of_data(rest))) };
            position += 1;
            passed
        } else {
            let Some(before) = position.checked_sub(1) else { return (0, Err(Sense::beginning(rest))) };
            position = before;
            object(before).unwrap_or(Object::Mark)
        };
        match (passed == Object::Mark, stop_at_mark) {
            (true, true) => return (position, Err(Sense::at_filemark(rest))),
            (mark, stop) if mark != stop => rest -= 1,
            _ => {}
        }
    }
    (position, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// r r | r |
    fn tape(position: usize) -> Option<Object> {
        let record = Object::Record(4);
        [record, record, Object::Mark, record, Object::Mark].get(position).copied()
    }

    #[test]
    fn records_are_passed_up_to_a_filemark_or_an_end() {
        assert_eq!(step(0, 2, true, tape), (2, Ok(())));
        assert_eq!(step(0, 3, true, tape), (3, Err(Sense::at_filemark(1))));
        assert_eq!(step(5, -1, true, tape), (4, Err(Sense::at_filemark(1))));
        assert_eq!(step(1, -3, true, tape), (0, Err(Sense::beginning(2))));
        assert_eq!(step(5, 2, true, tape), (5, Err(Sense::end_of_data(2))));
    }

    #[test]
    fn filemarks_are_counted_whatever_lies_between() {
        assert_eq!(step(0, 2, false, tape), (5, Ok(())));
        assert_eq!(step(0, 3, false, tape), (5, Err(Sense::end_of_data(1))));
        assert_eq!(step(5, -2, false, tape), (2, Ok(())));
        assert_eq!(step(5, -3, false, tape), (0, Err(Sense::beginning(1))));
    }
}
