//! Association negotiation: what we ask for, what the peer made of it, what we accept (PS3.8 annex D, PS3.7 annex D.3).

use std::collections::{BTreeMap, BTreeSet};

use dataset::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use dicom_dictionary_std::uids::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use dicom_ul::pdu::{
    AssociationAC, AssociationRQ, PresentationContextProposed, PresentationContextResult,
    PresentationContextResultReason as Reason, RequestorRoles, UserVariableItem,
};

use crate::context::{Context, ContextRefusal, Contexts, MAX_CONTEXTS, Proposal};
use crate::options::MAX_SENT_PDU;
use crate::{AeTitle, Error, Options, QueryRetrieve, UserIdentity};

/// PS3.7 annex A.2.1.
const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// How the SOP classes of Query/Retrieve begin (PS3.4 section C.6).
const QUERY_RETRIEVE: &str = "1.2.840.10008.5.1.4.1.2.";

/// Longest content of an item, whose length has 16 bits; leaves room for the other items beside it.
pub(crate) const MAX_ITEM: usize = 32 * 1024;

/// A peer that takes less than this per PDU cannot be served sensibly.
const MIN_SENT_PDU: u32 = 128;

/// The A-ASSOCIATE-RQ for `proposals`.
pub(crate) fn request(
    calling: &AeTitle,
    called: &AeTitle,
    proposals: &[Proposal],
    options: &Options,
) -> Result<AssociationRQ, Error> {
    if proposals.len() > MAX_CONTEXTS {
        return Err(Error::TooManyContexts(proposals.len()));
    }
    let presentation_contexts = proposals
        .iter()
        .zip((1..=u8::MAX).step_by(2))
        .map(|(proposal, id)| PresentationContextProposed {
            id,
            abstract_syntax: proposal.abstract_syntax.clone(),
            transfer_syntaxes: proposal.transfer_syntaxes.clone(),
        })
        .collect();
    let mut user_variables = own_variables(options);
    user_variables.extend(options.user().map(UserIdentity::item));
    let mut as_scp: Vec<_> =
        proposals.iter().filter(|p| p.as_scp).map(|p| p.abstract_syntax.clone()).collect();
    as_scp.sort();
    as_scp.dedup();
    let roles = RequestorRoles { scu: false, scp: true };
    user_variables
        .extend(as_scp.into_iter().map(|uid| UserVariableItem::ScuScpRoleSelectionSubItem(uid, roles)));
    Ok(AssociationRQ {
        protocol_version: 1,
        calling_ae_title: calling.as_str().to_owned(),
        called_ae_title: called.as_str().to_owned(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts,
        user_variables,
    })
}

/// What the peer made of `request`: the contexts, and the PDU length to send.
pub(crate) fn outcome(request: AssociationRQ, accept: &AssociationAC) -> Result<(Contexts, u32), Error> {
    let contexts = request
        .presentation_contexts
        .into_iter()
        .map(|proposed| {
            let result = accept.presentation_contexts.iter().find(|result| result.id == proposed.id);
            (proposed.id, judge(proposed, result, &accept.user_variables))
        })
        .collect();
    Ok((Contexts(contexts), sent_pdu(&accept.user_variables)?))
}

fn judge(
    proposed: PresentationContextProposed,
    result: Option<&PresentationContextResult>,
    variables: &[UserVariableItem],
) -> Context {
    let accepted = result.map(|r| uid(&r.transfer_syntax)).unwrap_or_default();
    let refusal = match result.map(|r| &r.reason) {
        None => Some(ContextRefusal::NotAnswered),
        Some(Reason::Acceptance) if proposed.transfer_syntaxes.iter().any(|ts| ts == accepted) => None,
        Some(Reason::Acceptance) => Some(ContextRefusal::ForeignTransferSyntax),
        Some(Reason::UserRejection) => Some(ContextRefusal::UserRejection),
        Some(Reason::NoReason) => Some(ContextRefusal::NoReason),
        Some(Reason::AbstractSyntaxNotSupported) => Some(ContextRefusal::AbstractSyntaxNotSupported),
        Some(Reason::TransferSyntaxesNotSupported) => Some(ContextRefusal::TransferSyntaxesNotSupported),
    };
    let transfer_syntax = match refusal {
        None => accepted.to_owned(),
        Some(_) => proposed.transfer_syntaxes.into_iter().next().unwrap_or_default(),
    };
    let requestor_is_scp = variables.iter().any(|variable| {
        matches!(variable, UserVariableItem::ScuScpRoleSelectionSubItem(class, roles)
            if roles.scp && uid(class) == proposed.abstract_syntax)
    });
    Context { abstract_syntax: proposed.abstract_syntax, transfer_syntax, refusal, requestor_is_scp }
}

/// Our answer to a request, as a storage provider that takes every SOP class and transfer syntax: Explicit VR Little
/// Endian if it is among the proposed ones, else the first, unless `provider` prefers another. Identifiers of Query/Retrieve
/// are in Implicit VR Little Endian. Where there is a provider of it, the requestor may be the provider of the storage classes
/// for which it asks to be (C-GET, PS3.7 annex D.3.3.4).
pub(crate) fn accept(
    request: &AssociationRQ,
    options: &Options,
    provider: Option<&dyn QueryRetrieve>,
) -> Result<(AssociationAC, Contexts, u32), Error> {
    let mut contexts = BTreeMap::new();
    let mut presentation_contexts = Vec::new();
    for proposed in &request.presentation_contexts {
        let offered = || proposed.transfer_syntaxes.iter().map(|ts| uid(ts));
        let chosen = if uid(&proposed.abstract_syntax).starts_with(QUERY_RETRIEVE) {
            offered().find(|ts| *ts == IMPLICIT_VR_LITTLE_ENDIAN)
        } else {
            let preferred = provider.and_then(QueryRetrieve::prefers);
            offered()
                .find(|ts| preferred.is_some_and(|preferred| *ts == preferred))
                .or_else(|| offered().find(|ts| *ts == EXPLICIT_VR_LITTLE_ENDIAN))
                .or_else(|| offered().next())
        };
        let abstract_syntax = uid(&proposed.abstract_syntax).to_owned();
        let unknown = abstract_syntax.starts_with(QUERY_RETRIEVE)
            && provider.is_some_and(|provider| !provider.offers(&abstract_syntax));
        let (refusal, reason) = match chosen {
            _ if unknown => {
                (Some(ContextRefusal::AbstractSyntaxNotSupported), Reason::AbstractSyntaxNotSupported)
            }
            None => {
                (Some(ContextRefusal::TransferSyntaxesNotSupported), Reason::TransferSyntaxesNotSupported)
            }
            Some(_) => (None, Reason::Acceptance),
        };
        let transfer_syntax = chosen.unwrap_or_default().to_owned();
        presentation_contexts.push(PresentationContextResult {
            id: proposed.id,
            reason,
            transfer_syntax: transfer_syntax.clone(),
        });
        let requestor_is_scp = provider.is_some() && asks_to_provide(request, &abstract_syntax);
        let context = Context { abstract_syntax, transfer_syntax, refusal, requestor_is_scp };
        contexts.insert(proposed.id, context);
    }
    let accept = AssociationAC {
        protocol_version: 1,
        calling_ae_title: request.calling_ae_title.clone(),
        called_ae_title: request.called_ae_title.clone(),
        application_context_name: APPLICATION_CONTEXT.to_owned(),
        presentation_contexts,
        user_variables: own_variables(options).into_iter().chain(roles(&contexts)).collect(),
    };
    Ok((accept, Contexts(contexts), sent_pdu(&request.user_variables)?))
}

fn asks_to_provide(request: &AssociationRQ, abstract_syntax: &str) -> bool {
    request.user_variables.iter().any(|variable| {
        matches!(variable, UserVariableItem::ScuScpRoleSelectionSubItem(class, roles)
            if roles.scp && uid(class) == abstract_syntax)
    })
}

/// Our answer to the roles that were asked for, one for each SOP class.
fn roles(contexts: &BTreeMap<u8, Context>) -> Vec<UserVariableItem> {
    let granted: BTreeSet<&str> = contexts
        .values()
        .filter(|context| context.requestor_is_scp && context.refusal.is_none())
        .map(|context| context.abstract_syntax.as_str())
        .collect();
    let roles = RequestorRoles { scu: false, scp: true };
    granted
        .into_iter()
        .map(|class| UserVariableItem::ScuScpRoleSelectionSubItem(class.to_owned(), roles))
        .collect()
}

/// Whether the application context is the one that DICOM has.
pub(crate) fn is_dicom(request: &AssociationRQ) -> bool {
    uid(&request.application_context_name) == APPLICATION_CONTEXT
}

/// A UID or title without the padding that some peers send along.
pub(crate) fn uid(text: &str) -> &str {
    text.trim_matches(['\0', ' '])
}

fn own_variables(options: &Options) -> Vec<UserVariableItem> {
    vec![
        UserVariableItem::MaxLength(options.max_pdu()),
        UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.to_owned()),
        UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.to_owned()),
    ]
}

/// The peer's maximum PDU length, clamped: 0 means "no limit" (PS3.8 annex D.1).
fn sent_pdu(variables: &[UserVariableItem]) -> Result<u32, Error> {
    let announced = variables.iter().find_map(|variable| match variable {
        UserVariableItem::MaxLength(length) => Some(*length),
        _ => None,
    });
    match announced.unwrap_or(0) {
        0 => Ok(MAX_SENT_PDU),
        length if length < MIN_SENT_PDU => Err(Error::Malformed {
            what: "maximum PDU length",
            detail: format!("{length} bytes are too few to work with"),
        }),
        length => Ok(length.min(MAX_SENT_PDU)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
    const IMPLICIT: &str = "1.2.840.10008.1.2";

    fn ae(text: &str) -> AeTitle {
        text.parse().unwrap()
    }

    fn ask(proposals: &[Proposal]) -> Result<AssociationRQ, Error> {
        request(&ae("US"), &ae("THEM"), proposals, &Options::default())
    }

    #[test]
    fn ids_do_not_wrap() {
        let proposals = vec![Proposal::scu(CT, IMPLICIT); MAX_CONTEXTS];
        let contexts = ask(&proposals).unwrap().presentation_contexts;
        assert_eq!((contexts.len(), contexts[0].id, contexts[127].id), (128, 1, 255));
        let error = ask(&vec![Proposal::scu(CT, IMPLICIT); MAX_CONTEXTS + 1]).unwrap_err();
        assert!(matches!(error, Error::TooManyContexts(129)));
    }

    #[test]
    fn an_answer_in_another_syntax_is_a_refusal() {
        let request = ask(&[Proposal::scu(CT, IMPLICIT), Proposal::scp(CT, "1.2.3")]).unwrap();
        let answer = |id, transfer_syntax: &str| PresentationContextResult {
            id,
            reason: Reason::Acceptance,
            transfer_syntax: transfer_syntax.to_owned(),
        };
        let roles = RequestorRoles { scu: false, scp: true };
        let accept = AssociationAC {
            protocol_version: 1,
            calling_ae_title: String::new(),
            called_ae_title: String::new(),
            application_context_name: APPLICATION_CONTEXT.to_owned(),
            presentation_contexts: vec![answer(1, EXPLICIT_VR_LITTLE_ENDIAN), answer(3, "1.2.3\0")],
            user_variables: vec![
                UserVariableItem::MaxLength(0),
                UserVariableItem::ScuScpRoleSelectionSubItem(CT.to_owned(), roles),
            ],
        };
        let (contexts, max_pdu) = outcome(request, &accept).unwrap();
        assert_eq!(max_pdu, MAX_SENT_PDU);
        let refused = contexts.find(CT, IMPLICIT).unwrap_err();
        assert!(
            matches!(refused, Error::NoContext { refusal: ContextRefusal::ForeignTransferSyntax, .. }),
            "{refused}"
        );
        assert_eq!(contexts.find(CT, "1.2.3").unwrap(), 3);
        assert!(contexts.get(3).unwrap().requestor_is_scp);
        assert!(contexts.get(1).is_none());
    }

    #[test]
    fn the_provider_prefers_explicit_little_endian_then_the_first() {
        let mut request =
            ask(&[Proposal::scu(CT, IMPLICIT), Proposal::scu(CT, "1.2.840.10008.1.2.4.70")]).unwrap();
        request.presentation_contexts[0].transfer_syntaxes.push(EXPLICIT_VR_LITTLE_ENDIAN.to_owned());
        request.presentation_contexts[1].transfer_syntaxes.push("1.2.840.10008.1.2.4.50".to_owned());
        let (accept, ..) = accept(&request, &Options::default(), None).unwrap();
        let chosen: Vec<_> =
            accept.presentation_contexts.iter().map(|c| c.transfer_syntax.as_str()).collect();
        assert_eq!(chosen, [EXPLICIT_VR_LITTLE_ENDIAN, "1.2.840.10008.1.2.4.70"]);
    }

    #[test]
    fn pdu_lengths_are_clamped() {
        let sent = |length| sent_pdu(&[UserVariableItem::MaxLength(length)]);
        assert_eq!(sent(0).unwrap(), MAX_SENT_PDU);
        assert_eq!(sent(u32::MAX).unwrap(), MAX_SENT_PDU);
        assert_eq!(sent(16384).unwrap(), 16384);
        assert!(sent(7).is_err());
    }
}
