//! Who runs the command, for the report.

use nix::unistd::{Uid, User, gethostname};

/// `user@host`, as the system knows them.
#[must_use]
pub fn operator() -> String {
    let uid = Uid::current();
    let user = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    let host = gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "?".to_owned());
    format!("{user}@{host}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_user_and_host() {
        let operator = super::operator();
        let (user, host) = operator.split_once('@').unwrap();
        assert!(!user.is_empty() && !host.is_empty(), "{operator}");
    }
}
