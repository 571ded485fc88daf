//! One object from a DICOMweb server on its way to the intake: the file as it comes, byte for byte. Who it is stands in its
//! bytes, not in what was asked for.

use std::io::Cursor;

use dataset::{Encoding, Ending, Examined, Finding, Shape, examine};

use crate::error::Cause;
use crate::source::{Intake, IntakeError, IntakeObject, ObjectIdentity};

/// Most of a file's beginning that is held until it is known where its dataset begins and who it is. UIDs stand in groups 0002, 0008
/// and 0020, in front of any pixel data.
const MOST_HEAD: usize = 1 << 20;
/// A beginning of this length is looked at, and then one that is twice as long as what did not tell.
const FIRST_LOOK: usize = 16 << 10;

/// Why an object has not arrived.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is none; this is the server's fault.
    #[error("{0}")]
    NotAnObject(String),
    /// We cannot take it now.
    #[error(transparent)]
    Intake(#[from] IntakeError),
}

/// An object that arrives.
pub struct Arrival<'a> {
    intake: &'a dyn Intake,
    /// What came of it and did not yet tell who it is.
    head: Vec<u8>,
    next_look: usize,
    taken: Option<Taken<'a>>,
}

/// An object whose head is known.
struct Taken<'a> {
    object: Box<dyn IntakeObject + 'a>,
    shape: Shape,
    /// A part that is well framed may hold less than its object.
    ending: Ending,
}

impl Taken<'_> {
    fn put(&mut self, bytes: &[u8], of_dataset: &[u8]) -> Result<(), Refused> {
        self.ending.push(of_dataset);
        self.object.write(bytes).map_err(|error| Refused::Intake(IntakeError::Spool(Cause::from(error))))
    }
}

impl<'a> Arrival<'a> {
    pub fn new(intake: &'a dyn Intake) -> Self {
        Self { intake, head: Vec::new(), next_look: FIRST_LOOK, taken: None }
    }

    /// Its next bytes; says how many.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        if let Some(taken) = &mut self.taken {
            taken.put(bytes, bytes)?;
        } else if self.head.is_empty() && bytes.len() >= FIRST_LOOK {
            // Most first pieces tell, and need not be copied.
            if !self.begin(bytes, false)? {
                self.hold(bytes);
            }
        } else {
            self.head.extend_from_slice(bytes);
            if self.head.len() >= self.next_look {
                let head = std::mem::take(&mut self.head);
                if !self.begin(&head, false)? {
                    self.hold(&head);
                }
            }
        }
        Ok(bytes.len())
    }

    fn hold(&mut self, head: &[u8]) {
        self.head = head.to_vec();
        self.next_look = (2 * head.len()).min(MOST_HEAD);
    }

    /// All bytes are there. Says which SOP Instance it is, if it says so itself. `requested` is the instance that was asked
    /// for alone.
    pub fn finish(mut self, requested: Option<catalogue::InstanceId>) -> Result<Option<String>, Refused> {
        if self.taken.is_none() {
            let head = std::mem::take(&mut self.head);
            self.begin(&head, true)?;
        }
        let Some(Taken { object, shape, ending }) = self.taken else { return Ok(None) };
        let contradicted = |finding: &&Finding| matches!(finding, Finding::SyntaxContradicted { .. });
        let doubts = shape
            .findings
            .iter()
            .filter(contradicted)
            .chain(ending.finish().as_ref())
            .map(ToString::to_string)
            .collect();
        let sop_instance = shape.sop_instance().map(str::to_owned);
        object.finish(ObjectIdentity {
            // What was asked for counts only for an object that does not say who it is.
            requested: requested.filter(|_| sop_instance.is_none()),
            sop_instance: sop_instance.clone(),
            sop_class: shape.sop_class().map(str::to_owned),
            study_uid: shape.head.study,
            series_uid: shape.head.series,
            transfer_syntax: shape.transfer_syntax,
            patient_id: shape.head.patient_id,
            accession: shape.head.accession,
            findings: shape.findings.iter().map(ToString::to_string).collect(),
            doubts,
        })?;
        Ok(sop_instance)
    }

    /// Looks at the beginning of the object, or the whole of it, and hands it on. False if that does not tell enough yet.
    fn begin(&mut self, head: &[u8], whole: bool) -> Result<bool, Refused> {
        let may_wait = !whole && head.len() < MOST_HEAD;
        let no = |why: &dyn std::fmt::Display| Refused::NotAnObject(why.to_string());
        let mut shape = match examine(Cursor::new(head)).map_err(|error| no(&error))? {
            Examined::Object(shape) => *shape,
            _ if may_wait => return Ok(false),
            Examined::Directory { .. } => return Err(no(&"it is a DICOMDIR")),
            Examined::NotDicom(reason) => return Err(no(&reason)),
        };
        // Where the dataset ends is followed to its last byte.
        let end_of_head = |finding: &Finding| match finding {
            Finding::Truncated { .. } => !whole || !is_deflated(&shape),
            Finding::DeflateDamaged { .. } => !whole,
            _ => false,
        };
        // A piece may end just between two elements.
        let is_cut = |finding: &Finding| end_of_head(finding) || matches!(finding, Finding::MissingUid(_));
        if may_wait && shape.findings.iter().any(is_cut) {
            return Ok(false);
        }
        let findings = shape.findings.iter().filter(|finding| !end_of_head(finding)).cloned().collect();
        shape.findings = findings;
        let object = self.intake.begin(shape.dataset_offset)?;
        let ending =
            Ending::new(shape.transfer_syntax.as_deref().unwrap_or(shape.encoding.transfer_syntax()));
        let of_dataset = usize::try_from(shape.dataset_offset).ok().and_then(|start| head.get(start..));
        let mut taken = Taken { object, shape, ending };
        taken.put(head, of_dataset.unwrap_or_default())?;
        self.taken = Some(taken);
        Ok(true)
    }
}

/// Whether the end of the dataset cannot be followed.
fn is_deflated(shape: &Shape) -> bool {
    shape.transfer_syntax.as_deref().is_some_and(|uid| Encoding::of_transfer_syntax(uid).deflated)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;

    const EXPLICIT: &str = "1.2.840.10008.1.2.1";

    /// Keeps who came, and how many bytes.
    #[derive(Default)]
    struct Came(Mutex<Vec<(ObjectIdentity, u64)>>);

    struct Coming<'a>(&'a Came, u64);

    impl Intake for Came {
        fn begin(&self, _: u64) -> Result<Box<dyn IntakeObject + '_>, IntakeError> {
            Ok(Box::new(Coming(self, 0)))
        }
    }

    impl IntakeObject for Coming<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.1 += bytes.len() as u64;
            Ok(())
        }

        fn finish(self: Box<Self>, identity: ObjectIdentity) -> Result<(), IntakeError> {
            self.0.0.lock().unwrap().push((identity, self.1));
            Ok(())
        }
    }

    fn uid(group: u8, number: u8, value: &[u8]) -> Vec<u8> {
        [&[group, 0, number, 0, b'U', b'I', value.len() as u8, 0], value].concat()
    }

    fn bytes(group: u16, number: u8, length: usize) -> Vec<u8> {
        let [low, high] = group.to_le_bytes();
        let head = [low, high, number, 0, b'O', b'B', 0, 0];
        [&head[..], &(length as u32).to_le_bytes(), &vec![7; length]].concat()
    }

    /// File Meta, and who the object is.
    fn beginning() -> Vec<u8> {
        [
            dataset::file_meta("1.2.840.10008.5.1.4.1.1.7", "1.2.3", EXPLICIT, "TEST"),
            uid(8, 0x16, b"1.2.840.10008.5.1.4.1.1.7\0"),
            uid(8, 0x18, b"1.2.3\0"),
        ]
        .concat()
    }

    /// A file with so many bytes of pixels.
    fn file(pixels: usize) -> Vec<u8> {
        [beginning(), bytes(0x7FE0, 0x10, pixels)].concat()
    }

    fn arrive(bytes: &[u8]) -> (ObjectIdentity, u64) {
        arrive_in_pieces(bytes, 100_000)
    }

    fn arrive_in_pieces(bytes: &[u8], length: usize) -> (ObjectIdentity, u64) {
        let came = Came::default();
        let mut arrival = Arrival::new(&came);
        for piece in bytes.chunks(length) {
            arrival.write(piece).unwrap();
        }
        arrival.finish(None).unwrap();
        came.0.into_inner().unwrap().pop().unwrap()
    }

    #[test]
    fn who_it_is_is_known_wherever_its_first_pieces_end() {
        let private = bytes(9, 1, 3 * FIRST_LOOK);
        let head = [beginning(), private].concat();
        let (between, later) =
            (head.len(), [uid(0x20, 0x0D, b"1.2\0"), uid(0x20, 0x0E, b"1.2.9\0")].concat());
        let file = [head, later, bytes(0x7FE0, 0x10, 3 * MOST_HEAD)].concat();
        for length in [1000, FIRST_LOOK, between - 1, between, between + 12, between + 26, 4 * MOST_HEAD] {
            let (identity, bytes) = arrive_in_pieces(&file, length);
            let uids = (identity.study_uid.as_deref(), identity.series_uid.as_deref());
            assert_eq!((uids, bytes), ((Some("1.2"), Some("1.2.9")), file.len() as u64), "{length}");
            assert!(identity.doubts.is_empty() && identity.findings.is_empty(), "{length}: {identity:?}");
        }
    }

    #[test]
    fn a_dataset_that_ends_early_in_a_whole_part_is_in_doubt_whatever_its_length() {
        for pixels in [600, 3 * MOST_HEAD] {
            let file = file(pixels);
            let (whole, bytes) = arrive(&file);
            assert_eq!((whole.doubts, bytes), (vec![], file.len() as u64));
            let (cut, bytes) = arrive(&file[..file.len() - 100]);
            assert_eq!(bytes, file.len() as u64 - 100);
            assert!(cut.doubts.len() == 1 && cut.doubts[0].contains("ends within"), "{:?}", cut.doubts);
            assert_eq!(cut.findings, whole.findings);
        }
    }
}
