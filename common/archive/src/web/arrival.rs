//! One object from a DICOMweb server on its way to the intake: the file as it comes, byte for byte. Who it is stands in its
//! bytes, not in what was asked for.

use std::io::Cursor;

use dataset::{Examined, Finding, Shape, examine};

use crate::error::Cause;
use crate::source::{Intake, IntakeError, IntakeObject, ObjectIdentity};

/// The beginning of a file that is held until it is known where its dataset begins and who it is. UIDs stand in groups 0002, 0008
/// and 0020, in front of any pixel data.
const HEAD_BYTES: usize = 1 << 20;

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
    head: Vec<u8>,
    taken: Option<(Box<dyn IntakeObject + 'a>, Shape)>,
}

impl<'a> Arrival<'a> {
    pub fn new(intake: &'a dyn Intake) -> Self {
        Self { intake, head: Vec::new(), taken: None }
    }

    /// Its next bytes; says how many.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Refused> {
        if let Some((object, _)) = &mut self.taken {
            put(object.as_mut(), bytes)?;
        } else {
            self.head.extend_from_slice(bytes);
            if self.head.len() >= HEAD_BYTES {
                self.begin(false)?;
            }
        }
        Ok(bytes.len())
    }

    /// All bytes are there. Says which SOP Instance it is, if it says so itself. `requested` is the instance that was asked
    /// for alone.
    pub fn finish(mut self, requested: Option<catalogue::InstanceId>) -> Result<Option<String>, Refused> {
        if self.taken.is_none() {
            self.begin(true)?;
        }
        let Some((object, shape)) = self.taken else { return Ok(None) };
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
            findings: shape.findings.iter().map(ToString::to_string).collect(),
            doubts: Vec::new(),
        })?;
        Ok(sop_instance)
    }

    /// Looks at the head, which is the whole object or not, and hands it on.
    fn begin(&mut self, whole: bool) -> Result<(), Refused> {
        let no = |why: &dyn std::fmt::Display| Refused::NotAnObject(why.to_string());
        let head = std::mem::take(&mut self.head);
        let mut shape = match examine(Cursor::new(&head)).map_err(|error| no(&error))? {
            Examined::Object(shape) => *shape,
            Examined::Directory { .. } => return Err(no(&"it is a DICOMDIR")),
            Examined::NotDicom(reason) => return Err(no(&reason)),
        };
        if !whole {
            let end_of_head = |finding: &Finding| {
                matches!(finding, Finding::Truncated { .. } | Finding::DeflateDamaged { .. })
            };
            shape.findings.retain(|finding| !end_of_head(finding));
        }
        let mut object = self.intake.begin(shape.dataset_offset)?;
        put(object.as_mut(), &head)?;
        self.taken = Some((object, shape));
        Ok(())
    }
}

fn put(object: &mut (dyn IntakeObject + '_), bytes: &[u8]) -> Result<(), Refused> {
    object.write(bytes).map_err(|error| Refused::Intake(IntakeError::Spool(Cause::from(error))))
}
