//! Delivers to a PACS by C-STORE.

use std::io::Read;
use std::sync::{Arc, PoisonError};

use dimse::{Association, Node, Proposal, Remedy, StoreRequest};

use super::Pacs;
use super::canary::PacsCanary;
use crate::destination::{Delivery, Destination, Session, StoreAnswer};
use crate::error::Error;
use crate::gate::Gate;
use crate::list::list_studies;
use crate::several::Together;
use crate::source::{Canary, Intake, Listing, Retrieve, RetrieveEnd, Service, Source, StudyListing};

impl Source for Pacs {
    fn describe(&self) -> String {
        self.settings.node.to_string()
    }

    fn answers(&self) -> bool {
        self.echo().is_ok()
    }

    fn canary(&self) -> Option<Box<dyn Canary>> {
        Some(Box::new(PacsCanary::new(self.settings.clone(), self.spare.clone())))
    }

    fn destination(&self) -> Option<&dyn Destination> {
        Some(self)
    }

    fn pass(&self, gate: Option<Arc<Gate>>) {
        *self.gate.write().unwrap_or_else(PoisonError::into_inner) = gate;
    }

    fn services(&self) -> &'static [Service] {
        self.choices()
    }

    fn prefer(&self, service: Service) {
        self.preferred.get_or_init(|| service);
    }

    fn open_at_once(&self, wanted: u16) -> Option<(u16, Option<Error>)> {
        Some(self.open_many(wanted))
    }

    fn retrieve_by(
        &self,
        service: Service,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        stop: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        self.fetch_by(service, request, intake, stop)
    }

    fn list(
        &self,
        selection: &job::config::SelectionConfig,
        listing: &mut dyn Listing,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        list_studies(self, selection, listing, stop)
    }

    fn list_study(&self, study_uid: &str) -> Result<StudyListing, Error> {
        self.list_instances(study_uid)
    }

    fn list_together(&self, study_uids: &[&str]) -> Result<Option<Together>, Error> {
        self.list_instances_of(study_uids)
    }

    fn retrieve(
        &self,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        stop: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        self.fetch(request, intake, stop)
    }
}

impl Destination for Pacs {
    fn describe(&self) -> String {
        self.settings.node.to_string()
    }

    fn answers(&self) -> bool {
        Source::answers(self)
    }

    fn pass(&self, gate: Option<Arc<Gate>>) {
        Source::pass(self, gate);
    }

    fn list_study(&self, study_uid: &str) -> Result<StudyListing, Error> {
        self.list_instances(study_uid)
    }

    fn list_together(&self, study_uids: &[&str]) -> Result<Option<Together>, Error> {
        self.list_instances_of(study_uids)
    }

    fn open(&self, pairs: &[(String, String)]) -> Result<Box<dyn Session>, Error> {
        let proposals: Vec<Proposal> =
            pairs.iter().map(|(class, syntax)| Proposal::scu(class, syntax)).collect();
        let association = self.associate(&proposals)?;
        Ok(Box::new(StoreSession { association, node: self.settings.node.clone() }))
    }
}

struct StoreSession {
    association: Association,
    node: Node,
}

impl Session for StoreSession {
    fn refusal(&self, sop_class: &str, transfer_syntax: &str) -> Option<String> {
        if self.association.accepts(sop_class, transfer_syntax) {
            return None;
        }
        let refused = self.association.contexts().find(|context| {
            context.abstract_syntax == sop_class && context.transfer_syntax == transfer_syntax
        });
        let why = refused.and_then(|context| context.refusal).map(|refusal| format!(": {refusal}"));
        Some(format!(
            "the destination does not take SOP class {sop_class} in transfer syntax {transfer_syntax}{}",
            why.unwrap_or_default()
        ))
    }

    fn store(&mut self, object: Delivery<'_>, dataset: &mut dyn Read) -> Result<StoreAnswer, Error> {
        let Delivery { sop_class, sop_instance, transfer_syntax, dataset_bytes } = object;
        let request = StoreRequest { sop_class, sop_instance, transfer_syntax, originator: None };
        let end =
            self.association.store(&request, dataset, dataset_bytes).map_err(Error::dimse(&self.node))?;
        let stored = end.is_stored();
        let plain = end.status.is_success() && end.comment.is_none();
        let comment = end.comment.as_deref().map(|comment| format!(": {comment}")).unwrap_or_default();
        Ok(StoreAnswer {
            status: end.status.0,
            stored,
            transient: !stored && end.status.remedy(dimse::Service::Store) == Remedy::Transient,
            comment: (!plain).then(|| format!("{}{comment}", end.status.meaning(dimse::Service::Store))),
        })
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        if !self.association.is_open() {
            return Ok(());
        }
        self.association.release().map_err(Error::dimse(&self.node))
    }
}
