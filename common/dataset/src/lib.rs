//! Tolerant, bounded reading of DICOM data elements and Part 10 headers, and writing of File Meta.
//!
//! Datasets travel as the bytes they came in; this crate only looks at them. Whatever it is given, it uses a
//! fixed amount of stack (nests of sequences are counted, never descended into), bounded memory and bounded time,
//! and what it finds odd becomes a [`Finding`], not a failure.

mod charset;
mod dicomdir;
mod element;
mod ending;
mod error;
mod examine;
mod file_meta;
mod finding;
mod flat;
mod head;
mod input;
mod meta;
mod nest;
mod part10;
mod read_head;
mod reason;
mod scan;
mod syntax;
mod tag;
#[cfg(test)]
mod testkit;
mod title;
mod uid;
mod walk;

pub use charset::CharacterSet;
pub use dicomdir::referenced_files;
pub use ending::Ending;
pub use error::Error;
pub use examine::{Examined, Shape, examine};
pub use file_meta::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, file_meta};
pub use finding::Finding;
pub use flat::{FlatSet, read_flat};
pub use head::Head;
pub use read_head::read_head;
pub use reason::Reason;
pub use syntax::{Encoding, Framing, TRANSFER_SYNTAXES};
pub use tag::{Tag, tags};
pub use title::title_code;
pub use uid::is_valid_uid;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod peer_tests;
