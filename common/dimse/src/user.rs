//! Who we say that the user is (User Identity Negotiation, PS3.7 annex D.3.3.7).

use std::fmt;

use dicom_ul::pdu::{UserIdentity as Item, UserIdentityType, UserVariableItem};

use crate::Error;
use crate::negotiation::MAX_ITEM;

/// Type of the item by which an acceptor confirms the identity (PS3.7 table D.3-15).
const CONFIRMATION: u8 = 0x59;

/// A username, with a passcode or without. The passcode goes over the wire as it is: use TLS. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct UserIdentity {
    username: String,
    passcode: Option<String>,
}

impl UserIdentity {
    /// A user who is known by name only (type 1).
    pub fn username(username: impl Into<String>) -> Result<Self, Error> {
        Self { username: username.into(), passcode: None }.checked()
    }

    /// A user with a passcode (type 2).
    pub fn with_passcode(username: impl Into<String>, passcode: impl Into<String>) -> Result<Self, Error> {
        Self { username: username.into(), passcode: Some(passcode.into()) }.checked()
    }

    fn checked(self) -> Result<Self, Error> {
        if self.username.is_empty() {
            return Err(Error::UserIdentity("the username is empty"));
        }
        if self.username.len() + self.passcode.as_ref().map_or(0, String::len) > MAX_ITEM {
            return Err(Error::UserIdentity("username and passcode are too long"));
        }
        Ok(self)
    }

    /// The item of the request. A confirmation is asked for, so that it can be seen whether anybody looked.
    pub(crate) fn item(&self) -> UserVariableItem {
        let kind = match self.passcode {
            None => UserIdentityType::Username,
            Some(_) => UserIdentityType::UsernamePassword,
        };
        let passcode = self.passcode.clone().unwrap_or_default().into_bytes();
        UserVariableItem::UserIdentityItem(Item::new(
            true,
            kind,
            self.username.clone().into_bytes(),
            passcode,
        ))
    }
}

impl fmt::Debug for UserIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserIdentity").field("username", &self.username).finish_non_exhaustive()
    }
}

/// Whether the acceptor confirmed the identity that the request named.
pub(crate) fn is_confirmed(variables: &[UserVariableItem]) -> bool {
    variables.iter().any(|variable| matches!(variable, UserVariableItem::Unknown(CONFIRMATION, _)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passcode_is_never_shown() {
        let user = UserIdentity::with_passcode("p2t", "open sesame").unwrap();
        assert_eq!(format!("{user:?}"), "UserIdentity { username: \"p2t\", .. }");
        let UserVariableItem::UserIdentityItem(item) = user.item() else { panic!("another item") };
        assert_eq!(
            (item.identity_type(), item.secondary_field()),
            (UserIdentityType::UsernamePassword, b"open sesame".to_vec())
        );
        assert!(item.positive_response_requested());
    }

    #[test]
    fn a_name_alone_is_of_the_first_type() {
        let UserVariableItem::UserIdentityItem(item) = UserIdentity::username("p2t").unwrap().item() else {
            panic!("another item")
        };
        assert_eq!((item.identity_type(), item.secondary_field().len()), (UserIdentityType::Username, 0));
    }

    #[test]
    fn what_does_not_fit_into_the_item_is_refused() {
        assert!(UserIdentity::username("").is_err());
        assert!(UserIdentity::with_passcode("u", "x".repeat(70_000)).is_err());
    }
}
