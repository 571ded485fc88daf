//! C-GET and C-MOVE: carries a script out.

use std::io::{self, Read};

use dimse::{
    AeTitle, Association, Error, Node, Options, Originator, Proposal, Request, Status, StoreEnd,
    StoreRequest, SubOperations,
};

use crate::object::Look;
use crate::script::{Cut, End, Script, Sent, Step};
use crate::study::CT_IMAGE;

/// Sends one object of so many bytes; none once nothing more is wanted.
type Send<'a> = dyn FnMut(&StoreRequest<'_>, &mut dyn Read, u64) -> Result<Option<StoreEnd>, Error> + 'a;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub sent: u64,
    pub failed: Vec<String>,
}

/// How objects are sent: what they look like, and what is done before each and in the middle of some.
pub(crate) struct Carrier<'a> {
    pub look: &'a Look,
    pub work: &'a dyn Work,
}

/// What takes time.
pub(crate) trait Work {
    /// Takes the time that a sub-operation takes.
    fn work(&self);
    /// Waits until the PACS behaves again.
    fn hang(&self);
}

impl Carrier<'_> {
    /// A C-GET up to its final response. Says how many objects were sent, however it ends.
    pub fn get(&self, mut request: Request<'_>, script: &Script<'_>) -> (u64, Result<(), Error>) {
        let mut tally = Tally::default();
        let carried = self.carry(script, &mut tally, &mut |object, data_set, length| {
            if request.is_cancelled() {
                return Ok(None);
            }
            if !request.can_store(object.sop_class, object.transfer_syntax) {
                return Ok(Some(StoreEnd { status: Status::CANNOT_UNDERSTAND, comment: None }));
            }
            request.store(object, data_set, length).map(Some)
        });
        let sent = tally.sent;
        (sent, carried.and_then(|()| self.end(request, script.end, &tally)))
    }

    /// The sub-operations of a C-MOVE.
    pub fn move_to(
        &self,
        destination: &Node,
        own_aet: &AeTitle,
        originator: Option<Originator<'_>>,
        script: &Script<'_>,
        tally: &mut Tally,
    ) -> Result<(), Error> {
        if script.objects().next().is_none() {
            return self.carry(script, tally, &mut |_, _, _| Err(Error::Closed));
        }
        let proposal = Proposal::scu(CT_IMAGE, &self.look.transfer_syntax);
        let mut association = Association::open(destination, own_aet, &[proposal], &Options::default())?;
        self.carry(script, tally, &mut |object, data_set, length| {
            association.store(&StoreRequest { originator, ..*object }, data_set, length).map(Some)
        })?;
        association.release()
    }

    fn carry(&self, script: &Script<'_>, tally: &mut Tally, send: &mut Send<'_>) -> Result<(), Error> {
        for step in &script.steps {
            self.work.work();
            match step {
                Step::Abort => return Err(Error::Closed),
                Step::Fail(uid) => tally.failed.push(uid.clone()),
                Step::Send(sent) => match self.send(sent, send)? {
                    None => break,
                    Some(end) if end.is_stored() => tally.sent += 1,
                    Some(_) => tally.failed.push(sent.uid.clone()),
                },
            }
        }
        Ok(())
    }

    fn send(&self, sent: &Sent<'_>, send: &mut Send<'_>) -> Result<Option<StoreEnd>, Error> {
        let bytes = sent.data_set(self.look);
        let object = StoreRequest {
            sop_class: CT_IMAGE,
            sop_instance: &sent.uid,
            transfer_syntax: &self.look.transfer_syntax,
            originator: None,
        };
        let length = bytes.len() as u64;
        match sent.cut {
            None => send(&object, &mut bytes.as_slice(), length),
            Some(cut) => {
                let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
                send(&object, &mut half.chain(Broken { cut, work: self.work }), length)
            }
        }
    }

    /// The final response.
    pub fn end(&self, request: Request<'_>, end: End, tally: &Tally) -> Result<(), Error> {
        if end.hang {
            self.work.hang();
            return Err(Error::Closed);
        }
        let honest = match (tally.failed.len(), tally.sent) {
            (0, _) => Status::SUCCESS,
            (_, 0) => Status(0xA702),
            _ => Status(0xB000),
        };
        let status = match end.status {
            _ if request.is_cancelled() => Status::CANCEL,
            Some(status) => status,
            None => honest,
        };
        let count =
            |claimed: Option<u64>, true_one: u64| claimed.unwrap_or(true_one).min(u16::MAX.into()) as u16;
        let counts = SubOperations {
            remaining: 0,
            completed: count(end.completed, tally.sent),
            failed: count(end.failed, tally.failed.len() as u64),
            warning: 0,
        };
        request.finish_without(status, counts, &tally.failed)
    }
}

/// The rest of an object that goes no further.
struct Broken<'a> {
    cut: Cut,
    work: &'a dyn Work,
}

impl Read for Broken<'_> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        if self.cut == Cut::Hang {
            self.work.hang();
        }
        Err(io::Error::other("broken off as told"))
    }
}
