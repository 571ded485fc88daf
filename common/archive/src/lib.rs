//! What an archive is to us: something to list, to retrieve from, and to store to.
//!
//! [`Source`] and [`Destination`] are what the programs know; [`Pacs`] speaks DIMSE behind both; behind the first are also
//! [`Web`], which speaks DICOMweb, and [`folder::FolderSource`], a tree of DICOM files.

pub mod baseline;
mod blame;
mod destination;
mod error;
mod exclusion;
pub mod folder;
mod folder_source;
mod gate;
mod list;
mod named;
mod pacs;
pub mod preflight;
mod several;
mod source;
mod web;

pub use blame::Blame;
pub use destination::{Delivery, Destination, Session, StoreAnswer};
pub use error::{Cause, Error, Outlook};
pub use exclusion::Exclusions;
pub use gate::Gate;
pub use named::{NamedStudy, named_studies, patient_list};
pub use pacs::{Doorkeeper, Pacs, PacsSettings, Receiving};
pub use several::{ListStudies, Several, Together, Wanted};
pub use source::{
    Canary, FileNow, Intake, IntakeError, IntakeObject, Listing, ObjectIdentity, Retrieve, RetrieveEnd,
    Service, Source, StudyListing,
};
pub use web::{LoginReader, Web, WebError, WebSettings};
