//! DCMTK's servers: byte exactness against the bit-preserving receiver, query and retrieve against dcmqrscp.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use dataset::Tag;
use dimse::{
    Association, Error, Level, MoveRequest, Proposal, Remedy, Service, Status, StatusClass, StoreRequest,
    Watch, context_groups, next_message_id,
};

use crate::objects::{CT, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, MR, Object, SC, image, read_file};
use crate::provider::start_scp;
use crate::receivers::Shelf;
use crate::servers::{Server, ae, options, run};

pub const STUDY_UID: Tag = Tag(0x0020, 0x000D);
pub const SOP_INSTANCE_UID: Tag = Tag(0x0008, 0x0018);

/// Sends `objects` to `server`, each in a context of its own syntax, and insists on success.
pub fn store_all(server: &Server, objects: &[Object]) {
    let pairs: Vec<_> = objects.iter().map(|o| (o.sop_class.clone(), o.transfer_syntax.clone())).collect();
    let group = context_groups(&pairs, 0).remove(0);
    let proposals: Vec<_> = group.iter().map(|(class, syntax)| Proposal::scu(class, syntax)).collect();
    let mut association = Association::open(&server.node, &ae("OURS"), &proposals, &options()).unwrap();
    for object in objects {
        let request = StoreRequest {
            sop_class: &object.sop_class,
            sop_instance: &object.sop_instance,
            transfer_syntax: &object.transfer_syntax,
            originator: None,
        };
        let length = object.data_set.len() as u64;
        let end = association.store(&request, &mut object.data_set.as_slice(), length).unwrap();
        assert_eq!(end.status, Status::SUCCESS, "{end:?}");
    }
    association.release().unwrap();
}

/// The data sets that DCMTK's getscu receives and writes without a change, by SOP Instance UID.
pub fn getscu(server: &Server, study: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let title = server.node.aet.as_str();
    let port = server.node.port.to_string();
    let key = format!("StudyInstanceUID={study}");
    let args = [
        "-S",
        "+B",
        "-pdu",
        "131072",
        "-aec",
        title,
        "-k",
        "QueryRetrieveLevel=STUDY",
        "-k",
        &key,
        "-od",
        ".",
        "127.0.0.1",
        &port,
    ];
    run("getscu", &args, dir.path());
    files(dir.path())
        .into_iter()
        .map(|(_, data_set)| {
            let set = dataset::read_flat(&data_set, dataset::Encoding::ExplicitLe).unwrap();
            (set.uid(SOP_INSTANCE_UID).unwrap(), data_set)
        })
        .collect()
}

/// Transfer syntax and data set of every DICOM file in `dir`.
fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.file_name().unwrap() != "log").map(|path| read_file(&path)).collect()
}

#[test]
fn store_sends_exactly_the_bytes_in_exactly_their_syntax() {
    let server = Server::storescp(&[]);
    let mut objects: Vec<_> = [EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE]
        .iter()
        .zip(1..)
        .map(|(syntax, number)| image(CT, syntax, 1, number))
        .collect();
    let mut jpeg = image(SC, "1.2.840.10008.1.2.4.50", 2, 9);
    jpeg.data_set.extend((0..3_000_000).map(|i| (i % 253) as u8));
    objects.push(jpeg);
    store_all(&server, &objects);
    let mut arrived = files(server.dir.path());
    let mut sent: Vec<_> = objects.into_iter().map(|o| (o.transfer_syntax, o.data_set)).collect();
    arrived.sort();
    sent.sort();
    assert!(arrived == sent);
}

#[test]
fn a_refused_association_is_explained() {
    let server = Server::storescp(&["--refuse"]);
    let error = Association::open(&server.node, &ae("OURS"), &[Proposal::echo()], &options()).err().unwrap();
    assert!(error.to_string().contains("no reason given"), "{error}");
    assert!(matches!(error, Error::Rejected(_)));
}

#[test]
fn an_abort_in_mid_object_is_an_error() {
    let server = Server::storescp(&["--abort-during"]);
    let proposals = [Proposal::scu(CT, EXPLICIT_LE)];
    let mut association = Association::open(&server.node, &ae("OURS"), &proposals, &options()).unwrap();
    let request =
        StoreRequest { sop_class: CT, sop_instance: "1.2.3", transfer_syntax: EXPLICIT_LE, originator: None };
    let bytes = vec![0; 20_000_000];
    let error = association.store(&request, &mut bytes.as_slice(), 20_000_000).unwrap_err();
    assert!(matches!(error, Error::Aborted(_) | Error::Wire(wire::Error::Lost { .. })), "{error}");
    assert!(!association.is_open());
    assert!(matches!(association.echo(), Err(Error::Closed)));
}

#[test]
fn dcmqrscp_is_queried_and_retrieved_by_get_and_by_move() {
    let (arrived, stray) = (Arc::new(Shelf::default()), Arc::new(Shelf::default()));
    let scp = start_scp(stray.clone());
    let server = Server::dcmqrscp(scp.address().port());
    let objects: Vec<_> =
        (1..=12).map(|n| image(if n > 6 { MR } else { CT }, EXPLICIT_LE, 1 + n / 12, n)).collect();
    store_all(&server, &objects);
    let study = objects[0].study.as_str();

    let proposals = [
        Proposal::find(),
        Proposal::get(),
        Proposal::c_move(),
        Proposal::echo(),
        Proposal::scp(CT, EXPLICIT_LE),
        Proposal::scp(MR, EXPLICIT_LE),
    ];
    let mut association = Association::open(&server.node, &ae("OURS"), &proposals, &options()).unwrap();
    let roles: Vec<_> = association.contexts().map(|context| context.requestor_is_scp).collect();
    assert_eq!(roles, [false, false, false, false, true, true]);
    association.echo().unwrap();

    let mut studies = Vec::new();
    let end = association
        .find(Level::Study, &[(STUDY_UID, "")], &mut |row| {
            studies.extend(row.uid(STUDY_UID));
            ControlFlow::Continue(())
        })
        .unwrap();
    studies.sort();
    assert!(end.is_complete());
    assert_eq!(studies, [study, objects[11].study.as_str()]);

    let got = Shelf::default();
    let end = association.get(Level::Study, &[(STUDY_UID, study)], &got, &Watch::default()).unwrap();
    assert_eq!((end.status, end.completed, end.failed), (Status::SUCCESS, Some(11), Some(0)));
    let reference = getscu(&server, study);
    assert_eq!((got.len(), reference.len()), (11, 11));
    for (uid, data_set) in &reference {
        assert!(got.data_set(uid) == *data_set, "{uid}");
    }

    let route = scp.route(arrived.clone());
    let ours = ae("OURS");
    let keys = [(STUDY_UID, study)];
    let request =
        MoveRequest { level: Level::Study, keys: &keys, destination: &ours, message_id: route.message_id() };
    let watch = Watch { activity: &|| route.arrived(), ..Watch::default() };
    let end = association.move_to(&request, &watch).unwrap();
    assert_eq!((end.status, end.completed), (Status::SUCCESS, Some(11)));
    assert_eq!((arrived.len(), stray.len()), (11, 0));
    assert!(route.arrived() > 11 * 8192);

    let nowhere = ae("NOWHERE");
    let request = MoveRequest { destination: &nowhere, message_id: next_message_id(), ..request };
    let end = association.move_to(&request, &Watch::default()).unwrap();
    assert_eq!(end.status.class(), StatusClass::Failure);
    assert_eq!(end.status.remedy(Service::Move), Remedy::NeedsOperator, "{}", end.status);
    association.release().unwrap();
}
