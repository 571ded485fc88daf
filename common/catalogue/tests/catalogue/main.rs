//! The catalogue as its users see it: transitions, idempotence, the balance, crashes, files and speed.

// Clippy takes only `#[test]` functions for tests; their helpers may do the same.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::cast_sign_loss, clippy::cast_possible_wrap)]

mod balance_export;
mod balance_ingest;
mod baseline;
mod canary;
mod capture;
mod comparison;
mod copies;
mod crash;
mod deliver;
mod delta;
mod doubt;
mod files;
mod lab;
mod plan;
mod register;
mod speed;
mod write;
