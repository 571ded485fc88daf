//! The reasons of A-ASSOCIATE-RJ and A-ABORT in words (PS3.8 tables 9-21 and 9-26).

use std::fmt;

/// Why an association was rejected. Kept as numbers, so that reserved codes are shown and not lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    /// 1 permanent, 2 transient.
    pub result: u8,
    /// 1 service user, 2 service provider (ACSE), 3 service provider (presentation).
    pub source: u8,
    /// Meaning depends on the source.
    pub reason: u8,
}

impl Rejection {
    /// Calling AE title not recognised.
    pub const CALLING_AE_TITLE: Self = Self { result: 1, source: 1, reason: 3 };
    /// Called AE title not recognised.
    pub(crate) const CALLED_AE_TITLE: Self = Self { result: 1, source: 1, reason: 7 };
    /// Application context name not supported.
    pub(crate) const APPLICATION_CONTEXT: Self = Self { result: 1, source: 1, reason: 2 };
    /// Protocol version not supported.
    pub(crate) const PROTOCOL_VERSION: Self = Self { result: 1, source: 2, reason: 2 };
    /// Local limit exceeded.
    pub const LOCAL_LIMIT: Self = Self { result: 2, source: 3, reason: 2 };

    /// Why we turn somebody away, for our own operator.
    pub(crate) fn of_ours(self) -> &'static str {
        match self {
            Self::CALLING_AE_TITLE => {
                "its AE title is not among those that are allowed (`allow` under [receiver])"
            }
            Self::CALLED_AE_TITLE => "it called us by another AE title than ours",
            Self::LOCAL_LIMIT => "too many associations are open",
            _ => "it asked for another protocol than DICOM's",
        }
    }

    /// Whether the peer says that it may accept later.
    pub fn is_transient(self) -> bool {
        self.result == 2
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let result = match self.result {
            1 => "permanent",
            2 => "transient",
            _ => "unknown result",
        };
        let reason = match (self.source, self.reason) {
            (1 | 2, 1) => "no reason given",
            (1, 2) => "application context name not supported",
            (1, 3) => "calling AE title not recognised: the peer does not know our AE title",
            (1, 7) => "called AE title not recognised: the peer has another AE title",
            (2, 2) => "protocol version not supported",
            (3, 1) => "temporary congestion",
            (3, 2) => "local limit exceeded: too many associations",
            _ => "reserved reason",
        };
        write!(f, "{result}, {reason}; result {} source {} reason {}", self.result, self.source, self.reason)
    }
}

/// Why an association was aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortCause {
    /// 0 service user, 2 service provider.
    pub source: u8,
    /// Meaningful for the service provider only.
    pub reason: u8,
}

impl fmt::Display for AbortCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match (self.source, self.reason) {
            (0, _) => "by its application",
            (2, 0) => "by its protocol layer, no reason given",
            (2, 1) => "by its protocol layer, unrecognised PDU",
            (2, 2) => "by its protocol layer, unexpected PDU",
            (2, 4) => "by its protocol layer, unrecognised PDU parameter",
            (2, 5) => "by its protocol layer, unexpected PDU parameter",
            (2, 6) => "by its protocol layer, invalid PDU parameter value",
            _ => "reserved code",
        };
        write!(f, "{words}; source {} reason {}", self.source, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_words_and_numbers() {
        for source in 0..=u8::MAX {
            let text = Rejection { result: 1, source, reason: 7 }.to_string();
            assert_eq!(text.contains("called AE title"), source == 1, "{text}");
            assert!(text.ends_with(&format!("source {source} reason 7")), "{text}");
        }
        assert!(Rejection::LOCAL_LIMIT.is_transient());
        assert!(AbortCause { source: 2, reason: 6 }.to_string().contains("invalid PDU parameter"));
    }
}
