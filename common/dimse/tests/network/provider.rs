//! The storage provider: rejections, limits, routing, and DCMTK as its user.

use std::net::TcpStream;
use std::sync::Arc;

use dicom_ul::pdu::{AssociationRQ, PresentationContextProposed, UserVariableItem, write_pdu};
use dimse::{Association, Error, Proposal, Remedy, ScpConfig, SharedReceiver, StorageScp};

use crate::objects::{CT, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, image};
use crate::receivers::Shelf;
use crate::script::{COMMAND, LAST, Peer, command_set, store_request};
use crate::servers::{ae, local, options, run};

pub fn config() -> ScpConfig {
    ScpConfig {
        address: ([127, 0, 0, 1], 0).into(),
        aet: ae("OURS"),
        check_called_aet: true,
        allowed: None,
        tls: None,
        max_associations: 2,
        options: options(),
    }
}

pub fn start_scp(receiver: SharedReceiver) -> StorageScp {
    StorageScp::start(config(), receiver).unwrap()
}

fn open(title: &str, port: u16) -> Result<Association, Error> {
    Association::open(&local(title, port), &ae("TEST"), &[Proposal::echo()], &options())
}

#[test]
fn a_wrong_called_title_needs_the_operator() {
    let scp = start_scp(Arc::new(Shelf::default()));
    let error = open("OTHER", scp.address().port()).err().unwrap();
    assert!(error.to_string().contains("called AE title not recognised"), "{error}");
    assert_eq!(error.remedy(), Remedy::NeedsOperator);
}

#[test]
fn associations_beyond_the_limit_are_rejected_as_transient() {
    let scp = start_scp(Arc::new(Shelf::default()));
    let port = scp.address().port();
    let first = open("OURS", port).unwrap();
    let _second = open("OURS", port).unwrap();
    let error = open("OURS", port).err().unwrap();
    assert!(matches!(error, Error::Rejected(_)), "{error}");
    assert_eq!(error.remedy(), Remedy::Transient);
    first.release().unwrap();
    let _third = (0..100)
        .find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(20));
            open("OURS", port).ok()
        })
        .unwrap();
}

#[test]
fn a_taken_port_is_reported() {
    let scp = start_scp(Arc::new(Shelf::default()));
    let config = ScpConfig { address: scp.address(), ..config() };
    let error = StorageScp::start(config, Arc::new(Shelf::default())).err().unwrap();
    assert!(matches!(error, Error::Listen { .. }), "{error}");
}

#[test]
fn storescu_and_echoscu_are_served() {
    let shelf = Arc::new(Shelf::default());
    let scp = start_scp(shelf.clone());
    let port = scp.address().port().to_string();
    let dir = tempfile::tempdir().unwrap();
    for (syntax, flag, study) in [(EXPLICIT_LE, "-xe", 1), (IMPLICIT_LE, "-xi", 2), (EXPLICIT_BE, "-xb", 3)] {
        let object = image(CT, syntax, study, 1);
        object.write_file(&dir.path().join("object.dcm"));
        run("storescu", &[flag, "-R", "-aec", "OURS", "127.0.0.1", &port, "object.dcm"], dir.path());
        assert!(shelf.len() == study as usize, "{syntax} did not arrive");
    }
    run("echoscu", &["-aec", "OURS", "127.0.0.1", &port], dir.path());
    let exact = image(CT, EXPLICIT_LE, 1, 1);
    assert!(shelf.data_set(&exact.sop_instance) == exact.data_set);
    assert_eq!(shelf.objects.lock().unwrap()[0].0.sender_aet, "STORESCU");
}

/// A raw user whose association is open, with context 1 for CT.
fn raw_user(port: u16) -> Peer {
    let mut user = Peer::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
    let context = PresentationContextProposed {
        id: 1,
        abstract_syntax: CT.to_owned(),
        transfer_syntaxes: vec!["1.2.840.10008.1.2.4.70".to_owned(), EXPLICIT_LE.to_owned()],
    };
    let request = AssociationRQ {
        protocol_version: 1,
        calling_ae_title: "RAW".to_owned(),
        called_ae_title: "OURS".to_owned(),
        application_context_name: "1.2.840.10008.3.1.1.1".to_owned(),
        presentation_contexts: vec![context],
        user_variables: vec![UserVariableItem::MaxLength(0)],
    };
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, &request.into()).unwrap();
    user.send(&bytes);
    assert_eq!(user.read().unwrap().0, 2);
    user
}

/// Status of the response that `user` gets.
fn status(user: &mut Peer) -> u16 {
    let (_, body) = user.read().unwrap();
    let set = dataset::read_flat(&body[6..], dataset::Encoding::ImplicitLe).unwrap();
    set.u16(dataset::Tag(0, 0x0900)).unwrap()
}

#[test]
fn odd_requests_are_answered_and_the_association_lives_on() {
    let shelf = Arc::new(Shelf::default());
    let scp = start_scp(shelf.clone());
    let mut user = raw_user(scp.address().port());
    user.value(1, COMMAND | LAST, &store_request(false));
    assert_eq!(status(&mut user), 0xC000, "no data set");
    let find = [(0x0100, &[0x20, 0][..]), (0x0110, &[1, 0]), (0x0800, &[1, 0])];
    user.value(1, COMMAND | LAST, &command_set(&find));
    user.value(1, LAST, b"an identifier");
    assert_eq!(status(&mut user), 0x0211, "unrecognised operation");
    user.value(1, COMMAND | LAST, &store_request(true));
    user.value(1, 0, b"in two ");
    user.value(1, LAST, b"parts");
    assert_eq!(status(&mut user), 0x0000);
    assert_eq!(shelf.data_set("1.2.3"), b"in two parts");
    assert_eq!(shelf.objects.lock().unwrap()[0].0.transfer_syntax, EXPLICIT_LE);
    user.send(&[5, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
    assert_eq!(user.read().unwrap().0, 6);
}

#[test]
fn users_that_break_the_rules_are_aborted_and_nothing_is_kept() {
    let shelf = Arc::new(Shelf::default());
    let scp = start_scp(shelf.clone());
    let port = scp.address().port();
    for garbage in
        [&b"GET / HTTP/1.1\r\n\r\n"[..], &[1, 0, 0xFF, 0xFF, 0xFF, 0xFF], &[5, 0, 0, 0, 0, 4, 0, 0, 0, 0]]
    {
        let mut user = Peer::new(TcpStream::connect(("127.0.0.1", port)).unwrap());
        user.send(garbage);
        user.expect_abort();
    }
    for garbage in [&[4, 0, 0xFF, 0xFF, 0xFF, 0xFF][..], &[4, 0, 0, 0, 0, 6, 0, 0, 1, 0, 1, 0]] {
        let mut user = raw_user(port);
        user.value(1, COMMAND | LAST, &store_request(true));
        user.value(1, 0, &vec![0; 100_000]);
        user.send(garbage);
        assert_eq!(user.expect_abort(), (2, 6));
    }
    let mut lost = raw_user(port);
    lost.value(1, COMMAND | LAST, &store_request(true));
    lost.value(1, 0, &vec![0; 100_000]);
    lost.finish();
    drop(scp);
    assert_eq!((*shelf.begun.lock().unwrap(), shelf.len()), (3, 0));
}
