//! What was concluded of an answer, in words.

use std::fmt;

use super::sweep::{Cause, Verdict};

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Small => f.write_str("whole: the source gives more rows elsewhere"),
            Self::InParts => f.write_str("whole: asked for in parts, it shows nothing more"),
            Self::Sampled { rows } => {
                write!(f, "whole, by a sample: {rows} rows of its parts show nothing more")
            }
            Self::Divided(cause) => write!(f, "{cause}: divided"),
            Self::Open(cause) => write!(f, "{cause}, and cannot be divided: NOT ENUMERABLE"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "cut short, with status {status:04X}"),
            Self::Cap(cap) => write!(f, "cut short: {cap} rows are the most that the source gives"),
            Self::Lacking => f.write_str("cut short: its parts held studies that it lacked"),
            Self::TooMany => f.write_str("more rows than we take at a time"),
            Self::Unmatched => {
                f.write_str("perhaps cut short: the source matches by nothing that could show it")
            }
        }
    }
}
