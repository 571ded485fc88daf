//! LOG SENSE: counters that a drive keeps (SPC-4 7.3, SSC-4 8.2).

mod capacity;
mod counters;
mod statistics;

pub use capacity::TapeCapacity;
pub use counters::ErrorCounters;
pub use statistics::VolumeStatistics;

use super::bytes::{number, number16, pieces};
use super::command::Command;
use super::device::Device;
use super::failure::Failure;

/// More than any page in use takes; some host adapters refuse much more.
const LENGTH: u16 = 16 * 1024;

/// The parameters of a log page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage<'bytes> {
    content: &'bytes [u8],
}

impl<'bytes> LogPage<'bytes> {
    /// The page with this code. `None` if it is another one, or no page. A page that is cut off has the parameters that are whole.
    pub fn parse(bytes: &'bytes [u8], page: u8) -> Option<Self> {
        if bytes.first()? & 0x3f != page {
            return None;
        }
        let content = bytes.get(4..)?;
        let length = usize::from(number16(bytes, 2)?);
        Some(Self { content: content.get(..length).unwrap_or(content) })
    }

    /// Code and value of each parameter.
    pub fn parameters(&self) -> impl Iterator<Item = (u16, &'bytes [u8])> + use<'bytes> {
        pieces(self.content, |rest| Some(usize::from(*rest.get(3)?) + 4))
            .filter_map(|piece| Some((number16(piece, 0)?, piece.get(4..)?)))
    }

    fn value(&self, code: u16) -> Option<&'bytes [u8]> {
        self.parameters().find(|parameter| parameter.0 == code).map(|parameter| parameter.1)
    }

    /// A number. `None` if it is missing, or all ones: that is how drives say that they do not know.
    pub fn number(&self, code: u16) -> Option<u64> {
        let value = self.value(code).filter(|value| (1..=8).contains(&value.len()))?;
        if value.len() > 1 && value.iter().all(|byte| *byte == 0xff) {
            return None;
        }
        Some(number(value))
    }

    /// A yes or no.
    pub fn flag(&self, code: u16) -> Option<bool> {
        Some(self.value(code)?.last()? & 1 == 1)
    }

    /// Text without its padding, if there is any.
    pub fn text(&self, code: u16) -> Option<String> {
        super::bytes::some_text(self.value(code)?)
    }
}

/// LOG SENSE for the cumulative values of a page.
fn log_sense(page: u8) -> Command {
    const CUMULATIVE: u8 = 0x40;
    let [high, low] = LENGTH.to_be_bytes();
    let cdb = [0x4d, 0, CUMULATIVE | page, 0, 0, 0, 0, high, low, 0];
    Command::ask("LOG SENSE", &cdb, usize::from(LENGTH))
}

impl Device {
    /// A log page, read by `read`.
    pub(super) fn log<T>(&mut self, page: u8, read: impl FnOnce(&LogPage<'_>) -> T) -> Result<T, Failure> {
        let bytes = self.run(&log_sense(page))?;
        LogPage::parse(&bytes, page).map(|page| read(&page)).ok_or(Failure::Answer("LOG SENSE"))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A page as a drive sends it.
    pub(crate) fn page(code: u8, parameters: &[(u16, &[u8])]) -> Vec<u8> {
        let mut content = Vec::new();
        for (parameter, value) in parameters {
            content.extend(parameter.to_be_bytes());
            content.extend([0x40, value.len() as u8]);
            content.extend(*value);
        }
        let mut bytes = vec![code, 0];
        bytes.extend((content.len() as u16).to_be_bytes());
        bytes.extend(content);
        bytes
    }

    #[test]
    fn parameters_are_found_by_code() {
        let bytes = page(0x17, &[(1, &[0, 7]), (2, &[0xff; 8]), (0x81, &[1]), (0x40, b"HB12    ")]);
        let log = LogPage::parse(&bytes, 0x17).unwrap();
        assert_eq!((log.number(1), log.number(2), log.number(3)), (Some(7), None, None));
        assert_eq!((log.flag(0x81), log.text(0x40).as_deref()), (Some(true), Some("HB12")));
        assert_eq!(log.number(0x40), Some(u64::from_be_bytes(*b"HB12    ")));
        assert_eq!(LogPage::parse(&bytes, 0x18), None);
    }

    #[test]
    fn a_page_that_is_cut_off_has_what_is_whole() {
        let bytes = page(0x02, &[(1, &[5]), (2, &[6, 6])]);
        let log = LogPage::parse(&bytes[..bytes.len() - 1], 0x02).unwrap();
        assert_eq!(log.parameters().collect::<Vec<_>>(), [(1, &[5][..])]);
        assert_eq!(LogPage::parse(&bytes[..3], 0x02), None);
        // A length of less than there is counts, too.
        let mut short = bytes;
        short[3] = 5;
        assert_eq!(LogPage::parse(&short, 0x02).unwrap().parameters().count(), 1);
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut all = vec![0x17, 0, 0xff, 0xff];
            all.extend(&bytes);
            let log = LogPage::parse(&all, 0x17).unwrap();
            let sum: usize = log.parameters().map(|parameter| parameter.1.len() + 4).sum();
            prop_assert!(sum <= bytes.len());
            let _ = (ErrorCounters::of(&log), VolumeStatistics::of(&log), TapeCapacity::of(&log));
            let _ = LogPage::parse(&bytes, 0x17);
        }
    }
}
