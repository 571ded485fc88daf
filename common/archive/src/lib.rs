//! What an archive is to us: something to list, to retrieve from, and to store to.
//!
//! [`Source`] and [`Destination`] are what the programs know; [`Pacs`] speaks DIMSE behind both,
//! [`folder::FolderSource`] is a tree of DICOM files behind the first.

mod destination;
mod error;
pub mod folder;
mod folder_source;
mod pacs;
mod source;

pub use destination::{Delivery, Destination, Session, StoreAnswer};
pub use error::{Cause, Error, Outlook};
pub use pacs::{Doorkeeper, Pacs, PacsSettings, Receiving};
pub use source::{
    Canary, Intake, IntakeError, IntakeObject, Listing, ObjectIdentity, Retrieve, RetrieveEnd, Source,
    StudyListing,
};
