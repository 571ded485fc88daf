//! Reports filled from catalogues that small, made-up transfers left behind.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod export;
mod lab;
mod many;
mod receive;
