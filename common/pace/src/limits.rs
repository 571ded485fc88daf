//! Ceilings on bytes, instances and associations, and how a window replaces some of them.

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::ByteSize;

/// What may never be exceeded. A ceiling that is absent does not limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of datasets a second; at least 1.
    #[serde(deserialize_with = "byte_rate")]
    pub bytes_per_second: Option<u64>,
    /// Instances a second; above 0, kept to a millionth.
    #[serde(deserialize_with = "instance_rate")]
    pub instances_per_second: Option<f64>,
    /// Studies begun in an hour; above 0, kept to a millionth.
    #[serde(deserialize_with = "study_rate", skip_serializing_if = "Option::is_none")]
    pub studies_per_hour: Option<f64>,
    /// Associations open at the same time; at least 1.
    #[serde(deserialize_with = "associations")]
    pub associations: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_per_second: None, instances_per_second: None, studies_per_hour: None, associations: 1 }
    }
}

impl Limits {
    /// These limits with those that `window` names replaced.
    #[must_use]
    pub fn overridden_by(self, window: &LimitsOverride) -> Self {
        Self {
            bytes_per_second: window.bytes_per_second.or(self.bytes_per_second),
            instances_per_second: window.instances_per_second.or(self.instances_per_second),
            studies_per_hour: window.studies_per_hour.or(self.studies_per_hour),
            associations: window.associations.unwrap_or(self.associations),
        }
    }
}

/// The limits that a window replaces while it is open; the others stay.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsOverride {
    /// See [`Limits::bytes_per_second`].
    #[serde(deserialize_with = "byte_rate", skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<u64>,
    /// See [`Limits::instances_per_second`].
    #[serde(deserialize_with = "instance_rate", skip_serializing_if = "Option::is_none")]
    pub instances_per_second: Option<f64>,
    /// See [`Limits::studies_per_hour`].
    #[serde(deserialize_with = "study_rate", skip_serializing_if = "Option::is_none")]
    pub studies_per_hour: Option<f64>,
    /// See [`Limits::associations`].
    #[serde(deserialize_with = "some_associations", skip_serializing_if = "Option::is_none")]
    pub associations: Option<u16>,
}

fn byte_rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let rate = Option::<ByteSize>::deserialize(deserializer)?.map(ByteSize::bytes);
    if rate == Some(0) {
        return Err(de::Error::custom(
            "bytes_per_second must be at least 1: leave it out for no ceiling, use windows to stop",
        ));
    }
    Ok(rate)
}

fn instance_rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    rate("instances_per_second", deserializer)
}

fn study_rate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    rate("studies_per_hour", deserializer)
}

fn rate<'de, D: Deserializer<'de>>(key: &str, deserializer: D) -> Result<Option<f64>, D::Error> {
    let rate = Option::<f64>::deserialize(deserializer)?;
    if rate.is_some_and(|rate| !(1e-6..=1e9).contains(&rate)) {
        return Err(de::Error::custom(format!(
            "{key} must be from 0.000001 to 1000000000: leave it out for no ceiling, use windows to stop"
        )));
    }
    Ok(rate)
}

fn associations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let associations = u16::deserialize(deserializer)?;
    if associations == 0 {
        return Err(de::Error::custom("associations must be at least 1: use windows to stop"));
    }
    Ok(associations)
}

fn some_associations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    associations(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Limits, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_does_not_limit() {
        assert_eq!(parse("{}"), Ok(Limits::default()));
        let limits = parse(
            r#"{"bytes_per_second": "5 MB", "instances_per_second": 2, "studies_per_hour": 90, "associations": 4}"#,
        );
        let expected = Limits {
            bytes_per_second: Some(5_000_000),
            instances_per_second: Some(2.0),
            studies_per_hour: Some(90.0),
            associations: 4,
        };
        assert_eq!(limits, Ok(expected));
    }

    #[test]
    fn nothing_at_all_is_refused_as_a_rate() {
        assert!(parse(r#"{"bytes_per_second": 0}"#).unwrap_err().contains("at least 1"));
        assert!(parse(r#"{"associations": 0}"#).unwrap_err().contains("at least 1"));
        for rate in ["0", "-1", "1e-7", "1e300"] {
            let error = parse(&format!(r#"{{"instances_per_second": {rate}}}"#)).unwrap_err();
            assert!(error.contains("from 0.000001"), "{error}");
            let error = parse(&format!(r#"{{"studies_per_hour": {rate}}}"#)).unwrap_err();
            assert!(error.contains("studies_per_hour must be from 0.000001"), "{error}");
        }
        assert!(parse(r#"{"bytes": 1}"#).unwrap_err().contains("unknown field"));
    }

    #[test]
    fn a_window_replaces_only_what_it_names() {
        let base = Limits {
            bytes_per_second: Some(1),
            instances_per_second: Some(2.0),
            studies_per_hour: Some(4.0),
            associations: 3,
        };
        let window = serde_json::from_str(r#"{"bytes_per_second": 9}"#).unwrap();
        assert_eq!(base.overridden_by(&window), Limits { bytes_per_second: Some(9), ..base });
        assert_eq!(base.overridden_by(&LimitsOverride::default()), base);
    }
}
