//! The rules of `MediumWriter` and `MediumReader`, kept by every medium.

#![allow(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

#[path = "../common/mod.rs"]
mod common;
mod crash;
mod limits;
mod modes;
mod order;
mod round_trip;

/// Runs functions of a module, each of which takes a kind of medium, on all kinds.
#[macro_export]
macro_rules! on_every_medium {
    ($($test:ident),+ $(,)?) => {
        mod virtual_tape {
            $(#[test] fn $test() { super::$test($crate::common::Kind::VirtualTape); })+
        }
        mod directory {
            $(#[test] fn $test() { super::$test($crate::common::Kind::Directory); })+
        }
    };
}
