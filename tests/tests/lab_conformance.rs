//! The rules that every medium keeps (`common/medium/tests/conformance`), kept on tape through the kernel's own driver.
#![allow(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

use e2e::lab::{self, Lab};

/// Lists functions of a module, each of which takes a kind of medium.
macro_rules! on_every_medium {
    ($($test:ident),+ $(,)?) => {
        pub const RULES: &[(&str, fn(Kind))] = &[$((stringify!($test), $test)),+];
    };
}

/// Those that are about other kinds are run where these are.
macro_rules! on_media {
    ([$($kind:ident),+], $test:ident) => {
        const _: fn(Kind) = $test;
    };
}

#[path = "../../common/medium/tests/common/mod.rs"]
mod common;
#[path = "../../common/medium/tests/conformance/crash.rs"]
mod crash;
#[path = "../../common/medium/tests/conformance/limits.rs"]
mod limits;
#[path = "../../common/medium/tests/conformance/order.rs"]
mod order;
#[path = "../../common/medium/tests/conformance/round_trip.rs"]
mod round_trip;

#[test]
fn the_real_driver_keeps_the_rules_of_every_medium() {
    lab::in_guest("the_real_driver_keeps_the_rules_of_every_medium", &Lab::default(), || {
        for (name, rule) in [crash::RULES, limits::RULES, order::RULES, round_trip::RULES].concat() {
            println!("{name}");
            rule(common::Kind::St);
        }
    });
}
