//! The DIMSE layer against real servers (DCMTK, Orthanc), against itself, and against peers that misbehave. Everything
//! runs on loopback, on free ports, in temporary directories.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_sign_loss,
    reason = "clippy takes only functions marked as tests for tests, not their helpers"
)]

mod dcmtk;
mod hostile;
mod loopback;
mod objects;
mod orthanc;
mod provider;
mod receivers;
mod script;
mod servers;
mod tls;
mod user;
