//! What a retrieval sends, step by step, and how it ends: what was asked for, and what the lies make of it.

use std::hash::{BuildHasher, Hasher, RandomState};

use dataset::{FlatSet, tags};
use dimse::Status;

use crate::archive::Archive;
use crate::lie::Kind;
use crate::lies::Lies;
use crate::matching::fits;
use crate::object::{Instance, Look, Says};
use crate::study::Study;

/// MR Image Storage, which nothing is.
const MR_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.4";

/// An object to send.
pub(crate) struct Sent<'a> {
    pub instance: Instance<'a>,
    says: Says,
    /// The syntax of its bytes, where it is not that of its context.
    syntax: Option<&'static str>,
    truncated: bool,
    /// Affected SOP Instance UID of the C-STORE.
    pub uid: String,
    /// What happens in its middle.
    pub cut: Option<Cut>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Abort,
    Hang,
}

pub(crate) enum Step<'a> {
    Send(Box<Sent<'a>>),
    Fail(String),
    Abort,
}

/// How it ends when all steps are done.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct End {
    /// Another final status than what follows from the steps.
    pub status: Option<Status>,
    /// What is claimed of the steps, and is not so.
    pub completed: Option<u64>,
    pub failed: Option<u64>,
    /// There is no end.
    pub hang: bool,
}

pub(crate) struct Script<'a> {
    pub steps: Vec<Step<'a>>,
    pub end: End,
}

impl Sent<'_> {
    pub fn data_set(&self, look: &Look) -> Vec<u8> {
        let look = Look {
            transfer_syntax: self.syntax.unwrap_or(&look.transfer_syntax).to_owned(),
            pixels: look.pixels,
        };
        let mut bytes = self.instance.encode(&look, &self.says);
        if self.truncated {
            bytes.truncate(bytes.len() / 8 * 6);
        }
        bytes
    }
}

impl<'a> Script<'a> {
    pub fn new(archive: &'a Archive, lies: &Lies, keys: &FlatSet) -> Self {
        let asked = asked(archive, lies, keys);
        let kinds: Vec<Kind> = lies.about_any(&asked).collect();
        let mut steps: Vec<Step<'a>> =
            asked.iter().flat_map(|instance| steps(*instance, lies.about(instance))).collect();
        let mut end = End::default();
        for kind in kinds {
            bend(kind, &mut steps, &mut end);
        }
        let more =
            lies.kinds().find_map(|kind| if let Kind::SendMore(more) = kind { Some(more) } else { None });
        let study = asked.first().map(|instance| instance.study.uid.as_str());
        let others = archive.studies().iter().filter(|other| Some(other.uid.as_str()) != study);
        let others = others.flat_map(Study::instances).take(more.unwrap_or_default() as usize);
        steps.extend(others.flat_map(|instance| self::steps(instance, std::iter::empty())));
        Self { steps, end }
    }

    pub fn objects(&self) -> impl Iterator<Item = &Sent<'a>> {
        self.steps.iter().filter_map(|step| match step {
            Step::Send(sent) => Some(sent.as_ref()),
            Step::Fail(_) | Step::Abort => None,
        })
    }
}

/// The instances that the keys name and the archive has.
fn asked<'a>(archive: &'a Archive, lies: &Lies, keys: &FlatSet) -> Vec<Instance<'a>> {
    let key = |tag| keys.text(tag).filter(|uids| !uids.is_empty());
    let (series, images) = (key(tags::SERIES_INSTANCE_UID), key(tags::SOP_INSTANCE_UID));
    let takes =
        |tag, wanted: &Option<String>, uid: &str| wanted.as_ref().is_none_or(|wanted| fits(tag, wanted, uid));
    let study = keys.uid(tags::STUDY_INSTANCE_UID).and_then(|uid| archive.study(&uid));
    let all: Vec<Instance<'a>> = study.into_iter().flat_map(Study::instances).collect();
    let gone = |kind| if let Kind::Shrink(gone) = kind { Some(gone) } else { None };
    let gone = all.first().and_then(|first| lies.about(first).find_map(gone)).unwrap_or_default();
    let left = all.len().saturating_sub(gone as usize);
    all.into_iter()
        .take(left)
        .filter(|instance| takes(tags::SERIES_INSTANCE_UID, &series, &instance.series.uid))
        .filter(|instance| takes(tags::SOP_INSTANCE_UID, &images, &instance.uid()))
        .collect()
}

/// What is sent for one instance.
fn steps(instance: Instance<'_>, lies: impl Iterator<Item = Kind>) -> Vec<Step<'_>> {
    let mut sent = Sent {
        says: instance.says(),
        uid: instance.uid(),
        instance,
        syntax: None,
        truncated: false,
        cut: None,
    };
    let mut again = None;
    for lie in lies {
        match lie {
            Kind::Fail => return vec![Step::Fail(instance.uid())],
            Kind::AbortInObject => sent.cut = Some(Cut::Abort),
            Kind::HangInObject => sent.cut = Some(Cut::Hang),
            Kind::WrongInstance => sent.says.sop_instance.push_str(".9"),
            Kind::Renamed => {
                sent.uid = format!("{}.{}", sent.uid, random() % 1_000_000);
                sent.says.sop_instance.clone_from(&sent.uid);
            }
            Kind::WrongClass => MR_IMAGE.clone_into(&mut sent.says.sop_class),
            Kind::WrongStudy => sent.says.study_uid.push_str(".9"),
            Kind::WrongSyntax(syntax) => sent.syntax = Some(syntax),
            Kind::Truncated => sent.truncated = true,
            Kind::RandomPixels => sent.says.version = random(),
            Kind::Reidentified => sent.says.patient_id.push_str("-NEW"),
            Kind::Twice => again = Some(0),
            Kind::TwiceDifferent => again = Some(1),
            _ => {}
        }
    }
    let again = again.map(|version| Sent {
        says: Says { version: sent.says.version + version, ..sent.says.clone() },
        uid: sent.uid.clone(),
        cut: None,
        ..sent
    });
    std::iter::once(sent).chain(again).map(|sent| Step::Send(Box::new(sent))).collect()
}

/// Another number each time.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// What a lie about a request makes of it.
fn bend(kind: Kind, steps: &mut Vec<Step<'_>>, end: &mut End) {
    let all = steps.len() as u64;
    match kind {
        Kind::HangRequest => {
            steps.clear();
            end.hang = true;
        }
        Kind::HangAtEnd => end.hang = true,
        Kind::SendNothing => steps.clear(),
        Kind::SendFewer(fewer) => {
            steps.truncate(all.saturating_sub(fewer) as usize);
            end.completed = Some(all);
        }
        Kind::FalseCounts(failed) => {
            end.status = Some(Status::SUCCESS);
            end.failed = Some(failed);
        }
        Kind::OutOfResources(after) => {
            steps.truncate(after as usize);
            end.status = Some(Status(0xA702));
        }
        Kind::Abort(after) => {
            steps.truncate(after as usize);
            steps.push(Step::Abort);
        }
        _ => {}
    }
}
