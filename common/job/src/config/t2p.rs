//! The configuration of `t2p`.

use pace::{ByteSize, PaceConfig};
use serde::{Deserialize, Serialize};

use super::{
    DriveConfig, LoginConfig, RetryConfig, TimeoutsConfig, TlsConfig,
    check::{Check, Fault, at_least, in_range},
    page::Page,
    shared::{check_pace, render_pace},
};
use crate::{AeTitle, NodeOrPath, Program};

/// Everything in `t2p.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct T2pConfig {
    /// Our calling AE title.
    pub aet: AeTitle,
    /// The archives to fill.
    pub destination: Vec<DestinationConfig>,
    /// Where segments wait.
    pub spool: T2pSpool,
    /// How long tape drives are waited for.
    pub drive: DriveConfig,
    /// How fast we may go.
    pub pace: PaceConfig,
    /// How long to wait for a destination.
    pub timeouts: TimeoutsConfig,
    /// How often to try again.
    pub retry: RetryConfig,
}

impl Default for T2pConfig {
    fn default() -> Self {
        Self {
            aet: Program::T2p.ae_title(),
            destination: Vec::new(),
            spool: T2pSpool::default(),
            drive: DriveConfig::default(),
            pace: PaceConfig::default(),
            timeouts: TimeoutsConfig::default(),
            retry: RetryConfig::default(),
        }
    }
}

/// One `[[destination]]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DestinationConfig {
    /// The archive.
    pub node: NodeOrPath,
    /// What reports call it; its node if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Associations open to it at the same time, from 1 to 64, within the ceiling of `[pace.limits]` or of the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub associations: Option<u16>,
    /// Speaks TLS with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// Who we are to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<LoginConfig>,
}

impl DestinationConfig {
    /// A destination with nothing but its node.
    #[must_use]
    pub fn new(node: NodeOrPath) -> Self {
        Self { node, name: None, associations: None, tls: None, login: None }
    }

    /// What reports call it.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.node.to_string())
    }
}

/// `[spool]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct T2pSpool {
    /// How large the spool may grow before loading waits for delivery.
    pub limit_bytes: ByteSize,
}

impl Default for T2pSpool {
    fn default() -> Self {
        Self { limit_bytes: ByteSize(64 << 30) }
    }
}

/// Less would not hold one segment of any sensible size.
const LEAST_SPOOL: ByteSize = ByteSize(1 << 20);
const MAX_DESTINATIONS: usize = 16;

impl Check for T2pConfig {
    fn check(&self) -> Result<(), Fault> {
        if self.destination.len() > MAX_DESTINATIONS {
            let message = format!(
                "stands {} times, but at most {MAX_DESTINATIONS} are allowed",
                self.destination.len()
            );
            return Err(Fault { key: "destination", message });
        }
        for (position, destination) in self.destination.iter().enumerate() {
            in_range("destination.associations", destination.associations.unwrap_or(1), 1..=64)?;
            destination.tls.as_ref().map_or(Ok(()), |tls| tls.check("destination.tls"))?;
            destination.login.as_ref().map_or(Ok(()), |login| login.check("destination.login"))?;
            let earlier = self.destination.iter().take(position);
            if earlier.into_iter().any(|earlier| earlier.label() == destination.label()) {
                let message = format!("{} stands twice: give each a name of its own", destination.label());
                return Err(Fault { key: "destination", message });
            }
        }
        at_least("spool.limit_bytes", self.spool.limit_bytes, LEAST_SPOOL)?;
        self.drive.check()?;
        self.check_pace()?;
        self.timeouts.check()?;
        self.retry.check()
    }
}

impl T2pConfig {
    /// What p2t can and t2p cannot do is refused, so that nobody relies on it.
    fn check_pace(&self) -> Result<(), Fault> {
        let mut windows = self.pace.window.iter().filter_map(|window| window.limits);
        let in_windows = windows.find_map(|limits| limits.studies_per_hour);
        if self.pace.limits.studies_per_hour.or(in_windows).is_some() {
            let message = "is a ceiling for p2t only: use instances_per_second".to_owned();
            return Err(Fault { key: "pace.limits.studies_per_hour", message });
        }
        if self.pace.adaptive.is_some() {
            let message = "is for p2t only: remove it, and set ceilings and windows".to_owned();
            return Err(Fault { key: "pace.adaptive", message });
        }
        check_pace(&self.pace)
    }

    /// The configuration as `t2p init` writes it, with comments; reads back as the same.
    #[must_use]
    pub fn render(&self) -> String {
        let mut page = Page::new(
            "Configuration of a t2p job. Unknown keys are refused. Sizes are bytes, or text such as \"5 MB\", \"4 GiB\".\n\
             Lines that begin with # and no space are examples: remove the # to use them.",
        );
        page.note("Our AE title, by which the destinations must know us.");
        page.bare_key("aet", self.aet.to_string());
        page.note(
            "The archives to fill. node is AETITLE@host:port, or the path of a folder; name is what reports call it;\n\
             associations is how many to open at the same time, at most as many as [pace] allows. Each has the ceilings of [pace] for itself. tls and login say how\n\
             both sides prove who they are: ca (who issued its certificate; those of the system if left out), certificate and\n\
             key (ours, if it demands one), server_name; user, with passcode_file or passcode_env.",
        );
        if self.destination.is_empty() {
            page.example_array_table(
                "destination",
                &[
                    "node = \"ARCHIVE@archive.example.org:104\"",
                    "name = \"archive\"",
                    "associations = 4",
                    "tls = { ca = \"ca.pem\", certificate = \"t2p.crt\", key = \"t2p.key\" }",
                    "login = { user = \"t2p\", passcode_env = \"T2P_PASSCODE\" }",
                ],
            );
        }
        for destination in &self.destination {
            page.array_table("destination");
            page.serialized(destination);
        }
        page.table("spool", "Local disk where segments wait until they are delivered.");
        page.key("Loading waits when it is full.", "limit_bytes", self.spool.limit_bytes.to_string());
        self.drive.render(&mut page);
        render_pace(Program::T2p, &self.pace, &mut page);
        self.timeouts.render(&mut page);
        self.retry.render(&mut page);
        page.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{page::uncommented, parse};

    fn read(text: &str) -> T2pConfig {
        parse(text, Path::new("t2p.toml")).unwrap()
    }

    fn fault(text: &str) -> String {
        parse::<T2pConfig>(text, Path::new("t2p.toml")).unwrap_err().to_string()
    }

    #[test]
    fn nothing_written_means_the_defaults() {
        let config = read("");
        assert_eq!((config.clone(), config.aet.as_str()), (T2pConfig::default(), "T2P"));
        assert_eq!(read(&config.render()), config);
    }

    #[test]
    fn the_examples_in_the_default_file_are_valid() {
        let config = read(&uncommented(&T2pConfig::default().render()));
        let destination = config.destination.first().unwrap();
        assert_eq!((destination.label().as_str(), destination.associations), ("archive", Some(4)));
        assert_eq!(destination.login.as_ref().unwrap().user.as_deref(), Some("t2p"));
        assert_eq!(config.pace.window.len(), 2);
    }

    #[test]
    fn a_file_with_everything_filled_in_reads_back() {
        let mut config = read(&uncommented(&T2pConfig::default().render()));
        config.destination.push(DestinationConfig::new("/data/\"out\"".parse().unwrap()));
        config.pace.window.extend(config.pace.window.clone());
        config.pace.limits.instances_per_second = Some(0.25);
        assert_eq!(read(&config.render()), config);
    }

    #[test]
    fn half_a_login_or_certificate_is_refused() {
        let with = |key: &str| fault(&format!("[[destination]]\nnode = \"A@h:1\"\n{key}"));
        assert!(with("tls = { key = \"k\" }").contains("`destination.tls` must have certificate and key"));
        assert!(with("login = {}").contains("`destination.login` must name a user or a token"));
    }

    #[test]
    fn what_only_p2t_can_is_refused() {
        for text in [
            "[pace.limits]\nstudies_per_hour = 5",
            "[pace.adaptive]\nenabled = false",
            "[[pace.window]]\nfrom = \"01:00\"\nto = \"02:00\"\nlimits = { studies_per_hour = 5 }",
        ] {
            assert!(fault(text).contains("for p2t only"), "{}", fault(text));
        }
    }

    #[test]
    fn destinations_are_few_and_told_apart() {
        let twice = "[[destination]]\nnode = \"A@h:1\"\n[[destination]]\nnode = \"A@h:1\"\n";
        assert!(fault(twice).contains("`destination` A@h:1 stands twice"), "{}", fault(twice));
        let many = (1..=17).map(|port| format!("[[destination]]\nnode = \"A@h:{port}\"\n"));
        let many = many.collect::<Vec<_>>().concat();
        assert!(fault(&many).contains("`destination` stands 17 times"), "{}", fault(&many));
        let none = "[[destination]]\nnode = \"A@h:1\"\nassociations = 0";
        assert!(fault(none).contains("`destination.associations` is 0, but must be from 1 to 64"));
        assert!(fault("[[destination]]\nname = \"x\"").contains("missing key `node`"));
    }
}
