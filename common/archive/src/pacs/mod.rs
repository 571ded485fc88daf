//! A PACS that speaks DIMSE, as source and as destination.

mod canary;
mod contexts;
mod doorkeeper;
mod find;
mod get;
mod images;
mod instances;
mod receive;
mod retrieve;
mod spare;
mod store;

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use dimse::{AeTitle, Association, ContextRefusal, Node, Options, Proposal, StorageScp};
use job::config::Retrieve as Configured;

use crate::error::Error;
use crate::gate::Gate;
use crate::source::Service;

use self::spare::Spare;

pub use doorkeeper::Doorkeeper;
pub use receive::Receiving;

/// How to talk to a PACS.
#[derive(Debug, Clone)]
pub struct PacsSettings {
    /// The PACS.
    pub node: Node,
    /// Our AE title.
    pub aet: AeTitle,
    /// PDU length and waiting times.
    pub options: Options,
    /// C-GET, C-MOVE, or whichever works.
    pub service: Configured,
}

/// A DIMSE PACS.
pub struct Pacs {
    settings: PacsSettings,
    receiver: Option<Arc<Receiving>>,
    /// Our associations that work can do without.
    spare: Arc<Spare>,
    /// What each query must pass.
    gate: RwLock<Option<Arc<Gate>>>,
    /// What a preflight found, where it is left open by which service objects are asked for.
    preferred: OnceLock<Service>,
}

impl Pacs {
    /// A PACS to list, fetch with C-GET, and store to.
    pub fn new(settings: PacsSettings) -> Self {
        let (receiver, spare, gate, preferred) = Default::default();
        Self { settings, receiver, spare, gate, preferred }
    }

    /// The same, with a storage listener so that C-MOVE is possible.
    #[must_use]
    pub fn with_receiver(mut self, scp: StorageScp, aet: AeTitle) -> Self {
        self.receiver = Some(Arc::new(Receiving { scp, aet }));
        self
    }

    /// C-ECHO: whether the PACS answers.
    pub fn echo(&self) -> Result<(), Error> {
        let failed = Error::dimse(&self.settings.node);
        let mut association = self.associate(&[Proposal::echo()])?;
        association.echo().map_err(&failed)?;
        association.release().map_err(&failed)
    }

    /// By which services it may be asked.
    fn choices(&self) -> &'static [Service] {
        match (self.settings.service, &self.receiver) {
            (Configured::CGet, _) | (Configured::Auto, None) => &[Service::CGet],
            (Configured::CMove, _) => &[Service::CMove],
            (Configured::Auto, Some(_)) => &[Service::CGet, Service::CMove],
        }
    }

    /// Opens associations until there are so many or one is refused, and ends them.
    fn open_many(&self, wanted: u16) -> (u16, Option<Error>) {
        let mut open = Vec::new();
        let refusal = (0..wanted).find_map(|_| match self.associate(&[Proposal::echo()]) {
            Ok(association) => {
                open.push(association);
                None
            }
            Err(error) => Some(error),
        });
        let count = u16::try_from(open.len()).unwrap_or(wanted);
        open.into_iter().for_each(retrieve::release);
        (count, refusal)
    }

    fn associate(&self, proposals: &[Proposal]) -> Result<Association, Error> {
        let PacsSettings { node, aet, options, .. } = &self.settings;
        let open = || Association::open(node, aet, proposals, options);
        self.spare.open_for_work(&open).map_err(|error| match error {
            dimse::Error::Stopped => Error::Stopped,
            error => Error::dimse(node)(error),
        })
    }

    /// An association for a service whose context is the first of `proposals`, in place of what is kept for queries: so no more are
    /// open than are at work.
    fn associate_for(&self, service: Service, proposals: &[Proposal]) -> Result<Association, Error> {
        self.spare.release();
        match self.associate(proposals) {
            Ok(association) => {
                let refusal = association.contexts().next().and_then(|context| context.refusal);
                let Some(refusal) = refusal else { return Ok(association) };
                retrieve::release(association);
                Err(self.not_served(service, refusal))
            }
            Err(Error::Dimse { source: dimse::Error::NoneAccepted(_, refusal), .. }) => {
                Err(self.not_served(service, refusal))
            }
            Err(error) => Err(error),
        }
    }

    fn not_served(&self, service: Service, refusal: ContextRefusal) -> Error {
        let PacsSettings { node, aet, service: configured, .. } = &self.settings;
        let remedy = match configured {
            Configured::CMove => {
                "have it allowed there, or set `retrieve` under [source] to \"c-get\" or \"auto\""
            }
            Configured::CGet => {
                "have it allowed there; or set `retrieve` under [source] to \"c-move\" or \"auto\", and have our AE title \
                 registered there as a destination of C-MOVE, with this machine and the port under [receiver]"
            }
            Configured::Auto if self.receiver.is_none() => {
                "have it allowed there, or set up [receiver] for C-MOVE"
            }
            Configured::Auto => "have it allowed there",
        };
        let (node, aet, why) = (node.to_string(), aet.to_string(), refusal.to_string());
        Error::NotServed { node, service, aet, why, remedy }
    }

    /// Runs a query as soon as that may be, and perhaps again as long as `restarts` says that nothing of its answer was used.
    fn query<T>(
        &self,
        restarts: &dyn Fn() -> bool,
        ask: &mut dyn FnMut(&mut Association) -> Result<T, dimse::Error>,
    ) -> Result<T, Error> {
        let Some(gate) = self.gate() else { return self.query_now(restarts, ask) };
        if gate.is_shut() {
            self.spare.release();
        }
        gate.pass(restarts, || self.query_now(restarts, ask))
    }

    fn gate(&self) -> Option<Arc<Gate>> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// On an association that is kept between queries: a PACS may drop an idle one at any time, so a query that fails on a
    /// kept association is asked once more on a new one.
    fn query_now<T>(
        &self,
        restarts: &dyn Fn() -> bool,
        ask: &mut dyn FnMut(&mut Association) -> Result<T, dimse::Error>,
    ) -> Result<T, Error> {
        let kept = self.spare.take();
        if let Some(mut association) = kept.filter(Association::is_open) {
            match ask(&mut association) {
                Ok(answer) => {
                    self.spare.keep(association);
                    return Ok(answer);
                }
                Err(error) if !restarts() => return Err(Error::dimse(&self.settings.node)(error)),
                Err(_) => {}
            }
        }
        let mut association = self.associate(&[Proposal::find()])?;
        let answer = ask(&mut association).map_err(Error::dimse(&self.settings.node))?;
        self.spare.keep(association);
        Ok(answer)
    }
}

impl Drop for Pacs {
    fn drop(&mut self) {
        self.spare.release();
    }
}
