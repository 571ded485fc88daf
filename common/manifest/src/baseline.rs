//! How an archive answered a small workload that is always the same: the source before, the destination afterwards.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One measurement of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// When it began.
    pub at: Timestamp,
    /// The archive's name for reports.
    pub archive: String,
    /// Study Instance UIDs that were asked for, so that another archive can be asked for the same.
    pub studies: Vec<String>,
    /// What each kind of request took.
    pub operations: Vec<Operation>,
}

/// What requests of one kind took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// `C-ECHO`, `C-FIND`, `retrieve` or `C-STORE`.
    pub name: String,
    /// Requests that were answered in full.
    pub answered: u32,
    /// Requests that were not.
    pub failed: u32,
    /// Median of the answered ones, in microseconds.
    pub median_us: u64,
    /// 95 % of the answered ones took no longer, in microseconds.
    pub p95_us: u64,
    /// All answered ones together, in microseconds.
    pub total_us: u64,
    /// Bytes of objects that they moved.
    pub bytes: u64,
}

impl Operation {
    /// Sums up requests that took so many microseconds each.
    pub fn of(name: &str, mut took_us: Vec<u64>, failed: u32, bytes: u64) -> Self {
        took_us.sort_unstable();
        let rank = |share: usize| {
            let at = (took_us.len() * share).div_ceil(100).saturating_sub(1);
            took_us.get(at).copied().unwrap_or_default()
        };
        Self {
            name: name.to_owned(),
            answered: u32::try_from(took_us.len()).unwrap_or(u32::MAX),
            failed,
            median_us: rank(50),
            p95_us: rank(95),
            total_us: took_us.iter().sum(),
            bytes,
        }
    }

    /// Bytes a second, where objects were moved.
    pub fn bytes_per_second(&self) -> Option<u64> {
        let rate = u128::from(self.bytes) * 1_000_000 / u128::from(self.total_us.max(1));
        (self.bytes > 0).then(|| u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_of_values_that_were_measured() {
        let of = |took: &[u64]| {
            let operation = Operation::of("C-ECHO", took.to_vec(), 0, 0);
            (operation.median_us, operation.p95_us)
        };
        assert_eq!(of(&[]), (0, 0));
        assert_eq!(of(&[7]), (7, 7));
        assert_eq!(of(&[9, 1]), (1, 9));
        assert_eq!(of(&(1..=100).rev().collect::<Vec<_>>()), (50, 95));
    }

    #[test]
    fn a_rate_is_of_the_time_that_requests_took() {
        let moved = Operation::of("retrieve", vec![500_000, 1_500_000], 0, 10_000_000);
        assert_eq!(moved.bytes_per_second(), Some(5_000_000));
        assert_eq!(Operation::of("C-ECHO", vec![1], 0, 0).bytes_per_second(), None);
    }
}
