//! `TapeAlert`: the 64 flags by which a drive says that something needs attention (SSC-4 annex A; log page 2Eh).

use serde::{Deserialize, Serialize};

use super::device::Device;
use super::failure::Failure;
use super::log::LogPage;

mod flags;

const PAGE: u8 = 0x2e;

/// How much a flag matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To know.
    Information,
    /// Something to do soon.
    Warning,
    /// Data are at risk, or the drive cannot go on.
    Critical,
}

/// A flag that a drive raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// Its number, 1 to 64.
    pub number: u8,
    /// Its name in the standard.
    pub name: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it means and what to do, for the operator.
    pub text: &'static str,
}

impl Alert {
    /// The flag of this number. `None` below 1 and above 64.
    pub fn of(number: u8) -> Option<Self> {
        let (name, severity, text) = *flags::FLAGS.get(usize::from(number.checked_sub(1)?))?;
        Some(Self { number, name, severity, text })
    }

    /// Whether the cartridge must not be trusted with more data.
    pub fn condemns_cartridge(&self) -> bool {
        // Medium, read and write failure, end of life, not data grade, mechanical failure, system area, WORM integrity.
        matches!(self.number, 4..=8 | 13 | 14 | 52..=54 | 59)
    }

    /// Whether the drive must not be trusted with more data.
    pub fn condemns_drive(&self) -> bool {
        matches!(self.number, 30 | 31 | 38 | 39)
    }

    /// Whether the drive asks to be cleaned.
    pub fn asks_for_cleaning(&self) -> bool {
        matches!(self.number, 20 | 21)
    }
}

impl Serialize for Alert {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Told {
            number: u8,
            name: &'static str,
            severity: Severity,
            text: &'static str,
        }
        let Self { number, name, severity, text } = *self;
        Told { number, name, severity, text }.serialize(serializer)
    }
}

/// By its number: everything else follows.
impl<'de> Deserialize<'de> for Alert {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Number {
            number: u8,
        }
        let Number { number } = Number::deserialize(deserializer)?;
        Self::of(number)
            .ok_or_else(|| serde::de::Error::custom(format!("there is no TapeAlert flag {number}")))
    }
}

/// The flags that are up, by number.
fn raised(page: &LogPage<'_>) -> Vec<Alert> {
    let mut alerts: Vec<Alert> = page
        .parameters()
        .filter(|(_, value)| value.last().is_some_and(|byte| byte & 1 == 1))
        .filter_map(|(code, _)| Alert::of(u8::try_from(code).ok()?))
        .collect();
    alerts.sort_by_key(|alert| alert.number);
    alerts.dedup();
    alerts
}

impl Device {
    /// The flags that are up. Reading them takes them down: each is told once, so that whoever asks must keep them.
    pub fn alerts(&mut self) -> Result<Vec<Alert>, Failure> {
        self.log(PAGE, raised)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::log::tests::page;
    use super::*;

    #[test]
    fn there_are_64_flags_and_each_has_a_name_and_a_text() {
        assert_eq!((Alert::of(0), Alert::of(65)), (None, None));
        for number in 1..=64 {
            let alert = Alert::of(number).unwrap();
            assert!(!alert.name.is_empty() && alert.text.ends_with('.'), "{number}");
        }
        assert_eq!(
            (Alert::of(4).unwrap().name, Alert::of(4).unwrap().severity),
            ("Media", Severity::Critical)
        );
        assert_eq!(Alert::of(20).unwrap().name, "Clean now");
        assert_eq!(Alert::of(36).unwrap().name, "Temperature");
        assert_eq!(Alert::of(60).unwrap().name, "WORM medium: overwrite attempted");
    }

    #[test]
    fn raised_flags_are_told() {
        let mut parameters: Vec<(u16, &[u8])> = (1..=64).map(|code| (code, &[0][..])).collect();
        parameters[3].1 = &[1];
        parameters[19].1 = &[1];
        parameters.push((65, &[1]));
        let bytes = page(PAGE, &parameters);
        let found = raised(&LogPage::parse(&bytes, PAGE).unwrap());
        assert_eq!(found.iter().map(|alert| alert.number).collect::<Vec<_>>(), [4, 20]);
        assert!(found[0].condemns_cartridge() && !found[0].condemns_drive());
        assert!(found[1].asks_for_cleaning() && !found[1].condemns_cartridge());
    }

    #[test]
    fn an_alert_is_read_back_by_its_number() {
        let text = serde_json::to_string(&Alert::of(6)).unwrap();
        assert!(text.contains(r#""severity":"critical""#), "{text}");
        assert_eq!(serde_json::from_str::<Alert>(&text).ok(), Alert::of(6));
        assert!(serde_json::from_str::<Alert>(r#"{"number":65}"#).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut all = vec![PAGE, 0, 0xff, 0xff];
            all.extend(bytes);
            prop_assert!(raised(&LogPage::parse(&all, PAGE).unwrap()).len() <= 64);
        }
    }
}
