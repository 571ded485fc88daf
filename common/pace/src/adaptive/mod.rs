//! Adaptive control: how much may be asked of an archive so that the people who use it do not notice.
//!
//! A *canary*, small requests on an association of its own, tells how long the archive takes to answer. What it takes
//! when we leave it alone is the [`Baseline`]. The [`Controller`] holds one against the other and decides on a *load*:
//! how many associations may be at work on average (2.5 is three associations that each keep the archive busy five
//! sixths of the time). It adds while all is well, and multiplies down when answers get slow or are refused.
//!
//! Everything here is pure: time comes in with each observation, nothing waits, the same observations give the same
//! decisions.

mod baseline;
mod config;
mod controller;
mod signal;

#[cfg(test)]
mod simulation;

pub use baseline::{Baseline, IdleSample};
pub use config::AdaptiveConfig;
pub use controller::{Controller, Moment};
pub use signal::{Decision, Loss, Probe};
