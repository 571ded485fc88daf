//! The rules of `MediumWriter` and `MediumReader`, kept by every medium. With the real driver they run in the tape laboratory
//! (`tests/tests/lab_conformance.rs`).

#![allow(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

/// Runs functions of a module, each of which takes a kind of medium, on all kinds.
macro_rules! on_every_medium {
    ($($test:ident),+ $(,)?) => {
        mod virtual_tape {
            $(#[test] fn $test() { super::$test(super::Kind::VirtualTape); })+
        }
        mod directory {
            $(#[test] fn $test() { super::$test(super::Kind::Directory); })+
        }
        mod modelled_tape {
            $(#[test] fn $test() { super::$test(super::Kind::ModelledTape); })+
        }
    };
}

/// Runs a function on the kinds that it is about.
macro_rules! on_media {
    ([$($kind:ident),+], $test:ident) => {
        mod of_some_kinds {
            #[test]
            fn $test() {
                $(super::$test(super::Kind::$kind);)+
            }
        }
    };
}

#[path = "../common/mod.rs"]
mod common;
mod crash;
mod limits;
mod order;
mod round_trip;
