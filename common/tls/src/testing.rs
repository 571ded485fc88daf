//! Certificates made on the spot, for the tests of this crate and of those that use it.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, reason = "a harness fails as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};

/// A certification authority of a test's own, with its certificate and those that it issues in a folder.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    name: String,
    dir: PathBuf,
}

/// A certificate's file and its key's.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The certificate, PEM.
    pub certificate: PathBuf,
    /// The private key, PKCS #8 PEM.
    pub key: PathBuf,
}

impl Authority {
    /// Makes one with its certificate in `dir`.
    pub fn new(dir: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, name: name.to_owned(), dir: dir.to_owned() };
        fs::write(authority.certificate(), authority.issuer.pem()).unwrap();
        authority
    }

    /// Its certificate's file.
    pub fn certificate(&self) -> PathBuf {
        self.dir.join(format!("{}.crt", self.name))
    }

    /// A certificate for these host names and addresses.
    pub fn issue(&self, name: &str, hosts: &[&str]) -> Pair {
        self.issue_with(name, hosts, |_| {})
    }

    /// One that ran out years ago.
    pub fn issue_expired(&self, name: &str, hosts: &[&str]) -> Pair {
        self.issue_with(name, hosts, |params| {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        })
    }

    fn issue_with(&self, name: &str, hosts: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.distinguished_name = named(name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let file = |extension: &str| self.dir.join(format!("{}-{name}.{extension}", self.name));
        let pair = Pair { certificate: file("crt"), key: file("key") };
        fs::write(&pair.certificate, certificate.pem()).unwrap();
        fs::write(&pair.key, key.serialize_pem()).unwrap();
        pair
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
