//! What a destination must be able to do.

use std::io::Read;
use std::sync::Arc;

use crate::error::Error;
use crate::gate::Gate;
use crate::several::{ListStudies, Together};
use crate::source::StudyListing;

/// An object to deliver.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// SOP Class UID.
    pub sop_class: &'a str,
    /// SOP Instance UID.
    pub sop_instance: &'a str,
    /// Transfer syntax that the dataset is in.
    pub transfer_syntax: &'a str,
    /// Length of the dataset in bytes.
    pub dataset_bytes: u64,
}

/// The destination's answer: a claim, to be audited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreAnswer {
    /// Status (0000,0900).
    pub status: u16,
    /// Whether the destination says that it keeps the object (success or warning).
    pub stored: bool,
    /// Whether the same object may be taken later (out of resources and the like).
    pub transient: bool,
    /// The status in words, with the destination's comment.
    pub comment: Option<String>,
}

/// Something to store to.
pub trait Destination: Send + Sync {
    /// The destination's name for reports.
    fn describe(&self) -> String;

    /// Whether it can be reached at this moment; for when something else went wrong with it.
    fn answers(&self) -> bool;

    /// From now on the queries of its listings pass this gate, or none.
    fn pass(&self, _gate: Option<Arc<Gate>>) {}

    /// Lists the instances of one study as the destination has them; empty when it does not know the study.
    fn list_study(&self, study_uid: &str) -> Result<StudyListing, Error>;

    /// Lists the instances of several studies by one query; none where it does not answer such queries.
    fn list_together(&self, _study_uids: &[&str]) -> Result<Option<Together>, Error> {
        Ok(None)
    }

    /// Opens a session for these pairs of SOP class and transfer syntax (at most 128).
    fn open(&self, pairs: &[(String, String)]) -> Result<Box<dyn Session>, Error>;
}

/// A session in which objects are stored one after the other.
pub trait Session: Send {
    /// Whether objects of this SOP class are taken in this transfer syntax; if not, why.
    fn refusal(&self, sop_class: &str, transfer_syntax: &str) -> Option<String>;

    /// Stores one object: exactly these dataset bytes, in exactly their transfer syntax. After an error the
    /// session is over.
    fn store(&mut self, object: Delivery<'_>, dataset: &mut dyn Read) -> Result<StoreAnswer, Error>;

    /// Ends the session in good order.
    fn close(self: Box<Self>) -> Result<(), Error>;
}

impl ListStudies for dyn Destination + '_ {
    fn one(&self, study_uid: &str) -> Result<StudyListing, Error> {
        self.list_study(study_uid)
    }

    fn together(&self, study_uids: &[&str]) -> Result<Option<Together>, Error> {
        self.list_together(study_uids)
    }
}
