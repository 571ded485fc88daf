//! The configuration of both programs: TOML in the job directory, in which nothing unknown is let pass.

mod changer;
mod check;
mod delta;
mod drive;
mod load;
mod media;
mod p2t;
mod page;
mod security;
mod selection;
mod shared;
mod t2p;

pub use changer::ChangerConfig;
pub use check::Fault;
pub use delta::{CutoverConfig, DeltaConfig};
pub use drive::{DriveConfig, Patience};
pub use load::{load, parse};
pub use media::{Change, MediaConfig, Verify};
pub use p2t::{P2tConfig, P2tSpool, ReceiverConfig, Retrieve, SegmentConfig, SourceConfig};
pub use security::{ListenerTlsConfig, LoginConfig, TlsConfig};
pub use selection::{ExcludeConfig, SelectionConfig};
pub use shared::{RetryConfig, TimeoutsConfig};
pub use t2p::{DestinationConfig, T2pConfig, T2pSpool};
