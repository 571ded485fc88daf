//! The `[pace]` table of a job's configuration.

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{AdaptiveConfig, Calendar, Limits, Window, Zone};

/// Ceilings and windows as they are written in a configuration file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaceConfig {
    /// The zone whose wall clock the windows mean.
    pub time_zone: Zone,
    /// The ceilings at all times, except where a window has its own.
    pub limits: Limits,
    /// Days on which only windows start that name `holiday`.
    #[serde(deserialize_with = "holidays", skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<Date>,
    /// Adaptive control; as by default where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adaptive: Option<AdaptiveConfig>,
    /// When work is allowed; none for always.
    #[serde(deserialize_with = "windows", skip_serializing_if = "Vec::is_empty")]
    pub window: Vec<Window>,
}

/// More than a table with different hours for every day needs; bounds the work that a calendar does.
const MAX_WINDOWS: usize = 64;
/// Many years of holidays.
const MAX_HOLIDAYS: usize = 1000;

impl PaceConfig {
    /// The windows as a calendar.
    #[must_use]
    pub fn calendar(&self) -> Calendar {
        Calendar::new(self.time_zone.clone(), self.window.clone())
            .with_holidays(self.holidays.iter().copied())
    }

    /// The most associations that any window allows: so many workers can be of use.
    #[must_use]
    pub fn most_associations(&self) -> u16 {
        let windows =
            self.window.iter().filter_map(|window| window.limits.and_then(|limits| limits.associations));
        windows.fold(self.limits.associations, u16::max)
    }
}

fn holidays<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Date>, D::Error> {
    let holidays = Vec::<String>::deserialize(deserializer)?;
    if holidays.len() > MAX_HOLIDAYS {
        let message = format!("{} holidays are too many: {MAX_HOLIDAYS} are allowed", holidays.len());
        return Err(de::Error::custom(message));
    }
    let day = |text: String| {
        text.parse().map_err(|_| de::Error::custom(format!("\"{text}\" is not a day: write YYYY-MM-DD")))
    };
    holidays.into_iter().map(day).collect()
}

fn windows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Window>, D::Error> {
    let windows = Vec::<Window>::deserialize(deserializer)?;
    if windows.len() > MAX_WINDOWS {
        let message = format!("{} windows are too many: {MAX_WINDOWS} are allowed", windows.len());
        return Err(de::Error::custom(message));
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_reads_back() {
        let json = r#"{
            "time_zone": "Europe/Berlin",
            "limits": {"bytes_per_second": "5 MB", "associations": 2},
            "holidays": ["2026-12-25", "2027-01-01"],
            "adaptive": {"tolerance": 1.5},
            "window": [{"days": ["sat", "sun"], "from": "00:00", "to": "24:00", "limits": {"associations": 8}}]
        }"#;
        let config: PaceConfig = serde_json::from_str(json).unwrap();
        assert_eq!(config.limits.bytes_per_second, Some(5_000_000));
        assert_eq!(config.window.first().unwrap().limits.unwrap().associations, Some(8));
        assert_eq!(config.holidays.len(), 2);
        let adaptive = config.adaptive.unwrap();
        assert!(adaptive.enabled && (1.49..1.51).contains(&adaptive.tolerance));
        let again = serde_json::from_str(&serde_json::to_string(&config).unwrap());
        assert_eq!(config, again.unwrap());
    }

    #[test]
    fn an_empty_table_limits_nothing() {
        let config: PaceConfig = serde_json::from_str("{}").unwrap();
        assert_eq!((config.calendar(), config.limits), (Calendar::always(), Limits::default()));
    }

    #[test]
    fn the_most_associations_are_those_of_the_widest_window() {
        let with = |base: u16, window: &str| {
            let json = format!(
                r#"{{"limits": {{"associations": {base}}}, "window": [
                    {{"from": "01:00", "to": "02:00"}}, {{"from": "02:00", "to": "03:00", "limits": {{{window}}}}}]}}"#
            );
            serde_json::from_str::<PaceConfig>(&json).unwrap().most_associations()
        };
        assert_eq!(with(2, r#""associations": 5"#), 5);
        assert_eq!(with(6, r#""associations": 5"#), 6);
        assert_eq!(with(3, ""), 3);
    }

    #[test]
    fn a_holiday_is_a_day() {
        let error = serde_json::from_str::<PaceConfig>(r#"{"holidays": ["25.12."]}"#).unwrap_err();
        assert!(error.to_string().contains("is not a day: write YYYY-MM-DD"), "{error}");
    }

    #[test]
    fn the_number_of_windows_is_bounded() {
        let windows = vec![r#"{"from": "01:00", "to": "02:00"}"#; MAX_WINDOWS + 1].join(",");
        let error = serde_json::from_str::<PaceConfig>(&format!(r#"{{"window": [{windows}]}}"#)).unwrap_err();
        assert!(error.to_string().contains("65 windows are too many"), "{error}");
    }
}
