//! Why a TLS connection did not come about, or ended, in the operator's words.

use rustls::{AlertDescription as Alert, CertificateError, Error, InvalidMessage};

/// What went wrong between us and a peer. Each text is the rest of a sentence about the peer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The chain of its certificate leads to no CA that we trust.
    #[error(
        "its certificate was not issued by a CA that we trust; name the right one as `ca`, or see who answers there"
    )]
    UnknownIssuer,
    /// Its certificate has run out.
    #[error("its certificate has expired; have it renewed, or set the clock here if that is wrong")]
    Expired,
    /// Its certificate begins in the future.
    #[error("its certificate is not valid yet; set the clock here or there if one is wrong")]
    NotYetValid,
    /// Its certificate is for somebody else.
    #[error("its certificate is not for this host: {0}; use a name that it is for, or set `server_name`")]
    OtherName(String),
    /// Anything else about its certificate.
    #[error("its certificate cannot be accepted: {0}")]
    Certificate(String),
    /// It showed no certificate, and we demand one.
    #[error("it showed no certificate, which we demand by `client_ca`")]
    NoCertificate,
    /// It does not speak TLS.
    #[error("it does not speak TLS on this port; use its TLS port, or take the `tls` table away")]
    NotTls,
    /// It wants a certificate from us.
    #[error("it demands a client certificate, and none is configured: set `certificate` and `key`")]
    CertificateDemanded,
    /// It does not accept ours.
    #[error("it refuses our certificate ({0}); have our CA trusted there, or have the certificate renewed")]
    CertificateRefused(String),
    /// No common version or cipher suite.
    #[error(
        "it has no TLS version or cipher suite in common with us ({0}): TLS 1.2 or 1.3 is needed (BCP 195)"
    )]
    NothingInCommon(String),
    /// It hung up in the middle of the handshake.
    #[error(
        "it ended the connection in the middle of the TLS handshake; perhaps it does not speak TLS on this port"
    )]
    Closed,
    /// It broke the protocol, or something else is wrong.
    #[error("TLS failed: {0}")]
    Other(String),
}

impl Fault {
    /// rustls's finding in words.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(why) => Self::of_certificate(why),
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType
                | InvalidMessage::UnknownProtocolVersion
                | InvalidMessage::MessageTooLarge,
            ) => Self::NotTls,
            Error::PeerIncompatible(why) => Self::NothingInCommon(format!("{why:?}")),
            Error::AlertReceived(alert) => Self::of_alert(*alert),
            other => Self::Other(other.to_string()),
        }
    }

    fn of_certificate(why: &CertificateError) -> Self {
        use CertificateError as Why;
        match why {
            Why::UnknownIssuer | Why::BadSignature => Self::UnknownIssuer,
            Why::Expired | Why::ExpiredContext { .. } => Self::Expired,
            Why::NotValidYet | Why::NotValidYetContext { .. } => Self::NotYetValid,
            Why::NotValidForName => Self::OtherName("another name stands in it".to_owned()),
            Why::NotValidForNameContext { expected, presented } => {
                let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
                let names = if names.is_empty() { "no name".to_owned() } else { names.join(", ") };
                Self::OtherName(format!("expected {}, it is for {names}", expected.to_str()))
            }
            other => Self::Certificate(other.to_string()),
        }
    }

    fn of_alert(alert: Alert) -> Self {
        let name = format!("alert {alert:?}");
        match alert {
            Alert::CertificateRequired => Self::CertificateDemanded,
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied => Self::CertificateRefused(name),
            Alert::ProtocolVersion | Alert::InsufficientSecurity | Alert::HandshakeFailure => {
                Self::NothingInCommon(name)
            }
            _ => Self::Other(name),
        }
    }
}

/// A name as rustls shows it, `DnsName("pacs")` or `IpAddress(10.0.0.5)`, without the wrapping.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}
