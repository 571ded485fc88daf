//! Where a DICOMweb service is.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::NodeError;

/// The root of a DICOMweb service (PS3.18 section 8.2): `https://host[:port]/path`, or `http://` on this machine itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WebAddress {
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Empty, or with a slash in front and none behind.
    pub path: String,
}

impl WebAddress {
    /// Whether the text is one, or meant to be one.
    pub(crate) fn is_meant_by(text: &str) -> bool {
        scheme(text).is_some()
    }

    /// Host and port as they stand in an address, without a port that goes without saying.
    #[must_use]
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == usual_port(self.tls) { host } else { format!("{host}:{}", self.port) }
    }

    /// What another address must have in common with this one to be the same server's: scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.authority())
    }
}

fn usual_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

/// Whether the text begins with a scheme of HTTP, whether that is TLS's, and what stands behind it.
fn scheme(text: &str) -> Option<(bool, &str)> {
    [("https://", true), ("http://", false)].into_iter().find_map(|(scheme, tls)| {
        let found = text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme))?;
        Some((tls, text.get(found.len()..).unwrap_or_default()))
    })
}

impl FromStr for WebAddress {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        let refuse = |reason| NodeError::Web { text: text.to_owned(), reason };
        // A password may stand in what is refused.
        if text.contains('@') {
            return Err(NodeError::WebUser);
        }
        let (tls, rest) = scheme(text).ok_or_else(|| refuse("it does not begin with https://"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_port(authority, tls).ok_or_else(|| refuse("its host or port is not one"))?;
        if !tls && !is_this_machine(&host) {
            return Err(refuse(
                "without TLS everybody on the way can read what travels; use https://, or a tunnel that ends on this machine",
            ));
        }
        let path = path.trim_end_matches('/');
        if !path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte)) {
            return Err(refuse("behind the host only a path is allowed, in ASCII and without ? and #"));
        }
        Ok(Self { tls, host, port, path: path.to_owned() })
    }
}

fn split_port(authority: &str, tls: bool) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, port)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(text) => text.parse().ok().filter(|&port: &u16| port != 0)?,
        None if port.is_empty() => usual_port(tls),
        None => return None,
    };
    let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    (!host.is_empty() && host.chars().all(sound)).then(|| (host.to_ascii_lowercase(), port))
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), if self.path.is_empty() { "/" } else { &self.path })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<WebAddress, NodeError> {
        text.parse()
    }

    #[test]
    fn addresses_have_host_port_and_path() {
        for (text, tls, host, port, path) in [
            ("https://pacs.example.org/dicom-web", true, "pacs.example.org", 443, "/dicom-web"),
            ("https://pacs.example.org:8443/a/b", true, "pacs.example.org", 8443, "/a/b"),
            ("https://10.0.0.7/", true, "10.0.0.7", 443, ""),
            ("https://[fe80::1]:8443/rs", true, "fe80::1", 8443, "/rs"),
            ("http://localhost:8042/dicom-web", false, "localhost", 8042, "/dicom-web"),
            ("http://127.0.0.2/rs", false, "127.0.0.2", 80, "/rs"),
            ("http://[::1]/rs", false, "::1", 80, "/rs"),
        ] {
            let address = parse(text).unwrap();
            assert_eq!((address.tls, address.host.as_str(), address.port), (tls, host, port), "{text}");
            assert_eq!((address.path.as_str(), address.to_string().as_str()), (path, text));
        }
        assert_eq!(parse("HTTPS://PACS:443/rs//").unwrap().to_string(), "https://pacs/rs");
        assert_eq!(parse("https://pacs").unwrap().to_string(), "https://pacs/");
    }

    #[test]
    fn what_is_no_address_says_why() {
        for (text, reason) in [
            ("https://", "its host or port"),
            ("https://host:0/", "its host or port"),
            ("https://host:/", "its host or port"),
            ("https://host:65536/", "its host or port"),
            ("https://[::1/", "its host or port"),
            ("https://[pacs]/", "its host or port"),
            ("https://a b/", "its host or port"),
            ("https://::1/", "its host or port"),
            ("https://pacs/rs?x=1", "only a path"),
            ("https://pacs/rs#x", "only a path"),
            ("https://pacs/r s", "only a path"),
            ("http://pacs.example.org/rs", "a tunnel"),
            ("http://127.0.0.1.example.org/rs", "a tunnel"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(text), "{text}: {error}");
        }
        let error = parse("https://p2t:sesame@pacs/rs").unwrap_err().to_string();
        assert!(error.contains("login") && !error.contains("sesame"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(text in "https?://[a-z0-9.:\\[\\]/@ %?-]{0,24}") {
            if let Ok(address) = parse(&text) {
                prop_assert_eq!(parse(&address.to_string()), Ok(address));
            }
        }
    }
}
