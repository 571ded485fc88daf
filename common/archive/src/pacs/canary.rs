//! Small requests on an association of their own, timed: how busy a PACS is.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dataset::tags::{STUDY_DATE, STUDY_INSTANCE_UID};
use dimse::{Association, Level, Options, Proposal, Timeouts};
use pace::Probe;

use super::PacsSettings;
use super::spare::{Beside, Spare};
use crate::error::Error;
use crate::source::Canary;

/// A PACS that takes longer to answer a small request has stopped answering.
const LONGEST: Duration = Duration::from_secs(15);

pub struct PacsCanary {
    settings: PacsSettings,
    spare: Arc<Spare>,
    association: Option<(Association, Beside)>,
}

impl PacsCanary {
    pub fn new(settings: PacsSettings, spare: Arc<Spare>) -> Self {
        let Timeouts { connect, associate, idle, cancel } = settings.options.timeouts;
        let timeouts = Timeouts {
            connect: connect.min(LONGEST),
            associate: associate.min(LONGEST),
            idle: idle.min(LONGEST),
            cancel,
        };
        let options: Options = settings.options.with_timeouts(timeouts);
        Self { settings: PacsSettings { options, ..settings }, spare, association: None }
    }

    fn open(&self) -> Result<(Association, Beside), dimse::Error> {
        let PacsSettings { node, aet, options, .. } = &self.settings;
        let open = || Association::open(node, aet, &[Proposal::echo(), Proposal::find()], options);
        self.spare.open_beside(&open)
    }

    /// Asks on the association that is open. A PACS may drop an idle one at any time: then on a new one.
    fn on_association(
        &mut self,
        ask: &dyn Fn(&mut Association) -> Result<(), dimse::Error>,
    ) -> Result<Duration, dimse::Error> {
        let kept = self.association.take().filter(|(association, _)| association.is_open());
        if let Some((mut association, beside)) = kept {
            match timed(&mut association, ask) {
                Err(
                    dimse::Error::Wire(wire::Error::Lost { .. })
                    | dimse::Error::Aborted(_)
                    | dimse::Error::ReleasedByPeer,
                ) => {}
                told => {
                    self.association = Some((association, beside));
                    return told;
                }
            }
        }
        let (mut association, beside) = self.open()?;
        let told = timed(&mut association, ask);
        self.association = Some((association, beside));
        told
    }
}

fn timed(
    association: &mut Association,
    ask: &dyn Fn(&mut Association) -> Result<(), dimse::Error>,
) -> Result<Duration, dimse::Error> {
    let asked = Instant::now();
    ask(association)?;
    Ok(asked.elapsed())
}

impl Canary for PacsCanary {
    fn ask(&mut self, probe: Probe, study_uid: &str) -> Result<Option<Duration>, Error> {
        let told = match probe {
            Probe::Echo => self.on_association(&Association::echo),
            Probe::Find => self.on_association(&|association| {
                let keys = [(STUDY_INSTANCE_UID, study_uid), (STUDY_DATE, "")];
                association.find(Level::Study, &keys, &mut |_| ControlFlow::Continue(())).map(|_| ())
            }),
            // DICOMweb's.
            Probe::Search => return Ok(None),
        };
        match told {
            Ok(took) => Ok(Some(took)),
            // Not every PACS takes both from us.
            Err(dimse::Error::NoContext { .. } | dimse::Error::NoneAccepted(..)) => Ok(None),
            Err(error) => Err(Error::dimse(&self.settings.node)(error)),
        }
    }

    fn rest(&mut self) {
        if let Some((association, _beside)) = self.association.take() {
            super::retrieve::release(association);
        }
    }
}

impl Drop for PacsCanary {
    fn drop(&mut self) {
        self.rest();
    }
}
