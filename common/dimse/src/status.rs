//! DIMSE status codes: class and meaning per service (PS3.7 annex C, PS3.4 annexes B and C).

use std::fmt;

use crate::Remedy;

/// The DIMSE services that we use or provide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    /// C-ECHO (PS3.7 section 9.1.5).
    Echo,
    /// C-FIND (PS3.4 section C.4.1).
    Find,
    /// C-GET (PS3.4 section C.4.3).
    Get,
    /// C-MOVE (PS3.4 section C.4.2).
    Move,
    /// C-STORE (PS3.4 section B.2).
    Store,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Echo => "C-ECHO",
            Self::Find => "C-FIND",
            Self::Get => "C-GET",
            Self::Move => "C-MOVE",
            Self::Store => "C-STORE",
        })
    }
}

/// How a status is to be taken (PS3.7 annex C).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusClass {
    /// 0000.
    Success,
    /// FF00, FF01: more responses follow.
    Pending,
    /// FE00: ended early, by C-CANCEL or because the peer limits its answers.
    Cancel,
    /// 0001, 0107, 0116, Bxxx: done, but look.
    Warning,
    /// All others.
    Failure,
}

/// Status (0000,0900) of a DIMSE response. It is the peer's claim, not evidence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

impl Status {
    /// 0000.
    pub const SUCCESS: Self = Self(0x0000);
    /// FF00: more responses follow.
    pub const PENDING: Self = Self(0xFF00);
    /// A700: the receiver has no room.
    pub const OUT_OF_RESOURCES: Self = Self(0xA700);
    /// C000: the receiver cannot process the object.
    pub const CANNOT_UNDERSTAND: Self = Self(0xC000);
    /// 0211: no such operation here.
    pub const UNRECOGNIZED_OPERATION: Self = Self(0x0211);
    /// FE00: ended early.
    pub const CANCEL: Self = Self(0xFE00);

    /// The class of the code.
    pub fn class(self) -> StatusClass {
        match self.0 {
            0x0000 => StatusClass::Success,
            0xFF00 | 0xFF01 => StatusClass::Pending,
            0xFE00 => StatusClass::Cancel,
            0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF => StatusClass::Warning,
            _ => StatusClass::Failure,
        }
    }

    /// Whether the peer says that it has too much to do, or no room: A700 to A7FF.
    pub fn is_out_of_resources(self) -> bool {
        self.0 & 0xFF00 == 0xA700
    }

    /// Whether the peer claims complete success.
    pub fn is_success(self) -> bool {
        self.class() == StatusClass::Success
    }

    pub(crate) fn is_pending(self) -> bool {
        self.class() == StatusClass::Pending
    }

    /// What the code means for `service`.
    pub fn meaning(self, service: Service) -> &'static str {
        use Service::{Find, Get, Move, Store};
        match (self.0, service) {
            (0x0000, _) => "success",
            (0xFF00, _) => "pending",
            (0xFF01, _) => "pending, some optional keys are not supported",
            (0xFE00, Find) => "ended early: cancelled, or the peer limits its answers",
            (0xFE00, _) => "ended early by cancel",
            (0xA701, Get | Move) => "out of resources: cannot count the matches",
            (0xA702, Get | Move) => "out of resources: cannot perform sub-operations",
            (0xA700..=0xA7FF, _) => "out of resources",
            (0xA801, Move) => "move destination unknown: the peer does not know the AE title we named",
            (0xA900..=0xA9FF, Store) => "data set does not match SOP class",
            (0xA900..=0xA9FF, _) => "identifier does not match SOP class",
            (0xAA00..=0xAA04, Get | Move) => "sub-operations cannot be performed",
            (0xB000, Store) => "warning: coercion of data elements",
            (0xB006, Store) => "warning: elements discarded",
            (0xB007, Store) => "warning: data set does not match SOP class",
            (0xB000, Get | Move) => "warning: one or more sub-operations failed",
            (0xC000..=0xCFFF, Store) => "cannot understand",
            (0xC000..=0xCFFF, _) => "unable to process",
            _ => general_meaning(self.0),
        }
    }

    /// What helps against this status of `service`.
    pub fn remedy(self, service: Service) -> Remedy {
        match (self.0, service) {
            (0xA700..=0xA7FF | 0x0213 | 0xFE00, _) => Remedy::Transient,
            (0xA801, Service::Move) | (0x0122 | 0x0124 | 0x0211, _) => Remedy::NeedsOperator,
            _ => Remedy::Permanent,
        }
    }
}

/// Codes that every service shares (PS3.7 annex C.5).
fn general_meaning(code: u16) -> &'static str {
    match code {
        0x0105 => "no such attribute",
        0x0106 => "invalid attribute value",
        0x0107 => "warning: attribute list error",
        0x0110 => "processing failure",
        0x0111 => "duplicate SOP instance",
        0x0112 => "no such SOP instance",
        0x0115 => "invalid argument value",
        0x0116 => "warning: attribute value out of range",
        0x0117 => "invalid object instance",
        0x0118 => "no such SOP class",
        0x0119 => "class-instance conflict",
        0x0120 => "missing attribute",
        0x0121 => "missing attribute value",
        0x0122 => "SOP class not supported",
        0x0124 => "not authorised",
        0x0210 => "duplicate invocation",
        0x0211 => "unrecognised operation",
        0x0212 => "mistyped argument",
        0x0213 => "resource limitation",
        0xB000..=0xBFFF => "warning",
        _ => "a code that the standard does not define",
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X}h", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_ps3_7_annex_c() {
        for (code, class) in [
            (0x0000, StatusClass::Success),
            (0xFF00, StatusClass::Pending),
            (0xFF01, StatusClass::Pending),
            (0xFE00, StatusClass::Cancel),
            (0xB007, StatusClass::Warning),
            (0x0107, StatusClass::Warning),
            (0xA700, StatusClass::Failure),
            (0xC123, StatusClass::Failure),
            (0x0110, StatusClass::Failure),
            (0xFF02, StatusClass::Failure),
        ] {
            assert_eq!(Status(code).class(), class, "{code:04X}");
        }
    }

    #[test]
    fn meaning_depends_on_the_service() {
        assert_eq!(Status(0xA702).meaning(Service::Move), "out of resources: cannot perform sub-operations");
        assert_eq!(Status(0xA900).meaning(Service::Store), "data set does not match SOP class");
        assert_eq!(Status(0xC000).meaning(Service::Get), "unable to process");
        assert_eq!(Status(0xB000).meaning(Service::Store), "warning: coercion of data elements");
        assert_eq!(Status(0xA801).remedy(Service::Move), Remedy::NeedsOperator);
        assert_eq!(Status(0xA700).remedy(Service::Store), Remedy::Transient);
    }
}
