//! Names of DICOM peers as operators write them: `AETITLE@host:port`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Longest AE title (PS3.5 section 6.2, VR AE: 16 bytes).
const MAX_AE_TITLE: usize = 16;

/// An Application Entity title: 1 to 16 characters of the default repertoire without backslash and control
/// characters; leading and trailing spaces do not count (PS3.5 section 6.2, VR AE). Serialized as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AeTitle(Cow<'static, str>);

/// Text that is not an AE title.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" cannot be used: {reason}. Write 1 to 16 ASCII characters without backslash.")]
pub struct AeTitleError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl AeTitle {
    /// A title that the program itself brings along, without padding; meant for constants, so that the compiler
    /// checks it.
    ///
    /// # Panics
    ///
    /// If `title` is not an AE title.
    pub const fn from_static(title: &'static str) -> Self {
        assert!(title.trim_ascii().len() == title.len(), "an AE title's padding does not count");
        match fault(title) {
            None => Self(Cow::Borrowed(title)),
            Some(reason) => panic!("{}", reason),
        }
    }

    /// The title without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What keeps text without padding from being an AE title.
const fn fault(title: &str) -> Option<&'static str> {
    if title.is_empty() {
        return Some("the AE title is empty");
    }
    if title.len() > MAX_AE_TITLE {
        return Some("the AE title is longer than 16 characters");
    }
    let mut bytes = title.as_bytes();
    while let [first, rest @ ..] = bytes {
        if !matches!(*first, b' '..=b'~') || *first == b'\\' {
            return Some("the AE title has a character that DICOM does not allow (only ASCII, no backslash)");
        }
        bytes = rest;
    }
    None
}

impl FromStr for AeTitle {
    type Err = AeTitleError;

    fn from_str(text: &str) -> Result<Self, AeTitleError> {
        let title = text.trim_matches(' ');
        match fault(title) {
            None => Ok(Self(Cow::Owned(title.to_owned()))),
            Some(reason) => Err(AeTitleError { text: text.to_owned(), reason }),
        }
    }
}

impl TryFrom<String> for AeTitle {
    type Error = AeTitleError;

    fn try_from(text: String) -> Result<Self, AeTitleError> {
        text.parse()
    }
}

impl From<AeTitle> for String {
    fn from(title: AeTitle) -> Self {
        title.0.into_owned()
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A peer: its AE title and where it listens. Parsed from and shown as `AETITLE@host:port`; an IPv6 address is
/// written in brackets. Serialized as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Node {
    /// AE title that we call.
    pub aet: AeTitle,
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port, 1 to 65535.
    pub port: u16,
}

impl FromStr for Node {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::Node { text: text.to_owned(), reason };
        let (aet, address) = text.rsplit_once('@').ok_or_else(|| refuse("there is no '@'"))?;
        let (host, port) =
            address.rsplit_once(':').ok_or_else(|| refuse("there is no ':port' after the host"))?;
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        if bracketed.is_none() && host.contains(':') {
            return Err(refuse("an IPv6 address must stand in brackets, as in PACS@[::1]:104"));
        }
        let host = bracketed.unwrap_or(host);
        let allowed = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '[' | ']');
        if host.is_empty() || !host.chars().all(allowed) {
            return Err(refuse("the host is empty, or has a space or a bracket"));
        }
        let port = port.parse().ok().filter(|&port: &u16| port != 0);
        Ok(Self {
            aet: aet.parse().map_err(|error: AeTitleError| refuse(error.reason))?,
            host: host.to_owned(),
            port: port.ok_or_else(|| refuse("the port is not a number from 1 to 65535"))?,
        })
    }
}

impl TryFrom<String> for Node {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Node> for String {
    fn from(node: Node) -> Self {
        node.to_string()
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}@[{}]:{}", self.aet, self.host, self.port)
        } else {
            write!(f, "{}@{}:{}", self.aet, self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parses_what_it_displays() {
        for text in ["ORTHANC@127.0.0.1:4242", "MY PACS@pacs.example:104", "A@[::1]:11112"] {
            assert_eq!(text.parse::<Node>().unwrap().to_string(), text);
        }
        assert_eq!("A@[::1]:11112".parse::<Node>().unwrap().host, "::1");
    }

    #[test]
    fn refuses_with_the_reason() {
        for (text, reason) in [
            ("pacs:104", "no '@'"),
            ("PACS@host", "':port'"),
            ("PACS@host:0", "1 to 65535"),
            ("PACS@host:70000", "1 to 65535"),
            ("PACS@:104", "host is empty"),
            ("@host:104", "AE title is empty"),
            ("   @host:104", "AE title is empty"),
            ("SEVENTEEN_LETTERS@host:104", "longer than 16"),
            ("A\\B@host:104", "backslash"),
            ("PÄCS@host:104", "ASCII"),
            ("PACS@::1:104", "brackets"),
            ("PACS@[[host]]:104", "a bracket"),
            ("PACS@ho\u{7}st:104", "a space"),
        ] {
            let message = text.parse::<Node>().unwrap_err().to_string();
            assert!(message.contains(reason), "{text}: {message}");
            assert!(message.contains(&format!("\"{text}\" is not a DICOM node")), "{message}");
        }
    }

    #[test]
    fn a_title_has_no_padding() {
        let title: AeTitle = " MY PACS ".parse().unwrap();
        assert_eq!((title.as_str(), &title), ("MY PACS", &AeTitle::from_static("MY PACS")));
        assert!("SIXTEEN__LETTERS".parse::<AeTitle>().is_ok());
    }

    #[test]
    fn a_title_is_refused_with_the_reason_and_the_rule() {
        for (text, reason) in [
            ("  ", "is empty"),
            ("SEVENTEEN_LETTERS", "longer than 16"),
            ("A\tB", "a character that DICOM does not allow"),
        ] {
            let message = text.parse::<AeTitle>().unwrap_err().to_string();
            assert!(message.starts_with(&format!("\"{text}\" cannot be used: ")), "{message}");
            assert!(message.contains(reason), "{text}: {message}");
            assert!(message.ends_with("Write 1 to 16 ASCII characters without backslash."), "{message}");
        }
    }

    #[test]
    #[should_panic(expected = "longer than 16 characters")]
    fn a_constant_that_is_no_title_panics() {
        let _ = AeTitle::from_static("SEVENTEEN_LETTERS");
    }

    #[test]
    #[should_panic(expected = "padding")]
    fn a_constant_with_padding_panics() {
        let _ = AeTitle::from_static("PACS ");
    }

    #[test]
    fn serialized_as_text() {
        let node: Node = serde_json::from_str("\"MY PACS@[::1]:104\"").unwrap();
        assert_eq!(serde_json::to_string(&node).unwrap(), "\"MY PACS@[::1]:104\"");
        assert_eq!(serde_json::to_string(&node.aet).unwrap(), "\"MY PACS\"");
        assert_eq!(serde_json::from_str::<AeTitle>("\" MY PACS\"").unwrap(), node.aet);
        let error = serde_json::from_str::<AeTitle>("\"A\\\\B\"").unwrap_err().to_string();
        assert!(error.contains("no backslash"), "{error}");
        let error = serde_json::from_str::<Node>("\"PACS@host\"").unwrap_err().to_string();
        assert!(error.contains("there is no ':port'"), "{error}");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(text in "\\PC{0,40}|[A-Z]{1,3}@[a-z:\\[\\] ]{0,6}:[0-9]{1,5}") {
            if let Ok(node) = text.parse::<Node>() {
                prop_assert_eq!(node.to_string().parse::<Node>().unwrap(), node);
            }
        }
    }
}
