//! What the end-to-end tests stand on: real PACS servers, the two programs, test data, and ways to compare bytes.
//!
//! A harness has one way to fail: it panics with what it was doing, and the test is red.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::expect_used)]

pub mod captured;
pub mod changing;
pub mod corpus;
pub mod dcmqrscp;
pub mod disk;
pub mod foreground;
pub mod forge;
pub mod hospital;
pub mod lab;
pub mod liar;
pub mod orthanc;
pub mod part10;
pub mod peer;
pub mod process;
pub mod program;
pub mod proxy;
pub mod random;
pub mod readme;
pub mod rest;
pub mod storescp;
pub mod synthetic;
pub mod tape_job;
pub mod transfer;
pub mod tree;
pub mod web;
pub mod window;
