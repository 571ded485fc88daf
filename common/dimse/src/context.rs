//! Presentation contexts: proposed, accepted, refused (PS3.8 section 7.1.1.13), and how many fit into an association.

use std::collections::BTreeMap;
use std::fmt;

use crate::Error;

/// Presentation contexts that one association can have (odd ids 1 to 255, PS3.8 section 9.3.2.2).
pub const MAX_CONTEXTS: usize = 128;

/// One presentation context to propose.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Proposal {
    pub(crate) abstract_syntax: String,
    pub(crate) transfer_syntaxes: Vec<String>,
    pub(crate) as_scp: bool,
}

impl Proposal {
    /// A context in which we are the user, in exactly one transfer syntax: nothing can be sent in another syntax
    /// than it is in.
    pub fn scu(abstract_syntax: &str, transfer_syntax: &str) -> Self {
        Self {
            abstract_syntax: abstract_syntax.to_owned(),
            transfer_syntaxes: vec![transfer_syntax.to_owned()],
            as_scp: false,
        }
    }

    /// A context in which we are the provider: storage for C-GET, with role selection.
    pub fn scp(abstract_syntax: &str, transfer_syntax: &str) -> Self {
        Self { as_scp: true, ..Self::scu(abstract_syntax, transfer_syntax) }
    }
}

/// Groups pairs of SOP class and transfer syntax so that each group, with `reserved` other contexts, fits into one
/// association. Duplicates are dropped; the order is the sorted one, so the groups are the same each time.
pub fn context_groups(pairs: &[(String, String)], reserved: usize) -> Vec<Vec<(String, String)>> {
    let mut unique = pairs.to_vec();
    unique.sort();
    unique.dedup();
    unique.chunks(MAX_CONTEXTS.saturating_sub(reserved).max(1)).map(<[_]>::to_vec).collect()
}

/// Why a presentation context cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContextRefusal {
    /// Nobody proposed it on this association.
    NotProposed,
    /// Result 1.
    UserRejection,
    /// Result 2.
    NoReason,
    /// Result 3.
    AbstractSyntaxNotSupported,
    /// Result 4.
    TransferSyntaxesNotSupported,
    /// Accepted, but in a transfer syntax that was not proposed.
    ForeignTransferSyntax,
    /// The peer's answer does not mention it.
    NotAnswered,
}

impl fmt::Display for ContextRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotProposed => "it was not proposed on this association",
            Self::UserRejection => "rejected by the peer's user",
            Self::NoReason => "rejected by the peer without a reason",
            Self::AbstractSyntaxNotSupported => "abstract syntax not supported by the peer",
            Self::TransferSyntaxesNotSupported => "transfer syntax not supported by the peer",
            Self::ForeignTransferSyntax => "accepted by the peer in a transfer syntax that was not proposed",
            Self::NotAnswered => "the peer did not answer the proposal",
        })
    }
}

/// What became of one presentation context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// Abstract syntax (SOP class) UID.
    pub abstract_syntax: String,
    /// The accepted transfer syntax UID; the first proposed one if refused.
    pub transfer_syntax: String,
    /// Why it cannot be used, if so.
    pub refusal: Option<ContextRefusal>,
    /// Whether the peer agreed that the requestor is provider (SCP) of this SOP class.
    pub requestor_is_scp: bool,
}

/// The presentation contexts of an association by their ids.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contexts(pub BTreeMap<u8, Context>);

impl Contexts {
    pub fn get(&self, id: u8) -> Option<&Context> {
        self.0.get(&id).filter(|context| context.refusal.is_none())
    }

    pub fn all(&self) -> impl Iterator<Item = &Context> {
        self.0.values()
    }

    /// The accepted context for exactly this pair.
    pub fn find(&self, abstract_syntax: &str, transfer_syntax: &str) -> Result<u8, Error> {
        let mut refusal = ContextRefusal::NotProposed;
        for (&id, context) in &self.0 {
            if context.abstract_syntax == abstract_syntax && context.transfer_syntax == transfer_syntax {
                match context.refusal {
                    None => return Ok(id),
                    Some(reason) => refusal = reason,
                }
            }
        }
        Err(Error::NoContext {
            abstract_syntax: abstract_syntax.to_owned(),
            transfer_syntax: transfer_syntax.to_owned(),
            refusal,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_fit_and_cover() {
        let pairs: Vec<_> =
            (0..300).map(|i| (format!("1.2.{}", i % 290), "1.2.840.10008.1.2".to_owned())).collect();
        let groups = context_groups(&pairs, 1);
        assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), [127, 127, 36]);
        assert!(context_groups(&[], 1).is_empty());
    }
}
