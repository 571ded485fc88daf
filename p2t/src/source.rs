//! Opens the source that the configuration names.

use std::net::SocketAddr;
use std::sync::Arc;

use archive::folder::FolderSource;
use archive::{Doorkeeper, LoginReader, Pacs, PacsSettings, Source, Web, WebSettings};
use dimse::{Options, ScpConfig, StorageScp};
use job::config::Retrieve;
use job::{JobError, Login, NodeOrPath, WebAddress, dimse_options, web_tls};
use wire::Waits;

use crate::context::Context;
use crate::error::{Error, Result};

/// Associations that our listener takes at once; a PACS opens one per C-MOVE.
const MAX_ASSOCIATIONS: usize = 32;

/// Opens the source. Only where objects will be fetched, a listener is needed, and somebody at its door.
pub fn open(context: &Context, door: Option<&Arc<Doorkeeper>>) -> Result<Arc<dyn Source>> {
    let config = &context.config;
    match config.source.node.as_ref().ok_or(Error::NoSource)? {
        NodeOrPath::Path(path) => {
            Ok(Arc::new(FolderSource::open(context.job.resolve(path)).map_err(archive::Error::from)?))
        }
        NodeOrPath::Web(address) => Ok(Arc::new(Web::new(web(context, address)?)?)),
        NodeOrPath::Node(node) => {
            let settings = PacsSettings {
                node: node.clone(),
                aet: config.aet.clone(),
                options: options(context)?,
                service: config.source.retrieve,
            };
            let pacs = Pacs::new(settings);
            let door = door.filter(|_| config.source.retrieve != Retrieve::CGet);
            Ok(Arc::new(match door {
                Some(door) => with_receiver(pacs, context, door)?,
                None => pacs,
            }))
        }
    }
}

/// How requests to a DICOMweb source are made.
fn web(context: &Context, address: &WebAddress) -> Result<WebSettings, JobError> {
    let (source, timeouts) = (&context.config.source, &context.config.timeouts);
    let (job, login) = (context.job.clone(), source.login.clone());
    Ok(WebSettings {
        address: address.clone(),
        tls: web_tls(address, source.tls.as_ref(), &context.job)?,
        login: login.map(|login| -> LoginReader { Arc::new(move || Login::read(&login, &job)) }),
        waits: Waits { connect: timeouts.connect(), handshake: timeouts.associate(), idle: timeouts.idle() },
        stop: context.stop.clone(),
    })
}

/// How associations with the source are opened.
fn options(context: &Context) -> Result<Options, JobError> {
    let source = &context.config.source;
    let options =
        dimse_options(&context.config.timeouts, source.tls.as_ref(), source.login.as_ref(), &context.job)?;
    let stop = context.stop.clone();
    Ok(options.with_stop(move || stop.requested()))
}

/// Starts the listener for C-MOVE. With `auto` a port that cannot be had is no error: C-GET may do.
fn with_receiver(pacs: Pacs, context: &Context, door: &Arc<Doorkeeper>) -> Result<Pacs> {
    let config = &context.config;
    let receiver = &config.receiver;
    let aet = config.receiver_aet().clone();
    let tls = receiver.tls.as_ref().map(|tls| tls::Server::load(&tls.files(&context.job)));
    let scp = ScpConfig {
        address: SocketAddr::new(receiver.bind, receiver.port),
        aet: aet.clone(),
        check_called_aet: false,
        allowed: (!receiver.allow.is_empty()).then(|| receiver.allow.iter().cloned().collect()),
        tls: tls.transpose().map_err(JobError::from)?,
        max_associations: MAX_ASSOCIATIONS,
        options: dimse_options(&config.timeouts, None, None, &context.job)?,
    };
    match StorageScp::start(scp, door.clone()) {
        Ok(scp) => Ok(pacs.with_receiver(scp, aet)),
        Err(error) if config.source.retrieve == Retrieve::Auto => {
            tracing::warn!(%error, "C-MOVE will not be possible");
            Ok(pacs)
        }
        Err(source) => Err(archive::Error::Dimse { node: "our listener".to_owned(), source }.into()),
    }
}
