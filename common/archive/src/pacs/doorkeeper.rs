//! Who stands behind our listener when nobody asked for what comes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use dimse::{Error, Incoming, Receiver, Refusal};
use job::Monitor;

/// A caller that tries again and again says nothing new.
const MOST_FINDINGS: usize = 100;

/// Refuses what nobody asked for, because a listener must not take in objects that no plan lists; and tells about
/// callers that were not let in, each of a kind once.
pub struct Doorkeeper {
    monitor: Arc<dyn Monitor>,
    findings: Mutex<BTreeSet<String>>,
}

impl Doorkeeper {
    /// One that tells `monitor`.
    pub fn new(monitor: Arc<dyn Monitor>) -> Self {
        Self { monitor, findings: Mutex::default() }
    }

    fn tell(&self, finding: &str) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        if findings.len() < MOST_FINDINGS && findings.insert(finding.to_owned()) {
            self.monitor.finding(finding);
        }
    }

    /// What it has told so far.
    pub fn findings(&self) -> Vec<String> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Receiver for Doorkeeper {
    fn begin(&self, incoming: &Incoming) -> Result<Box<dyn dimse::Intake + '_>, Refusal> {
        self.tell(&format!(
            "our listener refused objects from {:?} that belong to no C-MOVE under way: they came too late, or nobody asked \
             for them",
            incoming.sender_aet
        ));
        Err(Refusal::out_of_resources("not asked for"))
    }

    fn turned_away(&self, peer: SocketAddr, error: &Error) {
        // Without the port, which is another one each time.
        let finding = match error {
            Error::Wire(wire::Error::Tls { fault, .. }) => {
                format!("a caller from {} was turned away by our listener: {fault}", peer.ip())
            }
            other => format!("our listener, to a caller from {}: {other}", peer.ip()),
        };
        self.tell(&finding);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_caller_is_told_once_whatever_its_port() {
        let door = Doorkeeper::new(Arc::new(job::Void));
        for port in 1..=3 {
            let fault = tls::Fault::NoCertificate;
            let error = wire::Error::Tls { peer: format!("10.0.0.5:{port}"), fault }.into();
            door.turned_away(([10, 0, 0, 5], port).into(), &error);
        }
        door.turned_away(([10, 0, 0, 6], 1).into(), &Error::SpeaksTls);
        let findings = door.findings();
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].contains("10.0.0.5 was turned away") && findings[0].contains("no certificate"));
    }

    #[test]
    fn who_sends_what_nobody_asked_for_is_refused_and_told_of_once() {
        let door = Doorkeeper::new(Arc::new(job::Void));
        let object = |number: u32| Incoming {
            sop_class: "1.2".into(),
            sop_instance: format!("1.2.{number}"),
            transfer_syntax: "1.2.840.10008.1.2".into(),
            sender_aet: "LATE".into(),
            receiver_aet: "US".into(),
            message_id: 1,
            move_originator_aet: None,
            move_originator_id: None,
        };
        assert!((0..3).all(|number| door.begin(&object(number)).is_err()));
        let findings = door.findings();
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("\"LATE\" that belong to no C-MOVE under way"), "{findings:?}");
    }
}
