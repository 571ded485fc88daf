//! The `[pace]` table of a job's configuration.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{Calendar, Limits, Window, Zone};

/// Ceilings and windows as they are written in a configuration file.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaceConfig {
    /// The zone whose wall clock the windows mean.
    pub time_zone: Zone,
    /// The ceilings at all times, except where a window has its own.
    pub limits: Limits,
    /// When work is allowed; none for always.
    #[serde(deserialize_with = "windows", skip_serializing_if = "Vec::is_empty")]
    pub window: Vec<Window>,
}

/// More than a table with different hours for every day needs; bounds the work that a calendar does.
const MAX_WINDOWS: usize = 64;

impl PaceConfig {
    /// The windows as a calendar.
    #[must_use]
    pub fn calendar(&self) -> Calendar {
        Calendar::new(self.time_zone.clone(), self.window.clone())
    }
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
            "window": [{"days": ["sat", "sun"], "from": "00:00", "to": "24:00", "limits": {"associations": 8}}]
        }"#;
        let config: PaceConfig = serde_json::from_str(json).unwrap();
        assert_eq!(config.limits.bytes_per_second, Some(5_000_000));
        assert_eq!(config.window.first().unwrap().limits.unwrap().associations, Some(8));
        let again = serde_json::from_str(&serde_json::to_string(&config).unwrap());
        assert_eq!(config, again.unwrap());
    }

    #[test]
    fn an_empty_table_limits_nothing() {
        let config: PaceConfig = serde_json::from_str("{}").unwrap();
        assert_eq!((config.calendar(), config.limits), (Calendar::always(), Limits::default()));
    }

    #[test]
    fn the_number_of_windows_is_bounded() {
        let windows = vec![r#"{"from": "01:00", "to": "02:00"}"#; MAX_WINDOWS + 1].join(",");
        let error = serde_json::from_str::<PaceConfig>(&format!(r#"{{"window": [{windows}]}}"#)).unwrap_err();
        assert!(error.to_string().contains("65 windows are too many"), "{error}");
    }
}
