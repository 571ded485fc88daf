//! Objects from the network on their way to the intake: File Meta in front, the dataset verbatim behind it.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use catalogue::capture::PendingInstance;
use dataset::{Ending, Finding, Head};
use dimse::{AeTitle, Incoming, Receiver, Refusal, Status, StorageScp};

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
    wanted: HashSet<String>,
    arrived: Mutex<HashSet<String>>,
    /// Whether requests name instances, so that nothing else is due.
    by_instance: AtomicBool,
    others: AtomicU64,
}

impl Arrivals {
    /// For what is asked for.
    pub fn new(intake: Arc<dyn Intake>, wanted: &[PendingInstance]) -> Self {
        let wanted = wanted.iter().map(|instance| instance.sop_instance.clone()).collect();
        let (arrived, by_instance, others) = Default::default();
        Self { intake, wanted, arrived, by_instance, others }
    }

    /// From now on instances are asked for by their UIDs: others are refused. A source that gives objects other UIDs each
    /// time would else send them without end.
    pub fn only_wanted(&self) {
        self.by_instance.store(true, Ordering::Relaxed);
    }

    /// How many objects came that are none of those wanted.
    pub fn others(&self) -> u64 {
        self.others.load(Ordering::Relaxed)
    }

    /// Whether an object with this SOP Instance UID came whole.
    pub fn has(&self, sop_instance: &str) -> bool {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner).contains(sop_instance)
    }
}

impl Receiver for Arrivals {
    fn begin(&self, incoming: &Incoming) -> Result<Box<dyn dimse::Intake + '_>, Refusal> {
        let Incoming { sop_class, sop_instance, transfer_syntax, sender_aet, .. } = incoming;
        if !self.expects(sop_instance) {
            self.others.fetch_add(1, Ordering::Relaxed);
            if self.by_instance.load(Ordering::Relaxed) {
                let comment = "not asked for".to_owned();
                return Err(Refusal { status: Status::CANNOT_UNDERSTAND, comment });
            }
        }
        let meta = dataset::file_meta(sop_class, sop_instance, transfer_syntax, sender_aet);
        let mut object = self.intake.begin(meta.len() as u64).map_err(|error| refuse(&error))?;
        object.write(&meta).map_err(|error| Refusal::out_of_resources(error.kind().to_string()))?;
        let (head, ending) = (Vec::new(), Ending::new(transfer_syntax));
        Ok(Box::new(Arriving { arrivals: self, object, head, ending, incoming: incoming.clone() }))
    }

    fn expects(&self, sop_instance: &str) -> bool {
        self.wanted.contains(sop_instance)
    }
}

fn refuse(error: &IntakeError) -> Refusal {
    tracing::debug!(%error, "an object was refused");
    Refusal::out_of_resources(match error {
        IntakeError::NotNow(reason) => reason,
        IntakeError::Spool(_) => "no room in the spool",
        IntakeError::Doubtful(_) => {
            let comment = "not the object that was asked for".to_owned();
            return Refusal { status: Status::CANNOT_UNDERSTAND, comment };
        }
    })
}

struct Arriving<'a> {
    arrivals: &'a Arrivals,
    object: Box<dyn IntakeObject + 'a>,
    head: Vec<u8>,
    ending: Ending,
    incoming: Incoming,
}

impl dimse::Intake for Arriving<'_> {
    fn write(&mut self, data_set: &[u8]) -> io::Result<()> {
        let room = HEAD_BYTES.saturating_sub(self.head.len()).min(data_set.len());
        self.head.extend_from_slice(data_set.get(..room).unwrap_or_default());
        self.ending.push(data_set);
        self.object.write(data_set)
    }

    fn finish(self: Box<Self>) -> Result<(), Refusal> {
        let Self { arrivals, object, head, ending, incoming } = *self;
        let (head, finding) = dataset::read_head(head.as_slice(), &incoming.transfer_syntax);
        let doubts = doubts(&incoming, &head, finding.as_ref(), ending.finish().as_ref());
        let sop_instance = incoming.sop_instance;
        object
            .finish(ObjectIdentity {
                requested: None,
                study_uid: head.study,
                series_uid: head.series,
                patient_id: head.patient_id,
                accession: head.accession,
                sop_instance: Some(sop_instance.clone()),
                sop_class: Some(incoming.sop_class),
                transfer_syntax: Some(incoming.transfer_syntax),
                findings: finding.iter().map(ToString::to_string).collect(),
                doubts,
            })
            .map_err(|error| refuse(&error))?;
        arrivals.arrived.lock().unwrap_or_else(PoisonError::into_inner).insert(sop_instance);
        Ok(())
    }
}

/// Where the dataset contradicts the C-STORE that it came with, or is not whole. A dataset that cannot be read contradicts
/// nothing.
fn doubts(incoming: &Incoming, head: &Head, start: Option<&Finding>, end: Option<&Finding>) -> Vec<String> {
    let Incoming { sop_class, sop_instance, .. } = incoming;
    let uids = [
        ("SOP Instance UID", &head.sop_instance, sop_instance),
        ("SOP Class UID", &head.sop_class, sop_class),
    ];
    let other = uids.into_iter().filter_map(|(what, inside, named)| {
        let inside = inside.as_ref().filter(|inside| *inside != named)?;
        Some(format!("the dataset names {what} {inside}, C-STORE named another"))
    });
    let start = start.filter(|finding| matches!(finding, Finding::SyntaxContradicted { .. }));
    other.chain(start.into_iter().chain(end).map(ToString::to_string)).collect()
}
