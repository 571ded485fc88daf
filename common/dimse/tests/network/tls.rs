//! TLS: against ourselves, Orthanc and DCMTK, and one clear error for everything that can be wrong with it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ::tls::testing::{Authority, Pair};
use ::tls::{Client, ClientFiles, Server as TlsServer, ServerFiles};
use dimse::{
    Association, Error, Incoming, Intake, Level, MoveRequest, Options, Proposal, Receiver, Refusal, Remedy,
    ScpConfig, Status, StorageScp, StoreRequest, Watch,
};
use tempfile::TempDir;

use crate::dcmtk::STUDY_UID;
use crate::objects::{CT, EXPLICIT_LE, Object, image};
use crate::provider::config;
use crate::receivers::Shelf;
use crate::servers::{Server, ae, free_port, local, options, run};

/// A hospital's CA, with a certificate for a server on this host and one for a client.
struct Hospital {
    dir: TempDir,
    authority: Authority,
    server: Pair,
    client: Pair,
}

impl Hospital {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let authority = Authority::new(dir.path(), "hospital");
        let server = authority.issue("server", &["localhost", "127.0.0.1"]);
        let client = authority.issue("client", &["p2t"]);
        Self { dir, authority, server, client }
    }

    fn ca(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// A CA that nobody here knows.
    fn stranger(&self) -> Authority {
        Authority::new(self.dir.path(), "stranger")
    }

    fn files(&self) -> ClientFiles {
        let identity = Some((self.client.certificate.clone(), self.client.key.clone()));
        ClientFiles { ca: Some(self.ca()), identity, server_name: None }
    }

    fn without_certificate(&self) -> ClientFiles {
        ClientFiles { identity: None, ..self.files() }
    }

    /// Our listener with this certificate, which demands one of its clients.
    fn listen(&self, pair: &Pair, receiver: Arc<dyn Receiver + Send + Sync>) -> StorageScp {
        let files = ServerFiles {
            certificate: pair.certificate.clone(),
            key: pair.key.clone(),
            client_ca: Some(self.ca()),
        };
        let tls = Some(TlsServer::load(&files).unwrap());
        StorageScp::start(ScpConfig { tls, ..config() }, receiver).unwrap()
    }

    fn orthanc(&self, our_port: u16, pair: &Pair) -> Server {
        let tls = format!(
            r#""DicomTlsEnabled":true,"DicomTlsCertificate":"{}","DicomTlsPrivateKey":"{}",
               "DicomTlsTrustedCertificates":"{}","DicomTlsRemoteCertificateRequired":true,"#,
            pair.certificate.display(),
            pair.key.display(),
            self.ca().display()
        );
        Server::orthanc_with(
            &tls,
            &format!(r#"{{"AET":"OURS","Host":"127.0.0.1","Port":{our_port},"UseDicomTls":true}}"#),
        )
    }

    fn storescp(&self, pair: &Pair) -> Server {
        let (key, certificate) = (text(&pair.key), text(&pair.certificate));
        Server::storescp(&["+tls", &key, &certificate, "+cf", &text(&self.ca())])
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn secure(files: &ClientFiles) -> Options {
    options().with_tls(Client::load(files).unwrap())
}

fn open(server: &dimse::Node, options: &Options) -> Result<Association, Error> {
    let proposals = [Proposal::echo(), Proposal::scu(CT, EXPLICIT_LE), Proposal::c_move()];
    Association::open(server, &ae("TEST"), &proposals, options)
}

/// An error that an operator can act on, which says `expected`.
fn fails(server: &dimse::Node, options: &Options, expected: &str) -> Error {
    // A client's certificate is refused after its handshake is done: TLS 1.3 tells with the first data.
    let error = open(server, options).err().expect("the association was not to come about");
    let message = error.to_string();
    assert!(message.contains(expected), "{message}");
    error
}

fn send(association: &mut Association, object: &Object) -> Status {
    let request = StoreRequest {
        sop_class: &object.sop_class,
        sop_instance: &object.sop_instance,
        transfer_syntax: &object.transfer_syntax,
        originator: None,
    };
    let length = object.data_set.len() as u64;
    association.store(&request, &mut object.data_set.as_slice(), length).unwrap().status
}

#[test]
fn objects_arrive_unchanged_at_our_own_listener() {
    let hospital = Hospital::new();
    let shelf = Arc::new(Shelf::default());
    let scp = hospital.listen(&hospital.server, shelf.clone());
    let node = local("OURS", scp.address().port());
    let mut association = open(&node, &secure(&hospital.files())).unwrap();
    let objects: Vec<_> = (1..=5).map(|n| image(CT, EXPLICIT_LE, 1, n)).collect();
    for object in &objects {
        assert_eq!(send(&mut association, object), Status::SUCCESS);
    }
    association.echo().unwrap();
    association.release().unwrap();
    for object in &objects {
        assert!(shelf.data_set(&object.sop_instance) == object.data_set);
    }
}

#[test]
fn orthanc_and_storescp_take_objects_over_tls() {
    let hospital = Hospital::new();
    let object = image(CT, EXPLICIT_LE, 1, 1);
    for server in [hospital.orthanc(free_port(), &hospital.server), hospital.storescp(&hospital.server)] {
        let mut association = open(&server.node, &secure(&hospital.files())).unwrap();
        assert_eq!(send(&mut association, &object), Status::SUCCESS);
        association.release().unwrap();
    }
}

#[test]
fn orthanc_moves_to_our_listener_over_tls() {
    let hospital = Hospital::new();
    let shelf = Arc::new(Shelf::default());
    let scp = hospital.listen(&hospital.server, Arc::new(Shelf::default()));
    let server = hospital.orthanc(scp.address().port(), &hospital.server);
    let mut association = open(&server.node, &secure(&hospital.files())).unwrap();
    let objects: Vec<_> = (1..=5).map(|n| image(CT, EXPLICIT_LE, 1, n)).collect();
    for object in &objects {
        assert_eq!(send(&mut association, object), Status::SUCCESS);
    }
    let route = scp.route(shelf.clone());
    let keys = [(STUDY_UID, objects[0].study.as_str())];
    let (ours, message_id) = (ae("OURS"), route.message_id());
    let request = MoveRequest { level: Level::Study, keys: &keys, destination: &ours, message_id };
    let end = association.move_to(&request, &Watch::default()).unwrap();
    assert_eq!((end.status, shelf.len()), (Status::SUCCESS, 5));
    for object in &objects {
        assert!(shelf.data_set(&object.sop_instance) == object.data_set);
    }
}

#[test]
fn storescu_is_served_over_tls() {
    let hospital = Hospital::new();
    let shelf = Arc::new(Shelf::default());
    let scp = hospital.listen(&hospital.server, shelf.clone());
    let object = image(CT, EXPLICIT_LE, 1, 1);
    object.write_file(&hospital.dir.path().join("object.dcm"));
    let port = scp.address().port().to_string();
    let (key, certificate, ca) =
        (text(&hospital.client.key), text(&hospital.client.certificate), text(&hospital.ca()));
    let tls = ["+tls", &key, &certificate, "+cf", &ca];
    let call = ["-xe", "-aec", "OURS", "127.0.0.1", &port, "object.dcm"];
    run("storescu", &[&tls[..], &call[..]].concat(), hospital.dir.path());
    assert!(shelf.data_set(&object.sop_instance) == object.data_set);
}

#[test]
fn a_certificate_of_an_unknown_ca_is_refused() {
    let hospital = Hospital::new();
    let pair = hospital.stranger().issue("server", &["127.0.0.1"]);
    let scp = hospital.listen(&pair, Arc::new(Shelf::default()));
    let ours = local("OURS", scp.address().port());
    for node in [&ours, &hospital.orthanc(free_port(), &pair).node, &hospital.storescp(&pair).node] {
        let error = fails(node, &secure(&hospital.files()), "was not issued by a CA that we trust");
        assert!(error.to_string().starts_with(&format!("No secure connection to {node}: ")), "{error}");
        assert_eq!(error.remedy(), Remedy::NeedsOperator);
    }
}

#[test]
fn an_expired_certificate_is_refused() {
    let hospital = Hospital::new();
    let pair = hospital.authority.issue_expired("old", &["127.0.0.1"]);
    let scp = hospital.listen(&pair, Arc::new(Shelf::default()));
    let ours = local("OURS", scp.address().port());
    for node in [&ours, &hospital.orthanc(free_port(), &pair).node, &hospital.storescp(&pair).node] {
        fails(node, &secure(&hospital.files()), "its certificate has expired");
    }
}

#[test]
fn a_certificate_for_another_host_is_refused_unless_its_name_is_configured() {
    let hospital = Hospital::new();
    let pair = hospital.authority.issue("elsewhere", &["pacs.example.org"]);
    let scp = hospital.listen(&pair, Arc::new(Shelf::default()));
    let ours = local("OURS", scp.address().port());
    for node in [&ours, &hospital.orthanc(free_port(), &pair).node, &hospital.storescp(&pair).node] {
        let expected = "not for this host: expected 127.0.0.1, it is for pacs.example.org";
        fails(node, &secure(&hospital.files()), expected);
        let files = ClientFiles { server_name: Some("pacs.example.org".to_owned()), ..hospital.files() };
        open(node, &secure(&files)).unwrap().release().unwrap();
    }
}

#[test]
fn a_peer_without_tls_is_told_from_one_with_another_fault() {
    let hospital = Hospital::new();
    let scp = StorageScp::start(config(), Arc::new(Shelf::default())).unwrap();
    let ours = local("OURS", scp.address().port());
    for node in [&ours, &Server::orthanc(free_port(), "").node, &Server::storescp(&[]).node] {
        fails(node, &secure(&hospital.files()), "it does not speak TLS on this port");
    }
}

#[test]
fn a_peer_with_tls_is_told_from_one_with_another_fault() {
    let hospital = Hospital::new();
    let scp = hospital.listen(&hospital.server, Arc::new(Shelf::default()));
    let ours = local("OURS", scp.address().port());
    let pair = &hospital.server;
    for node in [&ours, &hospital.orthanc(free_port(), pair).node, &hospital.storescp(pair).node] {
        let error = fails(node, &options(), "speak").to_string();
        assert!(error.contains("TLS on this port"), "{error}");
    }
}

#[test]
fn a_missing_client_certificate_is_named() {
    let hospital = Hospital::new();
    let scp = hospital.listen(&hospital.server, Arc::new(Shelf::default()));
    let ours = local("OURS", scp.address().port());
    let pair = &hospital.server;
    for node in [&ours, &hospital.orthanc(free_port(), pair).node, &hospital.storescp(pair).node] {
        let expected = "it demands a client certificate, and none is configured";
        fails(node, &secure(&hospital.without_certificate()), expected);
    }
}

#[test]
fn a_client_certificate_that_is_not_trusted_is_named() {
    let hospital = Hospital::new();
    let client = hospital.stranger().issue("client", &["p2t"]);
    let files = ClientFiles { identity: Some((client.certificate, client.key)), ..hospital.files() };
    let scp = hospital.listen(&hospital.server, Arc::new(Shelf::default()));
    let ours = local("OURS", scp.address().port());
    let pair = &hospital.server;
    for node in [&ours, &hospital.orthanc(free_port(), pair).node, &hospital.storescp(pair).node] {
        fails(node, &secure(&files), "it refuses our certificate (alert UnknownCA)");
    }
}

/// Keeps what it is told about callers that were turned away.
#[derive(Default)]
struct Doorkeeper(Mutex<Vec<String>>);

impl Receiver for Doorkeeper {
    fn begin(&self, _: &Incoming) -> Result<Box<dyn Intake + '_>, Refusal> {
        Err(Refusal::out_of_resources("nothing is taken"))
    }

    fn turned_away(&self, peer: SocketAddr, error: &Error) {
        assert!(peer.ip().is_loopback());
        self.0.lock().unwrap().push(error.to_string());
    }
}

impl Doorkeeper {
    /// What it was told, once it was told something that says `expected`.
    fn wait_for(&self, expected: &str) {
        for _ in 0..300 {
            if self.0.lock().unwrap().iter().any(|message| message.contains(expected)) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        panic!("nobody said \"{expected}\": {:?}", self.0.lock().unwrap());
    }
}

#[test]
fn our_listener_tells_whom_it_turned_away_and_why() {
    let hospital = Hospital::new();
    let door = Arc::new(Doorkeeper::default());
    let scp = hospital.listen(&hospital.server, door.clone());
    let node = local("OURS", scp.address().port());
    open(&node, &options()).err().unwrap();
    door.wait_for("it does not speak TLS on this port");
    open(&node, &secure(&hospital.without_certificate())).err().unwrap();
    door.wait_for("it showed no certificate, which we demand");
    let client = hospital.stranger().issue("client", &["p2t"]);
    let files = ClientFiles { identity: Some((client.certificate, client.key)), ..hospital.files() };
    open(&node, &secure(&files)).err().unwrap();
    door.wait_for("its certificate was not issued by a CA that we trust");
    let plain = StorageScp::start(config(), door.clone()).unwrap();
    open(&local("OURS", plain.address().port()), &secure(&hospital.files())).err().unwrap();
    door.wait_for("The peer speaks TLS on this port, and we do not");
}

#[test]
fn only_allowed_titles_may_call() {
    let door = Arc::new(Doorkeeper::default());
    let allowed = Some([ae("PACS"), ae("PACS2")].into());
    let scp = StorageScp::start(ScpConfig { allowed, ..config() }, door.clone()).unwrap();
    let node = local("OURS", scp.address().port());
    let error =
        fails(&node, &options(), "calling AE title not recognised: the peer does not know our AE title");
    assert!(error.to_string().contains("result 1 source 1 reason 3"), "{error}");
    assert_eq!(error.remedy(), Remedy::NeedsOperator);
    door.wait_for("A caller that names itself \"TEST\" was turned away: its AE title is not among those");
    let association = Association::open(&node, &ae("PACS2"), &[Proposal::echo()], &options()).unwrap();
    association.release().unwrap();
}
