//! Opens the source that the configuration names.

use std::net::SocketAddr;
use std::sync::Arc;

use archive::folder::FolderSource;
use archive::{Pacs, PacsSettings, Source};
use dimse::{Options, ScpConfig, StorageScp, Timeouts};
use job::config::{Retrieve, TimeoutsConfig};
use job::{NodeOrPath, P2tConfig};

use crate::context::Context;
use crate::error::{Error, Result};

/// Associations that our listener takes at once; a PACS opens one per C-MOVE.
const MAX_ASSOCIATIONS: usize = 32;

/// Opens the source. `fetching` says whether objects will be fetched: only then a listener is needed.
pub fn open(context: &Context, fetching: bool) -> Result<Arc<dyn Source>> {
    let config = &context.config;
    match config.source.node.as_ref().ok_or(Error::NoSource)? {
        NodeOrPath::Path(path) => {
            Ok(Arc::new(FolderSource::open(context.job.resolve(path)).map_err(archive::Error::from)?))
        }
        NodeOrPath::Node(node) => {
            let settings = PacsSettings {
                node: node.clone(),
                aet: config.aet.clone(),
                options: options(&config.timeouts),
                service: config.source.retrieve,
            };
            let pacs = Pacs::new(settings);
            let listening = fetching && config.source.retrieve != Retrieve::CGet;
            Ok(Arc::new(if listening { with_receiver(pacs, config)? } else { pacs }))
        }
    }
}

/// Waiting times as DIMSE has them.
fn options(timeouts: &TimeoutsConfig) -> Options {
    Options::default().with_timeouts(Timeouts {
        connect: timeouts.connect(),
        associate: timeouts.associate(),
        idle: timeouts.idle(),
        ..Timeouts::default()
    })
}

/// Starts the listener for C-MOVE. With `auto` a port that cannot be had is no error: C-GET may do.
fn with_receiver(pacs: Pacs, config: &P2tConfig) -> Result<Pacs> {
    let aet = config.receiver.aet.clone().unwrap_or_else(|| config.aet.clone());
    let scp = ScpConfig {
        address: SocketAddr::new(config.receiver.bind, config.receiver.port),
        aet: aet.clone(),
        check_called_aet: false,
        max_associations: MAX_ASSOCIATIONS,
        options: options(&config.timeouts),
    };
    match StorageScp::start(scp, Arc::new(archive::RefuseAll)) {
        Ok(scp) => Ok(pacs.with_receiver(scp, aet)),
        Err(error) if config.source.retrieve == Retrieve::Auto => {
            tracing::warn!(%error, "C-MOVE will not be possible");
            Ok(pacs)
        }
        Err(source) => Err(archive::Error::Dimse { node: "our listener".to_owned(), source }.into()),
    }
}
