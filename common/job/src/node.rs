//! How archives are named on the command line and in the configuration.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{Node, NodeError, WebAddress};

/// An archive: `AETITLE@host:port`, the `https://` address of a DICOMweb service, or the path of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NodeOrPath {
    /// A PACS that speaks DIMSE.
    Node(Node),
    /// A PACS that speaks DICOMweb.
    Web(WebAddress),
    /// A folder tree of DICOM files.
    Path(PathBuf),
}

impl NodeOrPath {
    /// The node, if it is one.
    #[must_use]
    pub fn node(&self) -> Option<&Node> {
        match self {
            Self::Node(node) => Some(node),
            Self::Web(_) | Self::Path(_) => None,
        }
    }

    /// The folder, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Node(_) | Self::Web(_) => None,
            Self::Path(path) => Some(path),
        }
    }
}

impl FromStr for NodeOrPath {
    type Err = NodeError;

    fn from_str(text: &str) -> Result<Self, NodeError> {
        if text.trim().is_empty() {
            return Err(NodeError::Empty);
        }
        if WebAddress::is_meant_by(text) {
            return text.parse().map(Self::Web);
        }
        if text.contains('/') {
            return Ok(Self::Path(text.into()));
        }
        if text.contains('@') {
            return text.parse().map(Self::Node).map_err(|error| not_a_node(text, error));
        }
        if is_address(text) {
            return Err(NodeError::NoAeTitle { text: text.to_owned() });
        }
        Ok(Self::Path(text.into()))
    }
}

/// Whether nothing but the AE title is missing.
fn is_address(text: &str) -> bool {
    format!("AET@{text}").parse::<Node>().is_ok()
}

fn not_a_node(text: &str, error: dimse::Error) -> NodeError {
    let reason = match error {
        dimse::Error::Node { reason, .. } => reason.to_owned(),
        other => other.to_string(),
    };
    NodeError::NotANode { text: text.to_owned(), reason }
}

impl fmt::Display for NodeOrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => node.fmt(f),
            Self::Web(address) => address.fmt(f),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}

impl TryFrom<String> for NodeOrPath {
    type Error = NodeError;

    fn try_from(text: String) -> Result<Self, NodeError> {
        text.parse()
    }
}

impl From<NodeOrPath> for String {
    fn from(archive: NodeOrPath) -> Self {
        archive.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<NodeOrPath, NodeError> {
        text.parse()
    }

    #[test]
    fn nodes_have_title_host_and_port() {
        for (text, aet, host, port) in [
            ("ORTHANC@localhost:4242", "ORTHANC", "localhost", 4242),
            ("MY PACS@10.0.0.7:104", "MY PACS", "10.0.0.7", 104),
            ("A@B@pacs.example.org:65535", "A@B", "pacs.example.org", 65535),
            ("PACS@[fe80::1]:11112", "PACS", "fe80::1", 11112),
        ] {
            let archive = parse(text).unwrap();
            let node = archive.node().unwrap();
            assert_eq!((node.aet.as_str(), node.host.as_str(), node.port), (aet, host, port));
            assert_eq!(archive.to_string(), text);
        }
    }

    #[test]
    fn everything_else_is_a_folder() {
        for text in ["/data/dicom", "images", ".", "../a@b:1", "./PACS@host:104", "C:images"] {
            assert_eq!(parse(text).unwrap().path(), Some(Path::new(text)));
        }
    }

    #[test]
    fn a_node_that_is_nearly_right_says_what_is_wrong() {
        for (text, reason) in [
            ("PACS@host", "there is no ':port' after the host"),
            ("PACS@host:", "the port is not a number"),
            ("PACS@host:0", "the port is not a number"),
            ("PACS@host:65536", "the port is not a number"),
            ("PACS@:104", "the host is empty"),
            ("PACS@::1:104", "an IPv6 address must stand in brackets"),
            ("@host:104", "the AE title is empty"),
            ("A_TITLE_TOO_LONG_BY_FAR@host:104", "the AE title is longer than 16 characters"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert!(error.contains(&format!("\"{text}\" is not AETITLE@host:port: ")), "{error}");
        }
        assert_eq!(parse("host:104"), Err(NodeError::NoAeTitle { text: "host:104".to_owned() }));
        assert_eq!(parse(" "), Err(NodeError::Empty));
    }

    #[test]
    fn an_address_of_the_web_is_dicomweb() {
        let archive = parse("https://pacs.example.org/dicom-web").unwrap();
        assert!(matches!(&archive, NodeOrPath::Web(address) if address.path == "/dicom-web"), "{archive:?}");
        assert!(matches!(parse("http://pacs.example.org/rs"), Err(NodeError::Web { .. })));
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(text in "[A-Z@:/.\\[\\]0-9 é]{0,20}") {
            if let Ok(archive) = parse(&text) {
                prop_assert_eq!(parse(&archive.to_string()), Ok(archive));
            }
        }
    }
}
