//! Our user against our provider.

use std::io::{self, Read};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dimse::{Association, Error, MAX_CONTEXTS, Options, Proposal, Remedy, Status, StoreRequest};

use crate::objects::{CT, EXPLICIT_LE, IMPLICIT_LE, Object, image};
use crate::provider::start_scp;
use crate::receivers::{Digests, Refuser, Shelf};
use crate::servers::{ae, local, options};

fn request(object: &Object) -> StoreRequest<'_> {
    StoreRequest {
        sop_class: &object.sop_class,
        sop_instance: &object.sop_instance,
        transfer_syntax: &object.transfer_syntax,
        originator: None,
    }
}

/// `left` bytes of a pseudo-random sequence, made as they are read.
struct Synthetic {
    left: u64,
    state: u64,
}

impl Read for Synthetic {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (buffer.len() as u64).min(self.left) as usize;
        for byte in &mut buffer[..count] {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (self.state >> 56) as u8;
        }
        self.left -= count as u64;
        Ok(count)
    }
}

#[test]
fn a_big_object_arrives_byte_for_byte() {
    const LENGTH: u64 = 300 * 1024 * 1024 + 2;
    let digests = Arc::new(Digests::default());
    let scp = start_scp(digests.clone());
    let node = local("OURS", scp.address().port());
    let mut association =
        Association::open(&node, &ae("TEST"), &[Proposal::scu(CT, EXPLICIT_LE)], &options()).unwrap();
    let object =
        StoreRequest { sop_class: CT, sop_instance: "1.2.3", transfer_syntax: EXPLICIT_LE, originator: None };
    let mut source = Synthetic { left: LENGTH, state: 7 };
    assert!(association.store(&object, &mut source, LENGTH).unwrap().is_stored());
    association.release().unwrap();
    let expected =
        blake3::Hasher::new().update_reader(Synthetic { left: LENGTH, state: 7 }).unwrap().finalize();
    assert_eq!(*digests.0.lock().unwrap(), [(LENGTH, expected)]);
}

#[test]
fn lengths_around_the_fragment_size_and_odd_ones() {
    let shelf = Arc::new(Shelf::default());
    let scp = start_scp(shelf.clone());
    let node = local("OURS", scp.address().port());
    let options = options().with_max_pdu(4096).unwrap();
    let mut association =
        Association::open(&node, &ae("TEST"), &[Proposal::scu(CT, IMPLICIT_LE)], &options).unwrap();
    for length in [0_usize, 1, 2, 131_065, 131_066, 131_067, 262_132, 262_133, 1_000_001] {
        let uid = format!("1.2.{length}");
        let object = StoreRequest {
            sop_class: CT,
            sop_instance: &uid,
            transfer_syntax: IMPLICIT_LE,
            originator: None,
        };
        let bytes: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
        assert!(association.store(&object, &mut bytes.as_slice(), length as u64).unwrap().is_stored());
        assert!(shelf.data_set(&uid) == bytes, "{length} bytes");
    }
    association.release().unwrap();
}

#[test]
fn what_cannot_be_parsed_travels() {
    let shelf = Arc::new(Shelf::default());
    let scp = start_scp(shelf.clone());
    let node = local("OURS", scp.address().port());
    let mut association =
        Association::open(&node, &ae("TEST"), &[Proposal::scu("1.2.3.4.5", "9.9.9")], &options()).unwrap();
    let nest = b"\x08\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF".repeat(100_000);
    let object = StoreRequest {
        sop_class: "1.2.3.4.5",
        sop_instance: "../../etc",
        transfer_syntax: "9.9.9",
        originator: None,
    };
    assert!(association.store(&object, &mut nest.as_slice(), nest.len() as u64).unwrap().is_stored());
    assert!(shelf.data_set("../../etc") == nest);
    let incoming = shelf.objects.lock().unwrap()[0].0.clone();
    assert_eq!((incoming.sender_aet.as_str(), incoming.receiver_aet.as_str()), ("TEST", "OURS"));
    assert_eq!(incoming.transfer_syntax, "9.9.9");
}

#[test]
fn refusals_are_answered_and_the_association_lives_on() {
    for (refuser, status, comment) in [
        (Refuser::Begin, 0xA900, "not this one"),
        (Refuser::Write, 0xA700, "no storage space"),
        (Refuser::Finish, 0xC001, "changed my mind"),
    ] {
        let scp = start_scp(Arc::new(refuser));
        let node = local("OURS", scp.address().port());
        let proposals = [Proposal::scu(CT, EXPLICIT_LE), Proposal::echo()];
        let mut association = Association::open(&node, &ae("TEST"), &proposals, &options()).unwrap();
        let object = image(CT, EXPLICIT_LE, 1, 1);
        let length = object.data_set.len() as u64;
        let end = association.store(&request(&object), &mut object.data_set.as_slice(), length).unwrap();
        assert_eq!((end.status, end.comment.as_deref()), (Status(status), Some(comment)));
        association.echo().unwrap();
        association.release().unwrap();
    }
}

#[test]
fn a_source_that_ends_early_aborts_and_nothing_is_kept() {
    let shelf = Arc::new(Shelf::default());
    let scp = start_scp(shelf.clone());
    let node = local("OURS", scp.address().port());
    let mut association =
        Association::open(&node, &ae("TEST"), &[Proposal::scu(CT, EXPLICIT_LE)], &options()).unwrap();
    let object =
        StoreRequest { sop_class: CT, sop_instance: "1.2.3", transfer_syntax: EXPLICIT_LE, originator: None };
    let mut short = Synthetic { left: 1_000_000, state: 1 };
    let error = association.store(&object, &mut short, 2_000_000).unwrap_err();
    assert!(matches!(error, Error::Source(_)), "{error}");
    assert!(!association.is_open());
    let begun = || *shelf.begun.lock().unwrap();
    assert!((0..300).any(|_| begun() == 1 || {
        thread::sleep(Duration::from_millis(10));
        false
    }));
    drop(scp);
    assert_eq!(shelf.len(), 0);
}

#[test]
fn nothing_is_sent_in_another_syntax() {
    let scp = start_scp(Arc::new(Shelf::default()));
    let node = local("OURS", scp.address().port());
    let mut association =
        Association::open(&node, &ae("TEST"), &[Proposal::scu(CT, EXPLICIT_LE)], &options()).unwrap();
    let object = image(CT, IMPLICIT_LE, 1, 1);
    let error = association.store(&request(&object), &mut object.data_set.as_slice(), 10).unwrap_err();
    assert!(matches!(error, Error::NoContext { .. }), "{error}");
    assert_eq!(error.remedy(), Remedy::Permanent);
    assert!(association.is_open());
}

#[test]
fn one_hundred_and_twenty_eight_contexts_and_not_one_more() {
    let shelf = Arc::new(Shelf::default());
    let scp = start_scp(shelf.clone());
    let node = local("OURS", scp.address().port());
    let mut proposals: Vec<_> = (0..MAX_CONTEXTS).map(|i| Proposal::scu(CT, &format!("1.2.{i}"))).collect();
    let mut association = Association::open(&node, &ae("TEST"), &proposals, &options()).unwrap();
    for syntax in ["1.2.0", "1.2.127"] {
        let object =
            StoreRequest { sop_class: CT, sop_instance: syntax, transfer_syntax: syntax, originator: None };
        assert!(association.store(&object, &mut &b"abcd"[..], 4).unwrap().is_stored());
    }
    let syntaxes: Vec<_> =
        shelf.objects.lock().unwrap().iter().map(|(i, _)| i.transfer_syntax.clone()).collect();
    assert_eq!(syntaxes, ["1.2.0", "1.2.127"]);
    proposals.push(Proposal::echo());
    let error = Association::open(&node, &ae("TEST"), &proposals, &options()).err().unwrap();
    assert!(matches!(error, Error::TooManyContexts(129)), "{error}");
}

#[test]
fn a_stopping_provider_aborts_idle_associations() {
    let scp = start_scp(Arc::new(Shelf::default()));
    let node = local("OURS", scp.address().port());
    let mut association =
        Association::open(&node, &ae("TEST"), &[Proposal::echo()], &Options::default()).unwrap();
    association.echo().unwrap();
    drop(scp);
    let error = association.echo().unwrap_err();
    assert!(matches!(error, Error::Aborted(_) | Error::Wire(wire::Error::Lost { .. })), "{error}");
    assert_eq!(error.remedy(), Remedy::Transient);
    let refused = Association::open(&node, &ae("TEST"), &[Proposal::echo()], &options()).err().unwrap();
    assert!(matches!(refused, Error::Wire(wire::Error::Connect { .. })), "{refused}");
}
