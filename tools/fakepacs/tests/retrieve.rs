//! C-GET and C-MOVE as their users meet them: our own, and DCMTK's; honest, and with each lie.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dataset::tags::STUDY_INSTANCE_UID;
use dimse::{
    AeTitle, Association, Error, Incoming, Intake, Level, MoveRequest, Node, Options, Proposal, Receiver,
    Refusal, RetrieveEnd, ScpConfig, Status, StorageScp, Timeouts, Watch,
};
use fakepacs::{Archive, FakePacs, Kind, Lie, Lies, Look, Population};

const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

fn start(look: Look, lies: &[Kind]) -> FakePacs {
    let population = Population { studies: 40, days: 10, ..Population::default() };
    let archive = Archive::new(population.make()).looking(look);
    let lies = Lies { lies: lies.iter().map(|kind| Lie::from(*kind)).collect(), ..Lies::default() };
    FakePacs::start(([127, 0, 0, 1], 0).into(), title("FAKE"), archive, lies, |_| {}).unwrap()
}

fn honest() -> FakePacs {
    start(Look::default(), &[])
}

fn title(text: &str) -> AeTitle {
    text.parse().unwrap()
}

fn node(title: &str, port: u16) -> Node {
    format!("{title}@127.0.0.1:{port}").parse().unwrap()
}

/// The study with the most instances, and how many these are.
fn largest(pacs: &FakePacs) -> (String, usize) {
    let studies = pacs.archive().studies().iter();
    let sizes = studies.map(|study| (study.instances().count(), study.uid.clone()));
    let (count, uid) = sizes.max().unwrap();
    assert!(count > 3, "{count}");
    (uid, count)
}

/// The bytes that came, by the UID of the C-STORE.
#[derive(Default)]
struct Shelf(Mutex<Vec<(Incoming, Vec<u8>)>>);

struct Arriving<'a>(&'a Shelf, Incoming, Vec<u8>);

impl Receiver for Shelf {
    fn begin(&self, incoming: &Incoming) -> Result<Box<dyn Intake + '_>, Refusal> {
        Ok(Box::new(Arriving(self, incoming.clone(), Vec::new())))
    }
}

impl Intake for Arriving<'_> {
    fn write(&mut self, data_set: &[u8]) -> io::Result<()> {
        self.2.extend_from_slice(data_set);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Refusal> {
        self.0.0.lock().unwrap().push((self.1, self.2));
        Ok(())
    }
}

impl Shelf {
    fn by_uid(&self) -> BTreeMap<String, Vec<u8>> {
        let came = self.0.lock().unwrap();
        came.iter().map(|(incoming, bytes)| (incoming.sop_instance.clone(), bytes.clone())).collect()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn options() -> Options {
    let idle = Duration::from_millis(500);
    Options::default().with_timeouts(Timeouts { idle, associate: idle, ..Timeouts::default() })
}

fn get(pacs: &FakePacs, study: &str, shelf: &Shelf) -> Result<RetrieveEnd, Error> {
    let syntax = &pacs.archive().look().transfer_syntax;
    let proposals = [Proposal::get(), Proposal::scp(CT, syntax)];
    let node = node("FAKE", pacs.address().port());
    let mut association = Association::open(&node, &title("TEST"), &proposals, &options())?;
    association.get(Level::Study, &[(STUDY_INSTANCE_UID, study)], shelf, &Watch::default())
}

fn scp(shelf: &Arc<Shelf>) -> StorageScp {
    let config = ScpConfig {
        address: ([127, 0, 0, 1], 0).into(),
        aet: title("TAKER"),
        check_called_aet: false,
        allowed: None,
        tls: None,
        max_associations: 4,
        options: Options::default(),
    };
    StorageScp::start(config, shelf.clone()).unwrap()
}

fn move_to(pacs: &FakePacs, study: &str, destination: &str) -> Result<RetrieveEnd, Error> {
    let node = node("FAKE", pacs.address().port());
    let mut association = Association::open(&node, &title("TEST"), &[Proposal::c_move()], &options())?;
    let keys = [(STUDY_INSTANCE_UID, study)];
    let destination = &title(destination);
    let request = MoveRequest { level: Level::Study, keys: &keys, destination, message_id: 77 };
    association.move_to(&request, &Watch::default())
}

fn of_study(pacs: &FakePacs, study: &str) -> BTreeMap<String, Vec<u8>> {
    let prefix = format!("{study}.");
    pacs.archive().data_sets().into_iter().filter(|(uid, _)| uid.starts_with(&prefix)).collect()
}

#[test]
fn an_honest_one_sends_what_it_holds_either_way() {
    let pacs = honest();
    let (study, count) = largest(&pacs);
    let expected = of_study(&pacs, &study);
    assert_eq!(expected.len(), count);
    let got = Shelf::default();
    let end = get(&pacs, &study, &got).unwrap();
    assert_eq!((end.status, end.completed), (Status::SUCCESS, Some(count as u16)));
    assert_eq!(got.by_uid(), expected);

    let moved = Arc::new(Shelf::default());
    let taker = scp(&moved);
    let end = move_to(&pacs, &study, "TAKER").unwrap();
    assert_eq!((end.status, moved.count()), (Status(0xA801), 0), "nobody told it of the destination");
    pacs.know(node("TAKER", taker.address().port()));
    let end = move_to(&pacs, &study, "TAKER").unwrap();
    assert_eq!((end.status, end.completed), (Status::SUCCESS, Some(count as u16)));
    assert_eq!(moved.by_uid(), expected);
    let came = moved.0.lock().unwrap();
    let originators: Vec<_> =
        came.iter().map(|(who, _)| (who.move_originator_aet.as_deref(), who.move_originator_id)).collect();
    assert!(originators.iter().all(|who| *who == (Some("TEST"), Some(77))), "{originators:?}");
    let asked: Vec<_> = pacs.asked().into_iter().map(|asked| (asked.what, asked.rows)).collect();
    let all = count as u64;
    let expected = [("C-GET STUDY", all), ("C-MOVE STUDY", 0), ("C-MOVE STUDY", all)];
    assert_eq!(asked, expected.map(|(what, rows)| (what.to_owned(), rows)));
}

/// Runs a program of DCMTK, which must end well.
fn run(program: &str, arguments: &[&str], dir: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(dir).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

#[test]
fn getscu_is_served_in_every_kind_of_transfer_syntax() {
    for (syntax, option, decode) in [
        ("1.2.840.10008.1.2", "+xe", ""),
        (EXPLICIT, "+xe", ""),
        ("1.2.840.10008.1.2.2", "+xb", ""),
        ("1.2.840.10008.1.2.1.99", "+xd", "dcmconv"),
        ("1.2.840.10008.1.2.5", "+xr", "dcmdrle"),
        ("1.2.840.10008.1.2.4.70", "+xs", ""),
    ] {
        let pacs = start(Look { transfer_syntax: syntax.to_owned(), ..Look::default() }, &[]);
        let (study, count) = largest(&pacs);
        let dir = tempfile::tempdir().unwrap();
        let key = format!("StudyInstanceUID={study}");
        let port = pacs.address().port().to_string();
        let arguments =
            ["-S", option, "+B", "-k", "QueryRetrieveLevel=STUDY", "-k", &key, "127.0.0.1", &port];
        run("getscu", &arguments, dir.path());
        let files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), count, "{syntax}");
        for (uid, data_set) in of_study(&pacs, &study) {
            let came = files.iter().map(|path| std::fs::read(path).unwrap());
            assert_eq!(came.filter(|file| file.ends_with(&data_set)).count(), 1, "{syntax} {uid}");
        }
        let file = files[0].to_str().unwrap();
        let dump = run("dcmdump", &["+E", file], dir.path());
        assert!(dump.contains(&study) && dump.contains("PixelData"), "{dump}");
        if !decode.is_empty() {
            run(decode, &["+te", file, "decoded"], dir.path());
            let decoded = std::fs::read(dir.path().join("decoded")).unwrap();
            let plain = pacs.archive().clone().looking(Look::default());
            let pixels = |bytes: &[u8]| bytes[bytes.len() - 4096..].to_vec();
            assert!(
                plain.data_sets().values().any(|data_set| pixels(data_set) == pixels(&decoded)),
                "{syntax}"
            );
        }
    }
}

#[test]
fn a_service_can_be_refused() {
    let pacs = start(Look::default(), &[Kind::NoGet]);
    let (study, _) = largest(&pacs);
    let refused = get(&pacs, &study, &Shelf::default()).unwrap_err();
    assert!(matches!(refused, Error::NoContext { .. }), "{refused}");
    let end = move_to(&pacs, &study, "TAKER").unwrap();
    assert_eq!(end.status, Status(0xA801));
    pacs.set_lies(Lies { lies: vec![Kind::NoMove.into()], ..Lies::default() });
    let refused = move_to(&pacs, &study, "TAKER").unwrap_err();
    assert!(matches!(refused, Error::NoneAccepted(..)), "{refused}");
    let _ = get(&pacs, &study, &Shelf::default()).unwrap();
}

/// Of so many instances: how many come, and what the final response says (status, completed, failed).
type Told = (Kind, fn(u16) -> u16, fn(u16) -> Option<(u16, u16, u16)>);

#[test]
fn each_lie_is_told_and_is_over_when_it_is_taken_back() {
    use Kind::*;
    let study_of = |kind: Kind| {
        // What breaks off in the middle of an object must have sent a part of it.
        let pixels = if matches!(kind, AbortInObject | HangInObject) { 1 << 20 } else { 4096 };
        let pacs = start(Look { pixels, ..Look::default() }, &[kind]);
        let (study, count) = largest(&pacs);
        (pacs, study, count as u16)
    };
    let table: [Told; 17] = [
        (SendNothing, |_| 0, |_| Some((0, 0, 0))),
        (SendFewer(2), |all| all - 2, |all| Some((0, all, 0))),
        (FalseCounts(3), |all| all, |all| Some((0, all, 3))),
        (OutOfResources(2), |_| 2, |_| Some((0xA702, 2, 0))),
        (Fail, |_| 0, |all| Some((0xA702, 0, all))),
        (Abort(1), |_| 1, |_| None),
        (AbortInObject, |_| 0, |_| None),
        (HangRequest, |_| 0, |_| None),
        (HangInObject, |_| 0, |_| None),
        (HangAtEnd, |all| all, |_| None),
        (HangAssociation, |_| 0, |_| None),
        (RejectTransient, |_| 0, |_| None),
        (RejectPermanent, |_| 0, |_| None),
        (Twice, |all| all, |all| Some((0, 2 * all, 0))),
        (TwiceDifferent, |all| all, |all| Some((0, 2 * all, 0))),
        (Shrink(1), |all| all - 1, |all| Some((0, all - 1, 0))),
        (SendMore(2), |all| all + 2, |all| Some((0, all + 2, 0))),
    ];
    for (kind, came, end) in table {
        let (pacs, study, count) = study_of(kind);
        let shelf = Shelf::default();
        let got = get(&pacs, &study, &shelf);
        assert_eq!(shelf.by_uid().len(), usize::from(came(count)), "{kind:?}: {got:?}");
        let told = got.ok().map(|end| (end.status.0, end.completed.unwrap(), end.failed.unwrap()));
        assert_eq!(told, end(count), "{kind:?}");
        pacs.set_lies(Lies::default());
        let shelf = Shelf::default();
        let end = get(&pacs, &study, &shelf).unwrap();
        assert_eq!((end.status, shelf.by_uid()), (Status::SUCCESS, of_study(&pacs, &study)), "{kind:?}");
    }
}

#[test]
fn objects_are_wrong_as_told_and_no_others() {
    use Kind::*;
    for kind in [
        WrongInstance,
        WrongClass,
        WrongStudy,
        WrongSyntax("1.2.840.10008.1.2"),
        Truncated,
        RandomPixels,
        Reidentified,
    ] {
        let pacs = start(Look::default(), &[]);
        let (study, _) = largest(&pacs);
        let expected = of_study(&pacs, &study);
        let uid = expected.keys().next().unwrap().clone();
        pacs.set_lies(Lies { lies: vec![Lie::about(kind, &uid)], ..Lies::default() });
        let shelf = Shelf::default();
        assert!(get(&pacs, &study, &shelf).unwrap().status.is_success());
        let came = shelf.by_uid();
        let other: Vec<&String> = expected.keys().filter(|uid| expected[*uid] != came[*uid]).collect();
        assert_eq!(other, [&uid], "{kind:?}");
    }
}

#[test]
fn a_get_that_is_cancelled_ends_early() {
    let pacs = honest();
    let (study, count) = largest(&pacs);
    let shelf = Shelf::default();
    let watch = Watch { stop: &|| shelf.count() > 0, activity: &|| 0 };
    let node = node("FAKE", pacs.address().port());
    let proposals = [Proposal::get(), Proposal::scp(CT, EXPLICIT)];
    let mut association = Association::open(&node, &title("TEST"), &proposals, &options()).unwrap();
    let end = association.get(Level::Study, &[(STUDY_INSTANCE_UID, &study)], &shelf, &watch).unwrap();
    assert_eq!(end.status, Status::CANCEL);
    assert!((1..count).contains(&shelf.count()), "{} of {count}", shelf.count());
    association.release().unwrap();
}

#[test]
fn a_move_can_be_anonymous_and_late() {
    let pacs = start(Look::default(), &[Kind::NoOriginator, Kind::Late(300)]);
    let (study, count) = largest(&pacs);
    let moved = Arc::new(Shelf::default());
    let taker = scp(&moved);
    pacs.know(node("TAKER", taker.address().port()));
    let end = move_to(&pacs, &study, "TAKER").unwrap();
    assert_eq!((end.status, end.completed, moved.count()), (Status::SUCCESS, Some(count as u16), 0));
    let asked = Instant::now();
    while moved.count() < count && asked.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let came = moved.0.lock().unwrap();
    assert_eq!(came.len(), count);
    assert!(came.iter().all(|(who, _)| who.move_originator_id.is_none()));
}
