//! What a source must be able to do, and what the program that fetches gives it to put objects into.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use catalogue::capture::PendingInstance;
use catalogue::listing::{Answered, ListingProof, Recalled};
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{Digest, InstanceId, OddityState, StudyId, StudyRow};
use jiff::Timestamp;
use job::config::SelectionConfig;
use pace::Probe;

use crate::destination::Destination;
use crate::error::{Cause, Error};
use crate::gate::Gate;
use crate::several::{ListStudies, Together};

/// Takes what a source lists.
pub trait Listing {
    /// A study, whose instances are listed later.
    fn study(&mut self, study: StudyRow) -> Result<(), Cause>;
    /// A file that is an instance, with its study.
    fn file(&mut self, study: StudyRow, instance: InstanceRow) -> Result<(), Cause>;
    /// A file that cannot travel as an instance, with the reason.
    fn oddity(
        &mut self,
        source_ref: &[u8],
        bytes: Option<u64>,
        state: OddityState,
        reason: &str,
    ) -> Result<(), Cause>;
    /// A query and its outcome, as proof.
    fn query(&mut self, query: QueryRow) -> Result<(), Cause>;
    /// The answer that an earlier, interrupted run had to the query with these keys.
    fn recall(&mut self, _part: &str) -> Result<Option<Recalled>, Cause> {
        Ok(None)
    }
    /// An answer with its studies, to be kept before it is used. Returns the studies' rows, in the same order; none where
    /// answers are not kept.
    fn answered(&mut self, answered: &Answered<'_>) -> Result<Option<Vec<StudyId>>, Cause> {
        for study in answered.studies {
            self.study(study.clone())?;
        }
        self.query(answered.query.clone())?;
        Ok(None)
    }
    /// What was concluded of the answer to these keys; `open` if it is cut short and cannot be divided.
    fn judged(&mut self, _part: &str, _verdict: &str, _open: bool) -> Result<(), Cause> {
        Ok(())
    }
    /// So many different studies were told by answers until now; for whoever waits.
    fn seen(&mut self, _studies: u64) {}
    /// All is listed, or named as not enumerable; an error where that is not kept.
    fn proved(&mut self, proof: &ListingProof) -> Result<(), Cause> {
        match proof.open {
            0 => Ok(()),
            _ => Err(format!("the source does not tell all that it holds: {}", proof.text()).into()),
        }
    }
}

/// A study's instances as the archive lists them.
#[derive(Debug, Default)]
pub struct StudyListing {
    /// The instances.
    pub instances: Vec<InstanceRow>,
    /// The queries that were asked.
    pub queries: Vec<QueryRow>,
}

/// A file of a folder source as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileNow {
    /// SOP Instance UID; empty when it has none.
    pub sop_instance: String,
    /// BLAKE3 of the whole file.
    pub blake3: Digest,
}

/// What to fetch of one study.
#[derive(Debug, Clone, Copy)]
pub struct Retrieve<'a> {
    /// Study Instance UID; empty for files without one.
    pub study_uid: &'a str,
    /// The instances wanted.
    pub wanted: &'a [PendingInstance],
    /// Whether these are all instances of the study: then it can be asked for as a whole.
    pub whole: bool,
}

/// A service by which objects are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// PS3.4 section C.4.3.
    CGet,
    /// PS3.4 section C.4.2.
    CMove,
    /// PS3.18 section 10.4.
    WadoRs,
}

impl Service {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CGet => "C-GET",
            Self::CMove => "C-MOVE",
            Self::WadoRs => "WADO-RS",
        }
    }
}

/// How a retrieval ended, as the source tells it. Evidence is only what arrived.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RetrieveEnd {
    /// What the source said, in words, for each request that it did not plainly fulfil.
    pub remarks: Vec<String>,
    /// Whether it refused anything for want of resources (A7xx).
    pub refused: bool,
    /// Whether it did not even try, for want of resources. Many say so of each object that they could not send, for whatever
    /// reason: such an object is asked for in other ways.
    pub exhausted: bool,
    /// Whether it said that it does not do this for us, and would not do it of any other study: somebody must do something there.
    pub for_good: bool,
    /// How many objects it said that it had sent in one answer, where it said that all is well.
    pub claimed: Option<u64>,
}

impl RetrieveEnd {
    /// What a source said that made no other remark.
    pub fn all_is_well(&self) -> String {
        let claimed = self.claimed.map(|claimed| format!(", and that it sent {claimed}"));
        format!("the source said that all is well{}", claimed.unwrap_or_default())
    }
}

/// Small requests on an association of their own, timed: how busy an archive is.
pub trait Canary: Send {
    /// The requests that it can send.
    fn probes(&self) -> &'static [Probe] {
        Probe::DIMSE
    }

    /// Sends one request and waits for the answer. Says how long that took, the opening of an association left out; none
    /// if the archive does not take this request from us. `study_uid` is a study to ask for.
    fn ask(&mut self, probe: Probe, study_uid: &str) -> Result<Option<Duration>, Error>;

    /// Ends the association until the next request.
    fn rest(&mut self);
}

/// Something to list and to fetch from.
pub trait Source: Send + Sync {
    /// The source's name for reports.
    fn describe(&self) -> String;

    /// Whether it can be reached at this moment; for when something else went wrong with it.
    fn answers(&self) -> bool;

    /// A way to tell how busy it is, where there is one.
    fn canary(&self) -> Option<Box<dyn Canary>> {
        None
    }

    /// The same archive as somewhere to store to, where it is.
    fn destination(&self) -> Option<&dyn Destination> {
        None
    }

    /// From now on the queries of its listings pass this gate, or none.
    fn pass(&self, _gate: Option<Arc<Gate>>) {}

    /// Lists everything that the selection takes. `stop` is asked between rows.
    fn list(
        &self,
        selection: &SelectionConfig,
        listing: &mut dyn Listing,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), Error>;

    /// Whether it lists files with their studies, so that the instances of one study cannot be asked for.
    fn lists_files(&self) -> bool {
        false
    }

    /// Lists the instances of one study.
    fn list_study(&self, study_uid: &str) -> Result<StudyListing, Error>;

    /// Lists the instances of several studies by one query; none where it does not answer such queries.
    fn list_together(&self, _study_uids: &[&str]) -> Result<Option<Together>, Error> {
        Ok(None)
    }

    /// When a file of a folder source was touched last; none if there is no such file any more, or the source has none.
    fn file_changed_at(&self, _path: &[u8]) -> Result<Option<Timestamp>, Error> {
        Ok(None)
    }

    /// What a file of a folder source holds now; none if it is no DICOM object any more.
    fn file(&self, _path: &[u8]) -> Result<Option<FileNow>, Error> {
        Ok(None)
    }

    /// The services that it may be asked by as it is configured, the one to prefer first; none where it has no such thing.
    fn services(&self) -> &'static [Service] {
        &[]
    }

    /// From now on it is asked by this service, where its configuration leaves the choice.
    fn prefer(&self, _service: Service) {}

    /// Opens so many associations at once and ends them again: how many it took, and what it said to the next one. None
    /// where there is no such thing.
    fn open_at_once(&self, _wanted: u16) -> Option<(u16, Option<Error>)> {
        None
    }

    /// As [`Source::retrieve`], by this service alone.
    fn retrieve_by(
        &self,
        _service: Service,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        stop: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        self.retrieve(request, intake, stop)
    }

    /// Fetches instances of one study into `intake`. Returning without error says nothing about completeness.
    fn retrieve(
        &self,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        stop: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error>;
}

impl ListStudies for dyn Source + '_ {
    fn one(&self, study_uid: &str) -> Result<StudyListing, Error> {
        self.list_study(study_uid)
    }

    fn together(&self, study_uids: &[&str]) -> Result<Option<Together>, Error> {
        self.list_together(study_uids)
    }
}

/// Who an object is, known once all of it has arrived.
#[derive(Debug, Clone, Default)]
pub struct ObjectIdentity {
    /// The instance that was asked for, when the source can tell.
    pub requested: Option<InstanceId>,
    /// Study Instance UID in the dataset.
    pub study_uid: Option<String>,
    /// Series Instance UID in the dataset.
    pub series_uid: Option<String>,
    /// SOP Instance UID.
    pub sop_instance: Option<String>,
    /// SOP Class UID.
    pub sop_class: Option<String>,
    /// Transfer syntax of the dataset.
    pub transfer_syntax: Option<String>,
    /// Patient ID in the dataset.
    pub patient_id: Option<String>,
    /// Accession Number in the dataset.
    pub accession: Option<String>,
    /// What is odd about it.
    pub findings: Vec<String>,
    /// Why it cannot be what was asked for: it contradicts what the source said of it, or is not whole.
    pub doubts: Vec<String>,
}

/// Why an object is not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Outside the calendar's windows, or asked to stop: fetch it another time.
    #[error("not now: {0}")]
    NotNow(&'static str),
    /// It is not what was asked for; the source's fault.
    #[error("{0}")]
    Doubtful(String),
    /// The spool cannot take it.
    #[error("the spool cannot take the object: {0}")]
    Spool(#[source] Cause),
}

/// Takes objects as they arrive, from several threads.
pub trait Intake: Send + Sync {
    /// An object begins whose dataset starts at `dataset_offset` of the bytes that follow. May block for pacing.
    fn begin(&self, dataset_offset: u64) -> Result<Box<dyn IntakeObject + '_>, IntakeError>;
}

/// An object that arrives. Dropped without [`IntakeObject::finish`] it has not arrived.
pub trait IntakeObject {
    /// Its next bytes. May block for pacing.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// All bytes are there. The object is not yet durable when this returns.
    fn finish(self: Box<Self>, identity: ObjectIdentity) -> Result<(), IntakeError>;
}
