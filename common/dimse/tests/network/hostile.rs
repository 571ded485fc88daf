//! Peers that break the rules: each gets a clear error, soon, in bounded memory.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use dimse::{
    Association, Error, FindEnd, Level, Options, Proposal, Remedy, RetrieveEnd, Status, StoreRequest,
    Timeouts, Watch,
};

use crate::objects::{CT, EXPLICIT_LE};
use crate::receivers::Shelf;
use crate::script::{COMMAND, LAST, Peer, implicit, peer, response, store_request};
use crate::servers::ae;

const FIND: u16 = 0x0020;
const GET: u16 = 0x0010;
const PENDING: u16 = 0xFF00;

fn hasty() -> Options {
    let short = Duration::from_millis(600);
    Options::default().with_timeouts(Timeouts {
        associate: short,
        idle: short,
        cancel: short,
        connect: short,
    })
}

/// Opens with query contexts 1 (find), 3 (get) and storage context 5.
fn open(
    script: impl FnOnce(&mut Peer) + Send + 'static,
) -> (Result<Association, Error>, thread::JoinHandle<()>) {
    let (node, thread) = peer(script);
    let proposals = [Proposal::find(), Proposal::get(), Proposal::scp(CT, EXPLICIT_LE)];
    (Association::open(&node, &ae("TEST"), &proposals, &hasty()), thread)
}

fn refused_opening(script: impl FnOnce(&mut Peer) + Send + 'static) -> Error {
    let (result, thread) = open(script);
    thread.join().unwrap();
    result.err().unwrap()
}

fn find(script: impl FnOnce(&mut Peer) + Send + 'static) -> (Result<FindEnd, Error>, Vec<dataset::FlatSet>) {
    let (association, thread) = open(script);
    let mut rows = Vec::new();
    let end = association.unwrap().find(Level::Study, &[], &mut |row| {
        rows.push(row);
        ControlFlow::Continue(())
    });
    thread.join().unwrap();
    (end, rows)
}

fn get(shelf: &Shelf, script: impl FnOnce(&mut Peer) + Send + 'static) -> Result<RetrieveEnd, Error> {
    let (association, thread) = open(script);
    let end = association.unwrap().get(Level::Study, &[], shelf, &Watch::default());
    thread.join().unwrap();
    end
}

#[test]
fn a_pdu_of_4_gib_is_refused_unread() {
    let error = refused_opening(|peer| {
        peer.read_request();
        peer.send(&[2, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        peer.expect_abort();
    });
    assert!(matches!(error, Error::PduTooLong { kind: 2, length: u32::MAX, .. }), "{error}");
    let error = get(&Shelf::default(), |peer| {
        peer.accept_query();
        peer.send(&[4, 0, 0xFF, 0xFF, 0xFF, 0xFF]);
        assert_eq!(peer.expect_abort(), (2, 6));
    });
    let error = error.unwrap_err();
    assert!(matches!(error, Error::PduTooLong { kind: 4, .. }), "{error}");
    assert_eq!(error.remedy(), Remedy::Permanent);
}

#[test]
fn values_that_do_not_fit_their_pdu_are_refused() {
    let bad: [&[u8]; 5] = [
        &[4, 0, 0, 0, 0, 0],
        &[4, 0, 0, 0, 0, 5, 0, 0, 0, 1, 3],
        &[4, 0, 0, 0, 0, 8, 0, 0, 0, 5, 3, 3, 0, 0],
        &[4, 0, 0, 0, 0, 8, 0xFF, 0xFF, 0xFF, 0xFF, 3, 3, 0, 0],
        &[4, 0, 0, 0, 0, 8, 0, 0, 0, 0, 3, 3, 0, 0],
    ];
    for bytes in bad {
        let error = get(&Shelf::default(), move |peer| {
            peer.accept_query();
            peer.send(bytes);
            assert_eq!(peer.expect_abort(), (2, 6));
        });
        assert!(matches!(error, Err(Error::Malformed { what: "P-DATA-TF", .. })), "{error:?}");
    }
}

#[test]
fn what_is_not_dicom_is_an_error() {
    for bytes in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &[0x2A, 0, 0, 0, 0, 1, 9], &[2, 0, 0, 0, 0, 3, 1, 2, 3]]
    {
        let error = refused_opening(move |peer| {
            peer.read_request();
            peer.send(bytes);
            peer.expect_abort();
        });
        assert!(error.is_violation(), "{error}");
    }
}

#[test]
fn silence_is_a_timeout_in_every_state() {
    let error = refused_opening(|peer| {
        peer.read_request();
        peer.expect_abort();
    });
    assert!(matches!(error, Error::Wire(wire::Error::TimedOut { .. })), "{error}");
    let end = get(&Shelf::default(), |peer| {
        peer.accept_query();
        peer.expect_abort();
    });
    assert!(matches!(end, Err(Error::Wire(wire::Error::TimedOut { .. }))), "{end:?}");
    let shelf = Shelf::default();
    let end = get(&shelf, |peer| {
        peer.accept_query();
        peer.value(5, COMMAND | LAST, &store_request(true));
        peer.value(5, 0, b"half an object");
        peer.expect_abort();
    });
    assert_eq!(end.unwrap_err().remedy(), Remedy::Transient);
    assert_eq!(shelf.len(), 0);
}

#[test]
fn an_answer_in_dribbles_does_not_last_for_ever() {
    let error = refused_opening(|peer| {
        peer.read_request();
        peer.send(&[2, 0, 0, 0, 4, 0]);
        for _ in 0..200 {
            thread::sleep(Duration::from_millis(20));
            peer.send(&[0]);
        }
    });
    assert!(matches!(error, Error::Wire(wire::Error::TimedOut { .. })), "{error}");
}

#[test]
fn an_abort_or_a_lost_connection_in_mid_object_leaves_nothing() {
    let shelf = Shelf::default();
    let end = get(&shelf, |peer| {
        peer.accept_query();
        peer.value(5, COMMAND | LAST, &store_request(true));
        peer.value(5, 0, &[1; 5000]);
        peer.send(&[7, 0, 0, 0, 0, 4, 0, 0, 2, 1]);
        peer.finish();
    });
    let error = end.unwrap_err();
    assert!(matches!(error, Error::Aborted(_)), "{error}");
    assert!(error.to_string().contains("unrecognised PDU"), "{error}");
    let end = get(&shelf, |peer| {
        peer.accept_query();
        peer.value(5, COMMAND | LAST, &store_request(true));
        peer.value(5, 0, &[1; 5000]);
        peer.finish();
    });
    assert!(matches!(end, Err(Error::Wire(wire::Error::Lost { .. }))), "{end:?}");
    assert_eq!((*shelf.begun.lock().unwrap(), shelf.len()), (2, 0));
}

#[test]
fn a_release_in_mid_operation_is_answered_and_an_error() {
    let end = get(&Shelf::default(), |peer| {
        peer.accept_query();
        peer.send(&[5, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
        assert_eq!(peer.read().unwrap().0, 6);
    });
    assert!(matches!(end, Err(Error::ReleasedByPeer)), "{end:?}");
}

#[test]
fn success_without_sub_operations_is_only_reported() {
    let shelf = Shelf::default();
    let end = get(&shelf, |peer| {
        let id = peer.accept_query();
        peer.value(3, COMMAND | LAST, &response(GET, id, false, 0));
        peer.finish();
    });
    let end = end.unwrap();
    assert_eq!((end.status, end.completed, shelf.len()), (Status::SUCCESS, None, 0));
}

#[test]
fn the_list_of_failed_instances_is_read_and_a_broken_one_ignored() {
    for (list, expected) in
        [(implicit(8, 0x58, b"1.2.3\\1.2.4\0"), vec!["1.2.3", "1.2.4"]), (vec![8, 0, 0x58], vec![])]
    {
        let end = get(&Shelf::default(), move |peer| {
            let id = peer.accept_query();
            peer.value(3, COMMAND | LAST, &response(GET, id, true, 0xC000));
            peer.value(3, LAST, &list);
            peer.finish();
        });
        let end = end.unwrap();
        assert_eq!(
            (end.status, end.failed_uids),
            (Status(0xC000), expected.iter().map(|&s| s.into()).collect())
        );
    }
}

#[test]
fn messages_may_come_in_any_number_of_fragments() {
    let (end, rows) = find(|peer| {
        let id = peer.accept_query();
        let row = implicit(0x20, 0x0D, b"1.2.3.4\0");
        for (control, message) in [(COMMAND, response(FIND, id, true, PENDING)), (0, row)] {
            for byte in message {
                peer.value(1, control, &[byte]);
                peer.value(1, control, &[]);
            }
            peer.value(1, control | LAST, &[]);
        }
        peer.value(1, COMMAND | LAST, &response(FIND, id, false, 0));
        peer.finish();
    });
    assert!(end.unwrap().is_complete());
    assert_eq!(rows[0].uid(dataset::Tag(0x20, 0x0D)).unwrap(), "1.2.3.4");
}

#[test]
fn nests_of_junk_do_not_hurt() {
    let nest = b"\x08\0\x40\x11\xFF\xFF\xFF\xFF\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF".repeat(60_000);
    let (end, _) = find(move |peer| {
        let id = peer.accept_query();
        peer.value(1, COMMAND | LAST, &response(FIND, id, true, PENDING));
        peer.value(1, LAST, &nest);
        peer.value(1, COMMAND | LAST, &response(FIND, id, false, 0));
        peer.finish();
    });
    assert!(matches!(end, Ok(_) | Err(Error::Identifier(_))), "{end:?}");
}

#[test]
fn endless_command_sets_and_identifiers_are_cut() {
    let (end, _) = find(|peer| {
        peer.accept_query();
        for _ in 0..100 {
            peer.value(1, COMMAND, &[0; 1000]);
        }
        peer.expect_abort();
    });
    assert!(matches!(end, Err(Error::MessageTooLong { what: "command set", .. })), "{end:?}");
    let (end, _) = find(|peer| {
        let id = peer.accept_query();
        peer.value(1, COMMAND | LAST, &response(FIND, id, true, PENDING));
        for _ in 0..30 {
            peer.value(1, 0, &vec![0; 50_000]);
        }
        peer.expect_abort();
    });
    assert!(matches!(end, Err(Error::MessageTooLong { what: "identifier", .. })), "{end:?}");
}

#[test]
fn messages_out_of_place_are_violations() {
    let scripts: [fn(&mut Peer, u16); 5] = [
        |peer, id| peer.value(99, COMMAND | LAST, &response(GET, id, false, 0)),
        |peer, id| peer.value(3, COMMAND | LAST, &response(GET, id.wrapping_add(1), false, 0)),
        |peer, id| peer.value(3, COMMAND | LAST, &response(FIND, id, false, 0)),
        |peer, _| peer.value(5, LAST, b"a data set without a command"),
        |peer, _| {
            peer.value(5, COMMAND | LAST, &store_request(true));
            peer.value(5, COMMAND | LAST, &store_request(true));
        },
    ];
    for script in scripts {
        let end = get(&Shelf::default(), move |peer| {
            let id = peer.accept_query();
            script(peer, id);
            assert_eq!(peer.expect_abort(), (2, 2));
        });
        assert!(matches!(end, Err(Error::Unexpected { .. })), "{end:?}");
    }
}

#[test]
fn a_peer_that_ignores_cancel_is_aborted() {
    let (association, thread) = open(|peer| {
        peer.accept_query();
        peer.expect_abort();
    });
    let watch = Watch { stop: &|| true, ..Watch::default() };
    let end = association.unwrap().get(Level::Study, &[], &Shelf::default(), &watch);
    assert!(matches!(end, Err(Error::Stopped)), "{end:?}");
    thread.join().unwrap();
}

#[test]
fn activity_elsewhere_keeps_a_silent_operation_alive() {
    let (association, thread) = open(|peer| {
        let id = peer.accept_query();
        thread::sleep(Duration::from_secs(2));
        peer.value(3, COMMAND | LAST, &response(GET, id, false, 0));
        peer.finish();
    });
    let count = std::cell::Cell::new(0);
    let activity = || {
        count.set(count.get() + 1);
        count.get()
    };
    let watch = Watch { activity: &activity, ..Watch::default() };
    let end = association.unwrap().get(Level::Study, &[], &Shelf::default(), &watch).unwrap();
    assert!(end.status.is_success());
    thread.join().unwrap();
}

#[test]
fn reserved_rejections_and_bare_refusals_are_understood() {
    let error = refused_opening(|peer| {
        peer.read_request();
        peer.send(&[3, 0, 0, 0, 0, 4, 0, 2, 3, 77]);
        peer.finish();
    });
    assert!(error.to_string().contains("result 2 source 3 reason 77"), "{error}");
    assert_eq!(error.remedy(), Remedy::Transient);
    let error = refused_opening(|peer| {
        peer.read_request();
        let mut body = vec![0; 68];
        body[1] = 1;
        body.extend(b"\x10\0\0\x151.2.840.10008.3.1.1.1");
        for id in [1, 3, 5] {
            body.extend([0x21, 0, 0, 4, id, 0, 3, 0]);
        }
        body.extend([0x50, 0, 0, 8, 0x51, 0, 0, 4, 0, 0, 0x40, 0]);
        let mut pdu = vec![2, 0];
        pdu.extend((body.len() as u32).to_be_bytes());
        pdu.extend(body);
        peer.send(&pdu);
        peer.expect_abort();
    });
    assert!(matches!(error, Error::NoneAccepted(3, _)), "{error}");
    assert!(error.to_string().contains("abstract syntax not supported"), "{error}");
}

#[test]
fn a_failing_store_response_is_returned_with_its_comment() {
    let (node, thread) = peer(|peer| {
        let id = peer.accept_query();
        let mut message = response(1, id, false, 0xA700);
        message.extend(implicit(0, 0x0902, b"disk full\n"));
        peer.value(1, COMMAND | LAST, &message);
        peer.finish();
    });
    let proposals = [Proposal::scu(CT, EXPLICIT_LE)];
    let mut association = Association::open(&node, &ae("TEST"), &proposals, &hasty()).unwrap();
    let object =
        StoreRequest { sop_class: CT, sop_instance: "1.2.3", transfer_syntax: EXPLICIT_LE, originator: None };
    let end = association.store(&object, &mut &b"ab"[..], 2).unwrap();
    assert_eq!((end.status, end.comment.as_deref()), (Status::OUT_OF_RESOURCES, Some("disk full")));
    assert!(!end.is_stored());
    drop(association);
    thread.join().unwrap();
}
