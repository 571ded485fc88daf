//! What can be wrong with settings of pace: always a matter of configuration, never of running.

/// A setting of pace that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaceError {
    /// The text is not a number of bytes.
    #[error(
        "\"{text}\" is not a size: write whole bytes, or a number with a unit (B, kB, MB, GB, TB, PB, KiB, MiB, GiB, TiB, PiB), such as \"5 MB\" or \"4 GiB\""
    )]
    NotASize {
        /// What was written.
        text: String,
    },
    /// The size is more than 2^64 - 1 bytes.
    #[error("\"{text}\" is too large: sizes go up to 18446744073709551615 bytes")]
    SizeTooLarge {
        /// What was written.
        text: String,
    },
    /// The text is not the name of a day of the week.
    #[error("\"{text}\" is not a day of the week: write mon, tue, wed, thu, fri, sat, sun or holiday")]
    NotADay {
        /// What was written.
        text: String,
    },
    /// A window without a day would never open.
    #[error("a window needs at least one day: name days, or leave `days` out for every day")]
    NoDays,
    /// The text is not a time of day.
    #[error(
        "\"{text}\" is not a time of day: write HH:MM or HH:MM:SS from 00:00 to 24:00, such as \"22:30\""
    )]
    NotATime {
        /// What was written.
        text: String,
    },
    /// The text is not a moment to come.
    #[error(
        "\"{text}\" is not a time to come: write HH:MM for the next time a clock shows that, YYYY-MM-DD HH:MM, or a time with its offset such as 2026-12-27T19:00:00Z"
    )]
    NotAMoment {
        /// What was written.
        text: String,
    },
    /// The time zone database has no such name.
    #[error(
        "\"{name}\" is not a time zone: write \"system\" or a name of the IANA database, such as \"Europe/Berlin\""
    )]
    UnknownTimeZone {
        /// What was written.
        name: String,
    },
}
