//! A library: a robot with slots, mail slots and drives (SMC-3), by SCSI commands of our own.
//!
//! Drives are numbered from 0, slots from 1 and mail slots behind them, as `mtx` numbers them. Cleaning cartridges are left alone.

mod drives;
mod elements;
mod error;
mod inventory;
mod operate;
#[cfg(any(test, feature = "model"))]
pub mod played;

#[cfg(test)]
mod tests;

pub use error::ChangerError;
pub use inventory::{Cartridge, Drive, Inventory, Slot};
pub use operate::{Changer, Pick};
