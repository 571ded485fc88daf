//! Telling what a file is: an object, a DICOMDIR, or no DICOM at all.

use crate::{
    finding::{Finding, Findings},
    head::Head,
    part10::{Opened, open},
    read_head::{halted, scan_deflated, scan_file},
    reason::Reason,
    scan::Scan,
    syntax::{Encoding, Framing},
    tag::tags,
    uid::is_valid_uid,
    walk::Halt,
};
use std::io::{self, Read, Seek};

/// Media Storage Directory Storage, the SOP class of a DICOMDIR.
const MEDIA_STORAGE_DIRECTORY: &str = "1.2.840.10008.1.3.10";

/// Sound elements that make a dataset without File Meta Information and without valid UIDs.
const SOUND_ENOUGH: u32 = 4;

/// What a file is.
#[derive(Debug)]
pub enum Examined {
    /// A DICOM object, however odd.
    Object(Box<Shape>),
    /// A DICOMDIR.
    Directory {
        /// Bytes from the file's start to the dataset.
        dataset_offset: u64,
    },
    /// No DICOM.
    NotDicom(Reason),
}

/// What is known of an object without changing or believing any of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Bytes from the file's start to the dataset; 0 if there is neither preamble nor File Meta Information.
    pub dataset_offset: u64,
    /// The declared transfer syntax UID; `None` if none is declared.
    pub transfer_syntax: Option<String>,
    /// The encoding that the elements are really in (inside the deflate stream, if there is one).
    pub encoding: Encoding,
    /// Media Storage SOP Class UID (0002,0002).
    pub meta_sop_class: Option<String>,
    /// Media Storage SOP Instance UID (0002,0003).
    pub meta_sop_instance: Option<String>,
    /// The dataset's identifying attributes.
    pub head: Head,
    /// What is odd about the object.
    pub findings: Vec<Finding>,
}

impl Shape {
    /// The SOP class: the dataset's, else that of the File Meta Information.
    pub fn sop_class(&self) -> Option<&str> {
        self.head.sop_class.as_deref().or(self.meta_sop_class.as_deref())
    }

    /// The SOP instance: the dataset's, else that of the File Meta Information.
    pub fn sop_instance(&self) -> Option<&str> {
        self.head.sop_instance.as_deref().or(self.meta_sop_instance.as_deref())
    }
}

/// Tells what a file is, from its first byte, wherever the reader stands. Only a failure to read is an error.
pub fn examine<R: Read + Seek>(reader: R) -> io::Result<Examined> {
    let mut opened = match open(reader)? {
        Ok(opened) => opened,
        Err(reason) => return Ok(Examined::NotDicom(reason)),
    };
    let directory = Examined::Directory { dataset_offset: opened.meta.end };
    if opened.meta.sop_class.as_deref() == Some(MEDIA_STORAGE_DIRECTORY) {
        return Ok(directory);
    }
    let Framing { encoding, deflated } = opened.framing;
    let file = &mut opened.file;
    let mut scan = if deflated { scan_deflated(file, encoding) } else { scan_file(file, encoding) };
    if scan.is_directory {
        return Ok(directory);
    }
    match scan.halt.take() {
        Some(Halt::Io { error, .. }) if !deflated || error.raw_os_error().is_some() => return Err(error),
        Some(halt) => scan.findings.add(halted(&halt, deflated)),
        None => {}
    }
    Ok(match opened.refusal(&scan) {
        Some(reason) => Examined::NotDicom(reason),
        None => Examined::Object(Box::new(opened.shape(scan))),
    })
}

impl<R> Opened<R> {
    /// Why this is no object after all, if it is not.
    fn refusal(&self, scan: &Scan) -> Option<Reason> {
        if self.meta.elements > 0 {
            return None;
        }
        if self.has_preamble {
            return (scan.sound == 0).then_some(Reason::NoElements);
        }
        let has_uid = scan.head.uids().iter().any(|(_, uid)| uid.is_some_and(is_valid_uid));
        (!has_uid && scan.sound < SOUND_ENOUGH).then_some(Reason::Unrecognised)
    }

    fn shape(self, mut scan: Scan) -> Shape {
        let mut findings = self.container_findings(&scan.head);
        std::mem::take(&mut scan.findings).into_vec().into_iter().for_each(|finding| findings.add(finding));
        Shape {
            dataset_offset: self.meta.end,
            transfer_syntax: self.meta.transfer_syntax,
            encoding: self.framing.encoding,
            meta_sop_class: self.meta.sop_class,
            meta_sop_instance: self.meta.sop_instance,
            head: scan.head,
            findings: findings.into_vec(),
        }
    }

    /// What is odd about preamble and File Meta Information, alone and against the dataset.
    fn container_findings(&self, head: &Head) -> Findings {
        let mut findings = Findings::default();
        if !self.has_preamble {
            findings.add(Finding::NoPreamble);
        }
        match &self.meta.transfer_syntax {
            _ if self.meta.elements == 0 => findings.add(Finding::NoFileMeta(self.framing.encoding)),
            None => findings.add(Finding::NoTransferSyntax(self.framing.encoding)),
            Some(declared) if self.framing != self.declared => findings.add(Finding::SyntaxContradicted {
                declared: declared.clone(),
                found: self.framing.encoding,
            }),
            Some(_) => {}
        }
        if let Some((declared, actual)) = self.meta.wrong_length {
            findings.add(Finding::MetaLengthWrong { declared, actual });
        }
        let pairs = [
            (tags::SOP_CLASS_UID, &self.meta.sop_class, &head.sop_class),
            (tags::SOP_INSTANCE_UID, &self.meta.sop_instance, &head.sop_instance),
        ];
        for (tag, meta, dataset) in pairs {
            if meta.is_some() && dataset.is_some() && meta != dataset {
                findings.add(Finding::MetaDiffers(tag));
            }
        }
        findings
    }
}

#[cfg(test)]
#[path = "examine_tests.rs"]
mod tests;
