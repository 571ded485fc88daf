//! User Identity Negotiation (PS3.7 annex D.3.3.7), as a peer sees it.

use dicom_ul::pdu::UserVariableItem;
use dimse::{Association, Options, Proposal, UserIdentity};

use crate::script::peer;
use crate::servers::{ae, options};

/// What the peer's request holds, and whether we take the user as confirmed when it answers with `items`.
fn negotiate(options: &Options, items: Vec<UserVariableItem>) -> (Vec<u8>, Option<bool>) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let (node, thread) = peer(move |peer| {
        sender.send(peer.accept_with(items)).unwrap();
        peer.finish();
    });
    let association = Association::open(&node, &ae("TEST"), &[Proposal::echo()], options).unwrap();
    let confirmed = association.user_confirmed();
    drop(association);
    thread.join().unwrap();
    (receiver.recv().unwrap(), confirmed)
}

fn holds(request: &[u8], item: &[u8]) -> bool {
    request.windows(item.len()).any(|window| window == item)
}

#[test]
fn name_and_passcode_are_sent_and_a_confirmation_is_noticed() {
    let user = UserIdentity::with_passcode("p2t", "sesame").unwrap();
    let confirmation = UserVariableItem::Unknown(0x59, vec![0, 0]);
    let (request, confirmed) = negotiate(&options().with_user(user), vec![confirmation]);
    // Item 58H, 15 bytes: type 2, a response asked for, the name, the passcode.
    assert!(holds(&request, b"\x58\0\0\x0F\x02\x01\0\x03p2t\0\x06sesame"));
    assert_eq!(confirmed, Some(true));
}

#[test]
fn a_name_alone_is_sent_and_silence_is_no_confirmation() {
    let user = UserIdentity::username("p2t").unwrap();
    let (request, confirmed) = negotiate(&options().with_user(user), Vec::new());
    assert!(holds(&request, b"\x58\0\0\x09\x01\x01\0\x03p2t\0\0"));
    assert_eq!(confirmed, Some(false));
}

#[test]
fn nobody_is_named_unless_configured() {
    let (request, confirmed) = negotiate(&options(), Vec::new());
    assert!(!holds(&request, b"\x58\0\0"));
    assert_eq!(confirmed, None);
}
