//! A PACS of made-up studies that misbehaves as told: a real DICOM peer for tests, as a library and as a program.
//!
//! It stands on our own DIMSE layer; what our side makes of a PACS that nobody here wrote, tests against Orthanc and
//! DCMTK show.

mod archive;
mod carry;
mod encode;
mod find;
mod lie;
mod lies;
mod matching;
mod object;
mod population;
mod script;
mod server;
mod study;

pub use archive::Archive;
pub use lie::{Kind, Lie};
pub use lies::{Lies, Order};
pub use object::{Instance, Look};
pub use population::Population;
pub use server::{Asked, FakePacs};
pub use study::{Series, Study};
