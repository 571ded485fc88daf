//! A PACS of made-up studies that misbehaves as told: a real DICOM peer for tests, as a library and as a program.
//!
//! It stands on our own DIMSE layer; what our side makes of a PACS that nobody here wrote, tests against Orthanc and
//! DCMTK show.

mod archive;
mod find;
mod lies;
mod matching;
mod population;
mod server;
mod study;

pub use archive::Archive;
pub use lies::{Lies, Order};
pub use population::Population;
pub use server::{Asked, FakePacs};
pub use study::{Series, Study};
