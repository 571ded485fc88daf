//! Everything that decides how fast we may go: ceilings, calendar windows, pauses, adaptive control, and the clock
//! they run on.
//!
//! [`Pace`] is what the stages share. It answers the questions: may another study or instance be asked for now
//! ([`Pace::admit_study`], [`Pace::admit_instance`]), may a retrieval begin ([`Pace::prepay`]), may these bytes pass now
//! ([`Pace::take_bytes`]), how many associations may work ([`Pace::associations`]) and for which share of the time ([`Pace::share`]). Its [`Limits`]
//! hold at all times; its [`Calendar`] says when it is open at all, and with which other limits; a [`Controller`]
//! decides what is taken within them. Every change of what is allowed is handed to a log as a [`PaceChange`].

mod adaptive;
mod breaker;
mod bucket;
mod calendar;
mod change;
mod clock;
mod config;
mod days;
mod error;
mod limits;
mod pace;
mod pause;
mod prepaid;
mod respite;
mod size;
mod window;
mod zone;

pub use adaptive::{AdaptiveConfig, Baseline, Controller, Decision, IdleSample, Loss, Moment, Probe};
pub use breaker::{Ask, Breaker, Failed, Patience};
pub use calendar::{Calendar, Opening};
pub use change::PaceChange;
pub use clock::{Clock, SystemClock, TurnableClock};
pub use config::PaceConfig;
pub use days::Days;
pub use error::PaceError;
pub use limits::{Limits, LimitsOverride};
pub use pace::{Admission, AtWork, Pace};
pub use pause::Pause;
pub use prepaid::Prepaid;
pub use respite::Respite;
pub use size::ByteSize;
pub use window::Window;
pub use zone::Zone;
