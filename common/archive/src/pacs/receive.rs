//! Objects from the network on their way to the intake: File Meta in front, the dataset verbatim behind it.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use dimse::{AeTitle, Incoming, Receiver, Refusal, StorageScp};

use crate::source::{Intake, IntakeError, IntakeObject, ObjectIdentity};

/// Our storage listener for C-MOVE.
pub struct Receiving {
    /// The listener.
    pub scp: StorageScp,
    /// The AE title under which the source knows it.
    pub aet: AeTitle,
}

/// The beginning of a dataset that is kept to find its UIDs in: they stand in groups 0008 and 0020, in front of any
/// pixel data.
const HEAD_BYTES: usize = 256 * 1024;

/// Hands objects to an intake and remembers which instances came.
pub struct Arrivals {
    intake: Arc<dyn Intake>,
    arrived: Mutex<HashSet<String>>,
}

impl Arrivals {
    pub fn new(intake: Arc<dyn Intake>) -> Self {
        Self { intake, arrived: Mutex::default() }
    }

    /// Whether an object with this SOP Instance UID came whole.
    pub fn has(&self, sop_instance: &str) -> bool {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).contains(sop_instance)
    }
}

impl Receiver for Arrivals {
    fn begin(&self, incoming: &Incoming) -> Result<Box<dyn dimse::Intake + '_>, Refusal> {
        let Incoming { sop_class, sop_instance, transfer_syntax, sender_aet, .. } = incoming;
        let meta = dataset::file_meta(sop_class, sop_instance, transfer_syntax, sender_aet);
        let mut object = self.intake.begin(meta.len() as u64).map_err(|error| refuse(&error))?;
        object.write(&meta).map_err(|error| Refusal::out_of_resources(error.kind().to_string()))?;
        Ok(Box::new(Arriving { arrivals: self, object, head: Vec::new(), incoming: incoming.clone() }))
    }
}

fn refuse(error: &IntakeError) -> Refusal {
    tracing::debug!(%error, "an object was refused");
    Refusal::out_of_resources(match error {
        IntakeError::NotNow(reason) => reason,
        IntakeError::Spool(_) => "no room in the spool",
    })
}

struct Arriving<'a> {
    arrivals: &'a Arrivals,
    object: Box<dyn IntakeObject + 'a>,
    head: Vec<u8>,
    incoming: Incoming,
}

impl dimse::Intake for Arriving<'_> {
    fn write(&mut self, data_set: &[u8]) -> io::Result<()> {
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(data_set.len());
        self.head.extend_from_slice(data_set.get(..room).unwrap_or_default());
        self.object.write(data_set)
    }

    fn finish(self: Box<Self>) -> Result<(), Refusal> {
        let Self { arrivals, object, head, incoming } = *self;
        let (head, finding) = dataset::read_head(head.as_slice(), &incoming.transfer_syntax);
        let mut findings: Vec<String> = finding.iter().map(ToString::to_string).collect();
        if let Some(inside) = head.sop_instance.filter(|inside| *inside != incoming.sop_instance) {
            findings.push(format!("the dataset names SOP Instance UID {inside}, C-STORE named another"));
        }
        let sop_instance = incoming.sop_instance;
        object
            .finish(ObjectIdentity {
                requested: None,
                study_uid: head.study,
                series_uid: head.series,
                sop_instance: Some(sop_instance.clone()),
                sop_class: Some(incoming.sop_class),
                transfer_syntax: Some(incoming.transfer_syntax),
                findings,
            })
            .map_err(|error| refuse(&error))?;
        arrivals.arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(sop_instance);
        Ok(())
    }
}
