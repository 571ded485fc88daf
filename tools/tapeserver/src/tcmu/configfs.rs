//! Units are made by writing files: the target core's configuration file system (Documentation/target/tcmu-design.rst).

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::Ring;

const PORTAL: &str = "loopback/naa.5001405000000001/tpgt_1";
const NEXUS: &str = "naa.5001405000000002";

/// The target core, with a loopback host adapter: what is exported there appears on this machine.
#[derive(Debug)]
pub struct Target {
    root: PathBuf,
    units: usize,
}

impl Target {
    /// Makes the adapter. `root` is `/sys/kernel/config/target`.
    pub fn new(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join("core/user_0"))?;
        let portal = root.join(PORTAL);
        fs::create_dir_all(&portal)?;
        fs::write(portal.join("nexus"), NEXUS)?;
        Ok(Self { root: root.to_owned(), units: 0 })
    }

    fn core(&self, name: &str) -> PathBuf {
        self.root.join("core/user_0").join(name)
    }

    /// Makes a unit; its commands wait until [`serve`](super::serve) takes them from its shared memory.
    pub fn attach(&self, name: &str) -> io::Result<Ring> {
        let core = self.core(name);
        fs::create_dir(&core)?;
        let control = "dev_size=1048576,hw_block_size=512,hw_max_sectors=32768,nl_reply_supported=-1";
        fs::write(core.join("control"), format!("dev_config=tapelab/{name},{control}"))?;
        // A stalled drive is the initiator's to give up on, after its own timeouts.
        fs::write(core.join("attrib/cmd_time_out"), "0")?;
        fs::write(core.join("enable"), "1")?;
        let number = uio(name)?;
        let size = fs::read_to_string(format!("/sys/class/uio/{number}/maps/map0/size"))?;
        let size = usize::from_str_radix(size.trim().trim_start_matches("0x"), 16);
        let size = size.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ring::open(&Path::new("/dev").join(number), size)
    }

    /// Exports a unit that is served already: the kernel's drivers find it at once.
    pub fn export(&mut self, name: &str) -> io::Result<()> {
        let unit = self.root.join(PORTAL).join(format!("lun/lun_{}", self.units));
        self.units += 1;
        fs::create_dir(&unit)?;
        symlink(self.core(name), unit.join("unit"))
    }
}

/// The name of the device whose shared memory belongs to the unit `name`.
fn uio(name: &str) -> io::Result<String> {
    let wanted = format!("tcm-user/0/{name}/tapelab/{name}");
    for entry in fs::read_dir("/sys/class/uio")? {
        let entry = entry?;
        if fs::read_to_string(entry.path().join("name"))?.trim() == wanted {
            return Ok(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Err(io::Error::new(io::ErrorKind::NotFound, format!("no shared memory is named {wanted}")))
}
