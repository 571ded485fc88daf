//! An Orthanc server as Debian ships it, with its own storage, on free ports.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::process::{Server, free_port};
use crate::rest::Rest;
use crate::tree;

/// A running Orthanc. Dropping it stops it; its storage stays in the directory it was given.
#[derive(Debug)]
pub struct Orthanc {
    aet: String,
    dir: PathBuf,
    dicom_port: u16,
    http_port: u16,
    server: Option<Server>,
}

impl Orthanc {
    /// Starts an empty Orthanc that takes and answers everything, with its files in `dir`.
    pub fn start(aet: &str, dir: &Path) -> Self {
        Self::start_with(aet, dir, json!({}))
    }

    /// The same, with some options of its configuration file changed.
    pub fn start_with(aet: &str, dir: &Path, options: Value) -> Self {
        std::fs::create_dir_all(dir).expect("Orthanc's directory can be made");
        let (dicom_port, http_port) = (free_port(), free_port());
        let mut orthanc =
            Self { aet: aet.to_owned(), dir: dir.to_owned(), dicom_port, http_port, server: None };
        orthanc.configure(options);
        orthanc.restart();
        orthanc
    }

    /// Starts it with its DICOMweb plugin, with some options changed.
    pub fn start_web(aet: &str, dir: &Path, options: Value) -> Self {
        let mut web = json!({
            "Plugins": [
                "/usr/share/orthanc/plugins/libOrthancGdcm.so",
                "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
            ],
            "DicomWeb": { "Enable": true, "Root": "/dicom-web/" },
        });
        let changes: Map<String, Value> = serde_json::from_value(options).expect("options are a JSON object");
        web.as_object_mut().expect("it is an object").extend(changes);
        Self::start_with(aet, dir, web)
    }

    fn configure(&self, options: Value) {
        let mut configuration = json!({
            "Name": self.aet,
            "StorageDirectory": self.dir.join("storage"),
            "IndexDirectory": self.dir.join("index"),
            "Plugins": ["/usr/share/orthanc/plugins/libOrthancGdcm.so"],
            "HttpPort": self.http_port,
            "AuthenticationEnabled": false,
            "DicomAet": self.aet,
            "DicomPort": self.dicom_port,
            "DicomCheckCalledAet": false,
            "DicomCheckModalityHost": false,
            "DicomAlwaysAllowStore": true,
            "DicomAlwaysAllowFind": true,
            "DicomAlwaysAllowGet": true,
            "DicomAlwaysAllowMove": true,
            "UnknownSopClassAccepted": true,
            "SynchronousCMove": true,
            "SaveJobs": false,
            "LuaScripts": [self.write_receive_script()],
        });
        let changes: Map<String, Value> = serde_json::from_value(options).expect("options are a JSON object");
        configuration.as_object_mut().expect("it is an object").extend(changes);
        std::fs::write(self.configuration(), configuration.to_string())
            .expect("the configuration can be written");
    }

    /// Orthanc drops a second copy of an instance silently; its receive filter sees every one that arrives.
    fn write_receive_script(&self) -> PathBuf {
        let (script, log) = (self.dir.join("received.lua"), self.receive_log());
        let lua = format!(
            "function ReceivedInstanceFilter(dicom, origin)\n\
             if origin['RequestOrigin'] == 'DicomProtocol' then\n\
             local log = io.open('{}', 'a'); log:write(dicom['SOPInstanceUID'], '\\n'); log:close()\n\
             end\n return true\n end\n",
            log.display()
        );
        std::fs::write(&script, lua).expect("the Lua script can be written");
        script
    }

    fn receive_log(&self) -> PathBuf {
        self.dir.join("received.txt")
    }

    fn configuration(&self) -> PathBuf {
        self.dir.join("orthanc.json")
    }

    /// Starts it on the storage and ports it had; stops it first if it runs.
    pub fn restart(&mut self) {
        self.stop();
        let mut command = Command::new("Orthanc");
        // Stock means that Nagle's algorithm stays on: what a test measures must hold for a server nobody tuned.
        command.arg(self.configuration()).env_remove("TCP_NODELAY");
        self.server = Some(Server::start(command, self.http_port, &self.dir.join("orthanc.log")));
    }

    /// Kills it, as a crash or a power cut would.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// How the programs name this node: `AET@host:port`.
    pub fn node(&self) -> String {
        format!("{}@127.0.0.1:{}", self.aet, self.dicom_port)
    }

    /// The root of its DICOMweb service, by this scheme.
    pub fn web_node(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}/dicom-web", self.http_port)
    }

    /// Its AE title.
    pub fn aet(&self) -> &str {
        &self.aet
    }

    /// The port for HTTP.
    pub fn http_port(&self) -> u16 {
        self.http_port
    }

    /// The port for DICOM.
    pub fn dicom_port(&self) -> u16 {
        self.dicom_port
    }

    /// Its REST interface.
    pub fn rest(&self) -> Rest {
        Rest::on(self.http_port)
    }

    /// Makes another node known, so that C-MOVE may name it as destination.
    pub fn add_modality(&self, aet: &str, port: u16) {
        self.add_node(aet, &json!({"AET": aet, "Host": "127.0.0.1", "Port": port}));
    }

    /// The same, over TLS.
    pub fn add_tls_modality(&self, aet: &str, port: u16) {
        self.add_node(aet, &json!({"AET": aet, "Host": "127.0.0.1", "Port": port, "UseDicomTls": true}));
    }

    fn add_node(&self, aet: &str, node: &Value) {
        let node = node.to_string();
        let answer = self.rest().request("PUT", &format!("/modalities/{aet}"), node.as_bytes());
        assert_eq!(answer.status, 200, "Orthanc does not take {node}");
    }

    /// Loads one file by REST, which keeps its bytes as they are.
    pub fn load_bytes(&self, file: &[u8]) {
        let answer = self.rest().request("POST", "/instances", file);
        assert_eq!(answer.status, 200, "Orthanc refused a file: {}", String::from_utf8_lossy(&answer.body));
    }

    /// Loads every file below `folder` and returns how many there were.
    pub fn load(&self, folder: &Path) -> usize {
        let files = tree::files(folder);
        for file in &files {
            self.load_bytes(&std::fs::read(file).expect("test data can be read"));
        }
        files.len()
    }

    /// SOP Instance UID of every instance it holds, with Orthanc's own id.
    pub fn instances(&self) -> BTreeMap<String, String> {
        let list = self.rest().get_json("/instances?expand");
        let rows = list.as_array().expect("instances are a list").iter();
        rows.map(|row| (text(&row["MainDicomTags"]["SOPInstanceUID"]), text(&row["ID"]))).collect()
    }

    /// SOP Instance UIDs of what it holds.
    pub fn uids(&self) -> BTreeSet<String> {
        self.instances().into_keys().collect()
    }

    /// Study Instance UIDs of what it holds.
    pub fn study_uids(&self) -> BTreeSet<String> {
        let list = self.rest().get_json("/studies?expand");
        let rows = list.as_array().expect("studies are a list").iter();
        rows.map(|row| text(&row["MainDicomTags"]["StudyInstanceUID"])).collect()
    }

    /// The bytes of a stored file, by Orthanc's id.
    pub fn file(&self, id: &str) -> Vec<u8> {
        self.rest().get(&format!("/instances/{id}/file"))
    }

    /// Removes an instance, as a user of the PACS might while a transfer runs.
    pub fn delete(&self, id: &str) {
        assert_eq!(self.rest().request("DELETE", &format!("/instances/{id}"), &[]).status, 200);
    }

    /// SOP Instance UIDs in the order in which they came in by C-STORE, each as often as it came.
    pub fn received(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.receive_log()).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
