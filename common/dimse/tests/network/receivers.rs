//! Receivers for tests: one keeps objects, one digests them, one behaves badly.

use std::io;
use std::sync::Mutex;

use dimse::{Incoming, Intake, Receiver, Refusal, Status};

/// Keeps every finished object and counts unfinished ones.
#[derive(Default)]
pub struct Shelf {
    pub objects: Mutex<Vec<(Incoming, Vec<u8>)>>,
    pub begun: Mutex<usize>,
}

impl Shelf {
    pub fn len(&self) -> usize {
        self.objects.lock().unwrap().len()
    }

    /// The data set of an instance.
    pub fn data_set(&self, sop_instance: &str) -> Vec<u8> {
        let objects = self.objects.lock().unwrap();
        let (_, bytes) = objects.iter().find(|(incoming, _)| incoming.sop_instance == sop_instance).unwrap();
        bytes.clone()
    }
}

struct OnShelf<'a> {
    shelf: &'a Shelf,
    incoming: Incoming,
    bytes: Vec<u8>,
}

impl Receiver for Shelf {
    fn begin(&self, incoming: &Incoming) -> Result<Box<dyn Intake + '_>, Refusal> {
        *self.begun.lock().unwrap() += 1;
        Ok(Box::new(OnShelf { shelf: self, incoming: incoming.clone(), bytes: Vec::new() }))
    }
}

impl Intake for OnShelf<'_> {
    fn write(&mut self, data_set: &[u8]) -> io::Result<()> {
        self.bytes.extend_from_slice(data_set);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Refusal> {
        self.shelf.objects.lock().unwrap().push((self.incoming, self.bytes));
        Ok(())
    }
}

/// Keeps length and BLAKE3 digest of each object, in constant memory.
#[derive(Default)]
pub struct Digests(pub Mutex<Vec<(u64, blake3::Hash)>>);

struct Digest<'a>(&'a Digests, u64, blake3::Hasher);

impl Receiver for Digests {
    fn begin(&self, _: &Incoming) -> Result<Box<dyn Intake + '_>, Refusal> {
        Ok(Box::new(Digest(self, 0, blake3::Hasher::new())))
    }
}

impl Intake for Digest<'_> {
    fn write(&mut self, data_set: &[u8]) -> io::Result<()> {
        self.1 += data_set.len() as u64;
        self.2.update(data_set);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Refusal> {
        self.0.0.lock().unwrap().push((self.1, self.2.finalize()));
        Ok(())
    }
}

/// Refuses every object: when asked to begin, to write, or to finish.
#[derive(Clone, Copy)]
pub enum Refuser {
    Begin,
    Write,
    Finish,
}

impl Receiver for Refuser {
    fn begin(&self, _: &Incoming) -> Result<Box<dyn Intake + '_>, Refusal> {
        match self {
            Self::Begin => Err(Refusal { status: Status(0xA900), comment: "not this one".to_owned() }),
            _ => Ok(Box::new(*self)),
        }
    }
}

impl Intake for Refuser {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        match self {
            Self::Write => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn finish(self: Box<Self>) -> Result<(), Refusal> {
        Err(Refusal { status: Status(0xC001), comment: "changed my mind".to_owned() })
    }
}
