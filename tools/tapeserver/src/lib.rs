//! Tape drives and a library for the laboratory: SCSI logical units in a user's program, behind the kernel's own target core
//! (TCMU), so that the real `st`, `sg` and `ch` drivers work with them.
//!
//! Written to SSC-4 (drives), SMC-3 (library) and SPC-4 (both), as far as Linux, `mt`, `mtx` and sg3-utils use them.

pub mod cartridge;
pub mod changer;
pub mod control;
pub mod device;
pub mod drive;
pub mod fault;
pub mod inquiry;
pub mod operation;
pub mod sense;
pub mod tcmu;
