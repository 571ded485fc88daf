//! What a PACS really sends: fetched with DCMTK's `movescu` into its bit-preserving receiver, as a reference.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use crate::orthanc::Orthanc;
use crate::part10::Part10;
use crate::storescp::Storescp;

/// Every object of these studies as `source` sends it by C-MOVE, by SOP Instance UID.
pub fn by_move<'a>(
    source: &Orthanc,
    studies: impl IntoIterator<Item = &'a String>,
    scratch: &Path,
) -> BTreeMap<String, Part10> {
    let receiver = Storescp::start(scratch);
    source.add_modality(receiver.aet(), receiver.port());
    move_studies(source.aet(), source.dicom_port(), &receiver, studies);
    receiver.objects()
}

/// Asks the PACS on this port to send these studies to `receiver`.
pub fn move_studies<'a>(
    aet: &str,
    port: u16,
    receiver: &Storescp,
    studies: impl IntoIterator<Item = &'a String>,
) {
    for study in studies {
        let key = format!("StudyInstanceUID={study}");
        let mut movescu = Command::new("movescu");
        movescu.args([
            "-S",
            "-aec",
            aet,
            "-aem",
            receiver.aet(),
            "-k",
            "QueryRetrieveLevel=STUDY",
            "-k",
            &key,
        ]);
        movescu.args(["127.0.0.1", &port.to_string()]).env("TCP_NODELAY", "1");
        let output = movescu.output().expect("movescu is installed");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the reference C-MOVE of {study} failed:\n{text}");
    }
}

/// Study Instance UID of a file, as DCMTK reads it.
pub fn study_uid(path: &Path) -> String {
    let mut dcmdump = Command::new("dcmdump");
    let output = dcmdump.args(["-q", "+P", "0020,000d"]).arg(path).output().expect("DCMTK is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(['[', ']']).nth(1).expect("it has a Study Instance UID").to_owned()
}
