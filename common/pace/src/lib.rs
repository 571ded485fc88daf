//! Everything that decides how fast we may go: ceilings, calendar windows, and the clock they run on.
//!
//! [`Pace`] is what the stages share. It answers two questions: may another instance be asked for now
//! ([`Pace::admit_instance`]), and may these bytes pass now ([`Pace::take_bytes`]). Its [`Limits`] hold at all
//! times; its [`Calendar`] says when it is open at all, and with which other limits. Every change of what is
//! allowed is handed to a log as a [`PaceChange`].

mod bucket;
mod calendar;
mod change;
mod clock;
mod config;
mod days;
mod error;
mod limits;
mod pace;
mod size;
mod window;
mod zone;

pub use calendar::{Calendar, Opening};
pub use change::PaceChange;
pub use clock::{Clock, SystemClock, TurnableClock};
pub use config::PaceConfig;
pub use days::Days;
pub use error::PaceError;
pub use limits::{Limits, LimitsOverride};
pub use pace::{Admission, Pace};
pub use size::ByteSize;
pub use window::Window;
pub use zone::Zone;
