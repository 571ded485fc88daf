//! Sends objects back to the archive that they came from: the very bytes that it has already.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use manifest::Operation;

use super::{Kept, Timed};
use crate::destination::{Delivery, Destination, Session};
use crate::error::Error;

const NAME: &str = "C-STORE";
/// Presentation contexts of an association (PS3.8 section 9.3.2.2: odd numbers of one byte).
const MOST_PAIRS: usize = 128;

/// Stores each object, one after the other on one association; what an association takes to open is not timed.
pub fn store(
    destination: &dyn Destination,
    objects: &[Kept],
    stop: &dyn Fn() -> bool,
) -> Result<Option<Operation>, Error> {
    let mut pairs: Vec<_> =
        objects.iter().map(|object| (object.sop_class.clone(), object.transfer_syntax.clone())).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.truncate(MOST_PAIRS);
    let mut timed = Timed::default();
    let mut session = None;
    for object in objects {
        if stop() {
            return Err(Error::Stopped);
        }
        let open = match session.take() {
            Some(open) => open,
            None => destination.open(&pairs)?,
        };
        session = one(destination, open, object, &mut timed)?;
    }
    session.map_or(Ok(()), Session::close)?;
    Ok(timed.operation(NAME))
}

/// Stores one object; the session is over after an error.
fn one(
    destination: &dyn Destination,
    mut session: Box<dyn Session>,
    object: &Kept,
    timed: &mut Timed,
) -> Result<Option<Box<dyn Session>>, Error> {
    let Kept { sop_class, sop_instance, transfer_syntax, dataset_bytes, .. } = object;
    let refused = |said| Error::Refused { archive: destination.describe(), said };
    if let Some(said) = session.refusal(sop_class, transfer_syntax) {
        timed.failed(refused(said))?;
        return Ok(Some(session));
    }
    let delivery = Delivery { sop_class, sop_instance, transfer_syntax, dataset_bytes: *dataset_bytes };
    let started = Instant::now();
    match session.store(delivery, &mut Dataset { file: &object.file, at: object.dataset_offset }) {
        Ok(answer) if answer.stored => {
            timed.took(started.elapsed());
            timed.bytes += dataset_bytes;
        }
        Ok(answer) => timed.failed(refused(answer.comment.unwrap_or_default()))?,
        Err(error) => {
            timed.failed(error)?;
            return Ok(None);
        }
    }
    Ok(Some(session))
}

struct Dataset<'a> {
    file: &'a File,
    at: u64,
}

impl Read for Dataset<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(target, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
