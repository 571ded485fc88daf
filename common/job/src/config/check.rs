//! What serde cannot check: ranges, and values that must fit together.

use std::{fmt::Display, ops::RangeInclusive};

use pace::ByteSize;

/// A configuration that can say whether its values make sense.
pub trait Check {
    /// The first value that does not, if any.
    fn check(&self) -> Result<(), Fault>;
}

/// A value that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key with its table.
    pub key: &'static str,
    /// What is wrong, as the rest of a sentence that begins with the key.
    pub message: String,
}

pub fn in_range<T: PartialOrd + Display + Copy>(
    key: &'static str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), Fault> {
    if range.contains(&value) {
        return Ok(());
    }
    let message = format!("is {value}, but must be from {} to {}", range.start(), range.end());
    Err(Fault { key, message })
}

pub fn at_least(key: &'static str, value: ByteSize, least: ByteSize) -> Result<(), Fault> {
    if value >= least {
        Ok(())
    } else {
        Err(Fault { key, message: format!("is {value}, but must be at least {least}") })
    }
}
