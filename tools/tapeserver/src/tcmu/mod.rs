//! The way to the kernel: its target core hands commands to a user's program through shared memory (TCMU).

mod configfs;
mod ring;

use std::io;
use std::sync::Mutex;
use std::thread;

use crate::changer::lock;
use crate::device::{Device, sends};

pub use configfs::Target;
pub use ring::Ring;

/// Records up to this length find memory that was touched before: new pages cost much in the laboratory's machine.
const WARM: usize = 2 << 20;

/// Serves a unit until the kernel takes it away. Errors are of the shared memory or its device.
pub fn serve(mut ring: Ring, unit: &Mutex<dyn Device>) -> io::Result<()> {
    let (mut out, mut data) = (vec![0; WARM], vec![0; WARM]);
    loop {
        while let Some(request) = ring.take()? {
            out.clear();
            data.clear();
            let sent = sends(request.cdb[0]);
            if sent {
                ring.gather(&request, &mut out)?;
            }
            let stall = lock(unit).stall(&request.cdb);
            if let Some(duration) = stall {
                thread::sleep(duration);
            }
            let outcome = lock(unit).execute(&request.cdb, &out, &mut data);
            ring.complete(&request, outcome, if sent { None } else { Some(&data) })?;
        }
        ring.wait()?;
    }
}
