//! The catalogue anew, from volumes alone: what a lost job directory knew of them. Nothing is loaded and no destination asked.
//!
//! Where an index is sound, it lists a volume's segments and objects, and no segment is read; their digests are checked when
//! they are loaded. Else the segments' own manifests take its place.

use std::collections::HashSet;
use std::sync::Arc;

use catalogue::{Catalogue, VolumeId};
use job::{Counter, Journal, Stop};
use medium::Address;
use volume::{Listed, NoSink, Volume};

use super::is_of_the_volume;
use super::register::Register;
use crate::context::Context;
use crate::error::{Error, Result};

/// What came of a rebuild besides what the catalogue tells.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// What the operator should know of the volumes.
    pub remarks: Vec<String>,
    /// Volumes that could not be read at all, with the reason.
    pub unreadable: Vec<String>,
    /// How many volumes were read and are damaged or cut off.
    pub unsound: usize,
}

/// Takes `media` into the catalogue one after the other. What was taken before stays, so that a run that was stopped goes on.
pub fn run(context: &Context, catalogue: Catalogue, media: &[Address]) -> Result<(Catalogue, Rebuilt)> {
    let journal = Arc::new(Journal::new(catalogue));
    let (monitor, spool) = (context.monitor.clone(), context.job.spool());
    let register = Register { journal: journal.clone(), monitor, destinations: 1, spool };
    let rebuild = Rebuild { register, stop: context.stop.clone() };
    context.monitor.phase("rebuild the catalogue");
    let rebuilt = rebuild.all(media);
    drop(rebuild);
    let catalogue = Arc::into_inner(journal).ok_or(Error::Crashed("a volume is still being read"))?;
    Ok((catalogue.into_inner(), rebuilt?))
}

struct Rebuild {
    register: Register,
    stop: Stop,
}

impl Rebuild {
    /// A volume that cannot be read does not keep the others from being taken.
    fn all(&self, media: &[Address]) -> Result<Rebuilt> {
        let mut rebuilt = Rebuilt::default();
        for address in media {
            if self.stop.requested() {
                break;
            }
            match self.volume(address, &mut rebuilt.remarks) {
                Ok(sound) => rebuilt.unsound += usize::from(!sound),
                Err(error) if is_of_the_volume(&error) => {
                    rebuilt.unreadable.push(self.register.unreadable(address, &error)?);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(rebuilt)
    }

    /// Takes one volume; whether all that was read of it was sound.
    fn volume(&self, address: &Address, remarks: &mut Vec<String>) -> Result<bool> {
        let (mut volume, id) = self.register.open(address)?;
        let sequence = volume.identity.sequence;
        self.register.monitor.note(&format!("volume {sequence} is taken into the catalogue from {address}"));
        let (mut index, mut of_volume) = self.register.index(address, id, &mut volume)?;
        let taken = self.taken(id)?;
        let (mut done, mut clean) = (0, true);
        while let Some(plan) = volume.next_plan(index.as_mut(), done)? {
            done += 1;
            if self.stop.requested() {
                return Ok(clean);
            }
            match &plan.listed {
                Listed::Index(indexed) => {
                    let row = self.register.segment(id, plan.file.number, indexed)?;
                    self.register.monitor.count(Counter::Done, row.segment.objects);
                    volume.pass_over(&plan);
                }
                Listed::Segment(_) if taken.contains(&u64::from(plan.file.number)) => volume.pass_over(&plan),
                Listed::Segment(_) => clean &= self.segment(id, &mut volume, plan)?,
            }
        }
        self.register.finish(address, &mut volume, index, &mut of_volume)?;
        remarks.append(&mut of_volume);
        Ok(clean && volume.is_complete() && volume.findings().is_empty())
    }

    /// Takes a segment that no index lists; whether it was sound.
    fn segment(&self, id: VolumeId, volume: &mut Volume, plan: volume::SegmentPlan) -> Result<bool> {
        let file = plan.file.number;
        let check = volume.read_segment(plan, &mut NoSink)?;
        self.register.found(id, file, &check)?;
        self.register.monitor.count(Counter::Done, check.entries.len() as u64);
        self.register.tell(&check)?;
        Ok(check.findings.is_empty() && check.harmed.is_empty())
    }

    /// The files of a volume whose segments were taken before, with all their objects.
    fn taken(&self, id: VolumeId) -> Result<HashSet<u64>> {
        let catalogue = self.register.journal.lock();
        let mut taken = HashSet::new();
        catalogue.each_segment_of_volume(id, |file, row| {
            let mut objects = 0;
            catalogue.each_object_of_segment(row.id, |_| {
                objects += 1;
                Ok::<_, Error>(())
            })?;
            if objects == row.segment.objects {
                taken.insert(file);
            }
            Ok::<_, Error>(())
        })?;
        Ok(taken)
    }
}
