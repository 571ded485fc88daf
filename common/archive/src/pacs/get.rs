//! C-GET in passes: first in the syntaxes that archives use, then in every one, then in each alone.
//!
//! The contexts that are open to it decide what a PACS can send. Some (DCMTK's `dcmqrscp` is one) choose the context by
//! SOP class alone, and fail for every object that is not in the syntax of the first one accepted for its class.

use std::collections::BTreeSet;

use dataset::TRANSFER_SYNTAXES;
use dimse::{Association, Watch};

use super::contexts::{Group, USUAL_SYNTAXES, groups};
use super::retrieve::{Fetch, release};
use crate::error::Error;
use crate::source::{Retrieve, Service};

impl Fetch<'_> {
    pub(super) fn by_get(&mut self, request: Retrieve<'_>) -> Result<(), Error> {
        let mut accepted = self.pass(request, &USUAL_SYNTAXES, request.whole)?;
        accepted.extend(self.pass(request, TRANSFER_SYNTAXES, false)?);
        // Where the PACS claims that all is well, other contexts would change nothing.
        let alone = TRANSFER_SYNTAXES.iter().filter(|syntax| self.failures && accepted.contains(**syntax));
        for syntax in alone.collect::<Vec<_>>() {
            self.pass(request, &[*syntax], false)?;
        }
        Ok(())
    }

    /// Asks for what is missing, with contexts in these syntaxes. Returns those that the PACS accepted.
    fn pass(
        &mut self,
        request: Retrieve<'_>,
        syntaxes: &[&str],
        whole: bool,
    ) -> Result<BTreeSet<String>, Error> {
        let missing = self.missing(request.wanted);
        let groups = groups(&missing, syntaxes);
        let whole = whole && groups.len() == 1;
        let mut accepted = BTreeSet::new();
        for group in &groups {
            if self.must_end() {
                break;
            }
            let association = self.pacs.associate_for(Service::CGet, &group.proposals)?;
            let open = open_syntaxes(&association);
            if open.is_empty() {
                self.failures = true;
                self.note("no context to send objects in was accepted".to_owned());
                release(association);
                continue;
            }
            accepted.extend(open);
            self.get(association, group, whole)?;
        }
        Ok(accepted)
    }

    fn get(&mut self, mut association: Association, group: &Group<'_>, whole: bool) -> Result<(), Error> {
        let watch = Watch { stop: self.stop, activity: &|| 0 };
        self.ask(&group.wanted, whole, &mut |fetch, level, keys, _| {
            association
                .get(level, keys, fetch.arrivals.as_ref(), &watch)
                .map_err(Error::dimse(&fetch.pacs.settings.node))
        })?;
        release(association);
        Ok(())
    }
}

/// The syntaxes in which the PACS may send objects.
fn open_syntaxes(association: &Association) -> BTreeSet<String> {
    // The first context is the one for C-GET itself.
    let storage = association.contexts().skip(1).filter(|context| context.refusal.is_none());
    storage.map(|context| context.transfer_syntax.clone()).collect()
}
